//! Explains, step by step, the decision on a user's call of a tool through a client; lists the
//! rules in effect, and tries others.

mod tools;
mod trial;
mod versions;
mod who;

use std::{collections::BTreeSet, sync::Arc};

use doorward_gateway::{Condition, Gateway, Met};
use doorward_mcp::{
    AskTools, Item, ItemName, Judge, Judged, Step, Subject, Verdict,
    tools::{ASK, BUILT_IN},
};
use doorward_model::{
    AccessTokenId, AuditSubject, ClientId, Clock, Effect, Live, Program, Role, RuleSet, RuleSource,
    Rules, ToolsetName, UpstreamName, User, policy::Decision,
};
use doorward_store::{ClientFilter, Store};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Object, Refusal, RuleSets, Users};

pub use tools::{NO_UPSTREAM, ToolPermission, ToolPermissions, ToolsQuestion};
pub use trial::{CaseResult, DryRun, Impact, PolicyCase, try_cases};
pub use versions::{NewPolicy, PolicyVersion};
pub use who::{Permitted, PermittedPart, UsersWith};

/// The period in seconds in which the uses of rules are counted: 30 days.
const HITS: i64 = 30 * 86_400;

/// A kind of item for which the policy can be explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ItemKind {
    /// A tool.
    #[default]
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    Template,
    /// An upstream as a whole.
    Upstream,
}

impl ItemKind {
    /// Every kind with its name in forms and its title.
    pub const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Tool, "tool", "Tool"),
        (Self::Prompt, "prompt", "Prompt"),
        (Self::Resource, "resource", "Resource"),
        (Self::Template, "template", "Resource template"),
        (Self::Upstream, "upstream", "Upstream"),
    ];
}

/// The names that were given, of which exactly one selects the subject.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// A tool, by its name at /mcp.
    pub tool: Option<&'a str>,
    /// A prompt, by its name at /mcp.
    pub prompt: Option<&'a str>,
    /// A resource, by its URI at /mcp.
    pub resource: Option<&'a str>,
    /// A resource template, by its URI at /mcp.
    pub template: Option<&'a str>,
    /// An upstream as a whole, by its name.
    pub upstream: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// One item of this kind.
    pub fn one(kind: ItemKind, name: &'a str) -> Self {
        let (named, name) = (Self::default(), Some(name));
        match kind {
            ItemKind::Tool => Self { tool: name, ..named },
            ItemKind::Prompt => Self { prompt: name, ..named },
            ItemKind::Resource => Self { resource: name, ..named },
            ItemKind::Template => Self { template: name, ..named },
            ItemKind::Upstream => Self { upstream: name, ..named },
        }
    }

    /// The item.
    fn item_name(self) -> Result<ItemName<'a>, Refusal> {
        let upstream = match self.upstream {
            Some(name) => Some(ItemName::Upstream(
                UpstreamName::parse(name).map_err(|_| Refusal::UpstreamName(name.to_owned()))?,
            )),
            None => None,
        };
        let mut all = [
            self.tool.map(ItemName::Tool),
            self.prompt.map(ItemName::Prompt),
            self.resource.map(ItemName::Resource),
            self.template.map(ItemName::Template),
            upstream,
        ]
        .into_iter()
        .flatten();
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(Refusal::OneItem),
        }
    }
}

/// A use to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The ID or sign-in name of the user.
    pub user: &'a str,
    /// The ID or name of the client; empty for any.
    pub client: &'a str,
    /// The name of the toolset at whose URL the client calls; empty for `/mcp`.
    pub toolset: &'a str,
    /// The item.
    pub item: Named<'a>,
}

/// The answer to the question if a user may use an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Answer {
    /// They may.
    #[serde(rename = "allow")]
    Allow,
    /// They may, with a confirmation of each use.
    #[serde(rename = "confirm")]
    Confirm,
    /// They may as soon as an administrator approves the item.
    #[serde(rename = "needs approval")]
    NeedsApproval,
    /// They may not.
    #[serde(rename = "deny")]
    Deny,
    /// The upstream does not offer the item to them.
    #[serde(rename = "not offered")]
    NotOffered,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Self; 5] =
        [Self::Allow, Self::Confirm, Self::NeedsApproval, Self::Deny, Self::NotOffered];

    /// The answer of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == text)
    }

    /// The name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Confirm => "confirm",
            Self::NeedsApproval => "needs approval",
            Self::Deny => "deny",
            Self::NotOffered => "not offered",
        }
    }
}

/// The explanation of a call.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The item, under its name at /mcp.
    pub item: String,
    /// The answer.
    pub answer: Answer,
    /// The step that decided.
    pub reason: Option<Step>,
    /// The reasons, step by step.
    pub why: Vec<Step>,
}

