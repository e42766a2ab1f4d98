//! What stands in a fence was run, or a page says why not.
//!
//! Job: give every fenced block of every page one of four reasons to be believed, and count them: it is quoted from a
//! file (`docs` copies those), its commands are checked here, a test reads it (`<!-- checked by FILE -->`), or the page
//! says why nothing runs it (`<!-- not run: WHY -->`). A table of measured figures names its command (`<!-- figures:
//! COMMAND -->`). Neighbours: `docs` walks the pages. Invariant: a block without a reason is a fault, so the count is
//! always 100 %.

use std::path::Path;

use crate::shell;

/// How many blocks there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) quoted: usize,
    pub(crate) commands: usize,
    pub(crate) tested: usize,
    pub(crate) not_run: usize,
    pub(crate) figures: usize,
    /// Links to lines of source.
    pub(crate) places: usize,
}

impl Count {
    pub(crate) fn add(&mut self, other: Count) {
        self.quoted += other.quoted;
        self.commands += other.commands;
        self.tested += other.tested;
        self.not_run += other.not_run;
        self.figures += other.figures;
        self.places += other.places;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Count { quoted, commands, tested, not_run, figures, places } = self;
        let all = quoted + commands + tested + not_run;
        write!(f, "{all} of {all} blocks (100 %): {quoted} quoted, {commands} of commands, {tested} read by tests, ")?;
        write!(f, "{not_run} not run and saying why; {figures} tables of figures; {places} links to lines")
    }
}

/// One block: its page and line, its language, the mark above it, and what it holds.
pub(crate) struct Fence<'a> {
    pub(crate) page: &'a str,
    pub(crate) language: &'a str,
    pub(crate) mark: Option<&'a str>,
    pub(crate) body: &'a str,
}

/// Counts the block under its reason, or says that it has none.
pub(crate) fn classify(fence: &Fence<'_>, text: &str) -> Result<Count, String> {
    let own = fence.mark.and_then(|mark| mark.strip_prefix("<!-- ")?.strip_suffix(" -->"));
    let mark = own.or_else(|| for_all(text, fence.language)).unwrap_or_default();
    let one = Count::default();
    if mark.starts_with("from ") {
        return Ok(Count { quoted: 1, ..one });
    }
    if mark.strip_prefix("not run: ").is_some_and(|why| why.len() > 10) {
        return Ok(Count { not_run: 1, ..one });
    }
    if fence.language == "sh" {
        commands(fence.page, fence.body)?;
        return Ok(Count { commands: 1, ..one });
    }
    if let Some(file) = mark.strip_prefix("checked by ") {
        let name = Path::new(fence.page).file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !shell::read(file)?.contains(&name) {
            return Err(format!("{file} is said to check this, and does not name {name}"));
        }
        return Ok(Count { tested: 1, ..one });
    }
    Err("nothing says what runs this: <!-- from FILE#NAME -->, <!-- checked by FILE --> or <!-- not run: WHY -->"
        .into())
}

/// The reason that a page gives for all of its blocks in one language: `<!-- all rust: checked by FILE -->`.
fn for_all<'a>(text: &'a str, language: &str) -> Option<&'a str> {
    let begin = format!("<!-- all {language}: ");
    text.lines().find_map(|line| line.strip_prefix(&begin)?.strip_suffix(" -->"))
}

/// Each line of a block of commands names only what there is.
fn commands(page: &str, body: &str) -> Result<(), String> {
    for line in body.lines() {
        let code = line.split(" #").next().unwrap_or_default();
        let code = code.split(" || ").next().unwrap_or_default();
        let words: Vec<&str> = code.split_whitespace().skip_while(|word| word.contains('=')).collect();
        command(page, &words).map_err(|fault| format!("'{line}': {fault}"))?;
    }
    Ok(())
}

fn command(page: &str, words: &[&str]) -> Result<(), String> {
    let read = |file: &str| shell::read(file);
    match words {
        [] => Ok(()),
        [first, ..] if first.starts_with('#') => Ok(()),
        ["cargo", "xtask", name, ..] => {
            known(&read("crates/xtask/src/main.rs")?, &format!("\n  {name} "), "no such command of xtask")
        }
        ["cargo", "exercise"] => Ok(()),
        ["cargo", "exercise", number, ..] => {
            let found = std::fs::read_dir(shell::root().join("examples/exercises")).into_iter().flatten().flatten();
            let mut names = found.map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.any(|name| name.starts_with(number)).then_some(()).ok_or("no such exercise".into())
        }
        ["cargo", "ladder" | "museum", name, ..] => program(name),
        ["cargo", "run", rest @ ..] => {
            let own = rest.split(|word| *word == "--").next().unwrap_or_default();
            for pair in own.windows(2).filter(|pair| matches!(pair[0], "--bin" | "--example")) {
                program(pair[1])?;
            }
            if own.len() == rest.len() { Ok(()) } else { options(&rest[own.len()..]) }
        }
        ["cargo", "test" | "doc" | "install" | "fuzz" | "+nightly", ..] => Ok(()),
        ["prober" | "target/release/prober", rest @ ..] => options(rest),
        ["python3", file, ..] | ["dotnet", "run", "--project", file, ..] => {
            let folder = shell::root().join(page);
            let beside = folder.parent().is_some_and(|folder| folder.join(file).exists());
            let found = beside || shell::root().join(file).exists();
            found.then_some(()).ok_or(format!("there is no {file}"))
        }
        ["dotnet", "run", ..] => Ok(()),
        // Other people's programs, on the reader's machine.
        [
            "apt-get" | "brew" | "curl" | "docker" | "kill" | "kubectl" | "podman" | "promtool" | "strace"
            | "systemctl",
            ..,
        ] => Ok(()),
        [other, ..] => Err(format!("nothing here knows what '{other}' is")),
    }
}

