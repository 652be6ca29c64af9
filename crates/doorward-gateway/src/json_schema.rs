//! JSON Schema: one list of keywords, and one of their valid values, for the schemas of MCP servers
//! and of OpenAPI documents.

mod compiled;
mod keywords;
mod values;

pub(crate) use self::{
    compiled::compiled,
    keywords::{Form, as_object, form},
    values::{is_pattern, value},
};
