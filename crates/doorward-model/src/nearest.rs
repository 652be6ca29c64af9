//! The nearest of several names, for messages about one that does not exist.

/// The number of letters to change to make one text of the other (Levenshtein).
pub fn edits(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.bytes().enumerate() {
        let mut next = vec![index + 1];
        for (column, target) in other.bytes().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            next.push(
                (at(&row, column) + usize::from(letter != target))
                    .min(at(&row, column + 1) + 1)
                    .min(at(&next, column) + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// The end of a sentence that names the candidate which was probably meant: the nearest, if a third
/// of its letters or fewer differ, or one that begins with the same letters.
pub fn hint<T: AsRef<str>>(name: &str, candidates: impl IntoIterator<Item = T>) -> String {
    let (name, mut best) = (name.to_lowercase(), None::<(usize, T)>);
    for candidate in candidates {
        let known = candidate.as_ref().to_lowercase();
        let begins = name.len() >= 3 && known.starts_with(&name);
        let distance = if begins { 1 } else { edits(&name, &known) };
        let is_near = begins || distance <= (known.len().max(name.len()) / 3).max(1);
        if is_near && best.as_ref().is_none_or(|(least, _)| distance < *least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, found)| format!("; did you mean {}?", found.as_ref())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let known = ["wiki", "tickets", "github"];
        for (name, meant) in [
            ("wki", "wiki"),
            ("wikki", "wiki"),
            ("Github", "github"),
            ("gihtub", "github"),
            ("tick", "tickets"),
            ("tickts", "tickets"),
        ] {
            assert_eq!(hint(name, known), format!("; did you mean {meant}?"), "{name}");
        }
        for far in ["", "x", "calendar", "mail"] {
            assert_eq!(hint(far, known), "", "{far}");
        }
        assert_eq!(hint("wiki", Vec::<String>::new()), "");
    }
}
