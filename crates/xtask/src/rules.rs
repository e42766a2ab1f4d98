//! The invariants by absence that a program can check: see ARCHITECTURE.md.
//!
//! Job: no `unsafe` in any crate root's keeping, the runtime's three dependencies, and the one direction of the others.
//! Neighbours: `ci` calls `check`. It reads `cargo metadata`, so a dependency that comes in through a feature or for
//! one platform only is seen as well.

use serde_json::Value;

use crate::shell;

/// A crate of ours, and what it must never depend on: `prober -> oneloop-http -> oneloop`, and sockets only below. What
/// draws a run stands beside the client: `prober -> oneloop-trace -> oneloop`.
const NEVER: [(&str, &[&str]); 4] = [
    ("oneloop", &["oneloop-http", "prober", "rustls", "httparse", "simple-dns", "http", "url"]),
    ("oneloop-http", &["prober", "mio"]),
    ("oneloop-trace", &["oneloop-http", "prober", "mio"]),
    ("prober", &["mio", "rustls"]),
];
const RUNTIME_NEEDS: [&str; 3] = ["mio", "signal-hook-mio", "slab"];

/// Checks all of them, and says in one line what holds.
pub(crate) fn check() -> Result<String, String> {
    let mut cargo = shell::cargo();
    // `--no-deps` keeps registry chatter out of what is read as JSON; `--quiet` would not.
    let output = shell::run(cargo.args(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let json = output.lines().find(|line| line.starts_with('{')).ok_or("cargo metadata printed no JSON")?;
    let metadata: Value = serde_json::from_str(json).map_err(|error| format!("cargo metadata: {error}"))?;
    let mut faults = Vec::new();
    let mut roots = 0;
    for package in list(&metadata, "packages") {
        let name = text(package, "name");
        faults.extend(wrong_dependencies(name, &dependencies(package)));
        let manifest = text(package, "manifest_path");
        if !source(manifest)?.contains("[lints]\nworkspace = true") {
            faults.push(format!("{name}: {manifest} does not take the workspace's lints, which forbid unsafe"));
        }
        for target in list(package, "targets") {
            // The lint binds them all; what others may build upon or run as a program of ours says it itself as well.
            let path = text(target, "src_path");
            if path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs") {
                roots += 1;
                if !source(path)?.contains("#![forbid(unsafe_code)]") {
                    faults.push(format!("{name}: {path} lacks #![forbid(unsafe_code)]"));
                }
            }
        }
    }
    if !shell::read("Cargo.toml")?.contains("unsafe_code = \"forbid\"") {
        faults.push("the workspace's lints do not forbid unsafe".into());
    }
    if faults.is_empty() {
        Ok(format!("all forbid unsafe, {roots} crate roots say so; oneloop needs {} alone", RUNTIME_NEEDS.join(", ")))
    } else {
        Err(faults.join("\n"))
    }
}

fn source(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}

fn wrong_dependencies(name: &str, dependencies: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    if name == "oneloop" && dependencies != RUNTIME_NEEDS {
        faults.push(format!("oneloop may depend on {RUNTIME_NEEDS:?} alone, and depends on {dependencies:?}"));
    }
    for (_, never) in NEVER.iter().filter(|(of, _)| *of == name) {
        let broken = dependencies.iter().filter(|dependency| never.contains(dependency));
        faults.extend(broken.map(|dependency| format!("{name} must not depend on {dependency}")));
    }
    faults
}

/// The names of the normal dependencies of a package, sorted. What only the model checker needs is not the runtime's.
fn dependencies(package: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = list(package, "dependencies")
        .iter()
        .filter(|dependency| dependency.get("kind").is_none_or(Value::is_null))
        .filter(|dependency| dependency.get("target").and_then(Value::as_str) != Some("cfg(loom)"))
        .map(|dependency| text(dependency, "name"))
        .collect();
    names.sort_unstable();
    names
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_needs_its_three_and_no_more() {
        assert!(wrong_dependencies("oneloop", &RUNTIME_NEEDS).is_empty());
        assert_eq!(wrong_dependencies("oneloop", &["mio", "signal-hook-mio", "slab", "url"]).len(), 2);
        assert_eq!(wrong_dependencies("oneloop", &["mio", "slab"]).len(), 1);
    }

    #[test]
    fn dependencies_point_one_way() {
        assert!(wrong_dependencies("prober", &["clap", "oneloop", "oneloop-http"]).is_empty());
        assert_eq!(wrong_dependencies("prober", &["mio"]), ["prober must not depend on mio"]);
    }

    #[test]
    fn what_only_tests_or_the_model_checker_need_is_left_out() {
        let package = serde_json::json!({"dependencies": [
            {"name": "slab", "kind": null, "target": null},
            {"name": "rcgen", "kind": "dev", "target": null},
            {"name": "loom", "kind": null, "target": "cfg(loom)"},
        ]});
        assert_eq!(dependencies(&package), ["slab"]);
    }
}
