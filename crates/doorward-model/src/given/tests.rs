//! Faults in what is given, in words.

use serde_json::json;

use super::*;

/// Has every kind of argument.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    #[serde(alias = "label")]
    name: String,
    #[serde(default)]
    count: u32,
    #[serde(default)]
    change: Option<i64>,
    #[serde(default)]
    share: f64,
    #[serde(default)]
    quick: bool,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default)]
    free: Map<String, Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Part {
    form: Form,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Round,
    Square,
    Other { sides: u8 },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

fn read<T: DeserializeOwned>(arguments: &Value) -> Result<T, String> {
    Members::Arguments.read(arguments.as_object().unwrap().clone())
}

#[test]
fn each_fault_names_its_argument_and_what_is_wanted() {
    for (arguments, told) in [
        (json!({}), "name is missing"),
        (json!({"name": 5}), "name must be a text, not 5"),
        (json!({"name": null}), "name must be a text, not null"),
        (json!({"label": ["a"]}), "label must be a text, not a list"),
        (json!({"name": "a", "label": "b"}), "name is given twice"),
        (
            json!({"name": "a", "nmae": 1}),
            "there is no argument nmae; possible are label, name, count, change, share, quick, tags, parts, free",
        ),
        (
            json!({"name": "a", "count": "5"}),
            "count must be a whole number from 0 to 4294967295, not \"5\"",
        ),
        (
            json!({"name": "a", "count": -1}),
            "count must be a whole number from 0 to 4294967295, not -1",
        ),
        (
            json!({"name": "a", "count": 1.5}),
            "count must be a whole number from 0 to 4294967295, not 1.5",
        ),
        (
            json!({"name": "a", "count": 5_000_000_000_u64}),
            "count must be a whole number from 0 to 4294967295, not 5000000000",
        ),
        (json!({"name": "a", "change": {}}), "change must be a whole number, not an object"),
        (json!({"name": "a", "share": "1"}), "share must be a number, not \"1\""),
        (json!({"name": "a", "quick": "yes"}), "quick must be true or false, not \"yes\""),
        (json!({"name": "a", "tags": "x"}), "tags must be a list, not \"x\""),
        (json!({"name": "a", "tags": ["x", 7]}), "tags[1] must be a text, not 7"),
        (json!({"name": "a", "parts": [{}]}), "parts[0].form is missing"),
        (json!({"name": "a", "parts": ["x"]}), "parts[0] must be an object, not \"x\""),
        (
            json!({"name": "a", "parts": [{"form": "round"}, {"form": "oval"}]}),
            "parts[1].form must be one of round, square, other, not \"oval\"",
        ),
        (
            json!({"name": "a", "parts": [{"form": {"other": {"sides": 300}}}]}),
            "parts[0].form.sides must be a whole number from 0 to 255, not 300",
        ),
        (json!({"name": "a", "free": []}), "free must be an object, not a list"),
    ] {
        assert_eq!(read::<All>(&arguments).unwrap_err(), told, "{arguments}");
    }
    let none = read::<NoArguments>(&json!({"a\u{202e}b": 1})).unwrap_err();
    assert!(none.starts_with("there is no argument a"), "{none}");
    assert!(none.ends_with("none is taken") && !none.contains('\u{202e}'), "{none}");
    let long = read::<All>(&json!({"name": "a", "count": "x".repeat(5000)})).unwrap_err();
    assert!(long.len() < 200, "{long}");
}

#[test]
fn what_fits_is_read() {
    let all: All = read(&json!({
        "label": "a", "count": 3.0, "change": -4, "share": 1, "quick": true, "tags": ["x"],
        "parts": [{"form": "square"}, {"form": {"other": {"sides": 5}}}], "free": {"b": [null]},
    }))
    .unwrap();
    assert_eq!((all.name.as_str(), all.count, all.change), ("a", 3, Some(-4)));
    assert_eq!(all.parts[1].form, Form::Other { sides: 5 });
    assert_eq!(all.free["b"], json!([null]));
    let least: All = read(&json!({"name": "", "change": null})).unwrap();
    assert_eq!((least.change, least.tags.len()), (None, 0));
    assert!(read::<NoArguments>(&json!({})).is_ok());
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    search: Option<String>,
    limit: Option<u64>,
    #[serde(default)]
    quick: bool,
    form: Option<Form>,
}

#[test]
fn a_parameter_is_a_text_that_states_a_number_where_one_is_wanted() {
    let read =
        |given: Value| Members::Parameters.read::<Listed>(given.as_object().unwrap().clone());
    let listed = read(json!({"search": "5", "limit": "5", "quick": "true", "form": "round"}));
    let expected =
        Listed { search: Some("5".into()), limit: Some(5), quick: true, form: Some(Form::Round) };
    assert_eq!(listed.unwrap(), expected);
    for (given, told) in [
        (json!({"limit": "many"}), "limit must be a whole number of 0 or more, not \"many\""),
        (json!({"limit": ""}), "limit must be a whole number of 0 or more, not \"\""),
        (json!({"limit": "-1"}), "limit must be a whole number of 0 or more, not -1"),
        (json!({"limit": "[5]"}), "limit must be a whole number of 0 or more, not \"[5]\""),
        (json!({"quick": "yes"}), "quick must be true or false, not \"yes\""),
        (json!({"form": "oval"}), "form must be one of round, square, other, not \"oval\""),
        (
            json!({"colour": "red"}),
            "there is no parameter colour; possible are search, limit, quick, form",
        ),
    ] {
        assert_eq!(read(given.clone()).unwrap_err(), told, "{given}");
    }
}

#[test]
fn a_fault_of_a_setting_or_of_a_body_repeats_no_value() {
    for (members, one) in [(Members::Settings, "setting"), (Members::Body, "member")] {
        let read =
            |given: Value| members.read::<All>(given.as_object().unwrap().clone()).unwrap_err();
        assert_eq!(read(json!({"name": 7_000_000})), "name must be a text, not this number");
        assert_eq!(read(json!({"name": ["hunter2"]})), "name must be a text, not a list");
        assert_eq!(
            read(json!({"name": "", "count": "hunter2"})),
            "count must be a whole number from 0 to 4294967295, not this text"
        );
        assert!(read(json!({"x": 1})).starts_with(&format!("there is no {one} x; ")));
    }
}

#[test]
fn a_body_is_one_json_object_whose_members_are_there_once() {
    let read = |text: &str| Members::Body.read_json::<Listed>(text.as_bytes());
    assert_eq!(read("{\"limit\": 5}").unwrap().limit, Some(5));
    for (text, told) in [
        ("", "the body ended before its JSON did"),
        ("{\"limit\": 5", "the body ended before its JSON did"),
        ("{\"limit\": 5,}", "the body must be JSON, which breaks off in line 1, column 13"),
        ("{}{}", "the body must be JSON, which breaks off in line 1, column 3"),
        ("[null, 5]", "the body must be a JSON object"),
        ("7", "the body must be a JSON object"),
        ("{\"limit\": 5, \"limit\": 6}", "the body must have each member once"),
        ("{\"free\": {\"a\": 1, \"a\": 2}}", "the body must have each member once"),
        ("{\"limit\": \"5\"}", "limit must be a whole number of 0 or more, not this text"),
    ] {
        assert_eq!(read(text).unwrap_err(), told, "{text}");
    }
}

#[test]
fn bodies_and_parameters_are_read_as_strictly_as_they_are_described() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the reading is tested")]
    struct Numbers {
        #[serde(default)]
        count: u32,
        #[serde(default)]
        text: String,
    }
    let fault = |how: Members, value: Value| {
        how.read::<Numbers>(value.as_object().unwrap().clone()).err().unwrap_or_default()
    };
    for (how, value, told) in [
        (Members::Arguments, json!({"count": 3.0}), ""),
        (Members::Settings, json!({"count": 3.0}), ""),
        (Members::Body, json!({"count": 3}), ""),
        (
            Members::Body,
            json!({"count": 3.0}),
            "count must be a whole number from 0 to 4294967295, not this number",
        ),
        (Members::Body, json!({"text": "a\0"}), "the body must not contain the character NUL"),
        (Members::Parameters, json!({"count": "3", "text": "3.0"}), ""),
        (
            Members::Parameters,
            json!({"count": ""}),
            "count must be a whole number from 0 to 4294967295, not \"\"",
        ),
        (
            Members::Parameters,
            json!({"count": " 3"}),
            "count must be a whole number from 0 to 4294967295, not \"3\"",
        ),
        (
            Members::Parameters,
            json!({"count": "3.0"}),
            "count must be a whole number from 0 to 4294967295, not 3.0",
        ),
    ] {
        assert_eq!(fault(how, value), told);
    }
}
