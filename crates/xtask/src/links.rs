//! Links between the pages.
//!
//! Job: each relative link in a Markdown file that git tracks leads to a file or folder that exists. Neighbours: `ci`
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
        for target in relative_links(&shell::read(page)?) {
            count += 1;
            if !folder.join(&target).exists() {
                faults.push(format!("{page}: {target} is not there"));
            }
        }
    }
    if faults.is_empty() { Ok(format!("{count} links")) } else { Err(faults.join("\n")) }
}

/// The targets of `[text](target)` that name a file of ours, without their `#part`; code is left out.
fn relative_links(markdown: &str) -> Vec<String> {
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
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:") {
                links.push(file.to_string());
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
        assert_eq!(relative_links(page), ["docs/a.md", "img/p.svg", "d.rs"]);
    }
}
