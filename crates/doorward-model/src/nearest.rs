//! The nearest of several names, for messages about one that does not exist.

/// The number of letters to change, or of neighbours to swap, to make one text of the other (optimal
/// string alignment).
pub fn edits(one: &str, other: &str) -> usize {
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
    let mut row: Vec<usize> = (0..=other.len()).collect();
    // The row and the letter before.
    let mut before: Option<(Vec<usize>, u8)> = None;
    for (index, letter) in one.bytes().enumerate() {
        let mut next = vec![index + 1];
        let mut left = None;
        for (column, target) in other.bytes().enumerate() {
            let swapped = before.as_ref().zip(left).and_then(|((row, above), left)| {
                let is_swap = *above == target && left == letter;
                is_swap.then(|| at(row, column - 1) + 1)
            });
            next.push(
                (at(&row, column) + usize::from(letter != target))
                    .min(at(&row, column + 1) + 1)
                    .min(at(&next, column) + 1)
                    .min(swapped.unwrap_or(usize::MAX)),
            );
            left = Some(target);
        }
        before = Some((std::mem::replace(&mut row, next), letter));
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// The end of a sentence that names the candidate which was probably meant.
pub fn hint<T: AsRef<str>>(name: &str, candidates: impl IntoIterator<Item = T>) -> String {
    let found = found(name, candidates);
    found.map(|found| format!("; did you mean {}?", found.as_ref())).unwrap_or_default()
}

/// The candidate which was probably meant: the nearest, if a third of its letters or fewer differ,
/// or one that begins with the same letters.
pub fn found<T: AsRef<str>>(name: &str, candidates: impl IntoIterator<Item = T>) -> Option<T> {
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
    best.map(|(_, found)| found)
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
            ("wiik", "wiki"),
            ("tick", "tickets"),
            ("tickts", "tickets"),
        ] {
            assert_eq!(hint(name, known), format!("; did you mean {meant}?"), "{name}");
        }
        let of_settings = ["title", "url", "networks"];
        assert_eq!(hint("titel", of_settings), "; did you mean title?");
        assert_eq!((edits("ca", "abc"), edits("ab", "ba"), edits("", "ab")), (3, 1, 2));
        for far in ["", "x", "calendar", "mail"] {
            assert_eq!(hint(far, known), "", "{far}");
        }
        assert_eq!(hint("wiki", Vec::<String>::new()), "");
    }
}
