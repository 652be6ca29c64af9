//! The rows that a write compares before and after it, for its entry.

use doorward_model::{Resource, UpstreamName};

/// A row that is compared.
#[derive(Debug)]
pub(crate) enum Row {
    User(String),
    Client(String),
    Setting(String),
    /// An identity provider, by how much depends on it. States if users may sign in with passwords.
    Provider(String, bool),
    /// An upstream, by its pins and the number of its dependents, and the resource that covers it
    /// alone.
    Upstream(UpstreamName, Resource),
    /// An external resource server, with the number of grants for it.
    Resource(String),
    /// A group, with the number of its members.
    Group(String),
    /// The upstream and the tool.
    Tool(String, String),
}
