//! One scrape of `/probe`: from the query to the samples.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use oneloop::{TaskRef, current_task, get_running_loop};
use oneloop_http::server::{Request, Response};
use oneloop_http::{Error, ErrorKind, Exchange, Lack, Phase, SessionBuilder};

use super::query::{Query, time_limit};
use super::{Exporter, Loaded, busy, metrics_page};
use crate::escape::Secrets;
use crate::exposition;
use crate::gauges;
use crate::modules::Module;
use crate::probe::{Prober, session_for};
use crate::report::Outcome;
use crate::spec::{Spec, without_port};
use crate::target::{Failure, Origin, Target};

/// One of the probes at once; given back when it is dropped, whatever becomes of the scrape.
struct Place(Rc<Exporter>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.metrics.in_flight.set(self.0.metrics.in_flight.get() - 1);
    }
}

impl Exporter {
    /// Probes what the query asks for. An error is the loop's own: the connection's task was cancelled.
    pub(super) async fn probe(self: &Rc<Exporter>, request: &Request) -> oneloop::Result<Response> {
        let refuse = |message: String| Ok(Response::text(400, format!("{message}\n")));
        let query = match Query::read(request.query()) {
            Ok(query) => query,
            Err(message) => return refuse(message),
        };
        let loaded = self.loaded();
        let module = match loaded.modules.find(&query.module) {
            Ok(module) => module.clone(),
            Err(message) => {
                if !loaded.modules.by_name.contains_key(&query.module) {
                    self.metrics.count_unknown_module();
                }
                return refuse(message);
            }
        };
        let limit = match time_limit(&request.headers, module.timeout, self.serving.timeout_offset) {
            Ok(limit) => limit,
            Err(message) => return refuse(message),
        };
        let target = Target::parse(0, query.target.as_bytes(), Origin::Argument);
        if let Ok(url) = &target.url
            && !self.serving.allowed.may_ask(url)
        {
            self.metrics.reject("target");
            return Ok(Response::text(403, "this exporter may not be used against this target (--allow-target)\n"));
        }
        if self.metrics.in_flight.get() >= self.serving.parallel_max {
            self.metrics.reject("probes");
            return Ok(busy("too many probes at once"));
        }
        let prober = match self.prober(&loaded, &query, &module) {
            Ok(prober) => prober,
            Err(message) => return refuse(message),
        };
        self.metrics.in_flight.set(self.metrics.in_flight.get() + 1);
        let _place = Place(self.clone());
        let (outcome, took) = carry_out(&prober, &target, limit).await?;
        let secrets = Secrets::new(module.spec.all_secrets().into_iter().chain(target.own_secrets()));
        let lacks = |failure: &&Failure| failure.lack().is_some_and(|lack| lack != Lack::Addresses);
        if let Some(failure) = outcome.failure.as_ref().filter(lacks) {
            // It says nothing of the target, which must not be shown as down for it. Addresses may be lacking for good: in
            // a family that this machine has not.
            self.metrics.reject("resources");
            return Ok(busy(&secrets.hidden(&failure.message)));
        }
        self.metrics.count(&query.module, &outcome, took, prober.take_worst_wait());
        self.recent.note(&query.module, &secrets, &target, &outcome, took);
        Ok(answer(&query, &module, &target, &outcome, took, limit))
    }

    /// What probes for this query: kept for the module, or made anew for a host name of the query's own.
    fn prober(&self, loaded: &Rc<Loaded>, query: &Query, module: &Module) -> Result<Rc<Prober>, String> {
        if let Some(hostname) = &query.hostname {
            return self.make(with_hostname(&module.spec, hostname)?);
        }
        if let Some(prober) = loaded.probers.borrow().get(&query.module) {
            return Ok(prober.clone());
        }
        let prober = self.make(module.spec.clone())?;
        loaded.probers.borrow_mut().insert(query.module.clone(), prober.clone());
        Ok(prober)
    }

    fn make(&self, spec: Spec) -> Result<Rc<Prober>, String> {
        let session = self.guarded(session_for(&spec).resolver(self.resolver.clone()));
        Prober::with(session, Rc::new(spec), false).map(Rc::new)
    }

