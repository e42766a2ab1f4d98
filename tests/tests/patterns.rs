//! Random regular expressions: a module with one must mean the same to `prober serve` and to Debian's blackbox_exporter.
//!
//! Both are asked first whether they take each pattern, and then, with all that both take, whether it matches pages of
//! odd characters. docs/exporter.md says what may differ; `\B`, names of newer Unicode and counts within counts are not
//! generated.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use oneloop_tests::folder::Folder;
use oneloop_tests::service::{Service, escaped};
use oneloop_tests::{need, program};

const PATTERNS: usize = 200;
const PAGES_A_PATTERN: usize = 3;

/// What a pattern is made of, outside of a class and inside.
const ATOMS: &[&str] = &[
    "a",
    "b",
    "K",
    "ſ",
    "é",
    "ß",
    "α",
    "1",
    "_",
    "-",
    " ",
    ".",
    r"\d",
    r"\D",
    r"\w",
    r"\W",
    r"\s",
    r"\S",
    r"\pL",
    r"\p{Lu}",
    r"\P{L}",
    r"\p{^L}",
    r"\p{Greek}",
    r"\pN",
    r"\n",
    r"\t",
    r"\x41",
    r"\x{e9}",
    r"\101",
    r"\0",
    r"\.",
    r"\_",
    r#"\""#,
    r"\<",
    r"\ ",
    "{",
    "}",
    "{a}",
    "{,2}",
    "{1",
    "\"",
    "&",
    "~",
    "#",
    "]",
    r"\Qa.b\E",
    r"\Q[\E",
    "^",
    "$",
    r"\A",
    r"\z",
    r"\b",
    r"\a",
    r"\v",
    "<",
    ":",
    ",",
    r"\/",
    "\u{a0}",
    "\u{fffd}",
    "😀",
];
const MEMBERS: &[&str] = &[
    "a",
    "1",
    "_",
    "-",
    "^",
    "[",
    "&&",
    "~~",
    "--",
    "a-c",
    "0-9",
    "é",
    "α-ω",
    r"\d",
    r"\W",
    r"\s",
    r"\pL",
    r"\p{^Greek}",
    "[:alpha:]",
    "[:^alpha:]",
    "[:word:]",
    "[:punct:]",
    r"\]",
    r"\^",
    r"\-",
    r"\n",
    r"\x41",
    r"\101",
    ".",
    "$",
    "*",
    "(",
    "{",
    "|",
    "\"",
    " ",
    "#",
    "K",
    "😀",
    ":",
    "<",
];
const GROUPS: &[&str] = &["(", "(?:", "(?i)(", "(?i:", "(?s:", "(?m:", "(?P<n>", "(?U:", "(?i-s:", "(?-i:", "(?ii)(?:"];
const REPEATS: &[&str] = &["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,1}", "{2,}", "{1}?"];
const BYTES: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"A",
    b"k",
    b"K",
    b"1",
    b"_",
    b"-",
    b" ",
    b".",
    b"a.b",
    b"[",
    b"{",
    b"}",
    b"{a}",
    b"{,2}",
    b"{1",
    b"\"",
    b"&",
    b"~",
    b"#",
    b"]",
    b"\n",
    b"\t",
    b"\r",
    b"\x0b",
    b"\0",
    b"<",
    b":",
    b"/",
    b"\xff",
    b"\xe9",
    b"\xf0\x9f",
    "é".as_bytes(),
    "ſ".as_bytes(),
    "ß".as_bytes(),
    "α".as_bytes(),
    "Α".as_bytes(),
    "\u{a0}".as_bytes(),
    "😀".as_bytes(),
];

/// Makes patterns and pages: the same in every run.
struct Random(fastrand::Rng);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0.usize(..limit)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn class(&mut self) -> String {
        let begin = if self.below(3) == 0 { "[^" } else { "[" };
        let members: String = (0..=self.below(3)).map(|_| self.one(MEMBERS)).collect();
        format!("{begin}{members}]")
    }

    fn part(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 4 } else { 10 }) {
            0..4 => self.one(ATOMS).to_owned(),
            4 => self.class(),
            5 => format!("{}{})", self.one(GROUPS), self.part(depth - 1)),
            6 => format!("{}|{}", self.part(depth - 1), self.part(depth - 1)),
            7 => format!("{}{}", self.part(depth - 1), self.one(REPEATS)),
            _ => format!("{}{}", self.part(depth - 1), self.part(depth - 1)),
        }
    }

    fn page(&mut self) -> Vec<u8> {
        (0..self.below(6)).flat_map(|_| self.one(BYTES)).copied().collect()
    }
}

