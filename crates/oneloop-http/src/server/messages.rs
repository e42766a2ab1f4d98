//! What a handler gets and gives: `Request`, `Response`, and the escape hatch `Reply::raw`.

use std::{fmt, future::Future};

use http::{Method, Version};
use oneloop::{
    Result,
    net::{AsyncReadExt, AsyncWriteExt},
};

use super::{BoxFuture, connection::discard};
use crate::{
    Stream,
    proto::{Headers, ServerRequest},
};

/// A request, its body read in full.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The target as it was sent: visible ASCII, usually `/path?query`.
    pub target: String,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The fields, in order.
    pub headers: Headers,
    /// The body, without chunked framing; empty when there is none.
    pub body: Vec<u8>,
}

impl Request {
    pub(super) fn new(head: ServerRequest, body: Vec<u8>) -> Request {
        let ServerRequest { method, target, version, headers, .. } = head;
        Request { method, target, version, headers, body }
    }

    /// The target up to the `?`, as it was sent: escapes are not decoded. Of a whole URL (RFC 9112, section 3.2.2), what
    /// stands behind its host.
    pub fn path(&self) -> &str {
        let target = self.origin_form();
        match target.split_once('?').map_or(target, |(path, _)| path) {
            "" => "/",
            path => path,
        }
    }

    /// The target after the `?`, as it was sent; empty when there is none.
    pub fn query(&self) -> &str {
        self.origin_form().split_once('?').map_or("", |(_, query)| query)
    }

    /// The target without scheme and host. Of `http://host?query` no path is left, and of `http://host` nothing.
    fn origin_form(&self) -> &str {
        match self.target.split_once("://") {
            Some(("http" | "https", rest)) => rest.find(['/', '?']).map_or("", |at| &rest[at..]),
            _ => &self.target,
        }
    }
}

/// A well-behaved response. Length or chunked framing, and the end of the connection, are written by the server.
#[derive(Clone, Debug)]
pub struct Response {
    pub(super) status: u16,
    pub(super) reason: Option<String>,
    /// As given; a field that cannot be sent makes the response a 500.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Body,
    pub(super) close: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Announced with its length.
    Full(Vec<u8>),
    /// Sent chunked, each in a write of its own; to an HTTP/1.0 client at once.
    Chunks(Vec<Vec<u8>>),
}

impl Response {
    /// An empty response. A status outside 100 to 999 is answered as 500.
    pub fn new(status: u16) -> Response {
        Response { status, reason: None, headers: Vec::new(), body: Body::Full(Vec::new()), close: false }
    }

    /// A response with a body of plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Response {
        Response::new(status).header("Content-Type", "text/plain; charset=utf-8").body(text.into())
    }

    /// Adds a field. Content-Length, Transfer-Encoding and Connection are not for the handler to set.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Response {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Sets the reason phrase, in place of the usual one.
    pub fn reason(mut self, reason: impl Into<String>) -> Response {
        self.reason = Some(reason.into());
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Response {
        self.body = Body::Full(body.into());
        self
    }

    /// Sets a body that is sent chunked, so cut.
    pub fn chunks<C: Into<Vec<u8>>>(mut self, chunks: impl IntoIterator<Item = C>) -> Response {
        self.body = Body::Chunks(chunks.into_iter().map(Into::into).collect());
        self
    }

    /// Closes the connection after this response, and says so in it.
    pub fn close(mut self) -> Response {
        self.close = true;
        self
    }
}

type TakeOver = Box<dyn FnOnce(RawConnection) -> BoxFuture<Result<()>>>;

/// What a handler answers: a response, or its own way with the connection.
pub struct Reply(pub(super) ReplyKind);

pub(super) enum ReplyKind {
    Response(Response),
    Raw(TakeOver),
}

impl Reply {
    /// Hands the connection to `take_over`, which writes what it likes, when it likes. When it ends the connection is
    /// closed, by nothing more than dropping it: over TLS that is an end without close_notify.
    ///
    /// ```
    /// use oneloop_http::server::Reply;
    /// use std::time::Duration;
    ///
    /// let drip = Reply::raw(async |mut connection| {
    ///     connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").await?;
    ///     for byte in [b"a", b"b", b"c"] {
    ///         connection.write_all(byte).await?;
    ///         oneloop::sleep(Duration::from_millis(10)).await?;
    ///     }
    ///     connection.finish().await
    /// });
    /// let truncated = Reply::raw(async |mut connection| {
    ///     connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await
    /// });
    /// let stall = Reply::raw(async |mut connection| connection.until_closed().await);
    /// # let _ = (drip, truncated, stall);
    /// ```
    pub fn raw(take_over: impl AsyncFnOnce(RawConnection) -> Result<()> + 'static) -> Reply {
        Reply(ReplyKind::Raw(Box::new(|connection| Box::pin(async move { take_over(connection).await }))))
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Reply {
        Reply(ReplyKind::Response(response))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ReplyKind::Response(response) => response.fmt(f),
            ReplyKind::Raw(_) => f.write_str("Raw"),
        }
    }
}

/// A connection that a handler has taken over. Dropping it closes it at once.
pub struct RawConnection {
    stream: Box<dyn Stream>,
}

impl RawConnection {
    /// Around any stream; with [`Server::bind_raw`](super::Server::bind_raw), around the one that was accepted.
    pub fn new(stream: impl Stream + 'static) -> RawConnection {
        RawConnection { stream: Box::new(stream) }
    }

    /// Writes all of `bytes`, each call in a write of its own.
    ///
    /// # Errors
    /// The client has gone, or `Cancelled`.
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = Result<()>> {
        self.stream.write_all(bytes)
    }

    /// Reads what the client sends after its request; 0 is the end.
    ///
    /// # Errors
    /// The connection was reset, or `Cancelled`.
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = Result<usize>> {
        self.stream.read(buf)
    }

    /// Does nothing until the client ends the connection: a server that never answers.
    ///
    /// # Errors
    /// `Cancelled`. A reset is an end like another.
    pub async fn until_closed(&mut self) -> Result<()> {
        discard(&mut self.stream).await
    }

    /// Ends our side in good order (over TLS with close_notify) and waits for the client to end its own.
    ///
    /// # Errors
    /// As [`until_closed`](RawConnection::until_closed).
    pub async fn finish(mut self) -> Result<()> {
        self.stream.shutdown().await?;
        self.until_closed().await
    }
}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawConnection").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_url_without_a_path_keeps_its_query() {
        for (target, path, query) in [
            ("http://h?x=1", "/", "x=1"),
            ("https://h/?x=1", "/", "x=1"),
            ("http://h/a?x=/b", "/a", "x=/b"),
            ("http://h?x=/b", "/", "x=/b"),
            ("http://h", "/", ""),
            ("/a?x=http://h/b", "/a", "x=http://h/b"),
            ("*", "*", ""),
        ] {
            let request = Request {
                method: Method::GET,
                target: target.to_owned(),
                version: Version::HTTP_11,
                headers: Headers::new(),
                body: Vec::new(),
            };
            assert_eq!((request.path(), request.query()), (path, query), "{target}");
        }
    }
}
