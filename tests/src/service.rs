//! A service in a process of its own, running until it is dropped: `prober serve`, blackbox_exporter, Prometheus.
//!
//! Job: start it on a port of the system's choice, find the port in what it logs, ask it over HTTP.
//! Invariants: loopback alone, no fixed ports; its log is read to the end, so that it never waits for us.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program::look_at;

/// A service that listens.
#[derive(Debug)]
pub struct Service {
    process: Child,
    address: SocketAddr,
}

impl Service {
    /// Starts `command`, whose standard error says where it listens in a line with `mark` before the address.
    ///
    /// # Panics
    /// When it ends without saying so.
    #[must_use]
    pub fn start(command: &mut Command, mark: &str) -> Service {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the service started");
        let mut log = BufReader::new(process.stderr.take().expect("its log"));
        let mut read = String::new();
        let address = loop {
            let begin = read.len();
            let count = log.read_line(&mut read).unwrap_or_default();
            assert!(count > 0, "it does not listen:\n{read}");
            let rest = read.get(begin..).and_then(|line| line.split_once(mark)).map(|(_, rest)| rest);
            let word = rest.and_then(|rest| rest.split([' ', '\n', '/']).next());
            if let Some(address) = word.and_then(|word| word.parse().ok()) {
                break address;
            }
        };
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Service { process, address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Status and body of the answer to a GET.
    ///
    /// # Panics
    /// When it cannot be connected to.
    #[must_use]
    pub fn get(&self, target: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        // HTTP/1.0: the end of the body is the end of the connection, and no chunks need be read.
        write!(stream, "GET {target} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    /// The processor time that it has used so far, its own and the kernel's for it. 0 where there is no /proc.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        // The second field is the program's name, which may hold anything; user and system time are the 14th and 15th,
        // in hundredths of a second (USER_HZ).
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        fields.filter_map(|ticks| ticks.parse().ok()).map(|ticks: u64| Duration::from_millis(10 * ticks)).sum()
    }

    /// The most memory that it has had resident so far (`VmHWM`), in KiB. 0 where there is no /proc.
    #[must_use]
    pub fn peak_kib(&self) -> u64 {
        look_at(&self.process).0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `text` as it may stand in a query.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
