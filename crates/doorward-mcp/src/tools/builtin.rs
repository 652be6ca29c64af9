//! The built-in tools: one file and one line in [`BUILT_IN`] each.

use std::sync::{Arc, OnceLock};

use doorward_model::{Clock, Members, Scope, ToolClass};
use doorward_store::Store;
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use rmcp::model::{Tool, ToolAnnotations};

use super::{
    SourceRead, ToolCall, ToolError, ToolSource, list_connected_apps, revoke_connected_app,
    server_info, wait, whoami,
};
use crate::{
    InboundRequest, Permit, Target,
    item::{CallLimits, Item, ToolSpec, Unjudged},
    operation::{Answer, ItemName},
    results::structured_result,
};

/// The parts that built-in tools work with.
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
    /// Its display name.
    pub title: &'static str,
    /// Its effect.
    pub description: &'static str,
    /// Its effect on the world.
    pub class: ToolClass,
    pub(crate) input: fn() -> Map<String, Value>,
    pub(crate) output: fn() -> Map<String, Value>,
    pub(crate) call: for<'a> fn(&'a Context, ToolCall) -> BoxFuture<'a, Result<Value, ToolError>>,
}

/// All built-in tools.
pub const BUILT_IN: &[BuiltIn] = &[
    list_connected_apps::TOOL,
    revoke_connected_app::TOOL,
    server_info::TOOL,
    wait::TOOL,
    whoami::TOOL,
];

/// True for the name of a built-in tool.
pub(crate) fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|tool| tool.name == name)
}

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

/// Removes formats that name Rust's integer types: JSON Schema defines none of them, and validators
/// complain.
fn drop_machine_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|format| format.starts_with("int") || format.starts_with("uint"))
            {
                members.remove("format");
            }
            members.values_mut().for_each(drop_machine_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_machine_formats),
        _ => {}
    }
}

/// Reads a call's arguments; errors in them are explained to the model.
pub(crate) fn arguments<T: DeserializeOwned>(call: &ToolCall) -> Result<T, ToolError> {
    Members::Arguments.read(call.arguments()).map_err(ToolError::Arguments)
}

/// Makes a result.
pub(crate) fn result<T: serde::Serialize>(value: &T) -> Result<Value, ToolError> {
    serde_json::to_value(value)
        .map_err(|error| ToolError::Failed(format!("the result could not be written: {error}")))
}

/// The built-in tools as a source.
pub struct BuiltInTools {
    context: Context,
}

impl BuiltInTools {
    /// The tools over this store.
    pub fn new(store: Store, clock: Arc<dyn Clock>, public_url: String, name: String) -> Self {
        Self {
            context: Context { store, clock, public_url, name, started: std::time::Instant::now() },
        }
    }
}

/// The specifications, made once: lists are asked for often and schemas never change.
fn specs() -> &'static [Arc<ToolSpec>] {
    static SPECS: OnceLock<Vec<Arc<ToolSpec>>> = OnceLock::new();
    SPECS.get_or_init(|| BUILT_IN.iter().map(|tool| Arc::new(spec(tool))).collect())
}

impl BuiltIn {
    /// It as it is listed and judged.
    pub fn spec(&self) -> ToolSpec {
        spec(self)
    }
}

fn spec(built_in: &BuiltIn) -> ToolSpec {
    let mut tool = Tool::new(built_in.name, built_in.description, Arc::new((built_in.input)()));
    tool.title = Some(built_in.title.to_owned());
    tool.output_schema = Some(Arc::new((built_in.output)()));
    let mut annotations = ToolAnnotations::default();
    annotations.read_only_hint = Some(built_in.class == ToolClass::Read);
    annotations.destructive_hint = Some(built_in.class == ToolClass::Destructive);
    annotations.idempotent_hint = Some(true);
    annotations.open_world_hint = Some(false);
    tool.annotations = Some(annotations);
    ToolSpec {
        tool,
        upstream: None,
        own_name: built_in.name.to_owned(),
        listed_as: built_in.name.to_owned(),
        class: built_in.class,
        scope: Scope::of_class(built_in.class),
        open_world: false,
        idempotent: true,
        limits: CallLimits::default(),
    }
}

impl ToolSource for BuiltInTools {
    fn tools<'a>(&'a self, inbound: &'a InboundRequest) -> SourceRead<'a, Unjudged<Arc<ToolSpec>>> {
        Box::pin(async move {
            let own = if inbound.target == Target::All { specs().to_vec() } else { Vec::new() };
            Ok(Unjudged::new(own))
        })
    }
    fn find<'a>(
        &'a self,
        inbound: &'a InboundRequest,
        wanted: ItemName<'a>,
    ) -> SourceRead<'a, Option<Item>> {
        Box::pin(async move {
            let ItemName::Tool(name) = wanted else { return Ok(None) };
            let mut own = specs().iter().filter(|_| inbound.target == Target::All);
            Ok(own.find(|spec| spec.name() == name).cloned().map(Item::Tool))
        })
    }
    fn run(&self, permit: Permit) -> BoxFuture<'_, Result<Answer, ToolError>> {
        Box::pin(async move {
            let gone = || ToolError::Failed("there is no such tool".to_owned());
            let call = permit.into_call().map_err(|_| gone())?;
            let tool =
                BUILT_IN.iter().find(|tool| tool.name == call.spec.name()).ok_or_else(gone)?;
            (tool.call)(&self.context, call)
                .await
                .map(|value| Answer::Tool(structured_result(value).into()))
        })
    }
}
