//! What can go wrong with a request: a stable kind for programs, a sentence for people.
//!
//! Every error says what was being done, to whom, and where it helps what to do next. [`ErrorKind::as_str`] is one of a
//! short list that scripts and dashboards may rely on; `detail` is the finer reason (`UnknownIssuer`,
//! `ConnectionRefused`), of low cardinality too. The error is one pointer wide, so that `Result`s stay small inside
//! the futures.
//!
//! Counterparts: aiohttp's `ClientError` tree, .NET's `HttpRequestException.HttpRequestError`.

use std::borrow::Cow;
use std::fmt;

use crate::lack::Lack;
use crate::proto::{ProtoError, ProtoErrorKind};
use crate::timings::Phase;

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Declares the kinds once: the variant, its stable name, and what it means.
macro_rules! kinds {
    ($($variant:ident = $name:literal, $doc:literal;)*) => {
        /// What went wrong, in one word of a short and stable list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $(#[doc = $doc] $variant,)* }

        impl ErrorKind {
            /// Every kind.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$variant,)*];

            /// The stable name: `error.kind` in the prober's JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorKind::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    BadUrl = "bad-url", "The URL cannot be parsed, or has no usable host or port.";
    UnsupportedScheme = "unsupported-scheme", "The URL is neither http nor https.";
    Resolve = "resolve", "The name has no address, or the name servers could not tell.";
    ResolveTimeout = "resolve-timeout", "The name servers did not answer in time.";
    Connect = "connect", "No address of the host accepted a connection.";
    ConnectTimeout = "connect-timeout", "No address of the host accepted a connection in time.";
    TlsHandshake = "tls-handshake", "The TLS handshake failed for another reason than the certificate.";
    TlsUntrusted = "tls-untrusted", "The certificate leads to no trusted root, or may not be used for a server.";
    TlsExpired = "tls-expired", "A certificate has expired.";
    TlsNotYetValid = "tls-not-yet-valid", "A certificate is not valid yet.";
    TlsWrongHost = "tls-wrong-host", "The certificate is for other names.";
    TlsBadSignature = "tls-bad-signature", "A signature in the chain or in the handshake does not verify.";
    TlsRevoked = "tls-revoked", "A certificate has been revoked.";
    TlsClientCert = "tls-client-cert", "The server wants a client certificate, or refused ours.";
    TlsTimeout = "tls-timeout", "The TLS handshake took too long.";
    Proxy = "proxy", "The proxy refused or failed.";
    Send = "send", "The connection broke while the request was being sent.";
    Receive = "receive", "The connection broke while the response was awaited or read.";
    Local = "local", "This machine lacks something (descriptors, ports, buffers): not the server's fault.";
    Timeout = "timeout", "The time for the whole request was used up.";
    TtfbTimeout = "ttfb-timeout", "The first byte of the final response took too long.";
    EmptyReply = "empty-reply", "The server closed the connection without a byte of response.";
    Protocol = "protocol", "The response is not valid HTTP/1.x, or the request could not be written as such.";
    TruncatedBody = "truncated-body", "The response ended before its body was complete.";
    TooLarge = "too-large", "The head or the body is larger than allowed.";
    TooManyRedirects = "too-many-redirects", "More redirects than allowed.";
    Decode = "decode", "The body could not be decoded.";
    Status = "status", "The status is not one that was expected.";
    Assertion = "assertion", "The response did not meet an expectation.";
    Interrupted = "interrupted", "The request was cancelled.";
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request failed. `Display` is a sentence; [`kind`](Error::kind) is for programs.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    detail: Cow<'static, str>,
    message: String,
    phase: Option<Phase>,
    /// True for the loop's own cancellation and for nothing else.
    cancelled: bool,
    lack: Option<Lack>,
    /// Where in the message the reason begins.
    reason: usize,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` whose sentence is `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            detail: Cow::Borrowed(""),
            message: message.into(),
            phase: None,
            cancelled: false,
            lack: None,
            reason: 0,
            source: None,
        }))
    }

    /// Adds the finer reason.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Error {
        self.0.detail = detail.into();
        self
    }

    /// Says in which phase it happened; the client does this for every error that it returns.
    #[must_use]
    pub fn with_phase(mut self, phase: Phase) -> Error {
        self.0.phase = Some(phase);
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong, for programs.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The finer reason, of low cardinality; empty when the kind says it all.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The sentence for people (also what `Display` prints).
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The last part of the sentence, which says why, without what it was about: of a URL that cannot be requested, what
    /// is wrong with it. The whole sentence where it has no such part.
    pub fn reason(&self) -> &str {
        self.0.message.get(self.0.reason..).unwrap_or_default()
    }

    /// What this machine lacks, where that is why.
    pub fn lack(&self) -> Option<Lack> {
        self.0.lack
    }

    /// The phase in which it happened; `None` when nothing had begun (a malformed URL).
    pub fn phase(&self) -> Option<Phase> {
        self.0.phase
    }

    /// Whether the task was cancelled: such an error is passed on, never retried or swallowed.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled
    }

    /// Says in front of the sentence what was being done; kind and detail stay. A cancellation stays as it is.
    #[must_use]
    pub(crate) fn in_context(mut self, doing: impl fmt::Display) -> Error {
        if !self.0.cancelled {
            let begun = format!("{doing}: ");
            if self.0.reason > 0 {
                self.0.reason += begun.len();
            }
            self.0.message.insert_str(0, &begun);
        }
        self
    }

    /// Adds the reason to the sentence, which so far says what it is about.
    #[must_use]
    pub(crate) fn because(mut self, why: &str) -> Error {
        self.0.message.push_str(": ");
        self.0.reason = self.0.message.len();
        self.0.message.push_str(why);
        self
    }

    fn with_lack(mut self, lack: Lack) -> Error {
        self.0.lack = Some(lack);
        self.with_detail(lack.as_str())
    }

    /// Turns a failed operation of the loop into an error of `kind`. Cancellation and timeouts keep their own kind
    /// whatever was being done, and a lack on this machine is [`ErrorKind::Local`].
    pub(crate) fn from_loop(error: oneloop::Error, kind: ErrorKind, doing: impl fmt::Display) -> Error {
        if error.is_cancelled() || error.is_timeout() {
            return error.into();
        }
        let io_kind = error.io_kind();
        if let Some(lack) = Lack::of(&error) {
            let message = format!("{doing}: {error}; this machine has run out of {}", lack.what());
            return Error::new(ErrorKind::Local, message).with_lack(lack).with_source(error);
        }
        let detail = match io_kind {
            Some(kind) => Cow::Owned(format!("{kind:?}")),
            None => Cow::Borrowed(error.kind()),
        };
        Error::new(kind, format!("{doing}: {error}")).with_detail(detail).with_source(error)
    }
}

