//! The names of operations: one that every client takes, for each operation, and the same after
//! each refresh.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::api::hex;

/// Maximum number of characters of a name.
const MOST: usize = 120;

/// An operation without a final name: its method and path, and its own identifier.
pub(super) struct Unnamed<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) id: Option<&'a Value>,
}

impl Unnamed<'_> {
    /// Its identity apart from its name.
    fn identity(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The name that it has if no other operation has the same.
    fn plain(&self) -> String {
        let id = match self.id {
            Some(Value::String(text)) => plain(text),
            Some(Value::Number(number)) => plain(&number.to_string()),
            Some(Value::Bool(flag)) => flag.to_string(),
            _ => String::new(),
        };
        if !id.is_empty() {
            return id;
        }
        let method = self.method.to_lowercase();
        let path = plain(self.path);
        let has_letters = path.bytes().any(|byte| byte.is_ascii_alphanumeric());
        if has_letters || !self.path.bytes().any(|byte| !byte.is_ascii()) {
            return plain(&format!("{method}_{path}"));
        }
        // No character of its name is left: a digest of its identity replaces it.
        suffixed(&method, &self.identity(), 8)
    }
}

/// A text in the characters that every client accepts.
fn plain(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars() {
        let fit = if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
        if fit != '_' || !name.ends_with('_') {
            name.push(fit);
        }
    }
    name.trim_matches('_').chars().take(MOST).collect()
}

fn suffixed(name: &str, identity: &str, digits: usize) -> String {
    let digest = hex(&Sha256::digest(identity.as_bytes()));
    let digest = digest.get(..digits).unwrap_or(&digest);
    // Only ASCII is left, so a cut between bytes is a cut between characters.
    let kept = name.get(..name.len().min(MOST - digest.len() - 1)).unwrap_or(name);
    format!("{}_{digest}", kept.trim_end_matches('_'))
}

/// Names all operations of a document, in their order.
///
/// Of those that have the same name, one keeps it: the one that was pinned under it, or else the
/// first. The names of the others end with a part of the digest of their method and path, and stay
/// so once they were pinned: neither their order nor other operations that are added or removed
/// change a name.
pub(super) fn names(
    operations: &[Unnamed<'_>],
    pinned: &dyn Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        by_name.entry(operation.plain()).or_default().push(index);
    }
    let mut taken: HashSet<String> = by_name.keys().cloned().collect();
    let mut names = vec![String::new(); operations.len()];
    let mut give = |index: usize, name: String| {
        if let Some(place) = names.get_mut(index) {
            *place = name;
        }
    };
    let mut others = Vec::new();
    for (name, indexes) in by_name {
        let mut contend = Vec::new();
        for index in indexes {
            let Some(operation) = operations.get(index) else { continue };
            let identity = operation.identity();
            // One that was pinned under its longer name keeps that.
            if pinned(&suffixed(&name, &identity, 8)).as_ref() == Some(&identity) {
                others.push((index, name.clone(), identity));
            } else {
                contend.push((index, identity));
            }
        }
        let known = if contend.len() > 1 { pinned(&name) } else { None };
        let keeps = contend.iter().position(|(_, identity)| known.as_ref() == Some(identity));
        let keeps = keeps.unwrap_or(0);
        for (place, (index, identity)) in contend.into_iter().enumerate() {
            if place == keeps {
                give(index, name.clone());
            } else {
                others.push((index, name.clone(), identity));
            }
        }
    }
    others.sort();
    for (index, name, identity) in others {
        let fresh = [8, 16, 32, 64]
            .into_iter()
            .map(|digits| suffixed(&name, &identity, digits))
            .find(|name| !taken.contains(name));
        // The same method and path twice cannot be: paths are the names of members.
        let fresh = fresh.unwrap_or_else(|| suffixed(&name, &format!("{index} {identity}"), 64));
        taken.insert(fresh.clone());
        give(index, fresh);
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(list: &[(&str, &str, Value)], pinned: &[(&str, &str)]) -> Vec<String> {
        let operations: Vec<Unnamed<'_>> =
            list.iter().map(|(method, path, id)| Unnamed { method, path, id: Some(id) }).collect();
        names(&operations, &|name| {
            pinned.iter().find(|(known, _)| *known == name).map(|(_, what)| (*what).to_owned())
        })
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let long = "x".repeat(200);
        let made = named(
            &[
                ("GET", "/a", json!("list")),
                ("GET", "/b", json!("list")),
                ("POST", "/b", json!("list")),
                ("GET", "/c", json!("li-st")),
                ("GET", "/d", json!("a.b")),
                ("GET", "/e", json!("a/b")),
                ("GET", "/f", json!(long)),
                ("GET", "/g", json!(format!("{long}y"))),
                ("GET", "/項目", json!("取得")),
                ("GET", "/商品", json!("取得")),
                ("DELETE", "/pets/{id}", json!("удалить")),
                ("GET", "/", json!("")),
                ("GET", "/n", json!(42)),
                ("GET", "/o", json!(true)),
            ],
            &[],
        );
        let all: HashSet<&String> = made.iter().collect();
        assert_eq!(all.len(), made.len(), "{made:?}");
        for name in &made {
            assert!(
                !name.is_empty()
                    && name.len() <= MOST
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
                "{name}"
            );
        }
        assert_eq!(
            (made[0].as_str(), made[3].as_str(), made[4].as_str()),
            ("list", "li-st", "a_b")
        );
        assert!(
            made[1].starts_with("list_")
                && made[5].starts_with("a_b_")
                && made[8].starts_with("get_")
        );
        assert_eq!((made[10].as_str(), made[11].as_str()), ("delete_pets_id", "get"));
        assert_eq!((made[12].as_str(), made[13].as_str()), ("42", "true"));
    }

    #[test]
    fn a_name_stays_whatever_comes_and_goes_beside_it() {
        let one = ("GET", "/b", json!("list"));
        let other = ("GET", "/c", json!("list"));
        let before = named(&[one.clone(), other.clone()], &[]);
        let pinned = [("list", "GET /b")];
        let newer = ("GET", "/a", json!("list"));
        let after = named(&[newer.clone(), one.clone(), other.clone()], &pinned);
        assert_eq!(after[1..], before, "one that comes first takes no name away");
        let reordered = named(&[other.clone(), newer, one.clone()], &pinned);
        assert_eq!(
            (&reordered[2], &reordered[0], &reordered[1]),
            (&after[1], &after[2], &after[0])
        );
        // The one without a suffix goes.
        let suffix = [("list", "GET /b"), (after[2].as_str(), "GET /c")];
        assert_eq!(named(std::slice::from_ref(&other), &suffix), [after[2].clone()]);
        assert_eq!(named(&[other], &pinned), ["list"], "nothing is pinned under a longer name");
    }
}
