//! The snippets of the appendix for readers of C# are what the source says, in the file that is named above each.

use std::fs;
use std::path::Path;

/// Whether all of `lines` are in `source`, in this order; those that say `…` stand for what is left out.
fn occurs(lines: &[&str], source: &str) -> bool {
    let mut rest = source.lines();
    lines.iter().filter(|line| !line.contains("// …")).all(|line| rest.any(|other| other == *line))
}

#[test]
fn each_snippet_is_in_the_source() {
    let docs = Path::new("../docs");
    let page = fs::read_to_string(docs.join("rust-for-csharp.md")).expect("the appendix");
    let (mut file, mut snippet, mut count) = (None, None::<Vec<&str>>, 0);
    for line in page.lines() {
        match &mut snippet {
            Some(lines) if line == "```" => {
                let name: &str = file.expect("a link before the snippet");
                let source = fs::read_to_string(docs.join(name)).expect(name);
                assert!(occurs(lines, &source), "{name} does not hold this any more:\n{}", lines.join("\n"));
                snippet = None;
                count += 1;
            }
            Some(lines) => lines.push(line),
            None if line == "```rust" => snippet = Some(Vec::new()),
            None if line.starts_with("Seen in [") => {
                file = line.split_once("](").and_then(|(_, rest)| rest.split_once(')')).map(|(path, _)| path);
            }
            None => {}
        }
    }
    assert!(count >= 25, "{count} snippets were found");
}
