//! `prober serve`: an exporter that Prometheus scrapes, on the same engine and the same modules as the command line.
//!
//! One handler answers everything. A scrape of `/probe` probes its target while the scraper waits; what comes out has the
//! names and labels of blackbox_exporter's HTTP prober. Reading order: `query.rs` (what a scrape may ask), `probing.rs`,
//! `metrics.rs` (of the exporter itself), `pages.rs`, `allow.rs` (whom it may be used against).
//! Invariants: as many probes and connections at once as allowed, all others are told so (503); a configuration that
//! cannot be used never takes the place of one that can; nothing that a client sends is kept but a bounded number of
//! recent targets. Counterpart: blackbox_exporter's `main.go` and `prober/handler.go`.

pub(crate) mod allow;
mod fuzzing;
mod metrics;
mod pages;
mod probing;
mod query;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use oneloop::get_running_loop;
use oneloop_http::resolver::Resolver;
use oneloop_http::server::{Options, Request, Response, Server};

use crate::exit::Ending;
use crate::files::check_readable_again;
use crate::limits::{self, Scrapes};
use crate::modules::Modules;
use crate::output::Destination;
use crate::probe::Prober;
use crate::run::{self, Run};
use crate::stderr::{Stderr, warn};
use allow::Allowed;
pub(crate) use fuzzing::judge_scrape;
use metrics::Metrics;
use pages::Recent;

/// What `serve` was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub(crate) listen: Vec<SocketAddr>,
    /// Without one there is the module `http_2xx`.
    pub(crate) config_file: Option<PathBuf>,
    /// Whether a module without a CA of its own trusts what the system trusts.
    pub(crate) ca_native: bool,
    /// Kept back of the time that the scraper allows.
    pub(crate) timeout_offset: Duration,
    pub(crate) allowed: Allowed,
    /// Probes at once.
    pub(crate) parallel_max: usize,
    /// Connections at once.
    pub(crate) connections_max: usize,
    /// Connections beyond those that are accepted all the same, only to be told so.
    pub(crate) to_be_told: usize,
}

impl Serving {
    /// Fits the limits to what may be open, and says so where they had to be lowered.
    pub(crate) fn fit(mut self, open_files: u64) -> Serving {
        let wanted = Scrapes { probes: self.parallel_max, connections: self.connections_max, told: self.to_be_told };
        let fitted = wanted.fit(limits::room(open_files).saturating_sub(self.listen.len()));
        (self.parallel_max, self.connections_max) = (fitted.probes, fitted.connections);
        self.to_be_told = fitted.told;
        if (fitted.probes, fitted.connections) != (wanted.probes, wanted.connections) {
            warn(&format!(
                "only {open_files} files may be open (ulimit -n): at most {} probes and {} connections at once, not {} \
                 and {}",
                fitted.probes, fitted.connections, wanted.probes, wanted.connections
            ));
        }
        self
    }
}

/// What is under way when the end is asked for has so much time.
const GRACE: Duration = Duration::from_secs(10);

/// How often resolv.conf and the hosts file are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Connections beyond those allowed that are accepted all the same, only to be told so, where descriptors are plenty.
pub(crate) const TO_BE_TOLD: usize = 64;

/// The exporter's state, shared by all its connections.
struct Exporter {
    serving: Serving,
    loaded: RefCell<Rc<Loaded>>,
    resolver: Resolver,
    metrics: Metrics,
    recent: Recent,
    /// Of all servers of this exporter.
    connections: RefCell<Vec<Rc<Server>>>,
    reloaded_at: Cell<Option<SystemTime>>,
    reload_failed: Cell<bool>,
    /// What has no answer to stand in.
    log: Rc<Stderr>,
}

/// A configuration, and what has been made of it.
struct Loaded {
    modules: Modules,
    /// By module. What is made for a `hostname` of the query is not kept.
    probers: RefCell<HashMap<String, Rc<Prober>>>,
}

impl Loaded {
    fn new(modules: Modules) -> Rc<Loaded> {
        Rc::new(Loaded { modules, probers: RefCell::default() })
    }
}

/// Reads the configuration. Called before the loop exists.
pub(crate) fn load(serving: &Serving) -> Result<Modules, String> {
    let mut modules = serving.config_file.as_deref().map_or_else(|| Ok(Modules::built_in()), Modules::load)?;
    if serving.ca_native {
        modules.trust_the_system()?;
    }
    Ok(modules)
}

