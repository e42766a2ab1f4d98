//! W1 to W6: whole programs that probe lists of URLs.
//!
//! Neighbours: `server` answers them, `process` measures them, `counts` counts instructions and system calls.
//! Invariant: all programs of a case read the same list, print one line a URL, and are counted as the kernel counts
//! them, from their start to their end.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Plan;
use super::counts;
use super::process::{self, Output, Usage, median, median_run};
use super::programs::Programs;
use super::server::{self, Servers};
use super::table::{Limit, Report, Table, figure};

const PROBER: &str = "prober";
const HYPER: &str = "tokio + hyper + rustls";
const REQWEST: &str = "reqwest";
const SEED: &str = "the seed's script";

/// One program in one case: how it is called for `count` URLs, and what its runs cost.
struct Contender {
    name: String,
    command: Command,
    count: usize,
    runs: Vec<Usage>,
    failure: Option<String>,
}

/// What a case asks of every program.
pub(super) struct Job<'a> {
    pub(super) list: &'a Path,
    /// A shorter list for Python.
    pub(super) short: (&'a Path, usize),
    pub(super) count: usize,
    pub(super) parallel: usize,
    pub(super) keepalive: bool,
    pub(super) https: bool,
}

pub(crate) fn run(plan: &Plan, programs: &Programs, report: &mut Report) -> Result<(), String> {
    server::check_tools()?;
    process::raise_descriptors()?;
    let servers = Servers::start()?;
    let bench = Bench { plan, programs, servers: &servers };
    if let Some(before) = &plan.before {
        return bench.against(before, report);
    }
    if plan.wants("W1") {
        bench.fresh_https(report)?;
    }
    if plan.wants("W2") {
        bench.fresh_http(report)?;
    }
    if plan.wants("W3") {
        bench.kept_alive(report)?;
    }
    if plan.wants("W4") {
        bench.held(false, report)?;
        bench.held(true, report)?;
    }
    if plan.wants("W5") {
        bench.single(report)?;
    }
    if plan.wants("W6") {
        bench.long_list(report)?;
    }
    Ok(())
}

pub(super) struct Bench<'a> {
    pub(super) plan: &'a Plan,
    pub(super) programs: &'a Programs,
    pub(super) servers: &'a Servers,
}

