//! The response reader beside CPython's http.client and beside hyper: the same bytes to all, each difference explained.
//!
//! The inputs are the corpus of the fuzz target `response`, whose files are named after the rules that they try, and
//! [generated](generated) responses. What each makes of them is compared; docs/differential.md has a row for every
//! input on which another one differs from us, with the reason. A difference that is not there, and a row that is no
//! difference, both fail. CPython is asked anew each time. hyper's answers are kept in `hyper.txt`, with a checksum of
//! each input, since the workspace is not to depend on it; `peers/src/bin/http-reader.rs` gives them.

mod generated;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oneloop_http::proto::{Event, Limits, ResponseReader};
use oneloop_tests::need;

/// Reads each file of a folder as http.client would from a socket, and prints what came of it.
const SCRIPT: &str = r#"
import http.client, io, os, sys

class Socket:
    def __init__(self, data): self.data = data
    def makefile(self, *_): return io.BytesIO(self.data)

for name in sorted(os.listdir(sys.argv[1])):
    with open(os.path.join(sys.argv[1], name), "rb") as file:
        response = http.client.HTTPResponse(Socket(file.read()), method="GET")
    try:
        response.begin()
        body = response.read()
        print(name, f"ok {response.status} {body.hex()}".strip(), sep="\t")
    except Exception:
        print(name, "error", sep="\t")
"#;

/// A response to read: its odd parts, if it is a generated one.
struct Input {
    parts: Vec<&'static str>,
    bytes: Vec<u8>,
}

/// All of them by name.
fn inputs() -> BTreeMap<String, Input> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/response");
    let mut inputs = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // The first byte chooses the method for the fuzz target.
        inputs.insert(name, Input { parts: Vec::new(), bytes: std::fs::read(&path).unwrap()[1..].to_vec() });
    }
    assert!(inputs.len() > 60);
    for (parts, bytes) in generated::all() {
        assert!(inputs.insert(parts.join(" + "), Input { parts, bytes }).is_none(), "two inputs have one name");
    }
    inputs
}

/// The inputs as files, for readers in other languages; names with a slash or a colon would be no files everywhere.
fn as_files(inputs: &BTreeMap<String, Input>) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("responses");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, input) in inputs {
        std::fs::write(folder.join(file_name(name)), &input.bytes).unwrap();
    }
    folder
}

fn file_name(name: &str) -> String {
    name.replace(['/', ':'], "_")
}

/// FNV-1a, as http-reader counts it.
fn checksum(bytes: &[u8]) -> String {
    let sum = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    format!("{sum:016x}")
}

/// What our reader makes of it, in the script's words.
fn ours(bytes: &[u8]) -> String {
    let mut reader = ResponseReader::new(false, Limits::default());
    let (mut at, mut status, mut body) = (0, 0, String::new());
    loop {
        let step = match reader.feed(&bytes[at..]) {
            Ok((used, Event::NeedMore)) => {
                at += used;
                reader.eof()
            }
            Ok((used, event)) => {
                at += used;
                Ok(event)
            }
            Err(error) => Err(error),
        };
        match step {
            Err(_) => return "error".into(),
            Ok(Event::Head(head)) => status = head.status.as_u16(),
            Ok(Event::Data(data)) => body.extend(data.iter().map(|byte| format!("{byte:02x}"))),
            Ok(Event::End { .. }) => return format!("ok {status} {body}").trim_end().to_owned(),
            Ok(_) => {}
        }
    }
}

/// The rows of one table of docs/differential.md: outcome here, outcome there; the heading names the table.
fn explained(heading: &str) -> BTreeMap<String, (String, String)> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differential.md")).unwrap();
    let (_, table) = page.split_once(&format!("\n## {heading}\n")).expect("the page has the heading");
    let table = table.split("\n## ").next().unwrap_or_default();
    let mut rows = BTreeMap::new();
    for line in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let mut cells = line.split(" | ");
        let name = cells.next().unwrap_or_default().trim_end_matches('`').to_owned();
        let (here, there) = (cells.next().unwrap_or_default().to_owned(), cells.next().unwrap_or_default().to_owned());
        assert!(cells.next().is_some_and(|reason| reason.len() > 5), "{name} has no reason");
        rows.insert(name, (here, there));
    }
    rows
}

/// Compares all outcomes with theirs. A response with two odd parts needs no row where one of its parts alone has one.
fn compare(heading: &str, theirs: impl Fn(&str, &Input) -> String) {
    let word = |outcome: &str| outcome.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let rows = explained(heading);
    let mut differences = BTreeMap::new();
    for (name, input) in inputs() {
        let (here, there) = (ours(&input.bytes), theirs(&name, &input));
        let by_a_part = input.parts.len() > 1 && input.parts.iter().any(|part| rows.contains_key(*part));
        if here != there && !by_a_part {
            differences.insert(name, (word(&here), word(&there)));
        }
    }
    assert_eq!(differences, rows, "left: found; right: explained");
}

#[test]
fn each_difference_to_pythons_client_is_explained() {
    if !need::program("each_difference_to_pythons_client_is_explained", "python3", &["--version"]) {
        return;
    }
    let folder = as_files(&inputs());
    let output = Command::new("python3").arg("-c").arg(SCRIPT).arg(&folder).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let outcomes: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    compare("http.client", |name, _| outcomes[file_name(name).as_str()].to_owned());
}

#[test]
fn each_difference_to_hyper_is_explained() {
    let record = include_str!("hyper.txt");
    let mut outcomes = BTreeMap::new();
    for line in record.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let name = cells.next().unwrap();
        outcomes.insert(name, (cells.next().unwrap(), cells.next().unwrap()));
    }
    assert_eq!(outcomes.len(), inputs().len(), "the record has other inputs: its head says how it is made");
    compare("hyper", |name, input| {
        let (sum, outcome) = outcomes[file_name(name).as_str()];
        assert_eq!(sum, checksum(&input.bytes), "{name} has changed: the head of hyper.txt says how that is made");
        outcome.to_owned()
    });
}
