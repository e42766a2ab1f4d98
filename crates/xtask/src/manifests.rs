//! The Kubernetes manifests of docs/operations.md, held against the schemas of the API.
//!
//! Job: fetch the schemas once (two Python packages that carry them), take the manifests out of the page, and check each;
//! and plant a fault in one, to see that it would be found. The checking itself is `manifests/check.py`.
//! Neighbours: `tests/tests/exporter.rs` runs the commands and the configurations of the same page.
//! Invariant: with `CI` set nothing is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;

/// What has the schemas; exact, so that they do not change under anybody's hands.
const PACKAGES: [&str; 2] = ["kubernetes-validate==1.37.0", "cloudcoil-models-prometheus-operator==0.80.1.0"];
/// Faults to be planted: a key that is no key of a Deployment's, and one that is none of a Probe's.
const FAULTS: [(&str, &str); 2] = [("replicas: 1", "replica: 1"), ("module: http_2xx", "modul: http_2xx")];

/// Checks the manifests; gives how many there are.
pub(crate) fn check() -> Result<String, String> {
    let folder = shell::root().join("target/manifests");
    if let Err(how) = install(&folder) {
        return if shell::is_ci() {
            Err(how)
        } else {
            Ok(format!("SKIPPED: {}", how.lines().next().unwrap_or_default()))
        };
    }
    let page = std::fs::read_to_string(shell::root().join("docs/operations.md")).map_err(|error| error.to_string())?;
    let manifests = page.split("```yaml\n# prober.yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let manifests = manifests.ok_or("docs/operations.md has no manifests that begin with '# prober.yaml'")?;
    let output = held_against_schemas(&folder, manifests)?;
    for (right, wrong) in FAULTS {
        let planted = manifests.replacen(right, wrong, 1);
        if planted == manifests || held_against_schemas(&folder, &planted).is_ok() {
            return Err(format!("'{wrong}' in place of '{right}' was not found out"));
        }
    }
    Ok(output.lines().last().unwrap_or_default().to_owned())
}

fn install(folder: &Path) -> Result<(), String> {
    let mark = folder.join("installed");
    let wanted = PACKAGES.join(" ");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(folder).args(PACKAGES);
    shell::run(&mut command).map_err(|output| format!("the schemas cannot be fetched\n{output}"))?;
    std::fs::write(&mark, wanted).map_err(|error| format!("{}: {error}", mark.display()))
}

fn held_against_schemas(folder: &Path, manifests: &str) -> Result<String, String> {
    let path: PathBuf = folder.join("prober.yaml");
    std::fs::write(&path, manifests).map_err(|error| format!("{}: {error}", path.display()))?;
    let script = shell::root().join("crates/xtask/src/manifests/check.py");
    shell::run(Command::new("python3").arg(script).arg(&path).env("PYTHONPATH", folder))
}
