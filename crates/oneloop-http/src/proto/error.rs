//! What can be wrong with a message, as a stable kind and the broken rule in words.

use std::fmt;

/// Which sort of rule was broken. Stable and few; the rule itself is in [`ProtoError::rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtoErrorKind {
    /// The connection ended before the first byte of a response.
    EmptyReply,
    /// The connection ended inside a head.
    TruncatedHead,
    /// The connection ended inside a body that declared its end otherwise.
    TruncatedBody,
    /// The status line or request line is not one of HTTP/1.x.
    BadStartLine,
    /// A field line breaks the grammar.
    BadField,
    /// Content-Length or Transfer-Encoding do not say one thing.
    BadFraming,
    /// A transfer coding that is not implemented.
    UnsupportedCoding,
    /// A chunk's size, extension or line end breaks the grammar.
    BadChunk,
    /// 101 Switching Protocols that nobody asked for.
    UnexpectedUpgrade,
    /// A head or trailer section over its limit in bytes or fields, or too many interim responses.
    HeadTooLarge,
    /// A body over [`Limits::max_body_bytes`](super::Limits::max_body_bytes).
    BodyTooLarge,
    /// Our own side asked for something that must not be sent.
    BadOutgoing,
}

impl ProtoErrorKind {
    /// The stable name, for logs and programs: `truncated-body`, `bad-chunk` and so on.
    pub fn as_str(self) -> &'static str {
        match self {
            ProtoErrorKind::EmptyReply => "empty-reply",
            ProtoErrorKind::TruncatedHead => "truncated-head",
            ProtoErrorKind::TruncatedBody => "truncated-body",
            ProtoErrorKind::BadStartLine => "bad-start-line",
            ProtoErrorKind::BadField => "bad-field",
            ProtoErrorKind::BadFraming => "bad-framing",
            ProtoErrorKind::UnsupportedCoding => "unsupported-coding",
            ProtoErrorKind::BadChunk => "bad-chunk",
            ProtoErrorKind::UnexpectedUpgrade => "unexpected-upgrade",
            ProtoErrorKind::HeadTooLarge => "head-too-large",
            ProtoErrorKind::BodyTooLarge => "body-too-large",
            ProtoErrorKind::BadOutgoing => "bad-outgoing",
        }
    }

    /// The coarser class that a report shows: `empty-reply`, `truncated-body`, `too-large`, `protocol`, or
    /// `invalid` for a request that was refused before anything was sent.
    pub fn class(self) -> &'static str {
        match self {
            ProtoErrorKind::EmptyReply => "empty-reply",
            ProtoErrorKind::TruncatedBody => "truncated-body",
            ProtoErrorKind::HeadTooLarge | ProtoErrorKind::BodyTooLarge => "too-large",
            ProtoErrorKind::BadOutgoing => "invalid",
            _ => "protocol",
        }
    }
}

/// A message broke a rule: which sort, and the rule in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProtoError {
    /// The stable kind.
    pub kind: ProtoErrorKind,
    /// What was wrong, as a phrase that can follow "the server broke HTTP: ".
    pub rule: &'static str,
}

impl ProtoError {
    pub(crate) const fn new(kind: ProtoErrorKind, rule: &'static str) -> ProtoError {
        ProtoError { kind, rule }
    }
}

impl fmt::Display for ProtoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)
    }
}

impl std::error::Error for ProtoError {}
