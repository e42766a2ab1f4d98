//! Servers that go wrong, and a machine that has too little: each fault is a result of its own kind, and costs no other
//! result.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use oneloop_tests::folder::Folder;
use oneloop_tests::holding::Holding;
use oneloop_tests::program;
use serde_json::Value;

/// A server whose every path goes wrong in its own way. It ends with the test's process.
fn misbehaving() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // What happens when the client goes away first is of no interest.
            std::thread::spawn(move || misbehave(stream).unwrap_or_default());
        }
    });
    address
}

fn misbehave(mut stream: TcpStream) -> std::io::Result<()> {
    let mut start = [0; 9];
    stream.peek(&mut start)?;
    if start.starts_with(b"GET /rese") {
        // Closed with the request unread: the kernel answers with a reset.
        return Ok(());
    }
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
    }
    match request.split_whitespace().nth(1).unwrap_or_default() {
        "/ok" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        "/close" => Ok(()),
        "/early" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        "/half-a-head" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le"),
        "/garbage" => stream.write_all(b"\x00\x01\xff not HTTP at all\r\n\r\n"),
        "/endless-headers" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(b"X-More: and more, and more, and more\r\n")?;
            }
        }
        "/endless-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 65536])?;
            }
        }
        // Says nothing, until the client has gone.
        _ => stream.read_to_end(&mut Vec::new()).map(|_| ()),
    }
}

#[test]
fn each_fault_has_its_kind_and_costs_no_other_result() {
    let address = misbehaving();
    let expected: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("ok", &[""][..]),
        ("reset", &["receive"]),
        ("close", &["empty-reply"]),
        ("early", &["truncated-body"]),
        ("half-a-head", &["protocol"]),
        ("garbage", &["protocol"]),
        ("endless-headers", &["too-large", "protocol"]),
        ("endless-body", &["too-large"]),
        ("stall", &["timeout"]),
    ]);
    let outcome = program::run(
        program::prober()
            .args(["-m", "3", "--format", "jsonl"])
            .args(expected.keys().map(|path| format!("http://{address}/{path}"))),
    );
    outcome.expect_code(1);
    let mut seen = BTreeMap::new();
    for line in outcome.stdout.lines() {
        let result: Value = serde_json::from_str(line).expect("a line of JSON");
        let path = result["url"].as_str().and_then(|url| url.rsplit('/').next()).expect("a path").to_string();
        seen.insert(path, result["error"]["kind"].as_str().unwrap_or_default().to_string());
    }
    assert_eq!(seen.len(), expected.len(), "{}", outcome.stdout);
    for (path, kinds) in expected {
        let kind = seen.get(path).map_or("nothing", String::as_str);
        assert!(kinds.contains(&kind), "{path}: {kind} is none of {kinds:?}\n{}", outcome.stdout);
    }
}

#[test]
fn too_few_descriptors_lower_the_parallelism_and_fail_no_probe() {
    let holding = Holding::start(Duration::ZERO, 1);
    let folder = Folder::new();
    let list: String = (0..500).map(|index| format!("http://{}/{index}\n", holding.address())).collect();
    let list = folder.write("urls.txt", list);
    let outcome = program::run(
        Command::new("sh")
            .args(["-c", r#"ulimit -n 40; exec "$PROBER" --parallel-max 200 --format jsonl "@$LIST""#])
            .env("PROBER", program::path())
            .env("LIST", &list)
            .stdin(Stdio::null()),
    );
    outcome.expect_code(0);
    assert_eq!(outcome.stdout.lines().count(), 500);
    assert!(outcome.stderr.contains("parallel"), "it says so: {:?}", outcome.stderr);
    assert!(holding.most_at_once() < 40);
}