impl Bench<'_> {
    fn fresh_https(&self, report: &mut Report) -> Result<(), String> {
        let count = self.plan.count(5000, 1000);
        eprintln!("W1: {count} HTTPS probes");
        self.tell_versions(report)?;
        let list = self.servers.list(true, count, false)?;
        let short = self.servers.list(true, count / 5, false)?;
        let job = Job { list: &list, short: (&short, count / 5), count, parallel: 100, keepalive: false, https: true };
        let mut contenders = self.contenders(&job, &[HYPER, REQWEST, SEED]);
        for (provider, path) in &self.programs.prober_with {
            let command = self.prober(path, &job);
            contenders.push(Contender::new(&format!("{PROBER} with {provider}"), command, count));
            let mut command = self.peer("hyper-probe", &job);
            command.args(["--provider", provider]);
            contenders.push(Contender::new(&format!("{HYPER} with {provider}"), command, count));
        }
        let providers: &[&str] = if self.plan.providers { &["ring", "aws-lc-rs", "graviola"] } else { &["ring"] };
        let mut bare = vec![Vec::new(); providers.len()];
        for round in 0..self.plan.rounds {
            process::take_turns(&mut contenders, round, Contender::run);
            for (provider, figures) in providers.iter().zip(&mut bare) {
                figures.push(self.bare_handshake(provider)?);
            }
        }
        tabulate("W1", &format!("{count} HTTPS probes, a fresh connection each, 100 in flight"), &contenders, report);
        for (provider, figures) in providers.iter().zip(bare) {
            let Some(bare) = median(figures) else { continue };
            report.note(format!(
                "W1: the client's share of a bare handshake in memory with {provider}: {} µs",
                figure(bare)
            ));
            if *provider != "ring" {
                continue;
            }
            judge("W1", "CPU a probe", &contenders, HYPER, 0.95, report, Contender::cpu);
            judge("W1", "CPU a probe beyond the bare handshake", &contenders, HYPER, 0.8, report, |contender| {
                contender.cpu().map(|cpu| cpu - bare)
            });
            judge_with("W1", "peak memory", "MiB", &contenders, HYPER, 1.0, report, Contender::peak);
        }
        self.counted("W1", &job, 9.0, report)
    }

    fn fresh_http(&self, report: &mut Report) -> Result<(), String> {
        let count = self.plan.count(10_000, 3000);
        eprintln!("W2: {count} HTTP probes");
        let list = self.servers.list(false, count, false)?;
        let short = self.servers.list(false, count / 5, false)?;
        let job = Job { list: &list, short: (&short, count / 5), count, parallel: 100, keepalive: false, https: false };
        let contenders = self.contest(&job, &[HYPER, REQWEST, SEED]);
        tabulate("W2", &format!("{count} HTTP probes, a fresh connection each, 100 in flight"), &contenders, report);
        judge("W2", "CPU a probe", &contenders, HYPER, 0.85, report, Contender::cpu);
        judge("W2", "user time a probe", &contenders, HYPER, 0.7, report, Contender::user);
        self.counted("W2", &job, 6.0, report)
    }

    fn kept_alive(&self, report: &mut Report) -> Result<(), String> {
        let count = self.plan.count(50_000, 10_000);
        eprintln!("W3: {count} requests on kept connections");
        let list = self.servers.list(false, count, true)?;
        let job = Job { list: &list, short: (&list, count), count, parallel: 50, keepalive: true, https: false };
        let contenders = self.contest(&job, &[REQWEST, HYPER]);
        tabulate("W3", &format!("{count} HTTP requests on kept connections, 50 in flight"), &contenders, report);
        judge("W3", "CPU a request", &contenders, REQWEST, 0.6, report, Contender::cpu);
        Ok(())
    }

    fn held(&self, https: bool, report: &mut Report) -> Result<(), String> {
        let count = self.plan.count(5000, 2000);
        let scheme = if https { "HTTPS" } else { "HTTP" };
        eprintln!("W4: {count} {scheme} probes in flight at once");
        let holding = self.servers.hold(self.programs, Duration::from_secs(3), https)?;
        let urls = (0..count).map(|n| format!("{}/probe/{n}", holding.url));
        let list = self.servers.write_list(&format!("held-{scheme}.txt"), urls)?;
        let job = Job { list: &list, short: (&list, count), count, parallel: count, keepalive: false, https };
        let mut contenders = self.contenders(&job, &[HYPER, REQWEST, SEED]);
        // Memory hardly varies, and a round takes the programs' seconds one after the other.
        for round in 0..self.plan.rounds.min(3) {
            process::take_turns(&mut contenders, round, Contender::run);
        }
        tabulate("W4", &format!("{count} {scheme} probes in flight at once, held for 3 s"), &contenders, report);
        let limit = if https { 70.0 } else { 30.0 };
        if let Some(ours) = contenders.first().and_then(Contender::peak) {
            let measure = format!("peak memory, {scheme}");
            report.limit(Limit { case: "W4", measure: &measure, ours, unit: "MiB", against: "", theirs: None, limit });
        }
        Ok(())
    }

    fn single(&self, report: &mut Report) -> Result<(), String> {
        eprintln!("W5: one HTTPS probe");
        let list = self.servers.list(true, 1, true)?;
        let job = Job { list: &list, short: (&list, 1), count: 1, parallel: 1, keepalive: false, https: true };
        let mut contenders = self.contenders(&job, &[HYPER, REQWEST]);
        for round in 0..self.plan.rounds * 5 {
            process::take_turns(&mut contenders, round, Contender::run);
        }
        // Not in turn: it runs fifty times as long, and a process that lives for three milliseconds would mostly show
        // what an interpreter before it has left of the caches.
        let mut seed = self.contenders(&job, &[SEED]).split_off(1);
        for _ in 0..self.plan.rounds {
            seed.iter_mut().for_each(Contender::run);
        }
        contenders.append(&mut seed);
        let rows = contenders.iter().map(|contender| {
            let milliseconds =
                |figure_of: fn(&Usage) -> Duration| contender.middle(|u| figure_of(u).as_secs_f64() * 1e3);
            let cell = |value: Option<f64>| value.map_or(String::new(), figure);
            let wall = contender.failure.clone().unwrap_or_else(|| cell(milliseconds(|u| u.wall)));
            vec![contender.name.clone(), wall, cell(milliseconds(Usage::cpu)), cell(contender.peak())]
        });
        let title = "W5: one HTTPS probe, the whole process".to_owned();
        let columns = vec!["program", "wall, ms", "CPU, ms", "peak, MiB"];
        report.table(Table { title, columns, rows: rows.collect() });
        if let Some(ours) = contenders.first().and_then(|c| c.middle(|u| u.wall.as_secs_f64() * 1e3)) {
            report.limit(Limit {
                case: "W5",
                measure: "wall",
                ours,
                unit: "ms",
                against: "",
                theirs: None,
                limit: 3.0,
            });
        }
        Ok(())
    }

    /// Memory with the first URL stalled for its whole timeout, and the cost of a probe, at growing lengths.
    fn long_list(&self, report: &mut Report) -> Result<(), String> {
        let lengths: &[usize] =
            if self.plan.quick { &[100, 10_000, 100_000] } else { &[100, 10_000, 100_000, 1_000_000] };
        eprintln!("W6: lists of {lengths:?} URLs");
        let stall = self.servers.hold(self.programs, Duration::from_secs(3600), false)?;
        let (mut rows, mut peaks, mut costs) = (Vec::new(), Vec::new(), Vec::new());
        for &length in lengths {
            let list = self.servers.list_after(&stall.url, length)?;
            let mut command = Command::new(&self.programs.prober);
            command.args(["--parallel-max", "100", "-m", "3"]).arg(at(&list));
            let usage = process::measure_any_exit(&mut command, Output::Pipe)?;
            let peak = mib(usage.peak);
            // Under callgrind a probe takes a hundred times as long: without `--deep` the longest list has its CPU time
            // alone.
            let instructions = if length <= 100_000 || self.plan.deep {
                let list = self.servers.list(false, length, false)?;
                let base = self.servers.list(false, 1, false)?;
                counts::instructions(|many| self.prober_on(if many { &list } else { &base }), length - 1)?
            } else {
                None
            };
            peaks.push((length, peak));
            costs.extend(instructions);
            rows.push(vec![
                length.to_string(),
                figure(peak),
                figure(per(usage.cpu(), length)),
                instructions.map_or(String::new(), figure),
            ]);
        }
        let title =
            "W6: a long list, text into a pipe; in the first three columns the first URL stalls for 3 s".to_owned();
        let columns = vec!["URLs", "peak, MiB", "CPU a probe, µs", "user instructions a probe"];
        report.table(Table { title, columns, rows });
        let at_ten_thousand = peaks.iter().find(|(length, _)| *length == 10_000).map(|(_, peak)| *peak);
        if let (Some(&(_, last)), Some(base)) = (peaks.last(), at_ten_thousand) {
            let against = "the same at 10,000";
            report.limit(Limit {
                case: "W6",
                measure: "peak memory of the longest list",
                ours: last,
                unit: "MiB",
                against,
                theirs: Some(base),
                limit: 1.1,
            });
        }
        if let (Some(&last), Some(&first), true) = (costs.last(), costs.first(), costs.len() > 1) {
            let against = "the same at 100";
            report.limit(Limit {
                case: "W6",
                measure: "user instructions a probe, longest counted",
                ours: last,
                unit: "instructions",
                against,
                theirs: Some(first),
                limit: 1.1,
            });
        }
        Ok(())
    }

    fn contest(&self, job: &Job<'_>, names: &[&str]) -> Vec<Contender> {
        let mut contenders = self.contenders(job, names);
        for round in 0..self.plan.rounds {
            process::take_turns(&mut contenders, round, Contender::run);
        }
        contenders
    }

    /// `prober` first, then the peers that are named.
    fn contenders(&self, job: &Job<'_>, names: &[&str]) -> Vec<Contender> {
        let mut all = vec![Contender::new(PROBER, self.prober(&self.programs.prober, job), job.count)];
        for &name in names {
            match name {
                HYPER => all.push(Contender::new(name, self.peer("hyper-probe", job), job.count)),
                REQWEST => all.push(Contender::new(name, self.peer("reqwest-probe", job), job.count)),
                _ => all.extend(self.seed(job)),
            }
        }
        all
    }

    pub(super) fn prober(&self, path: &Path, job: &Job<'_>) -> Command {
        let mut command = Command::new(path);
        command.arg("--parallel-max").arg(job.parallel.to_string());
        if job.https {
            command.arg("--cacert").arg(self.servers.file("ca.pem"));
        }
        if job.keepalive {
            command.arg("--keepalive");
        }
        command.arg(at(job.list));
        command
    }

    fn prober_on(&self, list: &Path) -> Command {
        let mut command = Command::new(&self.programs.prober);
        command.args(["--parallel-max", "100"]).arg(at(list));
        command
    }

    fn peer(&self, program: &str, job: &Job<'_>) -> Command {
        self.prober(&self.programs.peer(program), job)
    }

    fn seed(&self, job: &Job<'_>) -> Option<Contender> {
        let (list, count) = job.short;
        let mut command = Command::new(self.programs.python.as_ref()?);
        command.arg(self.programs.scripts.join("seed.py")).arg(list).arg(job.parallel.to_string());
        if job.https {
            command.arg(self.servers.file("ca.pem"));
        }
        Some(Contender::new(SEED, command, count))
    }

    /// Has each program probe a server that writes down which TLS it met.
    fn tell_versions(&self, report: &mut Report) -> Result<(), String> {
        let list = self.servers.write_list("telling.txt", std::iter::once(self.servers.telling_url()))?;
        let job = Job { list: &list, short: (&list, 1), count: 1, parallel: 1, keepalive: false, https: true };
        for mut contender in self.contenders(&job, &[HYPER, REQWEST, SEED]) {
            contender.run();
            if let Some(failure) = contender.failure {
                report.note(format!("{}: {failure}", contender.name));
            }
        }
        for line in self.servers.told() {
            report.note(format!("TLS as nginx saw it: {}", line.replace("resumed .", "not resumed")));
        }
        Ok(())
    }

    /// Microseconds of the client's share of a handshake in memory.
    fn bare_handshake(&self, provider: &str) -> Result<f64, String> {
        let mut command = Command::new(self.programs.peer("handshake"));
        command.arg(provider);
        command.args(["ca.pem", "chain.pem", "leaf.key"].map(|name| self.servers.file(name)));
        command.arg(self.plan.count(3000, 1000).to_string());
        let said = crate::shell::run(&mut command)?;
        let ns = said.lines().find_map(|line| line.strip_prefix("ns ")?.parse::<f64>().ok());
        ns.map(|ns| ns / 1e3).ok_or_else(|| format!("handshake said: {said}"))
    }

    /// System calls and user instructions a probe, where the machine has the tools.
    fn counted(&self, case: &str, job: &Job<'_>, limit: f64, report: &mut Report) -> Result<(), String> {
        // Under callgrind a handshake takes milliseconds.
        let (few, many) = if job.https { (50, 250) } else { (200, 1200) };
        let lists = [self.servers.list(job.https, few, false)?, self.servers.list(job.https, many, false)?];
        let mut rows = Vec::new();
        let prober = self.programs.prober.clone();
        for (name, path) in [(PROBER, prober), (HYPER, self.programs.peer("hyper-probe"))] {
            let command = |longer: bool| {
                let list = &lists[usize::from(longer)];
                self.prober(&path, &Job { list, short: (list, 0), ..*job })
            };
            let calls = counts::system_calls(command, many - few, &self.servers.file("strace.txt"))?;
            let instructions = counts::instructions(command, many - few)?;
            let Some((total, listed)) = calls else { continue };
            if name == PROBER {
                report.limit(Limit {
                    case,
                    measure: "system calls a probe",
                    ours: total,
                    unit: "calls",
                    against: "",
                    theirs: None,
                    limit: limit + 0.05,
                });
            }
            rows.push(vec![name.to_owned(), figure(total), listed, instructions.map_or(String::new(), figure)]);
        }
        let title = format!("{case}: counted, not timed");
        let columns = vec![
            "program",
            "system calls a probe",
            "which (write, brk and getrandom are not counted)",
            "user instructions a probe",
        ];
        report.table(Table { title, columns, rows });
        Ok(())
    }
}

