//! The word that somebody probably meant: for keys of modules, variables of `-w`, commands.
//!
//! (What options are called is clap's to propose.) Neighbours: `modules::fields`, `report::write_out`, `cli`.
//! Counterpart: `difflib.get_close_matches` in Python.

/// Of `known`, the word that is the least number of changes away from `word`, if those are few.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name here is as long, and the work grows with the length.
    if word.len() > 100 {
        return None;
    }
    // Three slips in a long name are a misspelling, in a short one another word.
    let most = (word.chars().count() / 3).clamp(1, 3);
    let near = known.into_iter().map(|other| (distance(word, other), other)).filter(|(far, _)| *far <= most);
    near.min_by_key(|(far, _)| *far).map(|(_, other)| other)
}

/// How many letters have to be put in, taken out, changed, or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let mut table = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let at = |i: usize, j: usize| table.get(i * width + j).copied().unwrap_or_default();
            let (x, y) = (i.checked_sub(1).and_then(|i| a.get(i)), j.checked_sub(1).and_then(|j| b.get(j)));
            let here = match (x, y) {
                (Some(x), Some(y)) => {
                    let plain = (at(i - 1, j - 1) + usize::from(x != y)).min(at(i - 1, j) + 1).min(at(i, j - 1) + 1);
                    let swapped = i > 1 && j > 1 && a.get(i - 2) == Some(y) && b.get(j - 2) == Some(x);
                    if swapped { plain.min(at(i - 2, j - 2) + 1) } else { plain }
                }
                _ => i + j,
            };
            if let Some(cell) = table.get_mut(i * width + j) {
                *cell = here;
            }
        }
    }
    table.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        assert_eq!((distance("metod", "method"), distance("", "abc"), distance("same", "same")), (1, 3, 0));
        assert_eq!((distance("valid_status_code", "valid_status_codes"), distance("jsno", "json")), (1, 1));
    }

    #[test]
    fn few_slips_are_a_misspelling_and_many_another_word() {
        let known = ["time_total", "time_connect", "url", "json"];
        assert_eq!(nearest("time_totl", known), Some("time_total"));
        assert_eq!(nearest("jsno", known), Some("json"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("a".repeat(10_000).as_str(), known), None);
    }
}
