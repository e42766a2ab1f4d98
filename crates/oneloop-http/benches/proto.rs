//! What the protocol code costs: `cargo bench -p oneloop-http --bench proto`.
//!
//! Prints nanoseconds for one operation: the best of several rounds, since what disturbs a measurement only adds.

use std::{hint::black_box, time::Instant};

use oneloop_http::proto::{BodyLength, Event, Headers, Limits, RequestHead, ResponseReader, write_request};

const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 13\r\nLast-Modified: Sun, 22 Nov 2026 00:00:00 GMT\r\n\
    Connection: close\r\nETag: \"69211b00-d\"\r\nAccept-Ranges: bytes\r\n\r\nHello, world!";

fn main() {
    let chunked = {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..16 {
            bytes.extend_from_slice(b"1000\r\n");
            bytes.extend_from_slice(&[b'x'; 4096]);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    };
    let many_fields = {
        let mut text = String::from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        for index in 0..60 {
            text.push_str(&format!("X-Field-{index}: some value of middling length, {index}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    };

    report("write a request", 100_000, || {
        let mut headers = Headers::new();
        for (name, value) in [("User-Agent", "prober/0.1.0"), ("Accept", "*/*")] {
            headers.push(name, value).expect("a good field");
        }
        let request = RequestHead {
            method: &http::Method::GET,
            target: "/index.html",
            host: "localhost:8080",
            headers: &headers,
            body: BodyLength::None,
            close: true,
        };
        let mut out = Vec::with_capacity(256);
        write_request(&mut out, &request).expect("a good request");
        black_box(out);
    });
    report("read nginx's response", 100_000, || read(&[SMALL]));
    report("the same in two pieces", 100_000, || read(&[&SMALL[..100], &SMALL[100..]]));
    report("read a head of 61 fields", 20_000, || read(&[&many_fields]));
    report("read 64 KiB in 16 chunks", 20_000, || read(&[&chunked]));
    report("the 61 fields, byte by byte", 1_000, || read(&many_fields.chunks(1).collect::<Vec<_>>()));
}

fn read(pieces: &[&[u8]]) {
    let mut reader = ResponseReader::new(false, Limits::default());
    for piece in pieces {
        let mut at = 0;
        loop {
            let (used, event) = reader.feed(black_box(&piece[at..])).expect("a good response");
            at += used;
            match black_box(event) {
                Event::NeedMore => break,
                Event::End { .. } => return,
                _ => {}
            }
        }
    }
}

fn report(name: &str, times: u32, mut operation: impl FnMut()) {
    let best = (0..7)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..times {
                operation();
            }
            start.elapsed().as_nanos() / u128::from(times)
        })
        .min();
    println!("{name:<30} {:>8} ns", best.unwrap_or_default());
}
