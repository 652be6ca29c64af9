//! One listing of an upstream.

use doorward_mcp::Offers;
use rmcp::model::{Prompt, Resource, ResourceTemplate};

use crate::{definition::Shown, left_out::LeftOut};

/// The offers of an upstream as they were read, before any evaluation.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) tools: Vec<Shown>,
    pub(crate) left_out: LeftOut,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) templates: Vec<ResourceTemplate>,
    pub(crate) offers: Offers,
}
