//! Links to a line of source: `` [`file.rs:12`](../file.rs#L12 "what the line says") ``.
//!
//! Job: find the line by what the link says of it, and write its number anew where lines have moved. Neighbours: `docs`
//! calls this for each line of a page that is not code, so `cargo xtask docs` renews and `--check` compares.
//! Invariants: a link to a line says what stands there, which its reader sees as the link's title; exactly one line of
//! the file has it.

use std::path::{Component, Path, PathBuf};

use crate::shell;

/// A line of a page with the numbers of its links to source lines renewed, and how many such links there are.
pub(crate) fn renew(page: &str, line: &str) -> Result<(String, usize), String> {
    let (mut new, mut rest, mut count) = (String::new(), line, 0);
    while let Some(at) = rest.find("](") {
        let (before, link) = rest.split_at(at + 2);
        new.push_str(before);
        rest = link;
        let target = link.split([')', ' ']).next().unwrap_or_default();
        let Some((file, number)) = target.split_once("#L").filter(|(file, _)| !file.contains("://")) else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let title = link[target.len()..].strip_prefix(" \"").and_then(|title| title.split_once("\")"));
        let (says, after) = title.ok_or_else(|| format!("{target} does not say in its title what stands there"))?;
        let text = shell::read(&from_root(page, file)).map_err(|error| format!("{target}: {error}"))?;
        let number = find(&text, says).map_err(|fault| format!("{file}: {fault}"))?;
        if let Some((name, _)) = new.strip_suffix("`](").and_then(|text| text.rsplit_once(':'))
            && name.ends_with(file.rsplit('/').next().unwrap_or_default())
        {
            new = format!("{name}:{number}`](");
        }
        new.push_str(&format!("{file}#L{number} \"{says}\")"));
        rest = after;
        count += 1;
    }
    new.push_str(rest);
    Ok((new, count))
}

/// A file that a page links to, counted from the root.
fn from_root(page: &str, file: &str) -> String {
    let mut path = PathBuf::new();
    for part in Path::new(page).parent().unwrap_or(Path::new("")).join(file).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            part => path.push(part),
        }
    }
    path.to_string_lossy().into_owned()
}

/// The number of the one line that has `says` in it.
fn find(text: &str, says: &str) -> Result<usize, String> {
    let mut found = text.lines().zip(1..).filter(|(line, _)| line.contains(says)).map(|(_, number)| number);
    match (found.next(), found.next()) {
        (Some(number), None) => Ok(number),
        (None, _) => Err(format!("no line has '{says}' any more")),
        (Some(one), Some(other)) => Err(format!("lines {one} and {other} have '{says}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_link_follow_its_line() {
        let says = "this very line is looked for";
        let number = include_str!("places.rs").lines().position(|line| line.contains(says)).expect("here") + 1;
        let link = |number| {
            format!(
                "a [b](c.md) [`places.rs:{number}`](../crates/xtask/src/places.rs#L{number} \"{}\"), d",
                "this very line is".to_owned() + " looked for"
            )
        };
        assert_eq!(renew("docs/x.md", &link(1)), Ok((link(number), 1)));
        assert_eq!(
            renew("docs/x.md", "[a](https://b/c.rs#L3) [d](e.md#Let) f"),
            Ok(("[a](https://b/c.rs#L3) [d](e.md#Let) f".into(), 0))
        );
        assert!(
            renew("docs/x.md", "[a](../crates/xtask/src/places.rs#L3)").is_err(),
            "it does not say what stands there"
        );
    }

    #[test]
    fn a_line_that_is_gone_or_not_alone_is_a_fault() {
        assert_eq!(find("a\nb c\n", "b c"), Ok(2));
        assert!(find("a\n", "b").is_err_and(|fault| fault.contains("any more")));
        assert!(find("b\nb\n", "b").is_err_and(|fault| fault.contains("1 and 2")));
    }
}
