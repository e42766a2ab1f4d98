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

mod builder;
mod client;
mod coding;
mod connector;
mod error;
mod exchange;
#[doc(hidden)]
pub mod fuzzing;
mod incoming;
mod lack;
mod network;
mod overrides;
mod pool;
mod proxy;
mod race;
mod redirect;
mod request;
mod response;
mod target;
mod timeouts;
mod timings;
mod tls;
mod tls_config;
mod tls_server;
mod wire;

pub use builder::SessionBuilder;
pub use client::{ClientSession, IntoUrl, RequestBuilder};
pub use connector::{Connect, LocalBoxFuture, Resolve};
pub use error::{Error, ErrorKind, Result};
pub use exchange::{Attempt, AttemptEnd, Exchange, Hop, TlsInfo};
pub use lack::Lack;
pub use network::Network;
pub use overrides::{ConnectTo, ResolveOverride};
pub use proxy::Proxy;
pub use race::AddressChoice;
pub use response::Response;
pub use target::{parse_url, parse_url_near};
pub use timeouts::Timeouts;
pub use timings::{Phase, PhaseClock};
pub use tls_config::TlsVersion;
pub use tls_server::{TlsAcceptor, TlsServerStream};
pub use wire::Stream;
