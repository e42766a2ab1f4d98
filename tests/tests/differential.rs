//! The response reader beside CPython's http.client: the same bytes to both, and each difference explained.
//!
//! The inputs are the corpus of the fuzz target `response`, whose files are named after the rules that they try. What
//! both make of each is compared; docs/differential.md has a row for every input on which they differ, with the reason.
//! A difference that is not there, and a row that is no difference, both fail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oneloop_http::proto::{Event, Limits, ResponseReader};
use oneloop_tests::need;

/// Reads each file named on the command line as http.client would from a socket, and prints what came of it.
const SCRIPT: &str = r#"
import http.client, io, sys

class Socket:
    def __init__(self, data): self.data = data
    def makefile(self, *_): return io.BytesIO(self.data)

for path in sys.argv[1:]:
    data = open(path, "rb").read()[1:]
    response = http.client.HTTPResponse(Socket(data), method="GET")
    try:
        response.begin()
        body = response.read()
        print("ok", response.status, body.hex())
    except Exception:
        print("error")
"#;

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/response");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
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
            Ok(Event::End { .. }) => return format!("ok {status} {body}"),
            Ok(_) => {}
        }
    }
}

#[test]
fn each_difference_to_pythons_client_is_explained() {
    if !need::program("each_difference_to_pythons_client_is_explained", "python3", &["--version"]) {
        return;
    }
    let files = corpus();
    assert!(files.len() > 60);
    let output = Command::new("python3").arg("-c").arg(SCRIPT).args(&files).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs = String::from_utf8(output.stdout).unwrap();
    let mut differences = BTreeMap::new();
    assert_eq!(theirs.lines().count(), files.len());
    for (file, theirs) in files.iter().zip(theirs.lines()) {
        let ours = ours(&std::fs::read(file).unwrap()[1..]);
        if ours.trim() != theirs.trim() {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            let word = |outcome: &str| outcome.split(' ').take(2).collect::<Vec<_>>().join(" ");
            differences.insert(name, format!("{} | {}", word(&ours), word(theirs)));
        }
    }
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differential.md")).unwrap();
    let mut explained = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let mut cells = line.split(" | ");
        let name = cells.next().unwrap_or_default().trim_end_matches('`').to_owned();
        let outcomes = cells.by_ref().take(2).collect::<Vec<_>>().join(" | ");
        assert!(cells.next().is_some_and(|reason| reason.len() > 5), "{name} has no reason");
        explained.insert(name, outcomes);
    }
    assert_eq!(differences, explained, "left: found; right: explained");
}