/// Serves `pages` by their numbers, for as long as the test lives.
fn serve(pages: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
                request.push(byte[0]);
            }
            let text = String::from_utf8_lossy(&request);
            let number = text.split(['/', ' ']).find_map(|word| word.parse::<usize>().ok()).unwrap_or_default();
            let page = &pages[number];
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.len());
            // Whoever has gone needs no answer.
            let _ = stream.write_all(&[head.as_bytes(), page].concat());
        }
    });
    address
}

fn modules<'a>(patterns: impl IntoIterator<Item = (usize, &'a str)>) -> String {
    let mut text = "modules:\n".to_owned();
    for (number, pattern) in patterns {
        // JSON is YAML.
        let pattern = serde_json::to_string(pattern).expect("text");
        text += &format!("  m{number}: {{prober: http, http: {{fail_if_body_not_matches_regexp: [{pattern}]}}}}\n");
    }
    text
}

fn takes(command: &mut Command, modules: &Path) -> bool {
    command.arg(modules).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs").success()
}

fn matches(exporter: &Service, number: usize, target: &str) -> Option<bool> {
    let (_, metrics) = exporter.get(&format!("/probe?module=m{number}&target={}", escaped(target)));
    let success = metrics.lines().find_map(|line| line.strip_prefix("probe_success "))?;
    let of_regex = metrics.lines().find_map(|line| line.strip_prefix("probe_failed_due_to_regex "))?;
    (success != of_regex).then_some(success == "1")
}

#[test]
fn random_patterns_mean_the_same_to_both_exporters() {
    const NAME: &str = "random_patterns_mean_the_same_to_both_exporters";
    if !need::blackbox_exporter(NAME) {
        return;
    }
    let (mut random, folder) = (Random(fastrand::Rng::with_seed(1)), Folder::new());
    let patterns: Vec<String> = (0..PATTERNS).map(|_| random.part(4) + &random.part(3)).collect();
    let mut taken = Vec::new();
    for (number, pattern) in patterns.iter().enumerate() {
        let one = folder.write("one.yml", modules([(number, pattern.as_str())]));
        let mut theirs = Command::new("prometheus-blackbox-exporter");
        let theirs = takes(theirs.args(["--config.check", "--config.file"]), &one);
        assert_eq!(takes(program::prober().arg("check-config"), &one), theirs, "is {pattern:?} taken?");
        if theirs {
            taken.push(number);
        }
    }
    assert!(taken.len() > PATTERNS / 2 && taken.len() < PATTERNS, "{} are good ones", taken.len());

    let all = folder.write("all.yml", modules(taken.iter().map(|&number| (number, patterns[number].as_str()))));
    let mut theirs = Command::new("prometheus-blackbox-exporter");
    theirs.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(&all);
    let theirs = Service::start(&mut theirs, "msg=\"Listening on\" address=");
    let mut ours = program::prober();
    ours.args(["serve", "--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(&all);
    let ours = Service::start(&mut ours, "serving at http://");
    let pages: Vec<Vec<u8>> = (0..50).map(|_| random.page()).collect();
    let address = serve(pages.clone());
    let mut matching = 0;
    for number in taken {
        for _ in 0..PAGES_A_PATTERN {
            let page = random.below(pages.len());
            let target = format!("http://{address}/{page}");
            let (theirs, ours) = (matches(&theirs, number, &target), matches(&ours, number, &target));
            let shown = String::from_utf8_lossy(&pages[page]);
            assert!(theirs.is_some(), "an answer about {:?} in {shown:?}", patterns[number]);
            assert_eq!(ours, theirs, "does {:?} match {shown:?}?", patterns[number]);
            matching += usize::from(theirs == Some(true));
        }
    }
    assert!(matching > 10, "{matching} matched");
}
