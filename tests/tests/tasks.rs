//! `prober --tasks`, SIGUSR1 and `--watchdog`, from outside.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use oneloop_tests::holding::Holding;
use oneloop_tests::{need, program};

/// A program in which three probes wait for an answer that never comes.
struct Running {
    child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
    server: Holding,
}

impl Running {
    fn start(options: &[&str]) -> Running {
        // A fourth connection, which never comes, is what the server holds the others for.
        Running::start_with(program::prober(), options, 4)
    }

    fn start_with(mut command: Command, options: &[&str], held_for: usize) -> Running {
        let server = Holding::start(Duration::ZERO, held_for);
        command.args(options).args(["-m", "2m"]);
        for path in ["one", "two", "three"] {
            command.arg(format!("http://{}/{path}", server.address()));
        }
        Running::spawn(command, server)
    }

    fn spawn(mut command: Command, server: Holding) -> Running {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        Running { child, stderr, server }
    }

    /// Asks again and again, since nobody outside can know when all three are waiting.
    fn table_with_three_reads(&mut self) -> Vec<String> {
        loop {
            self.signal();
            let table = self.table();
            if table.iter().filter(|line| line.contains("source ") && line.contains("to read")).count() >= 6 {
                return table;
            }
        }
    }

    fn signal(&self) {
        self.kill("-USR1");
    }

    fn kill(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// The lines from one heading on, to the end of its tree.
    fn table(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for line in &mut self.stderr {
            let line = line.expect("text");
            if !lines.is_empty() || line.starts_with("prober: what each task waits for") {
                lines.push(line);
            }
            // The tree has a line for each task, and the heading says how many these are.
            let tasks: Option<usize> =
                lines.first().and_then(|line| line.split("): ").nth(1)?.split(' ').next()?.parse().ok());
            let tree = lines.iter().position(|line| line == "who awaits whom:");
            if let (Some(tasks), Some(tree)) = (tasks, tree)
                && lines.len() == tree + 1 + tasks
            {
                return lines;
            }
        }
        panic!("stderr ended with {lines:?}");
    }

    /// Reads the next report that begins so: one of the probes is being stepped, and the table says so of it alone.
    fn report(&mut self, begins: &str) {
        let urls = format!("http://{}/", self.server.address());
        let mut lines = self.stderr.by_ref().map(|line| line.expect("text"));
        let first = lines.find(|line| line.starts_with(begins)).expect("a report");
        assert!(first.contains(&format!(" has been in the step of {urls}")), "{first}");
        assert!(first.contains("made at crates/prober/src/"), "{first}");
        let table: Vec<String> = lines.take_while(|line| line != "who awaits whom:").collect();
        assert!(table[0].contains("; 1 thread beside the loop's: watchdog"), "{table:#?}");
        let running = table.iter().filter(|line| line.contains(" running ") && line.contains(&urls));
        assert_eq!(running.count(), 1, "{table:#?}");
    }

    fn threads(&self) -> usize {
        let names = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        names.map_or(1, Iterator::count)
    }

    /// Lets the server answer, and waits for the program's end.
    fn end(mut self) -> bool {
        let last = std::net::TcpStream::connect(self.server.address()).expect("the server is there");
        (&last).write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect("it listens");
        for line in &mut self.stderr {
            drop(line);
        }
        self.child.wait().expect("it ends").success()
    }
}

/// Before the loop catches it the signal would end the program: so the first table is asked for when there is one.
fn first_words(running: &mut Running) {
    // `--tasks` prints by itself: when it does, the handler is there.
    let table = running.table();
    assert!(table[0].contains("(--tasks)"), "{table:?}");
}

#[test]
fn sigusr1_prints_the_table_and_the_run_goes_on() {
    let mut running = Running::start(&["--tasks=20ms"]);
    first_words(&mut running);
    let table = running.table_with_three_reads();
    let heads = table[1].split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(heads, "# task is since waits for doing polls awaits at made at");
    for path in ["one", "two", "three"] {
        let url = format!("http://{}/{path}", running.server.address());
        let row = table.iter().find(|line| line.contains(&url) && line.contains("waiting")).expect("a row");
        assert!(row.contains("source ") && row.contains(", to read") && row.contains(" wait "), "{row}");
    }
    assert!(running.end(), "all probes passed");
}

/// Nothing is kept for it: the loop is asked what its tasks wait for.
#[test]
fn sigusr1_prints_the_table_without_any_option() {
    let mut running = Running::start(&[]);
    // The signal is caught before the first connection is made.
    running.server.wait_for(3);
    let table = running.table_with_three_reads();
    assert!(table[0].contains("(SIGUSR1)"), "{}", table[0]);
    assert_eq!(table[1].split_whitespace().collect::<Vec<_>>(), ["#", "task", "is", "waits", "for"]);
    assert!(running.end(), "all probes passed");
}

/// strace holds the loop's thread, and only that, for an hour in its first read of an answer: in the middle of a step.
/// (`-D` makes the program the child, and strace its own.)
#[test]
fn a_loop_that_is_stuck_in_a_step_is_reported_and_answers_a_signal() {
    let test = "a_loop_that_is_stuck_in_a_step_is_reported_and_answers_a_signal";
    if !need::strace(test) {
        return;
    }
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=recvfrom"]);
    command.args(["-e", "inject=recvfrom:delay_enter=3600000000"]).arg(program::path());
    let mut running = Running::start_with(command, &["--watchdog=200"], 3);
    running.report("prober: the loop is stuck: turn ");
    // It is stuck for as long as this test likes, and the signal is answered nevertheless.
    running.signal();
    running.report("prober: asked while the loop is stuck: turn ");
    // Nobody holds it any more: it goes on, and is not asked a second time.
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).expect("it lives");
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:")).expect("it is traced").trim();
    assert!(Command::new("kill").args(["-KILL", tracer]).status().expect("kill runs").success());
    let rest: Vec<String> = running.stderr.by_ref().map(|line| line.expect("text")).collect();
    assert!(!rest.iter().any(|line| line.contains("(SIGUSR1)")), "{rest:#?}");
    assert!(running.child.wait().expect("it ends").success(), "all probes passed");
}

