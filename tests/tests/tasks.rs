//! `prober --tasks`, SIGUSR1 and `--watchdog`, from outside.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use oneloop_tests::holding::Holding;
use oneloop_tests::program;

/// A program in which three probes wait for an answer that never comes.
struct Running {
    child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
    server: Holding,
}

impl Running {
    fn start(options: &[&str]) -> Running {
        // A fourth connection, which never comes, is what it holds the others for.
        let server = Holding::start(Duration::ZERO, 4);
        let mut command = program::prober();
        command.args(options).args(["-m", "2m"]);
        for path in ["one", "two", "three"] {
            command.arg(format!("http://{}/{path}", server.address()));
        }
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
        let status = Command::new("kill").arg("-USR1").arg(self.child.id().to_string()).status();
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

    fn threads(&self) -> usize {
        let names = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        names.map_or(1, Iterator::count)
    }

    /// Lets the server answer, and waits for the program's end.
    fn end(mut self) -> bool {
        let last = std::net::TcpStream::connect(self.server.address()).expect("the server is there");
        std::io::Write::write_all(&mut &last, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect("it listens");
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
