use serde_json::json;

use super::*;

fn of(text: &str) -> Document {
    read(text, Budget::new(100_000, 10_000, 50)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_json_does_not_have_is_the_text_that_its_author_meant() {
    for (text, expected) in [
        ("!!timestamp 2026-11-26", json!("2026-11-26")),
        ("!!timestamp '2026-11-26T10:00:00Z'", json!("2026-11-26T10:00:00Z")),
        ("2026-11-26T10:00:00Z", json!("2026-11-26T10:00:00Z")),
        ("!!binary aGk=", json!("aGk=")),
        ("!!python/name:os.system x", json!("x")),
        ("!Ref Thing", json!("Thing")),
        ("!env 8080", json!("8080")),
        ("!<tag:yaml.org,2002:str> 7", json!("7")),
        ("!<tag:example.com,2026:x> 7", json!("7")),
        ("! 7", json!("7")),
        ("!!str 7", json!("7")),
        ("!!str", json!("")),
        ("!!int 'seven'", json!("seven")),
        ("!!int '7'", json!(7)),
        ("!!float 1", json!(1.0)),
        ("!!float .nan", json!(".nan")),
        ("!!bool yes", json!(true)),
        ("!!null x", json!(null)),
        ("!!set {a, b}", json!(["a", "b"])),
        ("!!omap [{a: 1}, {b: 2}]", json!({"a": 1, "b": 2})),
        ("!!pairs [{a: 1}, x]", json!([{"a": 1}, "x"])),
        ("!!seq [1]", json!([1])),
        ("!!map {a: 1}", json!({"a": 1})),
        ("!own [1, !own {a: 1}]", json!([1, {"a": 1}])),
        (
            "[.5, 1., -0, +7, 1e3, 0b1, 1__0, 0o17, 0o9, 0xg, 0x1F, 00, 1.2.3, 99999999999999999999]",
            json!([
                0.5, 1.0, 0, 7, 1000.0, "0b1", "1__0", 15, "0o9", "0xg", 31, "00", "1.2.3", 1e20
            ]),
        ),
        (
            "[.inf, -.INF, .nan, 12:30, 1:2:3, 1,000]",
            json!([".inf", "-.INF", ".nan", "12:30", "1:2:3", 1, "000"]),
        ),
    ] {
        let read = of(text);
        assert_eq!(read.value, expected, "{text}");
        assert!(read.left_out.is_empty() && read.repeated.is_empty(), "{text}");
    }
}

#[test]
fn names_that_are_no_texts_are_read_as_written_and_lists_and_maps_cost_their_member() {
    let read =
        of("{200: a, true: b, 1.0: c, ~: d, !!timestamp 2026-11-26: e, 2026-11-27: f, no: g}");
    assert_eq!(
        read.value,
        json!({"200": "a", "true": "b", "1.0": "c", "null": "d", "2026-11-26": "e", "2026-11-27": "f", "no": "g"})
    );
    let read = of("a:\n  ? [x, y]\n  : {deep: [1]}\n  ? {x: 1}\n  : 2\n  b: 3\nc: 4\n");
    assert_eq!(read.value, json!({"a": {"b": 3}, "c": 4}));
    assert_eq!(
        read.left_out,
        ["a member whose name is not a text at /a", "a member whose name is not a text at /a"]
    );
    // The unquoted template of a generator.
    let read = of("a: {{x}}\nb: 1\n");
    assert_eq!((&read.value["b"], read.left_out.len()), (&json!(1), 1));
}

#[test]
fn of_members_with_one_name_the_last_counts_and_the_others_are_named() {
    let read = of(
        "paths:\n  /a/b: {get: 1}\n  /c: [{x: 1, x: 2}]\n  /a/b: {get: 2}\nz: {<<: {y: 1}, y: 2}\n",
    );
    assert_eq!(read.value, json!({"paths": {"/a/b": {"get": 2}, "/c": [{"x": 2}]}, "z": {"y": 2}}));
    assert_eq!(read.repeated, ["/paths/~1c/0/x", "/paths/~1a~1b"]);
    let many: String = (0..100).map(|_| "a: 1\n").collect();
    assert_eq!(of(&many).repeated.len(), MOST_NAMED);
}

#[test]
fn anchors_and_merge_keys_are_written_out_and_odd_ones_cost_themselves() {
    let text = "
base: &base {x: 1, y: {z: 2}}
name: &name key
merged: {<<: *base, y: 3}
several: {<<: [*base, {x: 5, w: 4}], x: 9}
nested: {<<: {<<: *base, q: 1}}
quoted: {'<<': *base}
text: {<<: word, a: 1}
nothing: {<<: ~, a: 1}
tagged: {!!merge <<: *base}
*name : by alias
missing: *nowhere
itself: &itself [1, *itself]
again: &name other
last: *name
";
    let read = of(text);
    assert_eq!(
        read.value,
        json!({
            "base": {"x": 1, "y": {"z": 2}}, "name": "key",
            "merged": {"y": 3, "x": 1}, "several": {"x": 9, "y": {"z": 2}, "w": 4},
            "nested": {"q": 1, "x": 1, "y": {"z": 2}},
            "quoted": {"<<": {"x": 1, "y": {"z": 2}}}, "text": {"<<": "word", "a": 1},
            "nothing": {"a": 1}, "tagged": {"x": 1, "y": {"z": 2}},
            "key": "by alias", "missing": null, "itself": [1, null], "again": "other", "last": "other",
        })
    );
    assert_eq!(
        read.left_out,
        ["an alias without an anchor at /missing", "an alias without an anchor at /itself/1"]
    );
}

#[test]
fn aliases_are_charged_with_what_they_expand_to_and_messages_name_the_place() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        let _ = writeln!(text, "a{level}: &a{level} [{before}]");
    }
    let refused =
        |text: &str| read(text, Budget::new(100_000, 10_000, 50)).err().unwrap_or_default();
    assert_eq!(refused(&text), Exceeded::Values.to_string());
    let deep = format!("{}x{}", "[".repeat(51), "]".repeat(51));
    assert_eq!(refused(&deep), Exceeded::Depth.to_string());
    let by_alias = "a: &a [[[[[[[[[[x]]]]]]]]]]\nb: &b [[[[[[[[[[*a]]]]]]]]]]\nc: &c [[[[[[[[[[*b]]]]]]]]]]\nd: &d [[[[[[[[[[*c]]]]]]]]]]\ne: [[[[[[[[[[*d]]]]]]]]]]\n";
    assert_eq!(refused(by_alias), Exceeded::Depth.to_string());
    for wrong in ["a: [1", "a: 'x", "a: b: c", "- a\nb: 1"] {
        let told = refused(wrong);
        assert!(told.starts_with("it is not valid YAML (line "), "{wrong}: {told}");
    }
}
