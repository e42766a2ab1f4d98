//! What the demo site says on a connection: one request, one answer, good or bad.
//!
//! Answers are written byte for byte, because most of them break a rule on purpose and no proper server would write
//! them. Requests are read properly: closing a socket with unread data in it resets the connection, and only one of
//! the endpoints means to do that.

use std::time::Duration;

use oneloop::net::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use oneloop::{Error, Result, sleep};
use oneloop_http::proto::{Limits, RequestEvent, RequestReader};

/// How long `/slow` thinks, and how long `/drip` takes for its whole body.
const SLOW: Duration = Duration::from_millis(300);

/// Reads one request, answers it as its path asks, and closes.
pub(super) async fn serve(mut stream: impl AsyncRead + AsyncWrite) -> Result<()> {
    let Some(path) = read_request(&mut stream).await? else { return Ok(()) };
    let path = path.split('?').next().unwrap_or_default();
    match path {
        "/ok" => write(&mut stream, &page("200 OK", "", "fine\n")).await?,
        "/slow" => {
            sleep(SLOW).await?;
            write(&mut stream, &page("200 OK", "", "at last\n")).await?;
        }
        "/chunked" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\ntrailer: x-lines\r\n\
                        connection: close\r\n\r\n";
            write(&mut stream, head).await?;
            for chunk in
                ["6\r\npiece \r\n", "3\r\nby \r\n", "6;note=\"an extension\"\r\npiece\n\r\n", "0\r\nx-lines: 1\r\n\r\n"]
            {
                write(&mut stream, chunk).await?;
            }
        }
        "/redirect" => write(&mut stream, &page("302 Found", "location: /ok\r\n", "it is over there\n")).await?,
        "/error" => write(&mut stream, &page("500 Internal Server Error", "", "it is broken\n")).await?,
        "/drip" => {
            let body = "drop by drop\n";
            write(
                &mut stream,
                &format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len()),
            )
            .await?;
            for byte in body.as_bytes() {
                sleep(SLOW / body.len() as u32).await?;
                stream.write_all(&[*byte]).await?;
            }
        }
        // Says nothing, and waits for the client to lose patience and close.
        "/stall" => while stream.read(&mut [0; 64]).await? > 0 {},
        "/truncated" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n";
            write(&mut stream, &format!("{head}less than was promised\n")).await?;
        }
        "/garbage" => write(&mut stream, "\u{fffd}HELO this is not HTTP\r\n\r\n").await?,
        _ => write(&mut stream, &page("404 Not Found", "", "there is nothing here\n")).await?,
    }
    stream.shutdown().await
}

/// A whole response with a body of known length.
fn page(status: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{fields}content-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

async fn write(stream: &mut (impl AsyncWrite + ?Sized), text: &str) -> Result<()> {
    stream.write_all(text.as_bytes()).await
}

/// The target of the request; `None` if the client left without one.
async fn read_request(stream: &mut (impl AsyncRead + ?Sized)) -> Result<Option<String>> {
    let mut reader = RequestReader::new(Limits::default());
    let mut buffer = [0; 2048];
    let mut target = None;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(None);
        }
        let mut rest = &buffer[..count];
        loop {
            let (used, event) = reader.feed(rest).map_err(Error::other)?;
            rest = &rest[used..];
            match event {
                RequestEvent::NeedMore => break,
                RequestEvent::Head(request) => target = Some(request.target),
                RequestEvent::Data(_) | RequestEvent::Trailers(_) => {}
                RequestEvent::End { .. } => return Ok(target),
            }
        }
    }
}
