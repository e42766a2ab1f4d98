//! An HTTP/1.1 and TLS client on the oneloop event loop, with aiohttp's names.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod proto;
pub mod resolver;
mod tls_server;

pub use tls_server::{TlsAcceptor, TlsServerStream};
