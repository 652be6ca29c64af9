//! Swagger 2.0 made into OpenAPI 3.0: the base URL from `schemes`, `host` and `basePath`, bodies
//! and form fields from parameters, and the security schemes. References stay as they are: their
//! targets stay in place.

use doorward_transport::Budget;
use serde_json::{Map, Value, json};

use super::{media, tree, values::switch, weight::weigh};

/// The keywords of a parameter that are a part of its schema in OpenAPI 3.
const OF_SCHEMA: &[&str] = &[
    "type",
    "format",
    "items",
    "default",
    "enum",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "x-nullable",
];
const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch"];
/// The longest chain of references between parameters.
const MOST_HOPS: usize = 16;

/// Converts a document.
pub(super) fn converted(mut document: Value) -> Result<Value, String> {
    let servers = servers(&document, &document);
    let schemes = document.get("securityDefinitions").map(security);
    let original = document.get("parameters").cloned().unwrap_or(Value::Null);
    let mut converting = Converting {
        // Parameters that paths share are copied into their operations.
        left: Budget::new(2 * tree::MOST_BYTES, 2 * tree::MOST_VALUES, tree::MOST_DEPTH),
        consumes: document.get("consumes").cloned(),
        // Schemes of an operation replace those of its host.
        place: json!({"host": document.get("host"), "basePath": document.get("basePath"), "schemes": document.get("schemes")}),
        parameters: original,
    };
    if let Some(Value::Object(parameters)) = document.get_mut("parameters") {
        parameters.values_mut().for_each(of_schema);
    }
    // A path may be described elsewhere in the document.
    let refers = |item: &Value| item.get("$ref").is_some();
    let paths = document.get("paths").and_then(Value::as_object);
    let elsewhere = paths.is_some_and(|paths| paths.values().any(refers));
    let elsewhere = if elsewhere { document.clone() } else { Value::Null };
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        for item in paths.values_mut() {
            converting.in_place(item, &elsewhere).map_err(|error| error.to_string())?;
            converting.item(item).map_err(|error| error.to_string())?;
        }
    }
    if let Value::Object(members) = &mut document {
        members.insert("servers".to_owned(), servers);
        members.insert(
            "components".to_owned(),
            json!({"securitySchemes": schemes.unwrap_or_default()}),
        );
    }
    Ok(document)
}

/// The servers that `schemes`, `host` and `basePath` describe.
fn servers(document: &Value, schemes: &Value) -> Value {
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    let path = text("basePath");
    let path =
        if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    // Documents are met with a URL in place of the host.
    let host = text("host").trim();
    let host =
        host.strip_prefix("https://").or_else(|| host.strip_prefix("http://")).unwrap_or(host);
    let host = host.trim_end_matches('/');
    if host.is_empty() {
        return json!([{"url": if path.is_empty() { "/".to_owned() } else { path }}]);
    }
    let mut schemes: Vec<&str> = schemes
        .get("schemes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter_map(|scheme| {
            ["https", "http"].into_iter().find(|one| scheme.eq_ignore_ascii_case(one))
        })
        .collect();
    if let (true, Some((scheme, _))) = (schemes.is_empty(), text("host").trim().split_once("://")) {
        schemes.extend(["https", "http"].into_iter().find(|one| *one == scheme));
    }
    schemes.sort_by_key(|scheme| *scheme != "https");
    if schemes.is_empty() {
        // The scheme of the document's own URL (Swagger 2.0, "schemes").
        return json!([{"url": format!("//{host}{path}")}, {"url": format!("https://{host}{path}")}]);
    }
    schemes.iter().map(|scheme| json!({"url": format!("{scheme}://{host}{path}")})).collect()
}

fn security(definitions: &Value) -> Value {
    let mut schemes = Map::new();
    for (name, definition) in definitions.as_object().into_iter().flatten() {
        let text = |name: &str| definition.get(name).and_then(Value::as_str).unwrap_or_default();
        let scheme = match text("type") {
            "basic" => json!({"type": "http", "scheme": "basic"}),
            "oauth2" => {
                let flow = match text("flow") {
                    "application" => "clientCredentials",
                    "accessCode" => "authorizationCode",
                    other => other,
                };
                let mut urls = Map::new();
                for part in ["authorizationUrl", "tokenUrl"] {
                    if !text(part).is_empty() {
                        urls.insert(part.to_owned(), text(part).into());
                    }
                }
                json!({"type": "oauth2", "flows": {flow: urls}})
            }
            _ => json!({"type": text("type"), "in": text("in"), "name": text("name")}),
        };
        schemes.insert(name.clone(), scheme);
    }
    Value::Object(schemes)
}

