//! Text that somebody else chose, made fit to be shown: names of tasks, URLs, what a server sent.
//!
//! Job: one rule for what may not be shown as it is, for the terminal and for pages; and the escapes of HTML. Neighbours:
//! every picture; `words.js` has the same rule for the page that replays a run, and `escape.rs` of prober spells out what
//! is only replaced here. Invariant: [`printable`] text stays in its line, in the order in which it stands there.

/// Whether a character is not shown itself, but drives what shows it: a control character, which moves a cursor or rings
/// a bell; a separator of lines; one of Unicode's marks that reorder a line (its property `Bidi_Control`).
///
/// ```
/// assert!(oneloop_trace::drives('\u{1b}') && oneloop_trace::drives('\u{202e}'));
/// assert!(!oneloop_trace::drives('ž') && !oneloop_trace::drives('א'));
/// ```
pub fn drives(character: char) -> bool {
    let marks =
        matches!(character, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || marks || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Text with a replacement character for each that [drives] what shows it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if drives(c) { '\u{fffd}' } else { c }).collect()
}

/// Text as it may stand in HTML or SVG, between tags or in quotes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all characters below U+20000 (Unicode has no others of these kinds above): C0, DEL and C1, two separators, and
    /// the twelve of `Bidi_Control`.
    #[test]
    fn what_drives_a_terminal_or_reorders_a_line_is_known_and_nothing_else() {
        let driving: Vec<u32> = (0..0x2_0000).filter(|at| char::from_u32(*at).is_some_and(drives)).collect();
        let mut expected: Vec<u32> = (0..0x20).chain(0x7f..0xa0).collect();
        expected.extend([0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e]);
        expected.extend([0x2066, 0x2067, 0x2068, 0x2069]);
        assert_eq!(driving, expected);
        assert_eq!(printable("a\n\u{2066}b\u{61c}č"), "a\u{fffd}\u{fffd}b\u{fffd}č");
    }
}
