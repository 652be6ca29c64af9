//! The tools that a user may use: every tool of every upstream with the answer for this user and
//! the reason, by the judgement of a call.

use std::{collections::BTreeSet, sync::Arc};

use doorward_gateway::{CONNECTIONS_TOOL, Condition, ExplainedUpstream};
use doorward_mcp::{Item, ItemName, Judged};
use doorward_model::{AuditSubject, Role, ToolClass, User};

use super::{Answer, Explained, NamedProgram, Policies};
use crate::{Groups, Refusal, SourcedRole};

/// Maximum number of rows of a part.
const MOST_ROWS: u64 = 200;
/// The usual number of rows of a part.
const USUAL_ROWS: u64 = 50;
/// Maximum number of tools that are judged for a part; the next part begins after them.
const MOST_JUDGED: usize = 1000;
/// The name that selects the tools of no upstream. No upstream can have it.
pub const NO_UPSTREAM: &str = "-";

/// The tools that are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToolsQuestion<'a> {
    /// The ID or sign-in name of the user.
    pub user: &'a str,
    /// The ID or name of the client; empty for any.
    pub client: &'a str,
    /// The name of the toolset at whose URL the client calls; empty for `/mcp`.
    pub toolset: &'a str,
    /// Only tools with this text in their name at /mcp.
    pub search: &'a str,
    /// Only tools of the upstream of this name; [`NO_UPSTREAM`] for those of none.
    pub upstream: Option<&'a str>,
    /// Only tools of this class.
    pub class: Option<ToolClass>,
    /// Only tools with this answer.
    pub answer: Option<Answer>,
}

/// A tool with the answer for a user.
#[derive(Debug)]
pub struct ToolPermission {
    /// The display name of its upstream; `None` for built-in tools.
    pub upstream: Option<String>,
    /// Its class.
    pub class: ToolClass,
    /// The answer with its reasons.
    pub explained: Explained,
    /// The roles of the user that the rules or the upstream name, with their sources.
    pub roles: Vec<SourcedRole>,
}

/// A part of the tools, by upstream and name.
#[derive(Debug)]
pub struct ToolPermissions {
    /// The tools.
    pub rows: Vec<ToolPermission>,
    /// The parameter `after` of the next part, if tools remain to be judged.
    pub next: Option<String>,
}

/// A place in the order of all tools: the name of the upstream, empty for none, and the name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ToolPlace {
    upstream: String,
    tool: String,
}

impl ToolPlace {
    /// The place of a tool.
    fn of(upstream: Option<&ExplainedUpstream>, tool: &str) -> Self {
        let upstream = upstream.map(|upstream| upstream.name().to_string()).unwrap_or_default();
        Self { upstream, tool: tool.to_owned() }
    }

    /// Reads the parameter `after`.
    fn read(after: Option<&str>) -> Result<Option<Self>, Refusal> {
        let Some(text) = after.filter(|text| !text.is_empty()) else { return Ok(None) };
        match text.split_once('/') {
            Some((upstream, tool)) => {
                Ok(Some(Self { upstream: upstream.to_owned(), tool: tool.to_owned() }))
            }
            None => Err(Refusal::ListParameter("after".to_owned(), "is not a cursor".to_owned())),
        }
    }

    fn cursor(&self) -> String {
        format!("{}/{}", self.upstream, self.tool)
    }
}

/// The user and program of a question, with what all answers share.
struct UserQuestion<'a> {
    user: Arc<User>,
    named: NamedProgram,
    roles: Vec<SourcedRole>,
    in_rules: BTreeSet<Role>,
    question: ToolsQuestion<'a>,
    search: String,
}

