//! The options of the programs that probe: `prober`'s names where it has them.

use std::time::Duration;

#[derive(Debug)]
pub struct Options {
    pub urls: Vec<String>,
    pub parallel: usize,
    pub keepalive: bool,
    pub cacert: Option<String>,
    pub provider: String,
    pub max_time: Duration,
    /// hyper only: the connection runs as a task of its own, as hyper's guide writes it.
    pub spawn: bool,
}

impl Options {
    /// Reads the command line, and the list that `@FILE` names. A peer is only ever started by the benchmark, so
    /// what is wrong ends it with a sentence.
    pub fn from_args() -> Options {
        let mut options = Options {
            urls: Vec::new(),
            parallel: 50,
            keepalive: false,
            cacert: None,
            provider: "ring".to_owned(),
            max_time: Duration::from_secs(10),
            spawn: false,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| stop(&format!("{arg} needs a value")));
            match arg.as_str() {
                "--parallel-max" => options.parallel = number(&value()),
                "--max-time" => options.max_time = Duration::from_secs(number(&value()) as u64),
                "--cacert" => options.cacert = Some(value()),
                "--provider" => options.provider = value(),
                "--keepalive" => options.keepalive = true,
                "--spawn" => options.spawn = true,
                _ => match arg.strip_prefix('@') {
                    Some(file) => match std::fs::read_to_string(file) {
                        Ok(text) => options.urls.extend(text.lines().map(str::to_owned)),
                        Err(e) => stop(&format!("{file}: {e}")),
                    },
                    None => options.urls.push(arg),
                },
            }
        }
        options
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| stop(&format!("{text} is no number")))
}

fn stop(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2)
}
