//! The weight of parts of a document, and the reasons for which one is not written out.

use doorward_transport::budget::Exceeded;
use serde_json::Value;

/// Reason for which a schema is not written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// This one is too large.
    Schema,
    /// The budget of the whole document is used up.
    Document,
}

impl From<Exceeded> for Stop {
    fn from(_: Exceeded) -> Self {
        Self::Document
    }
}

/// Charges a value and all that is in it, and stops where `charge` fails.
pub(super) fn weigh<E>(
    value: &Value,
    charge: &mut impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => charge(1, 1),
        Value::String(text) => charge(text.len() + 2, 1),
        Value::Array(items) => {
            charge(2, 1)?;
            items.iter().try_for_each(|item| weigh(item, charge))
        }
        Value::Object(members) => {
            charge(2, 1)?;
            members.iter().try_for_each(|(name, value)| {
                charge(name.len() + 3, 0)?;
                weigh(value, charge)
            })
        }
    }
}
