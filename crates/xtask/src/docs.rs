//! `cargo xtask docs`: what the pages quote is copied from the files that they name.
//!
//! Job: a fence after a line `<!-- from FILE -->` holds that file, after `<!-- from FILE#NAME -->` a part of it: what
//! stands between the comments `ANCHOR: NAME` and `ANCHOR_END: NAME`, or the function or type called NAME. This copies
//! them anew; `--check` only says which have drifted. Neighbours: `ci` checks; `parity` and the tests run what is quoted,
//! so that an expected output on a page is one that three languages gave; `places` renews links to lines of source.
//! Invariants: nothing else outside such a fence is touched; every other fence has
//! a reason, which `fences` asks for. The pictures of recorded runs (`runs`) are compared as well.

use std::path::Path;
use std::process::Command;

use crate::fences::{self, Count, Fence};
use crate::{places, runs, shell};

/// Copies anew, or compares.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    match arguments {
        [] => {}
        [flag] if flag == "--check" => return check().map(|note| println!("{note}")),
        _ => return Err(format!("docs takes --check and nothing else, and got {arguments:?}")),
    }
    for page in pages()? {
        let old = shell::read(&page)?;
        let (new, _) = renew(&page, &old)?;
        if new != old {
            std::fs::write(shell::root().join(&page), new).map_err(|error| format!("cannot write {page}: {error}"))?;
            println!("wrote {page}");
        }
    }
    for (path, draw) in runs::PICTURES {
        let picture = draw().map_err(|error| format!("{path}: {error}"))?;
        if std::fs::read_to_string(shell::root().join(path)).ok().as_deref() != Some(&picture) {
            std::fs::write(shell::root().join(path), picture)
                .map_err(|error| format!("cannot write {path}: {error}"))?;
            println!("wrote {path}");
        }
    }
    Ok(())
}

/// Compares all pages with the files that they quote, and says how many quotations there are.
pub(crate) fn check() -> Result<String, String> {
    let (mut faults, mut count) = (Vec::new(), Count::default());
    for page in pages()? {
        let old = shell::read(&page)?;
        match renew(&page, &old) {
            Ok((new, _)) if new != old => faults.push(format!("{page}: has drifted; cargo xtask docs copies it anew")),
            Ok((_, blocks)) => count.add(blocks),
            Err(fault) => faults.push(fault),
        }
        if is_chapter(&page) {
            match fences::figures(&page, &old) {
                Ok(figures) => count.add(Count { figures, ..Count::default() }),
                Err(fault) => faults.push(fault),
            }
        }
    }
    for (path, draw) in runs::PICTURES {
        let picture = draw().map_err(|error| format!("{path}: {error}"))?;
        if shell::read(path)? != picture {
            faults.push(format!("{path}: has drifted; cargo xtask docs draws it anew"));
        }
    }
    let pictures = runs::PICTURES.len();
    if faults.is_empty() { Ok(format!("{count}; {pictures} pictures of runs")) } else { Err(faults.join("\n")) }
}

fn pages() -> Result<Vec<String>, String> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
    let files = shell::run(Command::new("git").args(list))?;
    // A file that was removed and not committed yet is still in the index.
    Ok(files.lines().filter(|page| shell::root().join(page).exists()).map(String::from).collect())
}

/// The page with its quotations copied anew, and how many blocks of each kind it has.
fn renew(page: &str, old: &str) -> Result<(String, Count), String> {
    let (mut new, mut count) = (String::new(), Count::default());
    let mut lines = old.lines().enumerate();
    let mut mark = None;
    while let Some((number, line)) = lines.next() {
        let place = format!("{page}:{}", number + 1);
        let (renewed, places) = places::renew(page, line).map_err(|fault| format!("{place}: {fault}"))?;
        count.add(Count { places, ..Count::default() });
        new.push_str(&renewed);
        new.push('\n');
        if !line.starts_with("```") {
            mark = if line.starts_with("<!-- ") { Some(line) } else { mark.filter(|_| line.is_empty()) };
            continue;
        }
        let source = mark.take();
        let mut body = String::new();
        let closed = lines.by_ref().map(|(_, line)| line).find(|line| {
            let end = line.starts_with("```");
            if !end {
                body.push_str(line);
                body.push('\n');
            }
            end
        });
        let Some(end) = closed else { return Err(format!("{place}: this fence is never closed")) };
        if let Some(named) = source.and_then(|mark| mark.strip_prefix("<!-- from ")?.strip_suffix(" -->")) {
            body = quote(named).map_err(|fault| format!("{place}: {fault}"))?;
        }
        let language = line.trim_start_matches('`');
        let fence = Fence { page, language, mark: source, body: &body };
        count.add(fences::classify(&fence, old).map_err(|fault| format!("{place}: {fault}"))?);
        new.push_str(&body);
        new.push_str(end);
        new.push('\n');
    }
    Ok((new, count))
}

/// Chapters are `docs/NN-name.md`.
fn is_chapter(page: &str) -> bool {
    let name = page.strip_prefix("docs/").unwrap_or_default();
    name.starts_with(|first: char| first.is_ascii_digit()) && name.ends_with(".md")
}

