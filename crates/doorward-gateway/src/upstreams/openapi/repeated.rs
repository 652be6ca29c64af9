//! Members of a JSON text that are followed by another one of the same name: the reader of JSON drops
//! the first without a word.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::yaml::step;

/// Maximum number of places that are named.
const MOST: usize = 20;

/// The places of such members, as JSON pointers. Of a text that is no JSON from some place on, those
/// before it.
pub(super) fn places(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut place = String::new();
    let mut json = serde_json::Deserializer::from_str(text);
    // The text was read before; what is wrong with it was said then.
    let _ = Walk { place: &mut place, found: &mut found }.deserialize(&mut json);
    found
}

struct Walk<'w> {
    place: &'w mut String,
    found: &'w mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let before = self.place.len();
        for index in 0_usize.. {
            step(self.place, &index.to_string());
            let one = Walk { place: self.place, found: self.found };
            let more = items.next_element_seed(one)?.is_some();
            self.place.truncate(before);
            if !more {
                break;
            }
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let before = self.place.len();
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if self.found.len() >= MOST {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            step(self.place, &name);
            if !names.insert(name) {
                self.found.push(self.place.clone());
            }
            members.next_value_seed(Walk { place: self.place, found: self.found })?;
            self.place.truncate(before);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_that_another_one_of_its_name_follows_is_named_with_its_place() {
        for (text, found) in [
            (r#"{"a": 1, "b": {"a": 2}, "c": [{"a": 1}, {"a": 1}]}"#, &[][..]),
            (r#"{"a": 1, "a": 2, "a": null}"#, &["/a", "/a"]),
            (r#"{"paths": {"/x": {"get": 1}, "/x": {}}}"#, &["/paths/~1x"]),
            (r#"{"a": [1, -1.5, "s", true, {"b": {}, "b": []}]}"#, &["/a/4/b"]),
            (r#"{"\u0061": 1, "a": 2}"#, &["/a"]),
            (r#"{"a": 1, "a": 2, b"#, &["/a"]),
            ("7", &[]),
        ] {
            assert_eq!(places(text), found, "{text}");
        }
        let many = format!("{{{}\"a\": 0}}", "\"a\": 1, ".repeat(100));
        assert_eq!(places(&many).len(), MOST);
    }
}
