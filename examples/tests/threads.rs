//! Counts threads in three languages, for chapter 1: the programs of `threads/` must still print what the page shows.

use std::path::{Path, PathBuf};
use std::process::Command;

use oneloop_tests::folder::Folder;
use oneloop_tests::need;

fn printed(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Runs the program, and again if need be: a thread that was joined has ended, but Linux may count it for a moment more.
fn prints(command: &mut Command, expected: &str) {
    let mut printed_last = String::new();
    for _ in 0..5 {
        printed_last = printed(command);
        if printed_last == expected {
            return;
        }
    }
    panic!("each time something else than\n{expected}, the last time\n{printed_last}");
}

/// The lines without the number of threads, which .NET does not promise.
fn uncounted(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| match (line.split_once(": "), line.split_once(" of Linux's")) {
        (Some((when, _)), Some((_, rest))) => format!("{when}: N of Linux's{rest}"),
        _ => line.to_owned(),
    });
    lines.collect()
}

/// How many threads each line has counted.
fn counts(text: &str) -> Vec<u32> {
    let words = text.lines().filter_map(|line| line.split_once(" of Linux's")?.0.rsplit(' ').next());
    words.map(|word| word.parse().expect(text)).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn oneloop_starts_a_thread_for_getaddrinfo_alone() {
    let example = PathBuf::from(env!("CARGO_BIN_EXE_seed")).with_file_name("examples").join("threads");
    prints(&mut Command::new(example), include_str!("../threads/expected/oneloop.txt"));
}

#[cfg(target_os = "linux")]
#[test]
fn asyncio_starts_a_thread_for_a_name() {
    let test = "asyncio_starts_a_thread_for_a_name";
    if need::program(test, "python3", &["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]) {
        let expected = include_str!("../threads/expected/python.txt");
        prints(Command::new("python3").args(["-B", "threads/main.py"]), expected);
    }
}

#[test]
fn aiohttp_starts_a_thread_for_a_name() {
    // Debian's own Python has Debian's aiohttp; a version manager's would hide it.
    let system = "/usr/bin/python3";
    let python = if Path::new(system).exists() { system } else { "python3" };
    if need::program("aiohttp_starts_a_thread_for_a_name", python, &["-c", "import aiohttp"]) {
        let expected = include_str!("../threads/expected/aiohttp.txt");
        prints(Command::new(python).args(["-B", "threads/with_aiohttp.py"]), expected);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn dotnet_has_threads_from_the_start_and_one_more_in_epoll() {
    let test = "dotnet_has_threads_from_the_start_and_one_more_in_epoll";
    if !need::program(test, "mcs", &["--version"]) || !need::program(test, "mono", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let program = folder.path().join("threads.exe");
    let out = format!("-out:{}", program.display());
    let compiled = Command::new("mcs").args(["-nologo", "-langversion:latest", "threads/Program.cs", &out]).status();
    assert!(compiled.expect("mcs runs").success());
    check(&printed(Command::new("mono").arg(&program)), include_str!("../threads/expected/mono.txt"));

    // What `cargo xtask parity --install` fetches.
    let target = Path::new(env!("CARGO_BIN_EXE_seed")).ancestors().nth(2).expect("target/debug/seed");
    let host = target.join("tools/dotnetcore2/bin/dotnet");
    if need::program(test, &host.to_string_lossy(), &["--list-runtimes"]) {
        let settings = folder.write(
            "threads.runtimeconfig.json",
            r#"{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
                "configProperties": {"System.Globalization.Invariant": true}}}"#,
        );
        let mut command = Command::new(host);
        command.args(["exec", "--runtimeconfig"]).arg(settings).arg(&program);
        check(&printed(&mut command), include_str!("../threads/expected/core.txt"));
    }
}

fn check(printed: &str, expected: &str) {
    assert_eq!(uncounted(printed), uncounted(expected));
    let [start, address, _name] = counts(printed)[..] else { panic!("{printed}") };
    assert!(start > 1 && address > start, "{printed}");
}