#[test]
fn a_watchdog_is_one_thread_that_is_named_and_told_of() {
    let mut running = Running::start(&["--tasks=20ms", "--watchdog=60000"]);
    first_words(&mut running);
    let table = running.table();
    assert!(
        table[0].contains("1 thread beside the loop's: watchdog (looks whether the loop is stuck)"),
        "{}",
        table[0]
    );
    if std::path::Path::new("/proc/self/task").exists() {
        assert_eq!(running.threads(), 2);
    }
    assert!(running.end(), "all probes passed");
}

/// The option counts before the command as behind it (it was lost there), a signal is answered without it, and a probe is
/// called by its target while it runs.
#[test]
fn the_exporter_shows_its_tasks_as_a_run_does() {
    for options in [["--tasks=20ms", "serve"].as_slice(), &["serve", "--tasks=20ms"], &["serve"]] {
        let server = Holding::start(Duration::ZERO, 2);
        let mut command = program::prober();
        command.args(options).args(["--web.listen-address", "127.0.0.1:0"]);
        let mut running = Running::spawn(command, server);
        let serving = running.stderr.next().expect("a line").expect("text");
        let address = serving.rsplit('/').nth(1).expect("an address").to_owned();
        let target = format!("http://{}/held", running.server.address());
        // A table is read by others.
        let (asked, shown) = (target.replace("//", "//me:hunter2@"), target.replace("//", "//<secret>@"));
        let mut scrape = std::net::TcpStream::connect(&address).expect("it serves");
        write!(scrape, "GET /probe?target={asked} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it listens");
        running.server.wait_for(1);
        let probes = |line: &&String| line.contains(&format!("probe {shown} ")) && line.contains(", to read");
        let why = if options.len() == 1 { "(SIGUSR1)" } else { "(--tasks)" };
        loop {
            if options.len() == 1 {
                running.signal();
            }
            let table = running.table();
            assert!(table[0].contains(why) && !table.join("\n").contains("hunter2"), "{table:#?}");
            if table.iter().any(|line| probes(&line)) {
                break;
            }
        }
        running.kill("-TERM");
        while running.stderr.next().is_some() {}
        assert!(running.child.wait().expect("it ends").success(), "{options:?}");
    }
}
