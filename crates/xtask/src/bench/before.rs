//! W1 to W4 against a prober of another commit: has the work of a probe grown?
//!
//! Job: count the user instructions and the system calls that a probe costs in either program, and hold ours to what the
//! other has and two in a hundred more. Nothing is timed, so one run says it. Neighbours: `counts` counts; `server`
//! answers; build the other prober in a worktree of its commit, with the same compiler.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::counts;
use super::table::{Limit, Report, Table, figure};
use super::works::{Bench, Job};

/// Two in a hundred is what user instructions may vary by: TLS is full of random numbers.
const MAY_GROW: f64 = 1.02;

/// Seconds for each probe: under callgrind, five hundred handshakes at once take longer than the ten of the default.
const PATIENCE: &str = "300";

struct Work {
    case: &'static str,
    what: &'static str,
    /// A short list and a long one, with their lengths: the difference is what the probes cost, without the start.
    lists: [(PathBuf, usize); 2],
    parallel: usize,
    keepalive: bool,
    https: bool,
}

impl Bench<'_> {
    pub(super) fn against(&self, before: &Path, report: &mut Report) -> Result<(), String> {
        let wanted = |case| self.plan.wants(case);
        let fresh = |https, few, many| -> Result<_, String> {
            Ok([(self.servers.list(https, few, false)?, few), (self.servers.list(https, many, false)?, many)])
        };
        if wanted("W1") {
            let lists = fresh(true, 50, 450)?;
            let what = "HTTPS, a fresh connection each";
            self.hold_against(
                before,
                Work { case: "W1", what, lists, parallel: 100, keepalive: false, https: true },
                report,
            )?;
        }
        if wanted("W2") {
            let lists = fresh(false, 200, 2200)?;
            let what = "HTTP, a fresh connection each";
            self.hold_against(
                before,
                Work { case: "W2", what, lists, parallel: 100, keepalive: false, https: false },
                report,
            )?;
        }
        if wanted("W3") {
            let list = |count| Ok::<_, String>((self.servers.list(false, count, true)?, count));
            let (lists, what) = ([list(500)?, list(5500)?], "HTTP, kept connections");
            self.hold_against(
                before,
                Work { case: "W3", what, lists, parallel: 50, keepalive: true, https: false },
                report,
            )?;
        }
        for https in [false, true].into_iter().filter(|_| wanted("W4")) {
            let holding = self.servers.hold(self.programs, Duration::from_secs(3), https)?;
            let list = |count| {
                let urls = (0..count).map(|n| format!("{}/probe/{n}", holding.url));
                Ok::<_, String>((self.servers.write_list(&format!("held-{https}-{count}.txt"), urls)?, count))
            };
            let (lists, what) = ([list(100)?, list(500)?], if https { "HTTPS, all held" } else { "HTTP, all held" });
            self.hold_against(
                before,
                Work { case: "W4", what, lists, parallel: 500, keepalive: false, https },
                report,
            )?;
        }
        Ok(())
    }

    fn hold_against(&self, before: &Path, work: Work, report: &mut Report) -> Result<(), String> {
        let Work { case, what, lists, parallel, keepalive, https } = work;
        eprintln!("{case}: {what}");
        let units = lists[1].1 - lists[0].1;
        let count = |program: &Path| -> Result<_, String> {
            let command = |longer: bool| {
                let (list, count) = &lists[usize::from(longer)];
                let job = Job { list, short: (list, 0), count: *count, parallel, keepalive, https };
                let mut command = self.prober(program, &job);
                command.args(["-m", PATIENCE]);
                command
            };
            let calls = counts::system_calls(command, units, &self.servers.file("strace.txt"))?;
            let instructions = counts::instructions(command, units)?;
            Ok((instructions.ok_or("there is no valgrind here")?, calls.ok_or("there is no strace here")?))
        };
        let (ours, theirs) = (count(&self.programs.prober)?, count(before)?);
        let against = "before";
        for (measure, unit, ours, theirs) in [
            ("user instructions a probe", "instructions", ours.0, theirs.0),
            ("system calls a probe", "calls", ours.1.0, theirs.1.0),
        ] {
            let measure = &format!("{what}: {measure}");
            report.limit(Limit { case, measure, ours, unit, against, theirs: Some(theirs), limit: MAY_GROW });
        }
        let row = |name: &str, (instructions, (total, listed)): (f64, (f64, String))| {
            vec![name.to_owned(), figure(instructions), figure(total), listed]
        };
        let columns = vec!["program", "user instructions a probe", "system calls a probe", "which"];
        let rows = vec![row("prober", ours), row(against, theirs)];
        report.table(Table { title: format!("{case}: {what}"), columns, rows });
        Ok(())
    }
}
