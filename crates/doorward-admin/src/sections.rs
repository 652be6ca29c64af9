//! Sections of the configuration with rules that administrators can save as versions.

use doorward_model::{AccessPolicy, ToolPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Permissions of roles, and use of second factors.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// Roles that may have a scope, as rules `SCOPE = ROLE ROLE…`, such as `mcp:write = developer
    /// admin`. A scope without a rule is for all users. Losing the role takes effect on the next
    /// call. A rule for `mattermost:access` names the roles that may use the connector of
    /// Mattermost.
    pub scope_roles: Vec<String>,
    /// Roles that may call a tool, as rules `TOOL = ROLE ROLE…`; `*` in the name matches any text,
    /// and of several rules that match all must hold. A tool without a rule is for all users.
    pub tool_roles: Vec<String>,
    /// Scopes that are given only to users who verified a second factor.
    pub second_factor_scopes: Vec<String>,
    /// True if the administrators' pages require a second factor.
    pub second_factor_for_administrators: bool,
}

impl AccessConfig {
    /// Reads the rules. An error names the key of the invalid one.
    pub fn policy(&self) -> Result<AccessPolicy, (&'static str, String)> {
        let read = |scopes: &[String], tools: &[String], factors: &[String]| {
            AccessPolicy::parse(scopes, tools, factors).map_err(|error| error.to_string())
        };
        read(&self.scope_roles, &[], &[]).map_err(|error| ("access.scope_roles", error))?;
        read(&[], &self.tool_roles, &[]).map_err(|error| ("access.tool_roles", error))?;
        let mut policy = read(&self.scope_roles, &self.tool_roles, &self.second_factor_scopes)
            .map_err(|error| ("access.second_factor_scopes", error))?;
        policy.second_factor_for_administrators = self.second_factor_for_administrators;
        Ok(policy)
    }
}

/// Rules that decide on tools. The first rule that fits a tool, a user and a client decides; it
/// hides the tool and refuses its call alike.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Rules such as `deny role=guest class=write,destructive upstream=wiki`: `allow`, `deny` or
    /// `confirm`, then conditions `KEY=VALUE,VALUE…` that must all hold. Keys are user (an ID, or a
    /// pattern with `@` for the verified e-mail address), role, group, client (an ID, or a pattern
    /// for the URL of a metadata document), upstream, tool, kind (tool, prompt, resource), class
    /// (read, write, destructive) and hint (open-world, closed-world, idempotent, not-idempotent);
    /// `*` matches any text in a pattern. Names that users and clients choose are not accepted.
    /// Rules hold for prompts and resources as for tools: `tool` is then the prompt's name or the
    /// resource's URI, the class is read. `confirm` asks the user before each call.
    pub rules: Vec<String>,
    /// The decision if no rule matches: `allow`, `deny` or `confirm`.
    pub default: String,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self { rules: Vec::new(), default: "allow".to_owned() }
    }
}

impl PolicyConfig {
    /// Reads the rules. An error names the key of the invalid one.
    pub fn policy(&self) -> Result<ToolPolicy, (&'static str, String)> {
        ToolPolicy::parse(&[], &self.default)
            .map_err(|error| ("policy.default", error.to_string()))?;
        ToolPolicy::parse(&self.rules, &self.default)
            .map_err(|error| ("policy.rules", error.to_string()))
    }
}
