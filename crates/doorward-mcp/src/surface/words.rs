//! Words of tools and questions: split where names join them, and reduced to their stems.

use frostem::{Algorithm, Stemmer};

/// The stem of an English word in lower case (Snowball).
pub(super) fn stem(word: &str) -> String {
    Stemmer::new(Algorithm::English).stem(word).into_owned()
}

/// True where a name goes on with another word: `camelCase`, `HTTPServer`, `page2`. The plural of
/// an abbreviation is one word, as in `listAPIs`.
fn is_boundary(
    before: Option<char>,
    letter: char,
    after: Option<char>,
    later: Option<char>,
) -> bool {
    let Some(before) = before else { return false };
    if before.is_numeric() != letter.is_numeric() {
        return true;
    }
    if !letter.is_uppercase() {
        return false;
    }
    let is_plural = after == Some('s') && !later.is_some_and(char::is_lowercase);
    before.is_lowercase() || (after.is_some_and(char::is_lowercase) && !is_plural)
}

/// The words of a text, in lower case.
pub(super) fn split(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let at = |index: usize| letters.get(index).copied();
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut before: Option<char> = None;
    for (index, letter) in letters.iter().copied().enumerate() {
        let is_possessive = letter == 's'
            && index > 1
            && matches!(at(index - 1), Some('\'' | '’'))
            && at(index - 2).is_some_and(char::is_alphanumeric)
            && !at(index + 1).is_some_and(char::is_alphanumeric);
        if !letter.is_alphanumeric() || is_possessive {
            words.push(std::mem::take(&mut word));
            before = None;
            continue;
        }
        if is_boundary(before, letter, at(index + 1), at(index + 2)) {
            words.push(std::mem::take(&mut word));
        }
        word.extend(letter.to_lowercase());
        before = Some(letter);
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// A word that a name joins of two words of the tool's own text, such as `copyfile`, taken apart.
pub(super) fn unglued(word: &str, known: &dyn Fn(&str) -> bool) -> Option<(String, String)> {
    if word.len() < 6 || known(word) {
        return None;
    }
    let halves = (3..word.len() - 2).filter_map(|at| word.split_at_checked(at));
    halves
        .filter(|(first, second)| known(first) && known(second))
        .max_by_key(|(first, second)| first.len().min(second.len()))
        .map(|(first, second)| (first.to_owned(), second.to_owned()))
}

/// True for a word in the plural, as far as its ending tells.
pub(super) fn is_plural(word: &str) -> bool {
    word.len() > 3
        && word.ends_with('s')
        && !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_where_they_join_words() {
        for (name, words) in [
            ("listOpenIssues", "list open issues"),
            ("list_open-issues/all", "list open issues all"),
            ("HTTPServer", "http server"),
            ("getAPIs", "get apis"),
            ("listAPIsOfTeam", "list apis of team"),
            ("createAPIKey", "create api key"),
            ("page2Of10", "page 2 of 10"),
            ("the user's files", "the user files"),
            ("Größe ändern", "größe ändern"),
            ("", ""),
            ("--", ""),
        ] {
            assert_eq!(split(name).join(" "), words, "{name}");
        }
    }

    #[test]
    fn words_that_a_name_joins_are_found_in_its_text() {
        let known = |word: &str| ["copy", "file", "web"].contains(&word);
        assert_eq!(unglued("copyfile", &known), Some(("copy".to_owned(), "file".to_owned())));
        assert_eq!(unglued("webhook", &known), None);
        assert_eq!(unglued("größeß", &known), None);
        assert_eq!(unglued("file", &known), None);
    }

    #[test]
    fn singular_and_plural_and_forms_of_verbs_have_one_stem() {
        for (one, other) in [
            ("repository", "repositories"),
            ("delete", "deleting"),
            ("box", "boxes"),
            ("issue", "issues"),
            ("archive", "archived"),
        ] {
            assert_eq!(stem(one), stem(other));
        }
        assert!(is_plural("files") && !is_plural("status") && !is_plural("address"));
    }
}