    /// The guard of destinations, if there is one.
    fn guarded(&self, session: SessionBuilder) -> SessionBuilder {
        if self.serving.allowed.is_everything() {
            return session;
        }
        let allowed = self.serving.allowed.clone();
        session.guard(move |url, address| {
            let may = address.map_or_else(|| allowed.may_ask(url), |address| allowed.may_connect(url, address));
            if may {
                return Ok(());
            }
            let host = url.host_str().unwrap_or_default();
            let message = match address {
                Some(address) => format!("{host} is {address}, which this exporter may not be used against"),
                None => format!("this exporter may not be used against {host}"),
            };
            Err(Error::new(ErrorKind::BadUrl, message).with_detail("NotAllowed"))
        })
    }
}

/// The module with this name in Host, and in TLS if it has none of its own there.
fn with_hostname(spec: &Spec, hostname: &str) -> Result<Spec, String> {
    let mut spec = spec.clone();
    let own = spec.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    if let Some((_, Some(own))) = own.filter(|(_, own)| own.as_deref() != Some(hostname)) {
        return Err(format!("the module's headers have the Host {own:?}, the parameter hostname says {hostname:?}"));
    }
    spec.override_headers(vec![("Host".to_owned(), Some(hostname.to_owned()))]);
    if spec.tls.server_name.is_none() {
        spec.tls.server_name = Some(without_port(hostname).to_owned());
    }
    Ok(spec)
}

async fn carry_out(prober: &Prober, target: &Target, limit: Duration) -> oneloop::Result<(Outcome, Duration)> {
    let event_loop = get_running_loop()?;
    let begun = event_loop.time();
    // The task is the connection's: while it probes, whoever looks at the tasks sees what.
    let task = current_task();
    let name = task.as_ref().map(TaskRef::get_name).unwrap_or_default();
    task.iter().for_each(|task| task.set_name(&format!("probe {}", target.text)));
    let outcome = match &target.url {
        Ok(url) => prober.probe(&event_loop, url.clone(), None, limit, begun, &Exchange::new()).await?,
        Err(failure) => Outcome::refused((**failure).clone()),
    };
    task.iter().for_each(|task| task.set_name(&name));
    Ok((outcome, event_loop.time().saturating_duration_since(begun)))
}

fn answer(
    query: &Query,
    module: &Module,
    target: &Target,
    outcome: &Outcome,
    took: Duration,
    limit: Duration,
) -> Response {
    let mut text = Vec::new();
    exposition::write(&mut text, &gauges::samples(outcome, took));
    let secrets = Secrets::new(module.spec.all_secrets().into_iter().chain(target.own_secrets()));
    if !query.debug {
        secrets.hide(&mut text, 0);
        return metrics_page(text);
    }
    let mut page = String::from("What the probe met:\n");
    let at = jiff::Timestamp::try_from(SystemTime::now()).map(|now| format!("{now:.3}")).unwrap_or_default();
    page += &format!("{at} target={} module={} timeout={limit:?}\n", target.text, query.module);
    for hop in &outcome.hops {
        let url = crate::escape::url_without_secrets(hop.url.as_str());
        let remote = hop.remote.map(|remote| format!(" at {remote}")).unwrap_or_default();
        let cached = if hop.resolve_cached { " resolve_cached" } else { "" };
        let status = hop.status().map(|status| format!(" status={}", status.as_u16())).unwrap_or_default();
        let phases = Phase::ALL.iter().filter_map(|phase| {
            let length = hop.clock.phase(*phase)?;
            Some(format!(" {}={:.6}s", phase.as_str(), length.as_secs_f64()))
        });
        page += &format!("request {} {url}{remote}{status}{cached}{}\n", hop.method, phases.collect::<String>());
    }
    match &outcome.failure {
        None => page += "the probe passed\n",
        Some(failure) => {
            page += &format!("the probe failed: {} ({}): {}\n", failure.kind, failure.detail, failure.message)
        }
    }
    page += "\nThe metrics:\n";
    page += &String::from_utf8_lossy(&text);
    page += &format!("\nThe module {}:\n{}", query.module, module.shown);
    let mut plain = Vec::new();
    for line in page.lines() {
        crate::escape::terminal(&mut plain, line);
        plain.push(b'\n');
    }
    secrets.hide(&mut plain, 0);
    Response::new(200).header("Content-Type", "text/plain; charset=utf-8").body(plain)
}
