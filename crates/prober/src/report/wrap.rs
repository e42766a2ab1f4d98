//! Sentences on a terminal: broken between words, before the terminal breaks them within one.
//!
//! Neighbours: `text`, `waterfall` and `summary` print through [`sentence`] where a person reads; where a program may,
//! a line stays a line. Invariant: only spaces become line ends; a word that is wider than the place is left to the
//! terminal.

/// A rest of a line that is narrower than this takes no sentence: it begins on the next one.
const NARROWEST: usize = 24;

/// Appends `text`, which stands at the column `at`, to `out`, within `columns` columns; further lines begin below the
/// first word, or, where there would be too little room, at `indent`. Without `columns` nothing is broken.
///
/// `text` has been escaped: what it has of characters is one column wide each, as far as anybody knows, but for the
/// colours that the caller has put in.
pub(super) fn sentence(out: &mut Vec<u8>, text: &str, at: usize, indent: usize, columns: Option<usize>) {
    let Some(columns) = columns else { return out.extend_from_slice(text.as_bytes()) };
    if at + width(text) <= columns {
        return out.extend_from_slice(text.as_bytes());
    }
    let (indent, mut column) = match at + NARROWEST <= columns {
        true => (at, at),
        false => {
            while out.last() == Some(&b' ') {
                out.pop();
            }
            line_end(out, indent);
            (indent, indent)
        }
    };
    let mut is_first = true;
    for word in text.split(' ') {
        let width = width(word);
        if !is_first && column + 1 + width > columns {
            line_end(out, indent);
            column = indent;
        } else if !is_first {
            out.push(b' ');
            column += 1;
        }
        out.extend_from_slice(word.as_bytes());
        column += width;
        is_first = false;
    }
}

/// How many columns `text` takes: a colour (ESC, up to its `m`) takes none.
fn width(text: &str) -> usize {
    let mut in_colour = false;
    let mut columns = 0;
    for c in text.chars() {
        match c {
            '\x1b' => in_colour = true,
            'm' if in_colour => in_colour = false,
            _ => columns += usize::from(!in_colour),
        }
    }
    columns
}

fn line_end(out: &mut Vec<u8>, indent: usize) {
    out.push(b'\n');
    out.resize(out.len() + indent, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(before: &str, text: &str, columns: Option<usize>) -> String {
        let mut out = before.as_bytes().to_vec();
        sentence(&mut out, text, before.len(), 2, columns);
        String::from_utf8(out).expect("words stay whole")
    }

    #[test]
    fn lines_break_between_words_and_go_on_below_the_first() {
        let text = "the quick brown fox jumps over the lazy dog";
        assert_eq!(wrapped("ab  ", text, None), format!("ab  {text}"));
        assert_eq!(wrapped("ab  ", text, Some(47)), format!("ab  {text}"), "it just fits");
        let lines = "ab  the quick brown fox jumps\n    over the lazy dog";
        assert_eq!(wrapped("ab  ", text, Some(29)), lines);
        assert_eq!(wrapped("ab  ", text, Some(33)), lines, "a word that would just not fit");
    }

    #[test]
    fn colours_take_no_place() {
        let text = "the \x1b[31mquick\x1b[0m brown fox jumps over";
        assert_eq!(wrapped("", text, Some(30)), text, "30 columns are seen");
        assert_eq!(wrapped("", text, Some(29)), text.replace(" over", "\nover"));
    }

    #[test]
    fn where_little_room_is_left_the_sentence_begins_below() {
        assert_eq!(
            wrapped("a long beginning  ", "and some words after that", Some(30)),
            "a long beginning\n  and some words after that"
        );
        let url = "http://host/a-path-that-is-wider-than-the-place";
        assert_eq!(wrapped("x  ", &format!("see {url} there"), Some(28)), format!("x  see\n   {url}\n   there"));
    }
}