/// A file, or the part of it behind `#`.
fn quote(named: &str) -> Result<String, String> {
    let (file, part) = named.split_once('#').map_or((named, None), |(file, part)| (file, Some(part)));
    let text = shell::read(file)?;
    let Some(part) = part else { return Ok(without_anchors(text.lines())) };
    let lines: Vec<&str> = text.lines().collect();
    let found = anchored(&lines, part).or_else(|| item(&lines, part, Path::new(file)));
    let found = found.ok_or_else(|| format!("{file} has neither an anchor nor a function or type '{part}'"))?;
    let shortest = found.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(line)).min().unwrap_or(0);
    Ok(without_anchors(found.iter().map(|line| line.get(shortest..).unwrap_or_default())))
}

fn without_anchors<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let kept = lines.filter(|line| !line.contains("ANCHOR: ") && !line.contains("ANCHOR_END: "));
    kept.flat_map(|line| [line, "\n"]).collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// What stands between the two comments.
fn anchored<'a, 'b>(lines: &'b [&'a str], name: &str) -> Option<&'b [&'a str]> {
    let (from, to) = (format!("ANCHOR: {name}"), format!("ANCHOR_END: {name}"));
    let first = lines.iter().position(|line| line.trim_end().ends_with(&from))? + 1;
    let last = first + lines[first..].iter().position(|line| line.trim_end().ends_with(&to))?;
    Some(&lines[first..last])
}

/// A function or type: from the line that names it to the one that closes it, by their indentation.
fn item<'a, 'b>(lines: &'b [&'a str], name: &str, file: &Path) -> Option<&'b [&'a str]> {
    let python = file.extension().is_some_and(|extension| extension == "py");
    let first = lines.iter().position(|line| names(line, name))?;
    let depth = indent(lines[first]);
    let rest = &lines[first + 1..];
    let end = if python {
        let next = rest.iter().position(|line| !line.trim().is_empty() && indent(line) <= depth).unwrap_or(rest.len());
        next - rest[..next].iter().rev().take_while(|line| line.trim().is_empty()).count()
    } else {
        1 + rest.iter().position(|line| indent(line) == depth && line.trim_start().starts_with('}'))?
    };
    Some(&lines[first..first + 1 + end])
}

/// Whether this line begins the item of that name. In C# what stands before a method's name is its type.
fn names(line: &str, name: &str) -> bool {
    let code = line.trim_start();
    let declares =
        ["fn ", "struct ", "enum ", "trait ", "impl ", "class ", "def ", "static async Task", "static void "];
    !code.starts_with("//")
        && declares.iter().any(|word| {
            let after = code.find(word).map(|at| &code[at + word.len()..]);
            let after = after.map(|rest| {
                if *word == "static async Task" { rest.trim_start_matches(|c| c != ' ').trim_start() } else { rest }
            });
            after
                .and_then(|rest| rest.strip_prefix(name))
                .is_some_and(|end| !end.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: [&str; 9] = [
        "// ANCHOR: a",
        "fn ab() {}",
        "// ANCHOR_END: a",
        "impl X {",
        "    /// Says fn a.",
        "    fn a(&self) {",
        "        b",
        "    }",
        "}",
    ];

    #[test]
    fn an_anchor_comes_before_an_item_of_its_name() {
        assert_eq!(anchored(&RUST, "a"), Some(&RUST[1..2]));
        assert_eq!(item(&RUST, "a", Path::new("x.rs")), Some(&RUST[5..8]));
        assert_eq!(item(&RUST, "X", Path::new("x.rs")), Some(&RUST[3..9]));
        assert_eq!(item(&RUST, "b", Path::new("x.rs")), None);
    }

    #[test]
    fn a_python_function_ends_where_its_indentation_does() {
        let lines = ["async def f():", "    a", "", "    b", "", "", "def g():", "    c"];
        assert_eq!(item(&lines, "f", Path::new("x.py")), Some(&lines[..4]));
        assert_eq!(item(&lines, "g", Path::new("x.py")), Some(&lines[6..]));
    }

    #[test]
    fn a_csharp_method_is_found_behind_its_type() {
        let lines = ["class P {", "    static async Task<int> Main(string[] a)", "    {", "        x;", "    }", "}"];
        assert_eq!(item(&lines, "Main", Path::new("x.cs")), Some(&lines[1..5]));
    }

    #[test]
    fn code_in_a_chapter_names_its_file_or_says_why_not() {
        let page = "text\n\n```rust\nx\n```\n";
        assert!(renew("docs/04-poll.md", page).is_err());
        assert!(renew("docs/glossary.md", page).is_err());
        let page = "<!-- not run: for illustration -->\n```rust\nx\n```\n";
        assert_eq!(renew("docs/04-poll.md", page).map(|renewed| renewed.0), Ok(page.to_string()));
        assert!(renew("docs/04-poll.md", "```text\nnever closed\n").is_err());
    }
}
