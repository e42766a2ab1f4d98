//! Whether to colour, decided once for each of stdout and stderr.
//!
//! The order is that of no-color.org and bixense.com/clicolors: `--color`, `NO_COLOR`, `FORCE_COLOR` and
//! `CLICOLOR_FORCE`, then whether it is a terminal and `TERM` is not `dumb`. Nothing is said by colour alone.

use std::ffi::OsString;

/// The value of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    /// Where a person sees it
    Auto,
    /// Even into a file or a pipe
    Always,
    /// Nowhere
    Never,
}

/// Decides for a stream that is a terminal or not; `variable` reads the environment.
pub(crate) fn wanted(when: When, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let forced = |name: &str| variable(name).is_some_and(|value| !value.is_empty() && value != "0");
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR") => false,
        When::Auto if forced("FORCE_COLOR") || forced("CLICOLOR_FORCE") => true,
        When::Auto => is_terminal && variable("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// The few styles in use, each empty when colour is not wanted, and the signs that bars are made of.
///
/// The six colours of phases are told apart by people who confuse red with green (after Okabe and Ito); the signs differ
/// as well, so nothing is said by colour alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    /// A probe that passed.
    pub(crate) good: &'static str,
    /// A probe that failed.
    pub(crate) bad: &'static str,
    /// What deserves a second look.
    pub(crate) warn: &'static str,
    /// Detail.
    pub(crate) dim: &'static str,
    /// Back to plain.
    pub(crate) reset: &'static str,
    /// The phases, in their order.
    pub(crate) phases: [&'static str; 6],
    pub(crate) glyphs: &'static Glyphs,
}

/// Signs for bars and lines.
#[derive(Debug)]
pub(crate) struct Glyphs {
    /// The phases, in their order.
    pub(crate) phases: [&'static str; 6],
    /// A bar of a histogram.
    pub(crate) bar: &'static str,
    /// A line down.
    pub(crate) down: &'static str,
    /// Where a probe failed.
    pub(crate) cross: &'static str,
}

/// For terminals that say that they speak UTF-8.
const UNICODE: Glyphs =
    Glyphs { phases: ["░", "▒", "▓", "▪", "█", "▄"], bar: "■", down: "│", cross: "✗" };
/// For all others.
const ASCII: Glyphs = Glyphs { phases: ["r", "c", "t", "s", "=", "x"], bar: "#", down: "|", cross: "!" };

impl Palette {
    /// The palette for a stream that wants colour or not, and is shown as UTF-8 or not.
    pub(crate) fn new(colour: bool, unicode: bool) -> Palette {
        let glyphs = if unicode { &UNICODE } else { &ASCII };
        if colour {
            Palette {
                good: "\x1b[32m",
                bad: "\x1b[31m",
                warn: "\x1b[33m",
                dim: "\x1b[2m",
                reset: "\x1b[0m",
                phases: [
                    "\x1b[38;5;175m",
                    "\x1b[38;5;172m",
                    "\x1b[38;5;36m",
                    "\x1b[38;5;244m",
                    "\x1b[38;5;74m",
                    "\x1b[38;5;166m",
                ],
                glyphs,
            }
        } else {
            Palette { good: "", bad: "", warn: "", dim: "", reset: "", phases: [""; 6], glyphs }
        }
    }
}

/// Whether text may have signs beyond ASCII, by the first of the variables that says anything (POSIX's order).
pub(crate) fn speaks_unicode(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    // Without a locale it is the one called C, except on a Mac, whose terminals speak UTF-8 all the same.
    locale.map_or(cfg!(target_os = "macos"), |locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// How many columns lines may have: what `COLUMNS` says, else what the terminal says, else 80.
pub(crate) fn columns(variable: impl Fn(&str) -> Option<OsString>, terminal: Option<usize>) -> usize {
    let told = variable("COLUMNS").and_then(|value| value.to_str()?.parse().ok());
    told.or(terminal).filter(|columns| *columns > 0).unwrap_or(80).clamp(40, 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(when: When, is_terminal: bool, environment: &[(&str, &str)]) -> bool {
        wanted(when, is_terminal, |name| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_option_comes_before_the_environment_and_that_before_the_terminal() {
        assert!(decide(When::Always, false, &[("NO_COLOR", "1")]));
        assert!(!decide(When::Never, true, &[("FORCE_COLOR", "1")]));
        assert!(!decide(When::Auto, true, &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]));
        assert!(decide(When::Auto, false, &[("FORCE_COLOR", "1")]));
        assert!(decide(When::Auto, false, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")]));
        assert!(!decide(When::Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(decide(When::Auto, true, &[("NO_COLOR", ""), ("TERM", "xterm")]));
        assert!(!decide(When::Auto, true, &[("TERM", "dumb")]));
        assert!(!decide(When::Auto, false, &[]));
    }

    #[test]
    fn width_and_signs_are_told_by_the_environment_before_the_terminal() {
        let is =
            |name: &'static str, value: &'static str| move |asked: &str| (asked == name).then(|| OsString::from(value));
        assert_eq!(columns(is("COLUMNS", "160"), Some(80)), 160);
        assert_eq!(columns(is("COLUMNS", "many"), Some(100)), 100);
        assert_eq!(columns(is("TERM", "dumb"), None), 80);
        assert!(speaks_unicode(is("LANG", "de_DE.UTF-8")) && speaks_unicode(is("LC_ALL", "C.utf8")));
        assert!(!speaks_unicode(is("LC_ALL", "C")));
    }
}