/// The program that a question names.
struct NamedProgram {
    client_id: ClientId,
    token: Option<AccessTokenId>,
    /// The toolset at whose URL it calls.
    toolset: Option<ToolsetName>,
    /// The step about it; none for any client.
    step: Option<Step>,
}

impl NamedProgram {
    fn program(&self) -> Program<'_> {
        self.token.as_ref().map_or(Program::Client(&self.client_id), Program::Token)
    }
}

/// The step of a judgement that decided.
fn deciding(steps: &[Step]) -> Option<&Step> {
    let refuses = |step: &&Step| {
        matches!(
            step,
            Step::Toolset(_, false) | Step::ToolRoles(_, false) | Step::ScopeRoles(_, false)
        )
    };
    let decides =
        |step: &&Step| matches!(step, Step::Rule(..) | Step::Default(_) | Step::Closed(_));
    steps.iter().find(refuses).or_else(|| steps.iter().find(decides))
}

/// The refusal of an explanation about an item that is not there.
fn missing(wanted: ItemName<'_>) -> Refusal {
    match wanted {
        ItemName::Tool(name) => Refusal::missing(AuditSubject::Tool, name),
        ItemName::Upstream(name) => Refusal::missing(AuditSubject::Upstream, name.to_string()),
        ItemName::Prompt(name) | ItemName::Resource(name) | ItemName::Template(name) => {
            Refusal::missing(Object::Item, name)
        }
    }
}

/// A rule in effect.
#[derive(Clone, Debug)]
pub struct RuleInEffect {
    /// Its number, from 1.
    pub number: usize,
    /// Its effect.
    pub effect: Effect,
    /// Its text.
    pub text: String,
    /// The calls of the last 30 days on which it decided.
    pub hits: i64,
}

/// The rules in effect.
#[derive(Clone, Debug)]
pub struct RulesInEffect {
    /// The rules in order.
    pub rules: Vec<RuleInEffect>,
    /// The effect where no rule matches.
    pub default: Effect,
    /// The calls of the last 30 days that no rule matched.
    pub default_hits: i64,
    /// Origin of the rules.
    pub source: RuleSource,
    /// The number of the newest version that was saved; 0 if none was.
    pub version: i64,
}

/// Explains calls. Cheap to clone.
#[derive(Clone)]
pub struct Policies {
    store: Store,
    gateway: Gateway,
    judge: Judge,
    rules: Live<Rules>,
    sets: RuleSets,
    clock: Arc<dyn Clock>,
    /// An agent is configured, so that the tool `ask` is offered.
    has_agent: bool,
}

impl Policies {
    /// Explanations of calls under these rules.
    pub fn new(users: &Users, gateway: Gateway, sets: RuleSets) -> Self {
        let (store, rules) = (users.store.clone(), sets.rules());
        let clock = Arc::clone(&users.clock);
        let judge = Judge::new(rules.clone()).with_toolsets(gateway.resources().clone());
        Self { store, gateway, judge, rules, sets, clock, has_agent: false }
    }

    /// The same on a server with an agent, which offers the tool `ask`.
    #[must_use]
    pub fn with_agent(self, has_agent: bool) -> Self {
        Self { has_agent, ..self }
    }

