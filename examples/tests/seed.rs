//! The seed's script in its three languages, run on the same URLs: each must print the same lines.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use oneloop_tests::folder::Folder;
use oneloop_tests::need;

/// A server of blocking sockets that answers 200 to `/` and 404 to all else, until the test process ends.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("just bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut chunk = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(count) if count > 0 => request.extend_from_slice(&chunk[..count]),
                    _ => break,
                }
            }
            let status = if request.starts_with(b"GET / ") { "200 OK" } else { "404 Not Found" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    format!("http://{address}")
}

/// What a version prints: each URL, and whether it was probed with success.
fn outcomes(command: &mut Command) -> Vec<(String, bool)> {
    let server = serve();
    let refused = {
        let unused = TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}/", unused.local_addr().expect("just bound"))
    };
    let urls = [format!("{server}/"), format!("{server}/nope"), refused, format!("{server}/")];
    let output = command.args(&urls).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let mut text = String::from_utf8(output.stdout).expect("text");
    for colour in ["\x1b[31m", "\x1b[32m", "\x1b[0m"] {
        text = text.replace(colour, ""); // older versions of termcolor colour what is not a terminal, too
    }
    let lines: Vec<_> = text
        .lines()
        .map(|line| {
            let (url, time) = line.split_at(40.min(line.len()));
            let time: f64 = time.strip_suffix("ms").expect(line).parse().expect(line);
            (url.trim_end().to_owned(), time >= 0.0)
        })
        .collect();
    assert_eq!(lines.iter().map(|line| &line.0).collect::<Vec<_>>(), urls.iter().collect::<Vec<_>>());
    lines
}

/// The same in all languages: the order is that of the arguments, and only a 200 has a time.
fn check(command: &mut Command) {
    let good: Vec<bool> = outcomes(command).into_iter().map(|(_, good)| good).collect();
    assert_eq!(good, [true, false, false, true]);
}

#[test]
fn the_rust_version() {
    check(&mut Command::new(env!("CARGO_BIN_EXE_seed")));
}

#[test]
fn the_python_version() {
    // Debian's own Python has Debian's aiohttp; a version manager's would hide it.
    let system = "/usr/bin/python3";
    let python = if Path::new(system).exists() { system } else { "python3" };
    if need::program("the_python_version", python, &["-c", "import aiohttp, termcolor"]) {
        check(Command::new(python).args(["-W", "error", "seed/original.py"]));
    }
}

#[test]
fn the_csharp_version() {
    let test = "the_csharp_version";
    if !need::program(test, "mcs", &["--version"]) || !need::program(test, "mono", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let program = folder.path().join("seed.exe");
    let compiled = Command::new("mcs")
        .args(["-langversion:latest", "-r:System.Net.Http.dll", "seed/Program.cs"])
        .arg(format!("-out:{}", program.display()))
        .status();
    assert!(compiled.expect("mcs runs").success());
    check(Command::new("mono").arg(&program));
}
