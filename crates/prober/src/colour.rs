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

/// The few styles in use, each empty when colour is not wanted.
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
}

impl Palette {
    /// The palette for a stream that wants colour or not.
    pub(crate) fn new(colour: bool) -> Palette {
        if colour {
            Palette { good: "\x1b[32m", bad: "\x1b[31m", warn: "\x1b[33m", dim: "\x1b[2m", reset: "\x1b[0m" }
        } else {
            Palette { good: "", bad: "", warn: "", dim: "", reset: "" }
        }
    }
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
}