impl UserQuestion<'_> {
    /// The tools of these names after a place, in their order: those of no upstream first.
    fn fitting<'u>(
        &self,
        own: impl Iterator<Item = &'static str>,
        upstreams: &'u [ExplainedUpstream],
        after: Option<&ToolPlace>,
    ) -> Vec<(Option<&'u ExplainedUpstream>, &'u str)> {
        // The gateway's own tool is offered where it has upstreams.
        let of_gateway = (!upstreams.is_empty()).then_some(CONNECTIONS_TOOL);
        let of_none: BTreeSet<&'u str> = own.chain(of_gateway).collect();
        let mut all: Vec<(Option<&'u ExplainedUpstream>, &'u str)> =
            of_none.into_iter().map(|tool| (None, tool)).collect();
        for upstream in upstreams {
            all.extend(upstream.tools().map(|tool| (Some(upstream), tool)));
        }
        let wanted = self.question.upstream;
        all.retain(|(upstream, tool)| {
            let named = wanted.is_none_or(|wanted| {
                upstream.map_or(wanted == NO_UPSTREAM, |one| one.name().as_str() == wanted)
            });
            let passed = after.is_some_and(|after| ToolPlace::of(*upstream, tool) <= *after);
            named && !passed && self.finds(*upstream, tool)
        });
        all
    }

    /// Reports a tool whose name is searched for.
    fn finds(&self, upstream: Option<&ExplainedUpstream>, tool: &str) -> bool {
        if self.search.is_empty() {
            return true;
        }
        let before = upstream.map(|upstream| format!("{}_", upstream.name())).unwrap_or_default();
        format!("{before}{tool}").to_lowercase().contains(&self.search)
    }
}

impl Policies {
    /// A part of all tools, each with the answer for a user. A part with a filter may be shorter
    /// than its limit although others follow.
    pub async fn tools_of(
        &self,
        question: ToolsQuestion<'_>,
        limit: Option<u64>,
        after: Option<&str>,
    ) -> Result<ToolPermissions, Refusal> {
        let limit = limit.unwrap_or(USUAL_ROWS);
        if !(1..=MOST_ROWS).contains(&limit) {
            let why = format!("must be between 1 and {MOST_ROWS}");
            return Err(Refusal::ListParameter("limit".to_owned(), why));
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let after = ToolPlace::read(after)?;
        let upstreams = self.gateway.explained_upstreams().await?;
        if let Some(name) = question.upstream.filter(|name| *name != NO_UPSTREAM)
            && !upstreams.iter().any(|upstream| upstream.name().as_str() == name)
        {
            return Err(Refusal::missing(AuditSubject::Upstream, name));
        }
        let asked = self.asked(question).await?;
        let (mut rows, mut judged) = (Vec::new(), 0);
        let mut last = None;
        for (upstream, tool) in asked.fitting(self.own_names(), &upstreams, after.as_ref()) {
            if let Some(next) = last.filter(|_| rows.len() >= limit || judged >= MOST_JUDGED) {
                return Ok(ToolPermissions { rows, next: Some(next) });
            }
            judged += 1;
            rows.extend(self.permission(&asked, upstream, tool).await?);
            last = Some(ToolPlace::of(upstream, tool).cursor());
        }
        Ok(ToolPermissions { rows, next: None })
    }

    async fn asked<'a>(&self, question: ToolsQuestion<'a>) -> Result<UserQuestion<'a>, Refusal> {
        let found = self.store.user_by(question.user).await?;
        let user = found.ok_or_else(|| Refusal::no_user(question.user))?;
        let groups = Groups::new(self.store.clone(), Arc::clone(&self.clock));
        Ok(UserQuestion {
            named: self.named_program(question.client, question.toolset).await?,
            roles: groups.roles_of(&user).await?,
            in_rules: self.roles_of_rules(),
            search: question.search.trim().to_lowercase(),
            question,
            user,
        })
    }

    /// The tool as a row, if it is one that is asked for.
    async fn permission(
        &self,
        asked: &UserQuestion<'_>,
        upstream: Option<&ExplainedUpstream>,
        tool: &str,
    ) -> Result<Option<ToolPermission>, Refusal> {
        let found: Option<(Item, Vec<Condition>)> = match upstream {
            Some(upstream) => upstream.explain(tool, &asked.user),
            None => match self.own(ItemName::Tool(tool)) {
                Some(item) => Some((item, Vec::new())),
                None => self.gateway.explain(ItemName::Tool(tool), &asked.user).await?,
            },
        };
        let Some((item, before)) = found else { return Ok(None) };
        let class = item.facts().class;
        if asked.question.class.is_some_and(|wanted| wanted != class) {
            return Ok(None);
        }
        let explained = self.conclude(&item, before, &asked.user, &asked.named);
        if asked.question.answer.is_some_and(|wanted| wanted != explained.answer) {
            return Ok(None);
        }
        let own = upstream.map(ExplainedUpstream::roles).unwrap_or_default();
        let mut roles = asked.roles.clone();
        roles.retain(|one| {
            asked.in_rules.contains(&one.role) || own.iter().any(|name| name == one.role.as_str())
        });
        let upstream = upstream.map(|upstream| upstream.title().to_owned());
        Ok(Some(ToolPermission { upstream, class, explained, roles }))
    }
}
