//! The options about connections: names, addresses, proxies, TLS.
//!
//! Neighbours: the parent module gathers all groups; `values.rs` reads the values, `connection.rs` applies them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use oneloop_http::{ConnectTo, ResolveOverride, TlsVersion};

use crate::cli::values;

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct ConnectionOptions {
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(in crate::cli) ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long)]
    pub(in crate::cli) ipv6: bool,

    /// Who resolves names [default: stub]
    #[arg(long, value_name = "WHO", value_enum)]
    pub(in crate::cli) resolver: Option<Who>,

    /// Name servers to ask instead of the system's: ADDR or ADDR:PORT, with commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = values::server)]
    pub(in crate::cli) dns_servers: Vec<std::net::SocketAddr>,

    /// Use these addresses for a host and port
    #[arg(long, value_name = "H:P:ADDR", value_parser = values::library::<ResolveOverride>)]
    pub(in crate::cli) resolve: Vec<ResolveOverride>,

    /// Connect elsewhere for a host and port
    #[arg(long, value_name = "H1:P1:H2:P2", value_parser = values::library::<ConnectTo>)]
    pub(in crate::cli) connect_to: Vec<ConnectTo>,

    /// Probe every address of each name, with a result for each
    #[arg(long, conflicts_with_all = ["proxy", "keepalive", "resolve", "connect_to"])]
    pub(in crate::cli) all_addresses: bool,

    // Not a comment for rustdoc, which would take the brackets for links.
    #[arg(short = 'x', long, value_name = "URL", help = "HTTP proxy: [http://][user:password@]host[:port]")]
    pub(in crate::cli) proxy: Option<String>,

    /// User and password for the proxy
    #[arg(long, value_name = "USER:PASSWORD", requires = "proxy")]
    pub(in crate::cli) proxy_user: Option<String>,

    /// Hosts that are reached without the proxy, with commas; * for all
    #[arg(long, value_name = "LIST")]
    pub(in crate::cli) noproxy: Option<String>,

    /// Keep connections open and use them again (otherwise each probe makes its own)
    #[arg(long)]
    pub(in crate::cli) keepalive: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(in crate::cli) struct TlsOptions {
    /// Accept any certificate (and still report what is wrong with it)
    #[arg(short = 'k', long)]
    pub(in crate::cli) insecure: bool,

    /// Trust the certificates in FILE (PEM) instead of the built-in roots
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) cacert: Option<PathBuf>,

    /// Trust what this system trusts (with --cacert: both)
    #[arg(long)]
    pub(in crate::cli) ca_native: bool,

    /// Refuse certificates that the lists in FILE (PEM) revoke
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) crlfile: Option<PathBuf>,

    /// Certificate to show to servers that ask for one (PEM; may hold the key, too)
    #[arg(short = 'E', long, value_name = "FILE")]
    pub(in crate::cli) cert: Option<PathBuf>,

    /// Key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(in crate::cli) key: Option<PathBuf>,

    /// Name to send and to verify instead of the URL's host
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) servername: Option<String>,

    /// TLS 1.2 or newer (the default)
    #[arg(long = "tlsv1.2", id = "tlsv1.2", conflicts_with = "tlsv1.3")]
    pub(in crate::cli) tls12: bool,

    /// TLS 1.3 or newer
    #[arg(long = "tlsv1.3", id = "tlsv1.3")]
    pub(in crate::cli) tls13: bool,

    /// Newest version of TLS to use: 1.2, 1.3
    #[arg(long, value_name = "VERSION", value_parser = values::tls_version)]
    pub(in crate::cli) tls_max: Option<TlsVersion>,
}

/// The value of `--resolver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Who {
    /// The program itself, on its one thread
    Stub,
    /// The system's getaddrinfo, on a thread beside it
    System,
}