/// Makes the keywords of a parameter into its schema and style.
fn of_schema(parameter: &mut Value) {
    let Value::Object(members) = parameter else { return };
    if members.contains_key("$ref") || members.contains_key("schema") {
        return;
    }
    let mut schema = Map::new();
    for name in OF_SCHEMA {
        if let Some(value) = members.remove(*name) {
            schema.insert((*name).to_owned(), value);
        }
    }
    if schema.get("type").and_then(Value::as_str) == Some("array") {
        let in_query = members.get("in").and_then(Value::as_str) == Some("query");
        let (style, explode) = match members.get("collectionFormat").and_then(Value::as_str) {
            Some("multi") => ("form", true),
            Some("ssv") => ("spaceDelimited", false),
            Some("tsv") => ("tabDelimited", false),
            Some("pipes") => ("pipeDelimited", false),
            _ if in_query => ("form", false),
            _ => ("simple", false),
        };
        members.insert("style".to_owned(), style.into());
        members.insert("explode".to_owned(), explode.into());
    }
    members.insert("schema".to_owned(), Value::Object(schema));
}

struct Converting {
    left: Budget,
    /// The media types that operations consume unless they name others.
    consumes: Option<Value>,
    place: Value,
    /// The parameters that operations refer to, as they were.
    parameters: Value,
}

