//! Links between the pages.
//!
//! Job: each relative link in a Markdown file that git tracks leads to a file, folder or heading that exists.
//! Neighbours: `ci` calls `check`. Links to the outside are not asked for: CI has no network.

use std::path::Path;
use std::process::Command;

use crate::shell;

/// Checks all pages, and says how many links there are.
pub(crate) fn check() -> Result<String, String> {
    let pages =
        shell::run(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]))?;
    let mut faults = Vec::new();
    let (mut count, mut symbols) = (0, 0);
    for page in pages.lines() {
        let text = shell::read(page)?;
        faults.extend(missing_paths(&text).into_iter().map(|path| format!("{page}: {path} is not there")));
        let folder = shell::root().join(Path::new(page).parent().unwrap_or(Path::new("")));
        for (target, part) in relative_links(&text) {
            count += 1;
            let file = if target.is_empty() { shell::root().join(page) } else { folder.join(&target) };
            if !file.exists() {
                faults.push(format!("{page}: {target} is not there"));
            } else if target.is_empty() || target.ends_with(".md") {
                let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                if !part.is_empty() && !anchors(&text).contains(&part) {
                    faults.push(format!("{page}: {target} has no heading for #{part}"));
                }
            }
        }
        for (symbol, file) in named_symbols(&text) {
            symbols += 1;
            if !std::fs::read_to_string(folder.join(&file)).is_ok_and(|source| source.contains(&symbol)) {
                faults.push(format!("{page}: {file} has no '{symbol}'"));
            }
        }
    }
    if faults.is_empty() { Ok(format!("{count} links, {symbols} named symbols")) } else { Err(faults.join("\n")) }
}

/// What the headings of a page are called in links: in lower case, without punctuation, with hyphens for spaces.
fn anchors(markdown: &str) -> Vec<String> {
    let mut fenced = false;
    let headings = markdown.lines().filter(move |line| {
        fenced ^= line.starts_with("```");
        !fenced && line.starts_with('#')
    });
    let name = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(name).collect()
}

/// Paths between backquotes that begin like one of ours and lead nowhere.
fn missing_paths(markdown: &str) -> Vec<String> {
    const FOLDERS: [&str; 4] = ["crates/", "examples/", "docs/", "peers/"];
    let code = markdown.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_path = |code: &&str| {
        FOLDERS.iter().any(|folder| code.starts_with(folder))
            && code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    };
    code.filter(is_path).filter(|path| !shell::root().join(path).exists()).map(String::from).collect()
}

/// What a page says to be in a file of source: "`symbol` in \[`file`\](path)".
fn named_symbols(markdown: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in markdown.lines() {
        let pieces: Vec<&str> = line.split("` in [").collect();
        for pair in pieces.windows(2) {
            let symbol = pair[0].rsplit('`').next().unwrap_or_default();
            let target = pair[1].split_once("](").and_then(|(_, rest)| rest.split([')', '#']).next());
            if let Some(file) = target.filter(|file| file.ends_with(".rs") && !file.contains("://")) {
                let last = symbol.rsplit("::").next().unwrap_or_default();
                found.push((last.to_string(), file.to_string()));
            }
        }
    }
    found
}

/// The targets of `[text](target#part)` in a file of ours, each with its part; code is left out.
fn relative_links(markdown: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every other piece between backquotes is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for piece in prose.split("](").skip(1) {
            let target = piece.split(')').next().unwrap_or_default();
            let (file, part) = target.split_once('#').unwrap_or((target, ""));
            if !target.is_empty() && !file.contains("://") && !file.starts_with("mailto:") {
                links.push((file.to_string(), part.to_string()));
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_of_ours_count() {
        let page =
            "[a](docs/a.md#x) ![p](img/p.svg) [w](https://w) [h](#h) `[c](code)` [`d`](d.rs)\n```\n[e](e)\n```\n";
        let links = relative_links(page);
        let links: Vec<(&str, &str)> = links.iter().map(|(file, part)| (file.as_str(), part.as_str())).collect();
        assert_eq!(links, [("docs/a.md", "x"), ("img/p.svg", ""), ("", "h"), ("d.rs", "")]);
    }

    #[test]
    fn a_symbol_is_looked_for_in_the_file_behind_it() {
        let page = "`A::b` in [`c.rs`](../c.rs), `d` and `e` in [`f.md`](f.md)\n";
        assert_eq!(named_symbols(page), [("b".to_string(), "../c.rs".to_string())]);
        assert_eq!(missing_paths("`crates/xtask/src/links.rs` `crates/none.rs` `docs/x y`"), ["crates/none.rs"]);
    }

    #[test]
    fn headings_are_named_as_code_hosts_name_them() {
        let page = "# 1. A `b`, c?\n```\n# no\n```\n## .NET\n";
        assert_eq!(anchors(page), ["1-a-b-c", "net"]);
    }
}
