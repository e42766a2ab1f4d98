//! What the demo site answers: one path a kind of behaviour, good or bad.

use std::time::Duration;

use oneloop::{Result, sleep};
use oneloop_http::server::{RawConnection, Reply, Request, Response};

/// How long `/slow` thinks, and how long `/drip` takes for its whole body.
const SLOW: Duration = Duration::from_millis(300);

/// The handler of all of the site's servers.
pub(super) async fn answer(request: Request) -> Result<Reply> {
    Ok(match request.path() {
        "/ok" => Response::text(200, "fine\n").into(),
        "/slow" => {
            sleep(SLOW).await?;
            Response::text(200, "at last\n").into()
        }
        "/chunked" => Response::new(200).chunks(["piece ", "by ", "piece\n"]).into(),
        "/redirect" => Response::text(302, "it is over there\n").header("Location", "/ok").into(),
        "/error" => Response::text(500, "it is broken\n").into(),
        // From here on, what no proper server does.
        "/drip" => Reply::raw(drip),
        "/stall" => Reply::raw(async |mut connection| connection.until_closed().await),
        "/truncated" => Reply::raw(async |mut connection| {
            connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nless than was promised\n").await?;
            connection.finish().await
        }),
        "/garbage" => Reply::raw(async |mut connection| {
            connection.write_all(b"\xff\xfe HELO, this is not HTTP\r\n\r\n").await?;
            connection.finish().await
        }),
        _ => Response::text(404, "there is nothing here\n").into(),
    })
}

async fn drip(mut connection: RawConnection) -> Result<()> {
    let body = "drop by drop\n";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await?;
    for byte in body.bytes() {
        sleep(SLOW / body.len() as u32).await?;
        connection.write_all(&[byte]).await?;
    }
    connection.finish().await
}