impl Converting {
    /// Puts the path that a reference names in its place, and writes methods in small letters.
    fn in_place(
        &mut self,
        item: &mut Value,
        document: &Value,
    ) -> Result<(), doorward_transport::budget::Exceeded> {
        let target = item.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
        let target = target.and_then(|to| {
            let pointer = percent_encoding::percent_decode_str(to).decode_utf8().ok()?;
            document.pointer(&pointer)
        });
        if let Some(target) = target.filter(|target| target.is_object()) {
            weigh(target, &mut |bytes, values| self.left.charge(bytes, values))?;
            *item = target.clone();
        }
        let Value::Object(members) = item else { return Ok(()) };
        for method in METHODS {
            let capital = method.to_ascii_uppercase();
            if let (false, Some(operation)) =
                (members.contains_key(*method), members.remove(&capital))
            {
                members.insert((*method).to_owned(), operation);
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &mut Value) -> Result<(), doorward_transport::budget::Exceeded> {
        let shared: Vec<Value> = match item.get_mut("parameters") {
            Some(Value::Array(parameters)) => std::mem::take(parameters),
            _ => Vec::new(),
        };
        for method in METHODS {
            if let Some(Value::Object(operation)) = item.get_mut(*method) {
                self.operation(operation, &shared)?;
            }
        }
        Ok(())
    }

    /// The target of a reference to a shared parameter.
    fn looked_up(&self, parameter: &Value) -> Option<Value> {
        let mut found = parameter;
        for _ in 0..MOST_HOPS {
            let Some(reference) = found.get("$ref").and_then(Value::as_str) else {
                return Some(found.clone());
            };
            let name = reference.strip_prefix("#/parameters/")?;
            let name = percent_encoding::percent_decode_str(name).decode_utf8().ok()?;
            found = self.parameters.get(name.replace("~1", "/").replace("~0", "~"))?;
        }
        None
    }

    fn operation(
        &mut self,
        operation: &mut Map<String, Value>,
        shared: &[Value],
    ) -> Result<(), doorward_transport::budget::Exceeded> {
        let own = match operation.remove("parameters") {
            Some(Value::Array(parameters)) => parameters,
            _ => Vec::new(),
        };
        let (mut kept, mut body, mut fields) = (Vec::new(), None, Vec::new());
        let mut seen = std::collections::HashSet::new();
        for parameter in own.iter().chain(shared) {
            weigh(parameter, &mut |bytes, values| self.left.charge(bytes, values))?;
            let Some(mut found) = self.looked_up(parameter) else {
                kept.push(parameter.clone());
                continue;
            };
            weigh(&found, &mut |bytes, values| self.left.charge(bytes, values))?;
            let text =
                |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (name, place) = (text("name"), text("in"));
            if !seen.insert((name.clone(), place.clone())) {
                continue;
            }
            match place.as_str() {
                "body" => drop(body.get_or_insert(found)),
                "formData" => fields.push((name, found)),
                _ => {
                    of_schema(&mut found);
                    kept.push(found);
                }
            }
        }
        let consumes = operation.get("consumes").or(self.consumes.as_ref());
        let consumes: Vec<String> = consumes
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect();
        let request = match body {
            Some(body) => Some(of_body(&body, &consumes)),
            None if fields.is_empty() => None,
            None => Some(of_fields(fields, &consumes)),
        };
        if let Some(request) = request {
            operation.insert("requestBody".to_owned(), request);
        }
        if operation.get("schemes").is_some_and(Value::is_array) {
            let schemes = json!({"schemes": operation.get("schemes")});
            operation.insert("servers".to_owned(), servers(&self.place, &schemes));
        }
        operation.insert("parameters".to_owned(), Value::Array(kept));
        Ok(())
    }
}

/// The body of a parameter `in: body`. Of several media types one is kept: JSON, if present.
fn of_body(body: &Value, consumes: &[String]) -> Value {
    let is_json = |kind: &&String| media::is_json(&media::essence(kind));
    let kind = consumes.iter().find(is_json).or(consumes.first());
    let kind = kind.map_or("application/json", String::as_str);
    let schema = body.get("schema").cloned().unwrap_or_else(|| json!({}));
    let mut described = Map::new();
    described.insert(kind.to_owned(), json!({"schema": schema}));
    json!({"required": switch(body.get("required")) == Some(true), "content": described})
}

/// The body of parameters `in: formData`.
fn of_fields(fields: Vec<(String, Value)>, consumes: &[String]) -> Value {
    let is_file = |field: &Value| field.get("type").and_then(Value::as_str) == Some("file");
    let is = |wanted: &str| consumes.iter().any(|kind| media::essence(kind) == wanted);
    let in_parts = fields.iter().any(|(_, field)| is_file(field))
        || (is("multipart/form-data") && !is("application/x-www-form-urlencoded"));
    let (mut properties, mut required, mut encoding) = (Map::new(), Vec::new(), Map::new());
    for (name, mut field) in fields {
        if switch(field.get("required")) == Some(true) {
            required.push(Value::from(name.as_str()));
        }
        let words = field.get("description").cloned();
        of_schema(&mut field);
        let mut schema = field.get("schema").cloned().unwrap_or_default();
        if let (Value::Object(members), Some(words)) = (&mut schema, words) {
            members.insert("description".to_owned(), words);
        }
        if let (Some(style), false) = (field.get("style"), in_parts) {
            let style = if style == "simple" { &json!("form") } else { style };
            encoding.insert(name.clone(), json!({"style": style, "explode": field.get("explode")}));
        }
        properties.insert(name, schema);
    }
    let is_needed = !required.is_empty();
    let mut schema = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Value::Object(properties)),
    ]);
    if is_needed {
        schema.insert("required".to_owned(), Value::Array(required));
    }
    let kind = if in_parts { "multipart/form-data" } else { "application/x-www-form-urlencoded" };
    json!({"required": is_needed, "content": {kind: {"schema": schema, "encoding": encoding}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_swagger_2_0_becomes_one_of_openapi_3() {
        let made = converted(json!({
            "swagger": "2.0", "host": "api.example", "basePath": "v1", "schemes": ["http", "https"],
            "consumes": ["application/xml", "application/json"],
            "securityDefinitions": {"code": {"type": "oauth2", "flow": "accessCode", "tokenUrl": "https://t.example"}, "basic": {"type": "basic"}},
            "parameters": {
                "Page": {"name": "page", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "pipes"},
                "Pet": {"name": "pet", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Pet"}},
            },
            "paths": {"/pets": {
                "parameters": [{"name": "X-Trace", "in": "header", "type": "string"}],
                "post": {"parameters": [{"$ref": "#/parameters/Pet"}, {"$ref": "#/parameters/Page"}]},
                "put": {"schemes": ["http"], "consumes": ["multipart/form-data"], "parameters": [
                    {"name": "file", "in": "formData", "type": "file", "required": true},
                    {"name": "tags", "in": "formData", "type": "array", "items": {"type": "string"}}]},
                "patch": {"parameters": [{"name": "a", "in": "formData", "type": "array", "items": {"type": "integer"}, "collectionFormat": "multi"}]},
            }},
            "definitions": {"Pet": {"type": "object"}},
        }))
        .unwrap();
        assert_eq!(
            made["servers"],
            json!([{"url": "https://api.example/v1"}, {"url": "http://api.example/v1"}])
        );
        let post = &made["paths"]["/pets"]["post"];
        assert_eq!(
            post["requestBody"],
            json!({"required": true, "content": {"application/json": {"schema": {"$ref": "#/definitions/Pet"}}}})
        );
        assert_eq!(post["parameters"][0]["style"], "pipeDelimited");
        assert_eq!(post["parameters"][1]["name"], "X-Trace");
        let put = &made["paths"]["/pets"]["put"];
        assert_eq!(put["servers"], json!([{"url": "http://api.example/v1"}]));
        let form = &put["requestBody"]["content"]["multipart/form-data"]["schema"];
        assert_eq!(
            (&form["required"], &form["properties"]["file"]),
            (&json!(["file"]), &json!({"type": "file"}))
        );
        let patch = &made["paths"]["/pets"]["patch"]["requestBody"]["content"]["application/x-www-form-urlencoded"];
        assert_eq!(patch["encoding"]["a"], json!({"style": "form", "explode": true}));
        let schemes = &made["components"]["securitySchemes"];
        assert_eq!(
            schemes["code"],
            json!({"type": "oauth2", "flows": {"authorizationCode": {"tokenUrl": "https://t.example"}}})
        );
        assert_eq!(schemes["basic"]["scheme"], "basic");
    }
}