impl Error {
    /// A response (or a request) that breaks HTTP.
    pub(crate) fn from_proto(error: ProtoError) -> Error {
        let kind = match error.kind {
            ProtoErrorKind::EmptyReply => ErrorKind::EmptyReply,
            ProtoErrorKind::TruncatedBody => ErrorKind::TruncatedBody,
            ProtoErrorKind::HeadTooLarge | ProtoErrorKind::BodyTooLarge => ErrorKind::TooLarge,
            _ => ErrorKind::Protocol,
        };
        let message = match error.kind {
            ProtoErrorKind::EmptyReply => "the server closed the connection without answering".to_owned(),
            ProtoErrorKind::BadOutgoing => format!("the request cannot be sent: {error}"),
            // The limit is ours, not the server's fault.
            ProtoErrorKind::HeadTooLarge | ProtoErrorKind::BodyTooLarge => {
                format!("the response was not read on: {error}")
            }
            _ => format!("the response is faulty: {error}"),
        };
        Error::new(kind, message).with_detail(error.kind.as_str()).with_source(error)
    }
}

impl From<oneloop::Error> for Error {
    /// For `?` on the loop's own calls, and for `oneloop::timeout` around this crate's futures.
    fn from(error: oneloop::Error) -> Error {
        let io_kind = error.io_kind();
        let lack = Lack::of(&error);
        let mut made = if error.is_cancelled() {
            Error::new(ErrorKind::Interrupted, "the request was cancelled")
        } else if error.is_timeout() {
            Error::new(ErrorKind::Timeout, "the request did not finish within its time limit")
        } else if let Some(lack) = lack {
            let message = format!("{error}; this machine has run out of {}", lack.what());
            Error::new(ErrorKind::Local, message).with_lack(lack)
        } else if let Some(io_kind) = io_kind {
            Error::new(ErrorKind::Receive, error.to_string()).with_detail(format!("{io_kind:?}"))
        } else {
            Error::new(ErrorKind::Local, error.to_string()).with_detail(error.kind())
        };
        made.0.cancelled = error.is_cancelled();
        made.with_source(error)
    }
}

impl oneloop::LoopError for Error {
    fn is_cancelled(&self) -> bool {
        Error::is_cancelled(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, detail, message, phase, .. } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("detail", detail)
            .field("message", message)
            .field("phase", phase)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
