//! A terminal's output as an SVG picture.
//!
//! Job: turn text with ANSI colours into cells on a grid. Neighbours: `docs` gives it what a program printed.
//! Invariants: the layout is a function of the text alone, and no font is needed: each run of characters is stretched
//! to the width of its cells, so columns stand under each other whatever font the viewer has.

use std::fmt::Write;
use std::str::Chars;

use oneloop_trace::escaped;

const CELL_WIDTH: f64 = 8.4;
const LINE_HEIGHT: usize = 19;
const MARGIN: usize = 16;
/// A line that is longer is broken, as a terminal of this width would break it.
pub(crate) const COLUMNS: usize = 120;
const BACKGROUND: &str = "#1b1f27";
const FOREGROUND: &str = "#d6dae2";

/// The eight colours, and the eight bright ones, chosen to be told apart on the dark background.
const COLOURS: [&str; 16] = [
    "#5c6370", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d6dae2", "#7f8694", "#ff7a85",
    "#b5e890", "#ffd68a", "#7cc4ff", "#dd92f2", "#6fd3e0", "#ffffff",
];

/// How characters look, until the next escape sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    colour: Option<usize>,
    bold: bool,
    dim: bool,
}

/// Characters of one look, beginning at a column.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    column: usize,
    look: Look,
    text: String,
}

/// Draws `command` as typed at a prompt, and below it the lines of `output`.
pub(crate) fn draw(command: &str, output: &str) -> String {
    let prompt = format!("\x1b[2m$\x1b[0m \x1b[1m{command}\x1b[0m");
    let mut look = Look::default();
    let whole = std::iter::once(prompt.as_str()).chain(output.lines());
    let lines: Vec<Vec<Run>> = whole.flat_map(|line| broken(runs(line, &mut look))).collect();
    let columns = lines.iter().flatten().map(|run| run.column + run.text.chars().count()).max().unwrap_or_default();
    let width = columns as f64 * CELL_WIDTH + 2.0 * MARGIN as f64;
    let height = lines.len() * LINE_HEIGHT + 2 * MARGIN;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" width=\"{width:.0}\" height=\"{height}\" \
         role=\"img\" aria-label=\"the output of {label}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"14\" fill=\"{FOREGROUND}\">\n",
        label = escaped(command)
    );
    for (row, line) in lines.iter().enumerate() {
        let baseline = MARGIN + row * LINE_HEIGHT + 14;
        for run in line.iter().filter(|run| !run.text.trim().is_empty()) {
            draw_run(&mut svg, run, baseline);
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn draw_run(svg: &mut String, run: &Run, baseline: usize) {
    // Blanks at the ends would be squeezed differently by different viewers, so they are not drawn.
    let shown = run.text.trim_end();
    let indented = shown.trim_start();
    let column = run.column + shown.chars().count() - indented.chars().count();
    let x = MARGIN as f64 + column as f64 * CELL_WIDTH;
    let length = indented.chars().count() as f64 * CELL_WIDTH;
    let mut style = String::new();
    if let Some(colour) = run.look.colour.and_then(|index| COLOURS.get(index)) {
        let _ = write!(style, " fill=\"{colour}\"");
    }
    if run.look.bold {
        style.push_str(" font-weight=\"bold\"");
    }
    if run.look.dim {
        style.push_str(" opacity=\"0.6\"");
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{baseline}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\"{style}>{}</text>",
        escaped(indented)
    );
}

/// Cuts a line where its look changes. Sequences that are not about looks are dropped.
fn runs(line: &str, look: &mut Look) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        if character == '\x1b' {
            let sequence = take_sequence(&mut rest);
            if let Some(codes) = sequence.strip_suffix('m') {
                change(look, codes);
            }
            continue;
        }
        if character.is_control() {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.look == *look => run.text.push(character),
            _ => runs.push(Run { column, look: *look, text: character.to_string() }),
        }
        column += 1;
    }
    runs
}

/// Breaks a line's runs at the terminal's width. An empty line stays one line.
fn broken(runs: Vec<Run>) -> Vec<Vec<Run>> {
    let mut lines = vec![Vec::new()];
    for Run { column, look, text } in runs {
        let mut column = column;
        let mut rest: Vec<char> = text.chars().collect();
        while !rest.is_empty() {
            let room = COLUMNS - column % COLUMNS;
            let tail = rest.split_off(room.min(rest.len()));
            let row = column / COLUMNS;
            lines.resize_with(lines.len().max(row + 1), Vec::new);
            let piece = Run { column: column % COLUMNS, look, text: rest.iter().collect() };
            column += rest.len();
            if let Some(line) = lines.get_mut(row) {
                line.push(piece);
            }
            rest = tail;
        }
    }
    lines
}

/// Takes an escape sequence, up to and with the letter that ends it, and returns it without its opening bracket.
fn take_sequence(rest: &mut Chars<'_>) -> String {
    let mut sequence = String::new();
    for character in rest.by_ref() {
        if character != '[' {
            sequence.push(character);
        }
        if character.is_ascii_alphabetic() {
            break;
        }
    }
    sequence
}

fn change(look: &mut Look, codes: &str) {
    for code in codes.split(';') {
        match code.parse::<usize>().unwrap_or_default() {
            0 => *look = Look::default(),
            1 => look.bold = true,
            2 => look.dim = true,
            22 => (look.bold, look.dim) = (false, false),
            code @ 30..=37 => look.colour = Some(code - 30),
            39 => look.colour = None,
            code @ 90..=97 => look.colour = Some(code - 90 + 8),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_its_look_changes() {
        let mut look = Look::default();
        let cut = runs("\x1b[32mok\x1b[0m 1 ms \x1b[1;91mno\x1b[m", &mut look);
        let green = Look { colour: Some(2), ..Look::default() };
        let bold_red = Look { colour: Some(9), bold: true, dim: false };
        assert_eq!(
            cut,
            [
                Run { column: 0, look: green, text: "ok".into() },
                Run { column: 2, look: Look::default(), text: " 1 ms ".into() },
                Run { column: 8, look: bold_red, text: "no".into() },
            ]
        );
        assert_eq!(look, Look::default());
    }

    #[test]
    fn a_look_goes_on_into_the_next_line_and_other_sequences_are_dropped() {
        let mut look = Look::default();
        runs("\x1b[31m", &mut look);
        let cut = runs("\x1b[2Kred\r", &mut look);
        assert_eq!(cut, [Run { column: 0, look: Look { colour: Some(1), ..Look::default() }, text: "red".into() }]);
    }

    #[test]
    fn a_long_line_is_broken_where_a_terminal_would_break_it() {
        let mut look = Look::default();
        let text = format!("\x1b[31m{}\x1b[0m{}", "a".repeat(100), "b".repeat(150));
        let lines = broken(runs(&text, &mut look));
        let shape: Vec<Vec<(usize, usize)>> =
            lines.iter().map(|line| line.iter().map(|run| (run.column, run.text.len())).collect()).collect();
        assert_eq!(shape, [vec![(0, 100), (100, 20)], vec![(0, 120)], vec![(0, 10)]]);
        assert_eq!(broken(Vec::new()).len(), 1);
    }

    #[test]
    fn what_is_markup_in_svg_is_escaped() {
        assert!(draw("x", "a<b> & \"c\"").contains(">a&lt;b&gt; &amp; &quot;c&quot;</text>"));
    }
}
