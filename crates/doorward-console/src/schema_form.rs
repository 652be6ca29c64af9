//! The form of a tool's arguments: its fields from the tool's schema, and the arguments from what was
//! typed. Names and descriptions are foreign text.

use doorward_model::{
    foreign,
    text_list::{self, Separator},
};
use doorward_transport::Params;
use serde_json::{Map, Value};

/// The beginning of the names of the fields.
pub(crate) const FIELD: &str = "arg-";
/// Maximum numbers of fields, choices of a field, and characters of a description.
const FIELDS: usize = 100;
const CHOICES: usize = 200;
const DESCRIPTION: usize = 400;

/// The input of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A line of text.
    Text,
    /// A number; a whole one.
    Number { whole: bool },
    /// Yes or no.
    Switch,
    /// One of some texts.
    Choice(Vec<String>),
    /// Texts, one a line.
    Lines,
    /// JSON.
    Json,
}

/// A field of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The name of the argument.
    pub(crate) name: String,
    /// The same with hidden characters made visible.
    pub(crate) label: String,
    pub(crate) description: String,
    pub(crate) required: bool,
    pub(crate) input: Input,
    /// The typed text; the default, if none was typed.
    pub(crate) value: String,
}

/// The type of a schema; the first that is not null.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.find(|name| *name != "null").unwrap_or_default()
        }
        _ => "",
    }
}

fn input_of(schema: &Value) -> Input {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let texts: Option<Vec<String>> =
            choices.iter().map(|one| one.as_str().map(ToOwned::to_owned)).collect();
        return match texts {
            Some(texts) if texts.len() <= CHOICES => Input::Choice(texts),
            _ => Input::Json,
        };
    }
    match type_of(schema) {
        "string" => Input::Text,
        "integer" => Input::Number { whole: true },
        "number" => Input::Number { whole: false },
        "boolean" => Input::Switch,
        "array" if schema.get("items").is_some_and(|items| type_of(items) == "string") => {
            Input::Lines
        }
        _ => Input::Json,
    }
}

/// A value as its field shows it.
fn written(input: &Input, value: &Value) -> String {
    match (input, value) {
        (_, Value::Null) => String::new(),
        (Input::Text | Input::Choice(_), Value::String(text)) => text.clone(),
        (Input::Lines, Value::Array(items)) => {
            let lines: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            text_list::write(&lines, Separator::Line)
        }
        (_, other) => other.to_string(),
    }
}

/// The fields of a schema, the required ones first, with what was typed.
pub(crate) fn fields(schema: &Value, typed: &Params) -> Vec<Field> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    // A field that was emptied is sent without a value, which is no wish for the default.
    let is_sent = typed.get("do").is_some();
    let properties = schema.get("properties").and_then(Value::as_object);
    let field = |(name, schema): (&String, &Value)| {
        let input = input_of(schema);
        let given = typed.get(&format!("{FIELD}{name}")).map(ToOwned::to_owned);
        let usual = || schema.get("default").map(|usual| written(&input, usual));
        let described = schema.get("description").or_else(|| schema.get("title"));
        Field {
            label: foreign::escaped(name).into_owned(),
            description: described
                .and_then(Value::as_str)
                .map(|text| foreign::line(text, DESCRIPTION).into_owned())
                .unwrap_or_default(),
            required: required.contains(&name.as_str()),
            value: given.or_else(|| usual().filter(|_| !is_sent)).unwrap_or_default(),
            name: name.clone(),
            input,
        }
    };
    let mut fields: Vec<Field> = properties.into_iter().flatten().map(field).collect();
    fields.sort_by_key(|field| !field.required);
    fields.truncate(FIELDS);
    fields
}

/// The argument that a field means; `None` if it is left out.
fn argument(field: &Field) -> Result<Option<Value>, ()> {
    let text = field.value.trim();
    // An empty text is a text only where one is required.
    if text.is_empty() && !(field.required && matches!(field.input, Input::Text | Input::Lines)) {
        return if field.required { Err(()) } else { Ok(None) };
    }
    let value = match &field.input {
        Input::Text => Value::String(field.value.replace('\r', "")),
        Input::Number { whole: true } => text.parse::<i64>().map_err(drop)?.into(),
        Input::Number { whole: false } => {
            let number = serde_json::from_str::<serde_json::Number>(text).map_err(drop)?;
            Value::Number(number)
        }
        Input::Switch => text.parse::<bool>().map_err(drop)?.into(),
        Input::Choice(texts) => {
            texts.iter().find(|known| *known == text).ok_or(())?.as_str().into()
        }
        Input::Lines => text_list::read(text, Separator::Line).map_err(drop)?.into(),
        Input::Json => serde_json::from_str(text).map_err(drop)?,
    };
    Ok(Some(value))
}