/// Serves until a signal asks for the end.
pub(crate) async fn serve(serving: Serving, modules: Modules) -> oneloop::Result<Run> {
    let event_loop = get_running_loop()?;
    let stop = event_loop.create_future();
    let destination = Rc::new(Destination::open(None).map_err(oneloop::Error::other)?);
    run::stop_on_signals(&event_loop, &stop, &destination)?;
    let exporter = Rc::new(Exporter {
        metrics: Metrics::new(&modules),
        loaded: RefCell::new(Loaded::new(modules)),
        resolver: Resolver::builder().reread(LOOK_AGAIN).build(),
        recent: Recent::default(),
        connections: RefCell::default(),
        reloaded_at: Cell::new(Some(SystemTime::now())),
        reload_failed: Cell::new(false),
        log: Rc::default(),
        serving,
    });
    const SIGHUP: i32 = 1;
    let reloading = exporter.clone();
    event_loop.add_signal_handler(SIGHUP, move || match reloading.reload() {
        Ok(()) => reloading.log("the configuration was loaded again"),
        Err(message) => reloading.log(&message),
    })?;
    let options = Options {
        max_connections: exporter.serving.connections_max.saturating_add(exporter.serving.to_be_told),
        // A scraper that has given up wants no probe.
        drop_when_gone: true,
        ..Options::default()
    };
    for address in &exporter.serving.listen {
        let (admitting, answering) = (exporter.clone(), exporter.clone());
        let answer = async move |request| answering.clone().answer(request).await;
        let server = Server::bind_admitting(*address, options, move || admitting.admit(), answer)
            .map_err(|error| oneloop::Error::other(format!("cannot listen at {address}: {error}")))?;
        warn(&format!("serving at http://{}/", server.local_addr()));
        exporter.connections.borrow_mut().push(Rc::new(server));
    }
    let ending = stop.await?;
    for server in exporter.connections.take() {
        // No handler keeps one for longer than a turn.
        if let Ok(server) = Rc::try_unwrap(server) {
            server.stop(GRACE).await?;
        }
    }
    // Asked to end, and ended in good order: for a service that is success.
    let ending = if let Ending::Signal(_) = ending { Ending::Complete } else { ending };
    Ok(Run { ending, failures: 0 })
}

impl Exporter {
    /// What a new connection is told when there is no room for it.
    fn admit(&self) -> Option<Response> {
        if self.connections() < self.serving.connections_max {
            return None;
        }
        self.metrics.reject("connections");
        Some(busy("too many connections"))
    }

    /// Answers one request.
    async fn answer(self: Rc<Exporter>, request: Request) -> oneloop::Result<Response> {
        let (method, path) = (request.method.as_str(), request.path());
        let expected = if path == "/-/reload" { &["POST", "PUT"][..] } else { &["GET", "HEAD"][..] };
        let known = ["/", "/probe", "/metrics", "/config", "/-/healthy", "/-/reload"].contains(&path);
        if !known {
            return Ok(Response::text(404, "there is no such page; / lists them\n"));
        }
        if !expected.contains(&method) {
            let message = format!("{path} is asked for with {}\n", expected[0]);
            return Ok(Response::text(405, message).header("Allow", expected.join(", ")));
        }
        Ok(match path {
            "/probe" => self.probe(&request).await?,
            "/metrics" => metrics_page(self.metrics.text(&self)),
            "/config" => Response::text(200, self.loaded().modules.shown.clone()),
            "/-/healthy" => Response::text(200, "Healthy\n"),
            "/-/reload" => match self.reload() {
                Ok(()) => Response::text(200, "the configuration was loaded again\n"),
                Err(message) => {
                    self.log(&message);
                    Response::text(500, format!("the configuration stays as it was: {message}\n"))
                }
            },
            _ => pages::front(&self),
        })
    }

    /// Says so on stderr. What is more than a buffer full while nobody reads it is lost: it is no record.
    fn log(&self, message: &str) {
        if !self.log.is_full() {
            self.log.warn_later(message);
        }
    }

    fn loaded(&self) -> Rc<Loaded> {
        self.loaded.borrow().clone()
    }

    /// How many connections there are.
    fn connections(&self) -> usize {
        self.connections.borrow().iter().map(|server| server.connections()).sum()
    }

    /// Reads the configuration again; one that cannot be used changes nothing.
    fn reload(&self) -> Result<(), String> {
        let readable = self.serving.config_file.as_deref().map_or(Ok(()), |path| {
            check_readable_again(path)
                .map_err(|error| format!("cannot read the modules in {} once more: {error}", path.display()))
        });
        match readable.and_then(|()| load(&self.serving)) {
            Ok(modules) => {
                self.metrics.know(&modules);
                *self.loaded.borrow_mut() = Loaded::new(modules);
                self.reload_failed.set(false);
                self.reloaded_at.set(Some(SystemTime::now()));
                Ok(())
            }
            Err(message) => {
                self.reload_failed.set(true);
                Err(message)
            }
        }
    }
}

/// Past a limit: the scraper may come again.
fn busy(what: &str) -> Response {
    Response::text(503, format!("{what}; try again later\n")).header("Retry-After", "1")
}

fn metrics_page(text: Vec<u8>) -> Response {
    Response::new(200).header("Content-Type", "text/plain; version=0.0.4; charset=utf-8").body(text)
}
