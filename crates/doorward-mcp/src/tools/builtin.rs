//! The built-in tools: one file and one line in [`BUILT_IN`] each.

use std::sync::{Arc, OnceLock};

use doorward_model::{Clock, Scope};
use doorward_store::Store;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{BoxFuture, ToolCall, ToolError, ToolSource, ToolSpec, list_connected_apps, revoke_connected_app, server_info, wait, whoami};
use crate::Caller;

/// What built-in tools work with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) public_url: String,
    pub(crate) name: String,
    pub(crate) started: std::time::Instant,
}

/// One built-in tool.
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it does.
    pub description: &'static str,
    /// The scope that it needs.
    pub scope: Scope,
    /// Whether it may remove something.
    pub destructive: bool,
    pub(crate) input: fn() -> Map<String, Value>,
    pub(crate) output: fn() -> Map<String, Value>,
    pub(crate) call: for<'a> fn(&'a Context, ToolCall) -> BoxFuture<'a, Result<Value, ToolError>>,
}

/// All built-in tools.
pub const BUILT_IN: &[BuiltIn] = &[list_connected_apps::TOOL, revoke_connected_app::TOOL, server_info::TOOL, wait::TOOL, whoami::TOOL];

/// The JSON Schema (2020-12) of a type.
pub(crate) fn schema<T: JsonSchema>() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let schema = SchemaGenerator::new(settings).into_root_schema_for::<T>();
    match schema.to_value() {
        Value::Object(mut members) => {
            members.remove("title");
            members.values_mut().for_each(drop_machine_formats);
            members.entry("properties").or_insert_with(|| Value::Object(Map::new()));
            members
        }
        _ => Map::new(),
    }
}

/// Takes out formats that name Rust's integer types: JSON Schema knows none of them, and validators complain.
fn drop_machine_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("int") || format.starts_with("uint")) {
                members.remove("format");
            }
            members.values_mut().for_each(drop_machine_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_machine_formats),
        _ => {}
    }
}

/// Reads a call's arguments; what does not fit is explained to the model.
pub(crate) fn arguments<T: DeserializeOwned>(call: &ToolCall) -> Result<T, ToolError> {
    serde_json::from_value(Value::Object(call.arguments.clone())).map_err(|error| ToolError::Arguments(format!("the arguments do not fit: {error}")))
}

/// Makes a result.
pub(crate) fn result<T: serde::Serialize>(value: &T) -> Result<Value, ToolError> {
    serde_json::to_value(value).map_err(|error| ToolError::Failed(format!("the result could not be written: {error}")))
}

/// The built-in tools as a source.
pub struct BuiltInTools {
    context: Context,
}

impl BuiltInTools {
    /// The tools over this store.
    pub fn new(store: Store, clock: Arc<dyn Clock>, public_url: String, name: String) -> Self {
        Self { context: Context { store, clock, public_url, name, started: std::time::Instant::now() } }
    }
}

/// The specifications, made once: lists are asked for often and schemas never change.
fn specs() -> &'static [ToolSpec] {
    static SPECS: OnceLock<Vec<ToolSpec>> = OnceLock::new();
    SPECS.get_or_init(|| {
        let spec = |tool: &BuiltIn| ToolSpec {
            name: tool.name.into(),
            title: tool.title.into(),
            description: tool.description.into(),
            input_schema: Arc::new((tool.input)()),
            output_schema: Some(Arc::new((tool.output)())),
            scope: tool.scope,
            read_only: tool.scope == Scope::Read,
            destructive: tool.destructive,
            idempotent: true,
            open_world: false,
        };
        BUILT_IN.iter().map(spec).collect()
    })
}

impl ToolSource for BuiltInTools {
    fn list(&self, _: &Caller) -> Vec<ToolSpec> {
        specs().to_vec()
    }
    fn find(&self, name: &str) -> Option<ToolSpec> {
        specs().iter().find(|spec| spec.name == name).cloned()
    }
    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        match BUILT_IN.iter().find(|tool| tool.name == call.name) {
            Some(tool) => (tool.call)(&self.context, call),
            None => Box::pin(async { Err(ToolError::Failed("there is no such tool".to_owned())) }),
        }
    }
}