/// The arguments of the fields, or the label of the first that does not fit.
pub(crate) fn arguments(fields: &[Field]) -> Result<Map<String, Value>, String> {
    let mut arguments = Map::new();
    for field in fields {
        let value = argument(field).map_err(|()| field.label.clone())?;
        arguments.extend(value.map(|value| (field.name.clone(), value)));
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["text", "count"],
            "properties": {
                "text": {"type": "string", "description": "What\u{202e} to <b>find</b>."},
                "count": {"type": ["null", "integer"], "default": 5},
                "ratio": {"type": "number"},
                "exact": {"type": "boolean"},
                "order": {"enum": ["newest", "oldest"]},
                "tags": {"type": "array", "items": {"type": "string"}},
                "where": {"type": "object"},
                "mixed": {"enum": ["a", 1]},
            },
        })
    }

    fn typed(pairs: &[(&str, &str)]) -> Params {
        let pairs = pairs.iter().map(|(name, value)| (format!("{FIELD}{name}"), *value));
        let pairs = pairs.chain([("do".to_owned(), "try")]);
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Params::from_query(Some(&query)).unwrap()
    }

    fn made(pairs: &[(&str, &str)]) -> Result<Value, String> {
        arguments(&fields(&schema(), &typed(pairs))).map(Value::Object)
    }

    #[test]
    fn fields_follow_the_schema_and_their_texts_are_cleaned() {
        let fields = fields(&schema(), &Params::default());
        let required: Vec<&str> =
            fields.iter().take_while(|field| field.required).map(|field| &*field.name).collect();
        assert_eq!(required.len(), 2);
        let named = |name: &str| fields.iter().find(|field| field.name == name).unwrap();
        assert_eq!(named("text").description, "What to <b>find</b>.");
        assert_eq!(
            (named("count").value.as_str(), &named("count").input),
            ("5", &Input::Number { whole: true })
        );
        assert_eq!(named("order").input, Input::Choice(vec!["newest".into(), "oldest".into()]));
        assert_eq!(named("tags").input, Input::Lines);
        assert_eq!((&named("where").input, &named("mixed").input), (&Input::Json, &Input::Json));
    }

    #[test]
    fn arguments_have_the_types_of_the_schema_and_empty_ones_are_left_out() {
        let all = [
            ("text", " a \r\nb"),
            ("count", "7"),
            ("ratio", "0.5"),
            ("exact", "false"),
            ("order", "oldest"),
            ("tags", "x\r\n\r\n y"),
            ("where", "{\"a\": [1]}"),
            ("mixed", "1"),
        ];
        assert_eq!(
            made(&all).unwrap(),
            json!({
                "text": " a \nb", "count": 7, "ratio": 0.5, "exact": false, "order": "oldest",
                "tags": ["x", "y"], "where": {"a": [1]}, "mixed": 1,
            })
        );
        let tags =
            |text: &str| made(&[("count", "5"), ("tags", text)]).map(|all| all["tags"].clone());
        assert_eq!(tags(r#"["x\ny", ""]"#).unwrap(), json!(["x\ny", ""]));
        assert_eq!(tags("[]").unwrap(), json!([]));
        assert_eq!(made(&[("count", "5")]).unwrap(), json!({"text": "", "count": 5}));
    }

    #[test]
    fn the_first_value_that_does_not_fit_is_named() {
        for (name, value) in [
            ("count", "1.5"),
            ("count", ""),
            ("ratio", "much"),
            ("exact", "maybe"),
            ("order", "best"),
            ("where", "{a: 1}"),
            ("tags", "[\"a\""),
        ] {
            let count = if name == "count" { value } else { "5" };
            let made = made(&[("count", count), (name, value)][usize::from(name == "count")..]);
            assert_eq!(made, Err(name.to_owned()), "{name}={value}");
        }
    }

    #[test]
    fn schemas_that_describe_no_properties_have_no_fields() {
        for wrong in
            [json!({}), json!(7), json!({"properties": []}), json!({"properties": {"a": 1}})]
        {
            assert!(fields(&wrong, &Params::default()).len() <= 1, "{wrong}");
        }
    }
}
