//! Objects that administrators list, add, change and remove by name: each kind is described once,
//! and pages, API and commands are made from the description.

use std::future::Future;

use doorward_accounts::Authority;
use doorward_model::{Members, PlainToken};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Admin, Edit, Proposal, Refusal};

/// The form in which a value is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text in one line.
    Line,
    /// A URL.
    Url,
    /// Words, separated by spaces, commas or semicolons.
    Words,
    /// Lines.
    Lines,
}

/// A member of a new object, and of a change of one, as forms ask for it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name of the member.
    pub name: &'static str,
    /// The form of its value.
    pub shape: Shape,
    /// It is given to a new object alone, and never changes.
    pub is_fixed: bool,
    /// A new object has a default for it, which a blank field asks for.
    pub has_default: bool,
    /// Maximum number of characters that a form takes.
    pub longest: usize,
}

impl Field {
    /// A member that can be changed.
    pub const fn new(name: &'static str, shape: Shape, longest: usize) -> Self {
        Self { name, shape, is_fixed: false, has_default: false, longest }
    }

    /// The member as one that never changes.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self { is_fixed: true, ..self }
    }

    /// The member as one that has a default.
    #[must_use]
    pub const fn with_default(self) -> Self {
        Self { has_default: true, ..self }
    }

    /// The value that a text states.
    fn read(&self, text: &str) -> Value {
        let is_between = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';');
        match self.shape {
            Shape::Line | Shape::Url => text.trim().into(),
            Shape::Words => text.split(is_between).filter(|word| !word.is_empty()).collect(),
            Shape::Lines => text.lines().collect(),
        }
    }

    /// The text that states a value.
    pub fn text(&self, value: &Value) -> String {
        let between = if self.shape == Shape::Lines { "\n" } else { " " };
        match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(between)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
        }
    }
}

/// An object that was added.
#[derive(Debug)]
pub struct Added<O> {
    /// The object.
    pub object: O,
    /// The secret that was made for it, which is shown once.
    pub secret: Option<PlainToken>,
}

/// An operation in the description of the API.
pub struct OperationName {
    /// Its identifier.
    pub id: &'static str,
    /// Its summary.
    pub summary: &'static str,
}

/// The operations on a kind of objects in the API and in its description.
pub struct ObjectApi {
    /// The path of all objects.
    pub all: &'static str,
    /// The path of one.
    pub one: &'static str,
    /// The member of the list, and the schema of the list.
    pub plural: (&'static str, &'static str),
    /// Lists all.
    pub list: OperationName,
    /// Adds one.
    pub add: OperationName,
    /// Shows one.
    pub show: OperationName,
    /// Changes one.
    pub change: OperationName,
    /// Removes one.
    pub remove: OperationName,
    /// The answer if there is none with this name.
    pub missing: &'static str,
    /// The reasons for which one cannot be added.
    pub taken: &'static str,
    /// The reason for which one cannot be changed or removed, where there is one.
    pub needed: Option<&'static str>,
}

/// A kind of objects.
pub trait Objects: Send + Sync + 'static {
    /// An object.
    type Object: Clone + Send + Sync + 'static;
    /// An object to be added.
    type New: DeserializeOwned + JsonSchema + Send + 'static;
    /// The parts of an object that change.
    type Change: DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// An object as the API and commands show it.
    type View: Serialize + JsonSchema + Send + Sync + 'static;
    /// An object with everything that belongs to it.
    type Details: Serialize + JsonSchema + Send + 'static;
    /// An object that was added, with its secret if it has one.
    type AddedView: Serialize + JsonSchema + Send + 'static;

    /// The members that forms ask for, in their order.
    const FIELDS: &'static [Field];
    /// The operations of the API.
    const API: ObjectApi;

    /// These operations among all of administration.
    fn of(admin: &Admin) -> &Self;

    /// All objects, in the order of lists.
    fn list(&self) -> impl Future<Output = Result<Vec<Self::Object>, Refusal>> + Send;

    /// The object with this name.
    fn find(&self, name: &str) -> impl Future<Output = Result<Self::Object, Refusal>> + Send;

    /// Adds an object.
    fn insert(
        &self,
        authority: &Authority,
        new: Self::New,
    ) -> impl Future<Output = Result<Added<Self::Object>, Refusal>> + Send;

    /// Changes an object, or shows the change.
    fn change(
        &self,
        authority: &Authority,
        proposal: Proposal<'_, Self::Change>,
    ) -> impl Future<Output = Result<Edit, Refusal>> + Send;

    /// Removes an object, if it is still in the state that was seen.
    fn end(
        &self,
        name: &str,
        seen: Option<&str>,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// The name by which the object is found.
    fn key(object: &Self::Object) -> String;

    /// The name that users read.
    fn title(object: &Self::Object) -> String;

    /// The entity tag of its state.
    fn etag(object: &Self::Object) -> String;

    /// The object as it is shown.
    fn view(&self, object: &Self::Object) -> Self::View;

    /// The object with everything that belongs to it.
    fn details(
        &self,
        object: &Self::Object,
    ) -> impl Future<Output = Result<Self::Details, Refusal>> + Send;

    /// The object as it is shown once it was added.
    fn added_view(&self, added: &Added<Self::Object>) -> Self::AddedView;

    /// A new object, as it was typed into a form.
    fn typed_new<'a>(typed: impl Fn(&str) -> Option<&'a str>) -> Result<Self::New, Refusal> {
        let given = Self::FIELDS.iter().filter_map(|field| {
            let text = typed(field.name).unwrap_or_default();
            let is_default = field.has_default && text.trim().is_empty();
            (!is_default).then(|| (field.name.to_owned(), field.read(text)))
        });
        read(given.collect())
    }

    /// A change, as it was typed into the form of an object: of every member that can be changed.
    fn typed_change<'a>(typed: impl Fn(&str) -> Option<&'a str>) -> Result<Self::Change, Refusal> {
        let given = Self::FIELDS.iter().filter(|field| !field.is_fixed).map(|field| {
            (field.name.to_owned(), field.read(typed(field.name).unwrap_or_default()))
        });
        read(given.collect())
    }
}

fn read<T: DeserializeOwned>(given: Map<String, Value>) -> Result<T, Refusal> {
    Members::Settings.read(given).map_err(Refusal::Settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Groups, Resources, Toolsets};

    /// Every member of a form is one of the types that it is read into, and of the view that fills
    /// the form.
    fn fits<T: Objects>() {
        let text = |name: &str| (!name.is_empty()).then_some("a");
        assert!(T::typed_new(text).is_ok());
        assert!(T::typed_change(text).is_ok());
        let schema = schemars::schema_for!(T::View).to_value();
        for field in T::FIELDS {
            assert!(schema["properties"].get(field.name).is_some(), "{}", field.name);
        }
    }

    #[test]
    fn the_fields_of_forms_are_members_of_the_objects() {
        fits::<Groups>();
        fits::<Resources>();
        fits::<Toolsets>();
    }

    #[test]
    fn words_and_lines_are_read_and_shown_alike() {
        let words = Field::new("roles", Shape::Words, 10);
        assert_eq!(words.read(" a, b;c\n"), serde_json::json!(["a", "b", "c"]));
        assert_eq!(words.text(&words.read("a b")), "a b");
        let lines = Field::new("selection", Shape::Lines, 10);
        assert_eq!(lines.text(&lines.read("a b\nc")), "a b\nc");
    }
}
