//! The beginning of a JSON value, as a JSON value: cut between values, with what was left out.

use serde_json::{Map, Value, json};

use crate::size::json_size_within;

/// Maximum number of places at which a preview says what was left out there.
const MOST_PLACES: usize = 20;
/// Minimum number of characters of a member: its name, quotes, colon, comma and value.
const LEAST_MEMBER: usize = 6;

/// The parts that were left out of a value, by JSON pointer.
#[derive(Default)]
struct LeftOut {
    places: Map<String, Value>,
    further: usize,
}

impl LeftOut {
    fn add(&mut self, pointer: &str, what: &str, count: usize) {
        if self.places.len() < MOST_PLACES {
            self.places.insert(pointer.to_owned(), json!({ what: count }));
        } else {
            self.further += 1;
        }
    }

    fn string(&mut self, text: &str, most: usize, pointer: &str) -> Value {
        // Escapes take more than their characters.
        let mut kept = most.saturating_sub(2);
        loop {
            let beginning: String = text.chars().take(kept).collect();
            let cut = Value::String(beginning);
            if kept == 0 || json_size_within(&cut, most).is_some() {
                self.add(pointer, "characters", text.chars().count().saturating_sub(kept));
                return cut;
            }
            kept /= 2;
        }
    }

    fn array(&mut self, items: &[Value], most: usize, pointer: &str) -> Value {
        let (mut kept, mut left) = (Vec::new(), most.saturating_sub(2));
        for (place, item) in items.iter().enumerate() {
            if let Some(size) = json_size_within(item, left.saturating_sub(1)) {
                left -= size + 1;
                kept.push(item.clone());
                continue;
            }
            // One long item is shown in part, so that its form can be seen.
            if kept.is_empty() && left > LEAST_MEMBER {
                kept.push(self.cut(item, left, &format!("{pointer}/{place}")));
            }
            break;
        }
        if kept.len() < items.len() {
            self.add(pointer, "items", items.len() - kept.len());
        }
        Value::Array(kept)
    }

    fn object(&mut self, members: &Map<String, Value>, most: usize, pointer: &str) -> Value {
        let mut left = most.saturating_sub(2);
        let mut shown = Vec::new();
        for (name, value) in members {
            let needed = json_size_within(&Value::String(name.clone()), left).map(|size| size + 2);
            let Some(rest) = needed.and_then(|needed| left.checked_sub(needed + LEAST_MEMBER))
            else {
                break;
            };
            left = rest + LEAST_MEMBER;
            shown.push((name, value, json_size_within(value, most).unwrap_or(usize::MAX)));
        }
        // Short values first: what they do not need is for the long ones.
        let mut shares: Vec<(usize, usize)> =
            shown.iter().map(|(.., size)| *size).enumerate().collect();
        shares.sort_by_key(|(_, size)| *size);
        let mut given = vec![0; shown.len()];
        for (done, (place, size)) in shares.iter().enumerate() {
            let share = (*size).min(left / (shares.len() - done));
            left -= share;
            if let Some(given) = given.get_mut(*place) {
                *given = share;
            }
        }
        let mut kept = Map::new();
        for ((name, value, _), share) in shown.iter().zip(given) {
            let token = name.replace('~', "~0").replace('/', "~1");
            kept.insert((*name).clone(), self.cut(value, share, &format!("{pointer}/{token}")));
        }
        if kept.len() < members.len() {
            self.add(pointer, "members", members.len() - kept.len());
        }
        Value::Object(kept)
    }

    fn cut(&mut self, value: &Value, most: usize, pointer: &str) -> Value {
        if json_size_within(value, most).is_some() {
            return value.clone();
        }
        match value {
            Value::String(text) => self.string(text, most, pointer),
            Value::Array(items) => self.array(items, most, pointer),
            Value::Object(members) => self.object(members, most, pointer),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

/// The beginning of a value.
#[derive(Debug, PartialEq)]
pub(super) struct Beginning {
    pub(super) kept: Value,
    /// The numbers of members, items and characters that were left out, by JSON pointer.
    pub(super) left_out: Value,
}

/// The beginning of a value in about `most` bytes of JSON.
pub(super) fn beginning(value: &Value, most: usize) -> Beginning {
    let mut left_out = LeftOut::default();
    let cut = left_out.cut(value, most, "");
    let LeftOut { mut places, further } = left_out;
    if further > 0 {
        places.insert("…".to_owned(), json!({ "further_places": further }));
    }
    Beginning { kept: cut, left_out: Value::Object(places) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_cut_between_values_and_what_is_left_out_is_counted() {
        let long = "z".repeat(500);
        for (value, most, kept, left_out) in [
            (json!({"a": 1}), 100, json!({"a": 1}), json!({})),
            (json!([1, 2, 3, 4, 5]), 8, json!([1, 2, 3]), json!({"": {"items": 2}})),
            (
                json!({"items": [10, 20, 30, 40], "next": 5}),
                28,
                json!({"items": [10, 20], "next": 5}),
                json!({"/items": {"items": 2}}),
            ),
            (json!(long), 12, json!("zzzzzzzzzz"), json!({"": {"characters": 490}})),
            (
                json!({"a/b~": long}),
                22,
                json!({"a/b~": "zzzzzzzzzz"}),
                json!({"/a~1b~0": {"characters": 490}}),
            ),
            (
                json!([{"id": 1, "text": long}, {"id": 2}]),
                40,
                json!([{"id": 1, "text": "z".repeat(19)}]),
                json!({"/0/text": {"characters": 481}, "": {"items": 1}}),
            ),
            (json!([[[long]]]), 0, json!([]), json!({"": {"items": 1}})),
            (json!(null), 0, json!(null), json!({})),
        ] {
            let expected = Beginning { kept, left_out };
            assert_eq!(beginning(&value, most), expected, "{value} in {most}");
        }
    }

    #[test]
    fn a_value_with_very_many_long_members_says_so_in_few_words() {
        let members: Map<String, Value> =
            (0..500).map(|number| (format!("m{number:03}"), "z".repeat(50).into())).collect();
        let Beginning { kept, left_out } = beginning(&Value::Object(members), 800);
        assert!(kept.as_object().unwrap().len() > 20);
        assert!(left_out.to_string().len() < 1200, "{left_out}");
        assert!(left_out["…"]["further_places"].as_u64().unwrap() > 0);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Every value of the beginning is in the whole, at the same place.
    fn is_part(part: &Value, whole: &Value) -> bool {
        match (part, whole) {
            (Value::Array(part), Value::Array(whole)) => {
                part.len() <= whole.len()
                    && part.iter().zip(whole).all(|(part, whole)| is_part(part, whole))
            }
            (Value::Object(part), Value::Object(whole)) => part
                .iter()
                .all(|(name, part)| whole.get(name).is_some_and(|whole| is_part(part, whole))),
            (Value::String(part), Value::String(whole)) => whole.starts_with(part.as_str()),
            (part, whole) => part == whole,
        }
    }

    proptest! {
        #[test]
        fn any_beginning_is_a_part_of_its_value_within_the_limit(value in values(), most in 0usize..300) {
            let Beginning { kept, left_out } = beginning(&value, most);
            prop_assert!(is_part(&kept, &value));
            prop_assert_eq!(kept == value, left_out == json!({}));
            // Numbers and words of the language are never cut, and each needs at most 20 bytes.
            prop_assert!(json_size_within(&kept, most + 200).is_some(), "{kept} in {most}");
        }
    }
}