    /// The names of the tools of no upstream.
    fn own_names(&self) -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|tool| tool.name).chain(self.has_agent.then_some(ASK))
    }

    /// The tool of no upstream with this name.
    fn own(&self, wanted: ItemName<'_>) -> Option<Item> {
        if self.has_agent && wanted == ItemName::Tool(ASK) {
            return Some(AskTools::item());
        }
        let found = BUILT_IN.iter().find(|known| wanted == ItemName::Tool(known.name))?;
        Some(Item::Tool(found.spec().into()))
    }

    /// The names at /mcp of the tools that an explanation can be about.
    pub async fn tool_names(&self) -> Result<Vec<String>, Refusal> {
        let own = self.own_names().map(ToOwned::to_owned);
        Ok(own.chain(self.gateway.tool_names().await?).collect())
    }

    /// The names of the upstreams that an explanation can be about.
    pub async fn upstream_names(&self) -> Result<Vec<String>, Refusal> {
        let upstreams = self.gateway.all_upstreams().await?;
        Ok(upstreams.iter().map(|upstream| upstream.name.to_string()).collect())
    }

    /// The sign-in names of the users that an explanation can be about.
    pub async fn user_names(&self) -> Result<Vec<String>, Refusal> {
        let users = self.store.users().await?;
        Ok(users.iter().map(|user| user.name.to_string()).collect())
    }

    /// The rules in effect, each with the calls of the last 30 days on which it decided.
    pub async fn rules_in_effect(&self) -> Result<RulesInEffect, Refusal> {
        self.store.flush().await?;
        let rules = self.rules.now();
        let decisions = self.store.decisions(self.clock.now().plus(-HITS)).await?;
        let hits = |rule: Option<&str>| -> i64 {
            let of_rule = decisions.iter().filter(|(told, _)| match rule {
                Some(text) => Decision::rule_in(told) == Some(text),
                None => Decision::is_of_no_rule(told),
            });
            of_rule.map(|(_, calls)| calls).sum()
        };
        let shown = rules.policy.rules().zip(1..).map(|((effect, text), number)| RuleInEffect {
            number,
            effect,
            text: text.to_owned(),
            hits: hits(Some(text)),
        });
        Ok(RulesInEffect {
            rules: shown.collect(),
            default: rules.policy.without_rule(),
            default_hits: hits(None),
            source: rules.sources.of(RuleSet::Policy),
            version: self.newest_version().await?,
        })
    }

    /// Explains a call.
    pub async fn explain(&self, call: Call<'_>) -> Result<Explained, Refusal> {
        let Call { user, client, toolset, item } = call;
        let wanted = item.item_name()?;
        let found = self.store.user_by(user).await?;
        let user = &*found.ok_or_else(|| Refusal::no_user(user))?;
        let named = self.named_program(client, toolset).await?;
        self.decide(wanted, user, &named).await
    }

    /// The program of this ID or name, at the URL of this toolset; any client, or `/mcp`, where
    /// they are empty.
    async fn named_program(&self, client: &str, toolset: &str) -> Result<NamedProgram, Refusal> {
        let toolset = if toolset.is_empty() {
            None
        } else {
            self.gateway.follow().await?;
            let known = ToolsetName::parse(toolset).ok();
            let known = known.filter(|name| self.gateway.resources().toolset(*name).is_some());
            Some(known.ok_or_else(|| Refusal::missing(AuditSubject::Toolset, toolset))?)
        };
        if client.is_empty() {
            let client_id = ClientId::from_text("");
            return Ok(NamedProgram { client_id, token: None, toolset, step: None });
        }
        let filter = ClientFilter { search: Some(client.to_owned()), ..ClientFilter::default() };
        let known = self.store.clients(filter, 1000).await?;
        let found = known
            .iter()
            .find(|known| known.id.as_str() == client)
            .or_else(|| known.iter().find(|known| known.name == client));
        let client_id = found.map_or_else(|| ClientId::from_text(client), |found| found.id.clone());
        let token = AccessTokenId::parse(client).filter(|_| found.is_none());
        let step = Step::Client(client_id.to_string(), found.map(|found| found.source));
        Ok(NamedProgram { client_id, token, toolset, step: Some(step) })
    }

    /// Decides about an item, with the steps that led to the answer: the same judgement as that of
    /// a call.
    async fn decide(
        &self,
        wanted: ItemName<'_>,
        user: &User,
        named: &NamedProgram,
    ) -> Result<Explained, Refusal> {
        let (item, before) = match self.own(wanted) {
            Some(item) => (item, Vec::new()),
            None => self.gateway.explain(wanted, user).await?.ok_or_else(|| missing(wanted))?,
        };
        Ok(self.conclude(&item, before, user, named))
    }

    /// The judgement of an item whose upstream sets these conditions.
    fn conclude(
        &self,
        item: &Item,
        before: Vec<Condition>,
        user: &User,
        named: &NamedProgram,
    ) -> Explained {
        let subject = Subject { user, program: named.program(), toolset: named.toolset };
        let judgement = self.judge.explain(subject, &item.facts());
        let first = |wanted: Met| before.iter().find(|(met, _)| *met == wanted);
        let (answer, reason) = match (first(Met::No), first(Met::ByApproval), judgement.verdict) {
            (Some((_, step)), _, _) => (Answer::NotOffered, Some(step)),
            (None, _, Verdict::Refuse) => (Answer::Deny, deciding(&judgement.steps)),
            (None, Some((_, step)), _) => (Answer::NeedsApproval, Some(step)),
            (None, None, Verdict::Allow) => (Answer::Allow, deciding(&judgement.steps)),
            (None, None, Verdict::Confirm) => (Answer::Confirm, deciding(&judgement.steps)),
        };
        let reason = reason.cloned();
        let before = before.into_iter().map(|(_, step)| step);
        Explained {
            item: item.facts().listed_as.to_owned(),
            answer,
            reason,
            why: before.chain(named.step.clone()).chain(judgement.steps).collect(),
        }
    }

    /// The roles that rules name.
    fn roles_of_rules(&self) -> BTreeSet<Role> {
        let rules = self.rules.now();
        rules.access.roles().chain(rules.policy.roles()).cloned().collect()
    }
}