impl Contender {
    fn new(name: &str, command: Command, count: usize) -> Contender {
        Contender { name: name.to_owned(), command, count, runs: Vec::new(), failure: None }
    }

    fn run(&mut self) {
        match process::measure(&mut self.command, Output::Nowhere) {
            Ok(usage) => self.runs.push(usage),
            Err(failure) => self.failure = Some(failure),
        }
    }

    fn middle(&self, of: impl Fn(&Usage) -> f64) -> Option<f64> {
        median(self.runs.iter().map(of).collect())
    }

    /// Microseconds a probe.
    fn cpu(&self) -> Option<f64> {
        self.middle(|usage| per(usage.cpu(), self.count))
    }

    fn user(&self) -> Option<f64> {
        self.middle(|usage| per(usage.user, self.count))
    }

    /// MiB.
    fn peak(&self) -> Option<f64> {
        self.middle(|usage| mib(usage.peak))
    }
}

fn tabulate(case: &str, title: &str, contenders: &[Contender], report: &mut Report) {
    let ours = contenders.first().and_then(Contender::cpu);
    let rows = contenders.iter().map(|contender| match median_run(contender.runs.clone()) {
        Some(run) => {
            let cpu = per(run.cpu(), contender.count);
            vec![
                contender.name.clone(),
                figure(cpu),
                figure(per(run.user, contender.count)),
                figure(per(run.system, contender.count)),
                contender.peak().map_or(String::new(), figure),
                figure(per(run.wall, contender.count)),
                ours.map_or(String::new(), |ours| format!("{:.2}", ours / cpu)),
            ]
        }
        None => {
            let failure = contender.failure.clone().unwrap_or_default();
            vec![
                contender.name.clone(),
                failure,
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ]
        }
    });
    let columns =
        vec!["program", "CPU a probe, µs", "user", "system", "peak, MiB", "wall a probe, µs", "prober ÷ this"];
    report.table(Table { title: format!("{case}: {title}"), columns, rows: rows.collect() });
}

fn judge(
    case: &str,
    measure: &str,
    contenders: &[Contender],
    against: &str,
    limit: f64,
    report: &mut Report,
    of: impl Fn(&Contender) -> Option<f64>,
) {
    judge_with(case, measure, "µs", contenders, against, limit, report, of);
}

#[allow(clippy::too_many_arguments)] // one row of a table has as many columns
fn judge_with(
    case: &str,
    measure: &str,
    unit: &str,
    contenders: &[Contender],
    against: &str,
    limit: f64,
    report: &mut Report,
    of: impl Fn(&Contender) -> Option<f64>,
) {
    let ours = contenders.first().and_then(&of);
    let theirs = contenders.iter().find(|contender| contender.name == against).and_then(&of);
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        report.limit(Limit { case, measure, ours, unit, against, theirs: Some(theirs), limit });
    }
}

/// Microseconds of `time` for each of `count`.
fn per(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// `@FILE`, as the programs take a list.
fn at(list: &Path) -> String {
    format!("@{}", list.display())
}