/// A program of the examples.
fn program(name: &str) -> Result<(), String> {
    let manifest = shell::read("examples/Cargo.toml")?;
    known(&manifest, &format!("name = \"{name}\""), &format!("the examples have no program '{name}'"))
}

/// The prober's options, each of which its reference names, or its source.
fn options(words: &[&str]) -> Result<(), String> {
    let mut text = String::new();
    for page in ["docs/prober.md", "docs/exporter.md", "docs/operations.md"] {
        text += &shell::read(page)?;
    }
    let named: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c)).collect();
    for word in words.iter().filter(|word| word.len() > 2 && word.starts_with("--")) {
        let name = word.split('=').next().unwrap_or_default();
        let is_named = named.iter().any(|other| other.trim_end_matches('.') == name);
        is_named.then_some(()).ok_or(format!("prober has no {name} that its pages name"))?;
    }
    Ok(())
}

fn known(text: &str, what: &str, fault: &str) -> Result<(), String> {
    if text.contains(what) { Ok(()) } else { Err(fault.into()) }
}

/// Tables of measured figures in a chapter: each says which command measured it, and the lines of a rung are what its
/// file has now.
pub(crate) fn figures(page: &str, text: &str) -> Result<usize, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut tables = 0;
    for (number, table) in tables_of(&lines) {
        let measured = table.iter().flat_map(|row| row.split('|')).filter(|cell| is_measured(cell.trim())).count();
        for row in &table {
            rung(row).map_err(|fault| format!("{page}:{}: {fault}", number + 1))?;
        }
        if measured < 2 {
            continue;
        }
        let above = lines[..number].iter().rev().find(|line| !line.is_empty());
        let named = above.and_then(|line| line.strip_prefix("<!-- figures: ")?.strip_suffix(" -->"));
        let Some(named) = named else {
            return Err(format!(
                "{page}:{}: figures that no command is named for: <!-- figures: COMMAND -->",
                number + 1
            ));
        };
        commands(page, named).map_err(|fault| format!("{page}:{}: {fault}", number + 1))?;
        tables += 1;
    }
    Ok(tables)
}

/// The tables, each with the number of its first line.
fn tables_of<'a>(lines: &[&'a str]) -> Vec<(usize, Vec<&'a str>)> {
    let mut tables: Vec<(usize, Vec<&str>)> = Vec::new();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('|')) {
        match tables.last_mut() {
            Some((first, rows)) if *first + rows.len() == number => rows.push(line),
            _ => tables.push((number, vec![line])),
        }
    }
    tables
}

/// `2.33`, and not a version or a word.
fn is_measured(cell: &str) -> bool {
    cell.split_once('.').is_some_and(|(whole, part)| {
        [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
    })
}

/// A row about a rung says how many lines it has.
fn rung(row: &str) -> Result<(), String> {
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let [_, name, _, lines, ..] = cells[..] else { return Ok(()) };
    let file = format!("examples/ladder/{}.rs", name.trim_matches('`'));
    let (Ok(source), Ok(said)) = (shell::read(&file), lines.parse::<usize>()) else { return Ok(()) };
    let counted = source.lines().count();
    if counted == said { Ok(()) } else { Err(format!("{file} has {counted} lines, and the page says {said}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(language: &str, mark: Option<&str>, body: &str) -> Result<Count, String> {
        classify(&Fence { page: "docs/x.md", language, mark, body }, "")
    }

    #[test]
    fn a_block_without_a_reason_is_a_fault() {
        assert!(of("", None, "x\n").is_err());
        assert!(of("text", Some("<!-- not run: -->"), "x\n").is_err());
        assert!(of("text", Some("<!-- not run: Windows only, from its documentation -->"), "x\n").is_ok());
        assert!(of("yaml", Some("<!-- checked by crates/xtask/src/main.rs -->"), "x\n").is_err());
    }

    #[test]
    fn a_command_names_only_what_there_is() {
        assert!(of("sh", None, "cargo xtask ladder # all\nFLAG=1 cargo museum lost_wake bug\n").is_ok());
        assert!(of("sh", None, "cargo xtask ladders\n").is_err());
        assert!(of("sh", None, "cargo museum lost_sleep\n").is_err());
        assert!(of("sh", None, "cargo exercise 99\n").is_err());
        assert!(of("sh", None, "cargo run --release -- --no-such-option\n").is_err());
        assert!(of("sh", None, "rm x\n").is_err());
    }

    #[test]
    fn a_table_of_figures_names_its_command() {
        let table = "| a | b |\n|---|---|\n| 1.50 | 2.33 |\n";
        assert!(figures("docs/01-x.md", table).is_err());
        assert_eq!(figures("docs/01-x.md", &format!("<!-- figures: cargo xtask ladder -->\n\n{table}")), Ok(1));
        assert_eq!(figures("docs/01-x.md", "| since 3.8 | 3.13.0 |\n"), Ok(0));
        assert!(figures("docs/01-x.md", "| `07_timers` | f | 7 |\n").is_err());
    }
}
