//! The book as a web site: mdBook builds it from the pages as they are.
//!
//! Job: check that the chapters have one form, that the table of contents has all, and that the site builds; and be
//! mdBook's preprocessor, which sends links out of `docs/` to where the source is hosted, since the site has no source
//! files. Neighbours: `docs/book.toml` names this; `ci` calls `check`. Invariant: a page needs nothing for the site
//! that it would not have without it.

use std::io::Read;
use std::process::Command;

use crate::shell;

const SOURCE: &str = "https://github.com/oneloop-rs/oneloop/blob/main/";

/// Every page is in the table of contents, and, where mdBook is installed, the site builds without a warning.
pub(crate) fn check() -> Result<String, String> {
    let contents = shell::read("docs/SUMMARY.md")?;
    let entries = std::fs::read_dir(shell::root().join("docs")).map_err(|error| format!("docs: {error}"))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pages: Vec<String> = names.filter(|name| name.ends_with(".md") && name != "SUMMARY.md").collect();
    if let Some(missing) = pages.iter().find(|page| !contents.contains(&format!("({page})"))) {
        return Err(format!("docs/SUMMARY.md does not lead to {missing}"));
    }
    for page in pages.iter().filter(|page| page.starts_with(|first: char| first.is_ascii_digit())) {
        form(&shell::read(&format!("docs/{page}"))?).map_err(|fault| format!("docs/{page}: {fault}"))?;
    }
    if !shell::is_there("mdbook", "--version") {
        return Ok(format!("{} pages; SKIPPED to build the site: cargo install mdbook", pages.len()));
    }
    let output = shell::run(Command::new("mdbook").args(["build", "docs"]))?;
    if output.contains("WARN") { Err(output) } else { Ok(format!("{} pages, and the site builds", pages.len())) }
}

/// What all chapters have in common: the questions first, a picture and an exercise, and an end in sight.
fn form(chapter: &str) -> Result<(), String> {
    const MOST_WORDS: usize = 2500;
    let words = chapter.split_whitespace().count();
    let parts = [
        ("the questions that it answers", "\n\nThis chapter answers:\n"),
        ("a picture", "\n!["),
        ("an exercise", "](../examples/exercises/"),
    ];
    match parts.iter().find(|(_, sign)| !chapter.contains(sign)) {
        Some((what, _)) => Err(format!("it lacks {what}")),
        None if words > MOST_WORDS => Err(format!("{words} words, and {MOST_WORDS} are the most")),
        None => Ok(()),
    }
}

/// mdBook's preprocessor: a book as JSON comes in, and goes out with its links to the source made absolute.
pub(crate) fn links(arguments: &[String]) -> Result<(), String> {
    if arguments.first().is_some_and(|word| word == "supports") {
        return Ok(()); // every renderer
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| format!("stdin: {error}"))?;
    let input: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("mdBook's JSON: {error}"))?;
    let book = input.get(1).ok_or("mdBook sent no book")?;
    println!("{}", absolute(&book.to_string()));
    Ok(())
}

/// `](../x)` leads out of the book's folder, wherever it stands.
fn absolute(book: &str) -> String {
    book.replace("](../", &format!("]({SOURCE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_has_its_form() {
        let chapter = "# 1\n\nThis chapter answers:\n\n![p](p.svg)\n[x](../examples/exercises/01/README.md)\n";
        assert_eq!(form(chapter), Ok(()));
        assert!(form(&chapter.replace("![", "[")).is_err());
        assert!(form(&format!("{chapter}{}", "word ".repeat(2500))).is_err());
    }

    #[test]
    fn only_links_out_of_the_book_are_changed() {
        let page = r"[a](../crates/x.rs) [b](04-poll.md#c) ![d](img/e.svg)";
        let expected = format!(r"[a]({SOURCE}crates/x.rs) [b](04-poll.md#c) ![d](img/e.svg)");
        assert_eq!(absolute(page), expected);
    }
}
