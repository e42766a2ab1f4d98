//! Runs the rungs of the ladder as programs, against a server of blocking sockets: all keep one probe, and one way of
//! saying what came of it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

/// The rungs whose answers are equal, word for word. The last rung's come from the real client, which says more.
const RUNGS: [(&str, &str, &str); 7] = [
    ("01_blocking", env!("CARGO_BIN_EXE_01_blocking"), include_str!("../ladder/01_blocking.rs")),
    ("02_threads", env!("CARGO_BIN_EXE_02_threads"), include_str!("../ladder/02_threads.rs")),
    ("03_spin", env!("CARGO_BIN_EXE_03_spin"), include_str!("../ladder/03_spin.rs")),
    ("04_callbacks", env!("CARGO_BIN_EXE_04_callbacks"), include_str!("../ladder/04_callbacks.rs")),
    ("05_state_machine", env!("CARGO_BIN_EXE_05_state_machine"), include_str!("../ladder/05_state_machine.rs")),
    ("06_executor", env!("CARGO_BIN_EXE_06_executor"), include_str!("../ladder/06_executor.rs")),
    ("07_timers", env!("CARGO_BIN_EXE_07_timers"), include_str!("../ladder/07_timers.rs")),
];
const REAL: (&str, &str, &str) = ("08_real", env!("CARGO_BIN_EXE_08_real"), include_str!("../ladder/08_real.rs"));

/// Serves each connection with `answer` on a thread of its own, until the test process ends.
fn serve(answer: fn(&mut TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("just bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                answer(&mut stream);
            });
        }
    });
    format!("http://{address}")
}

/// The program's lines without their colours, each with the colour that it had.
fn coloured(output: &[u8]) -> Vec<(u8, String)> {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().map(|line| {
        let line = line.strip_suffix("\x1b[0m").expect("the colour is switched off");
        let (colour, rest) = line.split_at(5);
        (if colour == "\x1b[32m" { b'g' } else { b'r' }, rest.to_string())
    });
    lines.collect()
}

#[test]
fn probes_all_at_once_and_reports_in_order() {
    let ok = serve(|it| drop(it.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")));
    let in_pieces = serve(|it| {
        for byte in b"HTTP/1.0 204 No Content\r\n\r\n" {
            let _ = it.write_all(&[*byte]);
        }
    });
    let garbage = serve(|it| drop(it.write_all(b"\xff\xfe rubbish\r\n\r\n")));
    let empty = serve(|_| ());
    let stalls = serve(|it| drop(it.read(&mut [0; 1]))); // until the other side gives up
    let refused = {
        let unused = TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}/", unused.local_addr().expect("just bound"))
    };
    let urls = [
        stalls.clone(),
        format!("{ok}/a/b?c"),
        in_pieces,
        garbage,
        empty,
        refused,
        "https://127.0.0.1/".to_string(),
        "http://name.invalid/".to_string(),
        format!("{ok}/\r\nforged: header"),
        stalls,
        ok,
    ];
    let expected = [
        (b'r', "timed out"),
        (b'g', "200"),
        (b'r', "204"),
        (b'r', "not HTTP"),
        (b'r', "no end of the headers"),
        (b'r', "Connection refused"),
        (b'r', "not an http:// URL"),
        (b'r', "not a name"),
        (b'r', "not an http:// URL"),
        (b'r', "timed out"),
        (b'g', "200"),
    ];
    // All rungs at once: each of them waits for the two that stall.
    let started = RUNGS.map(|(rung, program, _)| {
        let mut command = Command::new(program);
        (rung, command.args(&urls).stdout(Stdio::piped()).spawn().expect("it runs"))
    });
    for (rung, child) in started {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{rung}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout).replace("\r\nforged", "forged");
        let lines = coloured(text.as_bytes());
        assert_eq!(lines.len(), expected.len(), "{rung}: {text}");
        for (((colour, line), url), (wanted, reason)) in lines.iter().zip(&urls).zip(expected) {
            assert!(line.starts_with(&url.replace("\r\n", "")), "{rung}: {line} is not about {url}");
            assert!(line.contains(reason) && *colour == wanted, "{rung}: {line}: expected {reason}");
        }
    }
}

#[test]
fn the_real_rung_says_the_same_of_what_all_can_probe() {
    let ok = serve(|it| drop(it.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")));
    let gone = serve(|it| drop(it.write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n")));
    let stalls = serve(|it| drop(it.read(&mut [0; 1])));
    let (rung, program, _) = REAL;
    let output = Command::new(program).args([&stalls, &ok, &gone]).output().expect("it runs");
    assert!(output.status.success(), "{rung}: {output:?}");
    let lines = coloured(&output.stdout);
    let colours: Vec<u8> = lines.iter().map(|(colour, _)| *colour).collect();
    assert_eq!(colours, b"rgr", "{lines:?}");
    assert!(lines[1].1.ends_with(" 200") && lines[2].1.ends_with(" 410"), "{lines:?}");
}

#[test]
fn reads_urls_from_standard_input_up_to_an_empty_line() {
    let ok = serve(|it| drop(it.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")));
    for (rung, program, _) in RUNGS.into_iter().chain([REAL]) {
        let mut command = Command::new(program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        // The pipe stays open, as `prober demo --serve` keeps it: the empty line is the end.
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(format!("{ok}\n{ok}\n\n").as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        drop(stdin);
        assert_eq!(coloured(&output.stdout).len(), 2, "{rung}: {output:?}");
    }
}

#[test]
fn no_url_is_no_line_and_no_hang() {
    for (rung, program, _) in RUNGS.into_iter().chain([REAL]) {
        let output = Command::new(program).stdin(Stdio::null()).output().expect("it runs");
        assert!(output.status.success(), "{rung}: {output:?}");
        assert_eq!(output.stdout, b"\n", "{rung}");
    }
}

#[test]
fn each_rung_is_at_most_200_lines() {
    for (rung, _, source) in RUNGS.into_iter().chain([REAL]) {
        let lines = source.lines().count();
        assert!(lines <= 200, "{rung} has {lines} lines");
    }
}
