//! `cargo xtask layout`: which functions a probe runs through, for the linker to lay them side by side.
//!
//! Job: run `prober` under callgrind in the ways in which people run it, and write the names of all functions that ran
//! to `crates/prober/hot.txt`, from which its build script makes a linker script. With `--check`: see that the names
//! are those of the release build's functions, and how far apart these lie. Neighbours: `bench` lends the servers and
//! measures what comes of it (W1's memory); `crates/prober/build.rs`. Invariant: the list has names without the
//! compiler's hashes, so that a new compiler or library makes it a little worse, and not void.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bench::Servers;
use crate::shell;

const LIST: &str = "crates/prober/hot.txt";
const HEAD: &str = "\
# Functions that a probe runs through, made by `cargo xtask layout`; build.rs has the linker lay them side by side.
";
/// How many URLs each run probes: enough that buffers grow and timers are cancelled.
const URLS: usize = 100;
/// What the kernel maps at once, around each page that is touched.
const WINDOW: u64 = 64 * 1024;
/// Share of the list, in percent, that the program must have.
const KNOWN: usize = 90;

pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    match arguments {
        [] => write(),
        [check] if check == "--check" => check_list().map(|said| println!("{said}")),
        _ => Err("usage: cargo xtask layout [--check]".to_owned()),
    }
}

fn program() -> PathBuf {
    shell::root().join("target/release/prober")
}

fn write() -> Result<(), String> {
    shell::run(shell::cargo().args(["build", "--release"]))?;
    let all = symbols(&program())?.into_iter().map(|symbol| symbol.name).collect::<BTreeSet<String>>();
    let servers = Servers::start()?;
    let (https, http) = (servers.list(true, URLS, false)?, servers.list(false, URLS, false)?);
    let (kept, ca) = (servers.list(false, URLS, true)?, servers.file("ca.pem"));
    let nobody = servers.write_list("nobody.txt", ["http://127.0.0.1:1/".to_owned()].into_iter())?;
    let at = |list: &Path| format!("@{}", list.display());
    let cacert = ca.to_string_lossy().into_owned();
    // Each function stands with the first way that needs it: what only the later ones need lies behind, out of the way.
    let runs: [(&str, &[&str]); 5] = [
        ("Over HTTPS:", &["--cacert", &cacert, &at(&https)]),
        ("Beside these, over HTTP:", &[&at(&http)]),
        ("... with kept connections:", &["--keepalive", &at(&kept)]),
        ("... where nobody answers:", &[&at(&nobody)]),
        ("... as JSON:", &["--cacert", &cacert, "--format", "jsonl", &at(&https)]),
    ];
    let (mut names, mut text) = (BTreeSet::new(), HEAD.to_owned());
    for (ways, run) in runs {
        text += &format!("# {ways}\n");
        let ran = functions(run, &servers.file("callgrind.out"))?;
        let ran: BTreeSet<&str> = ran.intersection(&all).map(|name| without_hash(name)).collect();
        for name in ran {
            if names.insert(name.to_owned()) {
                text += &format!("{name}\n");
            }
        }
    }
    std::fs::write(shell::root().join(LIST), text).map_err(|error| format!("{LIST}: {error}"))?;
    println!("{} names in {LIST}; build anew to have them used", names.len());
    Ok(())
}

/// The names of the functions that ran.
fn functions(arguments: &[&str], file: &Path) -> Result<BTreeSet<String>, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--demangle=no"]).arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(program()).args(["--parallel-max", "50"]).args(arguments);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.map_err(|error| format!("valgrind (apt-get install valgrind): {error}"))?;
    let text = std::fs::read_to_string(file).map_err(|error| format!("callgrind wrote nothing: {error}"))?;
    // `fn=(12) name` and `cfn=(12) name` where a name comes for the first time, `'2` after one in a recursion.
    let names = text.lines().filter_map(|line| {
        let (_, name) = line.strip_prefix('c').unwrap_or(line).strip_prefix("fn=(")?.split_once(") ")?;
        Some(name.split('\'').next().unwrap_or(name).to_owned())
    });
    Ok(names.collect())
}

/// What stays of a function's name when compiler and libraries change.
fn without_hash(name: &str) -> &str {
    if name.starts_with("_ZN") {
        return name.rsplit_once("17h").map_or(name, |(stem, _)| stem);
    }
    match name.rsplit_once('.') {
        Some((stem, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => name,
    }
}

struct Symbol {
    at: u64,
    name: String,
}

/// The functions of a program, by nm.
fn symbols(program: &Path) -> Result<Vec<Symbol>, String> {
    let listed = shell::run(Command::new("nm").arg(program))?;
    let functions = listed.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let at = u64::from_str_radix(words.next()?, 16).ok()?;
        let is_code = matches!(words.next()?, "t" | "T");
        Some(Symbol { at, name: words.next().filter(|_| is_code)?.to_owned() })
    });
    Ok(functions.collect())
}

/// For CI: the release build knows the names of the list, and has them side by side.
pub(crate) fn check_list() -> Result<String, String> {
    let text = shell::read(LIST)?;
    let listed: BTreeSet<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let symbols = symbols(&program())?;
    let known: BTreeSet<&str> = symbols.iter().map(|symbol| without_hash(&symbol.name)).collect();
    let found = listed.intersection(&known).count();
    if found * 100 < listed.len() * KNOWN {
        return Err(format!(
            "the program has {found} of the {} functions in {LIST}: run cargo xtask layout",
            listed.len()
        ));
    }
    let windows = |only: &dyn Fn(&str) -> bool| {
        let hot = symbols.iter().filter(|symbol| only(without_hash(&symbol.name)));
        hot.map(|symbol| symbol.at / WINDOW).collect::<BTreeSet<u64>>().len()
    };
    let (hot, all) = (windows(&|name| listed.contains(name)), windows(&|_| true));
    if hot * 2 > all {
        return Err(format!(
            "what a probe runs through begins in {hot} of {all} windows of 64 KiB: is the linker another?"
        ));
    }
    Ok(format!("{found} of {} functions known, in {hot} of {all} windows", listed.len()))
}

#[cfg(test)]
mod tests {
    use super::without_hash;

    #[test]
    fn names_lose_their_hashes_and_numbers() {
        assert_eq!(without_hash("_ZN6oneloop5sleep17h0123456789abcdefE"), "_ZN6oneloop5sleep");
        assert_eq!(without_hash("_ZN6oneloop5sleep17h0123456789abcdefE.llvm.77"), "_ZN6oneloop5sleep");
        assert_eq!(without_hash("_RNvNtCs1_4core3fmt5write.404"), "_RNvNtCs1_4core3fmt5write");
        assert_eq!(without_hash("fe_loose_invert"), "fe_loose_invert");
    }
}
