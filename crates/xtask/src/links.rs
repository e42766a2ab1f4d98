//! Links between the pages.
//!
//! Job: each relative link in a Markdown file that git tracks leads to a file, folder or heading that exists. Neighbours: `ci`
//! calls `check`. Links to the outside are not asked for: CI has no network.

use std::path::Path;
use std::process::Command;

use crate::shell;

/// Checks all pages, and says how many links there are.
pub(crate) fn check() -> Result<String, String> {
    let pages =
        shell::run(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]))?;
    let mut faults = Vec::new();
    let mut count = 0;
    for page in pages.lines() {
        let folder = shell::root().join(Path::new(page).parent().unwrap_or(Path::new("")));
        for (target, part) in relative_links(&shell::read(page)?) {
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
    }
    if faults.is_empty() { Ok(format!("{count} links")) } else { Err(faults.join("\n")) }
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
    fn headings_are_named_as_code_hosts_name_them() {
        let page = "# 1. A `b`, c?\n```\n# no\n```\n## .NET\n";
        assert_eq!(anchors(page), ["1-a-b-c", "net"]);
    }
}
