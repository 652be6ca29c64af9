//! The OpenAPI document (3.1), made from the table of operations.

use doorward_language::scope_description;
use doorward_model::{Scope, ScopeSet, routes};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::{
    described, examples,
    operation::{Answer, Operation},
};

/// The document for a server at this public URL.
pub fn document(public_url: &str) -> Value {
    let mut generator = described::generator();
    let mut paths: Map<String, Value> = Map::new();
    for operation in super::operations() {
        let described = describe(&operation, &mut generator);
        let path = paths.entry(operation.path.to_owned()).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(operation.method.to_owned(), described);
        }
    }
    let scopes: Map<String, Value> = ScopeSet::administrative()
        .iter()
        .map(|scope| (scope.name().into_owned(), scope_description(scope).to_string().into()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Doorward: administration API", "version": env!("CARGO_PKG_VERSION"),
            "description": "The operations of the administrators' pages and the commands, for \
                programs. Every change is audited.",
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "oauth": {"type": "oauth2", "flows": {"authorizationCode": {
                    "authorizationUrl": format!("{public_url}{}", routes::AUTHORIZE), "tokenUrl": format!("{public_url}{}", routes::TOKEN),
                    "refreshUrl": format!("{public_url}{}", routes::TOKEN), "scopes": scopes,
                }}},
                "token": {"type": "http", "scheme": "bearer", "description": "A personal access token of an administrator with a scope that the operation requires."},
            },
        },
    })
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    for part in
        operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    {
        let schema = json!({"type": "string", "minLength": 1});
        parameters.push(json!({"name": part, "in": "path", "required": true, "schema": schema}));
    }
    if let Some(query) = operation.query {
        parameters.extend(of_query(query(generator).as_value(), generator));
    }
    if let Some(required) = operation.if_match {
        let description = "The ETag of the state that you read.";
        parameters.push(json!({"name": "If-Match", "in": "header", "required": required, "description": description, "schema": {"type": "string"}}));
    }
    let mut answers: Map<String, Value> = Map::new();
    for Answer { status, what, schema } in &operation.answers {
        let mut answer = json!({ "description": what });
        if let (Some(schema), Some(members)) = (schema, answer.as_object_mut()) {
            let media = if *status < 300 { operation.media } else { &["application/json"] };
            let of = |media: &&str| {
                let schema = if *media == "application/json" {
                    schema(generator).to_value()
                } else {
                    json!({"type": "string"})
                };
                ((*media).to_owned(), json!({ "schema": schema }))
            };
            members.insert("content".to_owned(), Value::Object(media.iter().map(of).collect()));
            if *status < 300 && operation.etag {
                members.insert(
                    "headers".to_owned(),
                    json!({"ETag": {"description": "Identifies this state, for If-Match.", "schema": {"type": "string"}}}),
                );
            }
        }
        answers.insert(status.to_string(), answer);
    }
    let tag =
        operation.path.trim_start_matches(routes::API_ADMIN).split('/').nth(1).unwrap_or_default();
    let needed: Vec<_> = operation.needs.iter().map(|scope| scope.name()).collect();
    let security: Vec<Value> = needed
        .iter()
        .map(|name| json!({"oauth": [name]}))
        .chain(needed.iter().map(|name| json!({"token": [name]})))
        .collect();
    let needs = format!(
        "Requires the scope `{}`; `{}` includes every other.",
        needed.join("` or `"),
        Scope::Admin.name()
    );
    let mut described = json!({"operationId": operation.id, "summary": operation.summary, "description": needs, "tags": [tag], "security": security,
        "parameters": parameters, "responses": answers});
    if let (true, Some(members)) = (operation.bytes, described.as_object_mut()) {
        members.insert(
            "requestBody".to_owned(),
            json!({"required": true, "content": {"application/octet-stream": {}}}),
        );
    }
    if let (Some(body), Some(members)) = (operation.body, described.as_object_mut()) {
        let mut content = json!({ "schema": body(generator).to_value() });
        if let (Some(example), Some(members)) =
            (examples::body(operation.id), content.as_object_mut())
        {
            members.insert("example".to_owned(), example);
        }
        let content = json!({ "application/json": content });
        members.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    described
}

/// A query's members, one parameter each.
fn of_query(schema: &Value, generator: &SchemaGenerator) -> Vec<Value> {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let schema = name.and_then(|name| generator.definitions().get(name)).unwrap_or(schema);
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let members = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Value)| {
        let description = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("description"))
            .unwrap_or_default();
        // A parameter that is left out is not null.
        if let Some(kinds) = schema.get("type").and_then(Value::as_array) {
            let kind = kinds
                .iter()
                .find(|kind| kind.as_str() != Some("null"))
                .cloned()
                .unwrap_or_default();
            if let Some(members) = schema.as_object_mut() {
                members.insert("type".to_owned(), kind);
            }
        }
        json!({"name": name, "in": "query", "required": required.contains(&name.as_str()), "description": description, "schema": schema})
    };
    members.into_iter().map(parameter).collect()
}
