//! The steps of an explanation of the policy, as values; `Display` writes them for programs and
//! commands.

use std::fmt;

use doorward_model::{ClientSource, Effect, Scope, ToolClass, ToolsetName, UpstreamName};

/// One step of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The upstream is enabled, or not.
    Enabled(UpstreamName, bool),
    /// The upstream's `include` and `exclude` offer the tool, or do not.
    Offered(UpstreamName, String, bool),
    /// The state of the tool's definition.
    Definition(&'static str),
    /// The setting of the upstream that offers this kind of item is on, or not.
    Setting(UpstreamName, &'static str, bool),
    /// The state of an approval that covers a whole kind.
    Approval(&'static str, &'static str),
    /// The roles of the upstream include one of the user's, or do not.
    UpstreamRoles(UpstreamName, bool),
    /// The client by its identifier, with its source; `None` if it is not known.
    Client(String, Option<ClientSource>),
    /// The toolset has the item for this user, or has not.
    Toolset(ToolsetName, bool),
    /// The class of the item.
    Class(ToolClass),
    /// The user by name and identifier, with their roles.
    Roles(String, String, Vec<String>),
    /// `access.tool_roles` permits the user the item of this name, or does not.
    ToolRoles(String, bool),
    /// `access.scope_roles` permits the user the scope, or does not.
    ScopeRoles(Scope, bool),
    /// A rule that denies the upstream as a whole matches, or none does.
    Closed(bool),
    /// The effect of the policy, by the rule of this number and text.
    Rule(Effect, usize, String),
    /// The effect of `policy.default`: no rule matches.
    Default(Effect),
    /// The client's token needs this scope.
    TokenScope(Scope),
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enabled(upstream, is) => write!(formatter, "{upstream} is enabled: {}", yes(*is)),
            Self::Offered(upstream, tool, is) => {
                write!(formatter, "include and exclude of {upstream} offer {tool}: {}", yes(*is))
            }
            Self::Definition(state) => write!(formatter, "its definition is {state}"),
            Self::Setting(upstream, setting, is) => {
                write!(formatter, "upstreams.{upstream}.{setting} is on: {}", yes(*is))
            }
            Self::Approval(entry, state) => write!(formatter, "{entry} is {state}"),
            Self::UpstreamRoles(upstream, is) => {
                write!(formatter, "upstreams.{upstream}.roles allow this user: {}", yes(*is))
            }
            Self::Client(id, source) => {
                let known = match source {
                    None => "unknown on this server; rules name clients by ID",
                    Some(ClientSource::Administrator) => "added by an administrator",
                    Some(ClientSource::MetadataDocument) => "known by its metadata document",
                    Some(ClientSource::Registration) => {
                        "registered dynamically: its name is not verified"
                    }
                };
                write!(formatter, "client: {id} (client={id}), {known}")
            }
            Self::Toolset(toolset, is) => {
                write!(formatter, "the toolset {toolset} has it for this user: {}", yes(*is))
            }
            Self::Class(class) => write!(formatter, "class: {}", class.as_str()),
            Self::Roles(name, id, roles) if roles.is_empty() => {
                write!(formatter, "roles of {name} (user={id}): none")
            }
            Self::Roles(name, id, roles) => {
                write!(formatter, "roles of {name} (user={id}): {}", roles.join(", "))
            }
            Self::ToolRoles(name, is) => {
                write!(formatter, "access.tool_roles allow this user to use {name}: {}", yes(*is))
            }
            Self::ScopeRoles(scope, is) => write!(
                formatter,
                "access.scope_roles allow this user the scope {}: {}",
                scope.name(),
                yes(*is)
            ),
            Self::Closed(is) => {
                write!(formatter, "policy: a rule denies the upstream as a whole: {}", yes(*is))
            }
            Self::Rule(effect, number, rule) => {
                write!(formatter, "policy: {} by rule {number}: {rule}", effect.as_str())
            }
            Self::Default(effect) => write!(
                formatter,
                "policy: {} by policy.default, because no rule matches",
                effect.as_str()
            ),
            Self::TokenScope(scope) => {
                write!(formatter, "the client's token needs the scope {}", scope.name())
            }
        }
    }
}
