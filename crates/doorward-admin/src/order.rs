//! The order of a list, as a parameter names it: a column, with a minus sign for the reverse.

use std::borrow::Cow;

use doorward_store::SortColumn;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

/// An order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<C> {
    /// The column.
    pub column: C,
    /// The greatest value comes first.
    pub descending: bool,
}

impl<C> Order<C> {
    /// The least value first.
    pub const fn ascending(column: C) -> Self {
        Self { column, descending: false }
    }
    /// The greatest value first.
    pub const fn descending(column: C) -> Self {
        Self { column, descending: true }
    }
}

/// The values of the parameter.
fn values<C: SortColumn>() -> impl Iterator<Item = String> {
    C::ALL.iter().flat_map(|column| [column.name().to_owned(), format!("-{}", column.name())])
}

impl<'de, C: SortColumn> Deserialize<'de> for Order<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let (name, descending) =
            text.strip_prefix('-').map_or((text.as_ref(), false), |name| (name, true));
        let column = C::ALL.iter().copied().find(|column| column.name() == name);
        column.map(|column| Self { column, descending }).ok_or_else(|| {
            let known: Vec<String> = values::<C>().collect();
            D::Error::custom(format!("the order must be one of {}", known.join(", ")))
        })
    }
}

impl<C: SortColumn> JsonSchema for Order<C> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Order".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let all: Value = values::<C>().map(|value| json!(value)).collect();
        json_schema!({
            "description": "A column. A minus sign before it puts the greatest value first.",
            "type": "string",
            "enum": all,
        })
    }
}

#[cfg(test)]
mod tests {
    use doorward_store::{NameOrTime, TokenSort};

    use super::*;

    #[test]
    fn every_column_is_read_in_both_directions_and_no_other_text_is() {
        for column in TokenSort::ALL {
            for (text, descending) in
                [(column.name().to_owned(), false), (format!("-{}", column.name()), true)]
            {
                let read: Order<TokenSort> = serde_json::from_value(json!(text)).unwrap();
                assert_eq!(read, Order { column: *column, descending });
            }
        }
        for text in ["", "-", "--name", "Name", "expires", "-expires", "name "] {
            assert!(serde_json::from_value::<Order<NameOrTime>>(json!(text)).is_err(), "{text}");
        }
    }
}
