//! An HTTP/1.1 and TLS client on the oneloop event loop, with aiohttp's names.
//!
//! ```no_run
//! oneloop::run(async {
//!     let session = oneloop_http::ClientSession::new().map_err(oneloop::Error::other)?;
//!     let response = session.get("https://example.org/").send().await.map_err(oneloop::Error::other)?;
//!     println!("{} after {:?}", response.status(), response.exchange().headers());
//!     Ok(())
//! }).unwrap();
//! ```
//!
//! From the outside in: [`client`](ClientSession) and [`Response`] are what people use; [`Exchange`] is the record that
//! stays when a request fails; [`proto`] is HTTP as bytes, [`resolver`] names as addresses, without a thread.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod proto;
pub mod resolver;
pub mod server;

mod client;
mod connector;
mod error;
mod exchange;
mod incoming;
mod pool;
mod redirect;
mod request;
mod response;
mod target;
mod timings;
mod tls;
mod tls_server;
mod wire;

pub use client::{ClientSession, IntoUrl, RequestBuilder, SessionBuilder};
pub use connector::{Connect, LocalBoxFuture, Resolve};
pub use error::{Error, ErrorKind, Result};
pub use exchange::{Exchange, Hop, TlsInfo};
pub use response::Response;
pub use target::parse_url;
pub use timings::{Phase, PhaseClock};
pub use tls_server::{TlsAcceptor, TlsServerStream};
pub use wire::Stream;
