//! Reads each file named on the command line, or in a folder named there, as hyper's client would from a connection, and
//! prints its name, a checksum of it, and what came of it: `ok STATUS BODY` with the body in hexadecimal
//! digits, or `error`.
//!
//! What it prints for the responses of the differential test is kept in `tests/tests/differential/hyper.txt`; that file's
//! head says how it was made. There is no socket and no runtime here: the connection's bytes are in memory, and the
//! futures are polled until nothing moves any more.

use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::rt::ReadBufCursor;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// A connection that gives these bytes once a request has been written, and then its end.
struct Answer {
    bytes: Vec<u8>,
    given: usize,
    asked: bool,
}

impl hyper::rt::Read for Answer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        if !self.asked {
            return Poll::Pending;
        }
        let rest = &self.bytes[self.given..];
        let piece = &rest[..rest.len().min(room.remaining())];
        room.put_slice(piece);
        self.given += piece.len();
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Answer {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper makes of it. An error has no parts: which of several faults is told is no promise of anybody's.
fn outcome(bytes: Vec<u8>) -> Fallible<String> {
    let mut cx = Context::from_waker(Waker::noop());
    let answer = Answer { bytes, given: 0, asked: false };
    let Poll::Ready(made) = pin!(http1::handshake::<_, Empty<Bytes>>(answer)).poll(&mut cx) else {
        return Err("the handshake waits".into());
    };
    let (mut sender, connection) = made?;
    let request = hyper::Request::get("/").header("Host", "example.org").body(Empty::new())?;
    let mut connection = pin!(connection);
    let mut exchange = pin!(async move {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>((status, body))
    });
    let mut ended = false;
    for _ in 0..1_000_000 {
        if let Poll::Ready(done) = exchange.as_mut().poll(&mut cx) {
            return Ok(match done {
                Ok((status, body)) => {
                    let digits: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
                    format!("ok {status} {digits}").trim_end().to_owned()
                }
                Err(_) => "error".to_owned(),
            });
        }
        if !ended {
            ended = connection.as_mut().poll(&mut cx).is_ready();
        }
    }
    Err("it waits for ever".into())
}

/// FNV-1a: whether a recorded answer is still about these bytes.
fn checksum(bytes: &[u8]) -> String {
    let fold = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

fn main() -> Fallible<()> {
    let mut files: Vec<PathBuf> = Vec::new();
    for argument in std::env::args_os().skip(1) {
        let path = Path::new(&argument);
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                files.push(entry?.path());
            }
        } else {
            files.push(path.to_owned());
        }
    }
    files.sort();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::read(&file)?;
        println!("{name}\t{}\t{}", checksum(&bytes), outcome(bytes)?);
    }
    Ok(())
}
