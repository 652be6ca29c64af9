//! Tries rules of the policy before they are put in effect: by cases with the effect that is
//! expected, and by the calls of the audit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use doorward_mcp::{
    CallLimits, Facts, Item, ItemName, Judge, Judged, Judgement, Kind, Subject, Verdict,
};
use doorward_model::{
    AccessTokenId, AuditFilter, AuditKind, CallFacts, ClientId, Effect, Live, Program, Role,
    RuleSet, Rules, Scope, Timestamp, ToolClass, ToolPolicy, UpstreamName, User, UserId, UserName,
    policy::ItemKind,
};
use serde::Deserialize;

use super::Policies;
use crate::{Refusal, RuleContent};

/// Maximum number of entries of the audit that one trial reads.
const MOST_ENTRIES: u64 = 100_000;
/// Number of entries that are read at once.
const BATCH: u64 = 1000;
/// Number of tools that a trial names.
const MOST_TOOLS: usize = 20;

/// A case: a call, and the effect that the policy must have on it. It needs no user, client or tool
/// of this server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyCase {
    /// The name of the case.
    pub name: String,
    /// The ID of the user; without one, any.
    pub user: String,
    /// The verified e-mail address of the user.
    pub email: Option<String>,
    /// The roles of the user.
    pub roles: Vec<String>,
    /// The ID of the client or personal access token; without one, any.
    pub client: String,
    /// The upstream; none for built-in tools.
    pub upstream: String,
    /// `tool`, `prompt` or `resource`; without one, a tool.
    pub kind: String,
    /// The item's name at the upstream; the URI of a resource.
    pub tool: String,
    /// `read`, `write` or `destructive`; without one, `read`.
    pub class: String,
    /// `open-world` and `idempotent`, as far as they apply.
    pub hints: Vec<String>,
    /// `allow`, `deny` or `confirm`.
    pub expect: String,
}

/// The result of a case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// The name of the case.
    pub name: String,
    /// The expected effect.
    pub expected: Effect,
    /// The effect.
    pub effect: Effect,
    /// The reasons, step by step.
    pub why: Vec<doorward_mcp::Step>,
}

impl CaseResult {
    /// True if the effect is the expected one.
    pub fn is_ok(&self) -> bool {
        self.expected == self.effect
    }
}

fn effect(verdict: Verdict) -> Effect {
    match verdict {
        Verdict::Allow => Effect::Allow,
        Verdict::Confirm => Effect::Confirm,
        Verdict::Refuse => Effect::Deny,
    }
}

fn program<'a>(client: &'a ClientId, token: Option<&'a AccessTokenId>) -> Program<'a> {
    token.map_or(Program::Client(client), Program::Token)
}

impl PolicyCase {
    fn wrong(&self, why: impl std::fmt::Display) -> Refusal {
        let name = if self.name.is_empty() { &self.tool } else { &self.name };
        Refusal::PolicyCase(name.clone(), why.to_string())
    }

    fn subject(&self) -> Result<User, Refusal> {
        let roles = self.roles.iter().map(|role| Role::named(role));
        let id = if self.user.is_empty() { "u_case" } else { &self.user };
        Ok(User {
            id: UserId::from_text(id),
            name: UserName::from_stored("case".to_owned()),
            email: self.email.clone(),
            email_by: None,
            password: None,
            password_temporary: false,
            display_name: None,
            roles: roles.collect::<Result<_, _>>().map_err(|error| self.wrong(error))?,
            provider_roles: Vec::new(),
            group_roles: Vec::new(),
            created_at: Timestamp::default(),
            disabled_at: None,
            links_after: None,
        })
    }

    /// Decides about the case under these rules.
    fn try_with(&self, judge: &Judge) -> Result<CaseResult, Refusal> {
        let expected = Effect::parse(&self.expect)
            .ok_or_else(|| self.wrong("expect must be allow, deny or confirm"))?;
        let kind = match self.kind.as_str() {
            "" => ItemKind::Tool,
            kind => ItemKind::parse(kind)
                .ok_or_else(|| self.wrong("kind must be tool, prompt or resource"))?,
        };
        let class = match self.class.as_str() {
            "" => ToolClass::Read,
            class => ToolClass::parse(class)
                .ok_or_else(|| self.wrong("class must be read, write or destructive"))?,
        };
        let upstream = match self.upstream.as_str() {
            "" => None,
            name => {
                Some(UpstreamName::parse(name).map_err(|_| self.wrong("upstream is not a name"))?)
            }
        };
        let (mut open_world, mut idempotent) = (false, false);
        for hint in &self.hints {
            match hint.as_str() {
                "open-world" => open_world = true,
                "idempotent" => idempotent = true,
                _ => return Err(self.wrong("hints are open-world and idempotent")),
            }
        }
        if self.tool.is_empty() {
            return Err(self.wrong("tool is missing"));
        }
        let listed_as = match (upstream, kind) {
            (None, _) => self.tool.clone(),
            (Some(name), ItemKind::Resource) => format!("{name}+{}", self.tool),
            (Some(name), ItemKind::Tool | ItemKind::Prompt) => format!("{name}_{}", self.tool),
        };
        let facts = Facts {
            kind: match kind {
                ItemKind::Tool => Kind::Tool,
                ItemKind::Prompt => Kind::Prompt,
                ItemKind::Resource => Kind::Resource,
            },
            upstream,
            own_name: &self.tool,
            listed_as: &listed_as,
            class,
            scope: Scope::of_class(class),
            open_world,
            idempotent,
            limits: CallLimits::default(),
        };
        let user = self.subject()?;
        let client = ClientId::from_text(&self.client);
        let token = AccessTokenId::parse(&self.client);
        let subject =
            Subject { user: &user, program: program(&client, token.as_ref()), toolset: None };
        let Judgement { verdict, steps } = judge.explain(subject, &facts);
        Ok(CaseResult { name: self.name.clone(), expected, effect: effect(verdict), why: steps })
    }
}

/// Decides about each case under these rules.
pub fn try_cases(rules: &Rules, cases: &[PolicyCase]) -> Result<Vec<CaseResult>, Refusal> {
    let judge = Judge::new(Live::new(rules.clone()));
    cases.iter().map(|case| case.try_with(&judge)).collect()
}

/// The effect of other rules on calls of the past.
#[derive(Clone, Debug, Default)]
pub struct Impact {
    /// The calls.
    pub calls: u64,
    /// The number of their users.
    pub users: usize,
    /// The tools with the most of these calls.
    pub tools: Vec<(String, u64)>,
}

/// The result of a dry run.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// The calls that were read.
    pub calls: u64,
    /// True if there were more than one dry run looks at; the newest were.
    pub partial: bool,
    /// The calls that were made and would be refused.
    pub refused: Impact,
    /// The calls that were made without a confirmation and would need one.
    pub confirmed: Impact,
    /// The calls that the rules in effect refuse and the other ones would not.
    pub opened: Impact,
}

/// Calls that are decided alike.
type Alike = (String, String, String);

#[derive(Default)]
struct Gathered {
    calls: u64,
    users: BTreeSet<String>,
    tools: BTreeMap<String, u64>,
}

impl Gathered {
    fn add(&mut self, (user, _, tool): &Alike, calls: u64) {
        self.calls += calls;
        self.users.insert(user.clone());
        *self.tools.entry(tool.clone()).or_default() += calls;
    }

    fn told(self) -> Impact {
        let mut tools: Vec<_> = self.tools.into_iter().collect();
        tools.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
        tools.truncate(MOST_TOOLS);
        Impact { calls: self.calls, users: self.users.len(), tools }
    }
}

/// The calls of a period: how many were made and refused, by what decides about them.
#[derive(Default)]
struct PastCalls {
    groups: HashMap<Alike, (CallFacts, u64, u64)>,
    calls: u64,
    partial: bool,
}

impl Policies {
    /// Decides about each case under the rules in effect.
    pub fn try_cases(&self, cases: &[PolicyCase]) -> Result<Vec<CaseResult>, Refusal> {
        try_cases(&self.rules.now(), cases)
    }

    /// Reads the calls of the audit since a moment, the newest first, within the limit.
    async fn past(&self, since: Timestamp) -> Result<PastCalls, Refusal> {
        self.store.flush().await?;
        let filter = AuditFilter {
            kind: Some("tool.".to_owned()),
            since: Some(since),
            ..AuditFilter::default()
        };
        let (mut past, mut before, mut read) = (PastCalls::default(), None, 0);
        loop {
            let page = self.store.audit(&filter, before, BATCH).await?;
            for entry in page.entries {
                read += 1;
                let event = entry.event;
                let (Some(call), Some(user)) = (event.call, event.actor.user_id) else { continue };
                let program = event.actor.token_id.or(event.actor.client_id).unwrap_or_default();
                past.calls += 1;
                let tool = call.tool.clone();
                let group = past.groups.entry((user, program, tool)).or_insert((*call, 0, 0));
                if event.kind == AuditKind::ToolCalled {
                    group.1 += 1;
                } else {
                    group.2 += 1;
                }
            }
            before = page.before;
            if before.is_none() {
                return Ok(past);
            }
            if read >= MOST_ENTRIES {
                past.partial = true;
                return Ok(past);
            }
        }
    }

    /// Compares other rules with those in effect by the calls since a moment. Nothing is changed.
    /// Users and tools are judged as they are now; calls of deleted users are left out.
    pub async fn dry_run(
        &self,
        rules: &[String],
        default: &str,
        since: Timestamp,
    ) -> Result<DryRun, Refusal> {
        let policy =
            ToolPolicy::parse(rules, default).map_err(|error| Refusal::Rules(error.to_string()))?;
        let other = Rules { policy, ..(*self.rules.now()).clone() };
        self.compare(other, since).await
    }

    /// Compares other settings of a set of rules with those in effect, by the calls of the audit.
    pub async fn dry_run_of(
        &self,
        set: RuleSet,
        settings: serde_json::Value,
        since: Timestamp,
    ) -> Result<DryRun, Refusal> {
        let content = RuleContent::read(set, settings).map_err(Refusal::Rules)?;
        match set {
            RuleSet::Policy | RuleSet::Access => {}
            RuleSet::Limits | RuleSet::Registration => {
                let why = format!("[{}] decides on no call of the audit", set.as_str());
                return Err(Refusal::Rules(why));
            }
        }
        let present = self.rules.now();
        self.compare(content.within(&present, present.sources.of(set)), since).await
    }

    /// Compares other rules with those in effect.
    async fn compare(&self, other: Rules, since: Timestamp) -> Result<DryRun, Refusal> {
        let other = Judge::new(Live::new(other));
        let past = self.past(since).await?;
        let mut items = HashMap::<String, Option<Item>>::new();
        let (mut refused, mut confirmed, mut opened) =
            (Gathered::default(), Gathered::default(), Gathered::default());
        for (group, (call, made, denied)) in past.groups {
            let Some(user) = self.store.user(&UserId::from_text(&group.0)).await? else {
                continue;
            };
            if !items.contains_key(&group.2) {
                let found = if let Some(item) = self.own(ItemName::Tool(&group.2)) {
                    Some(item)
                } else {
                    let found = self.gateway.explain(ItemName::Tool(&group.2), &user).await?;
                    found.map(|(item, _)| item)
                };
                items.insert(group.2.clone(), found);
            }
            let (client, token) = (ClientId::from_text(&group.1), AccessTokenId::parse(&group.1));
            let subject =
                Subject { user: &user, program: program(&client, token.as_ref()), toolset: None };
            let known = items.get(&group.2).and_then(Option::as_ref);
            let facts = known.map_or_else(|| recorded(&call), Judged::facts);
            let before = self.judge.explain(subject, &facts).verdict;
            let after = other.explain(subject, &facts).verdict;
            match (effect(before), effect(after)) {
                (_, Effect::Deny) => refused.add_if(&group, made),
                (Effect::Allow, Effect::Confirm) => confirmed.add_if(&group, made),
                (Effect::Deny, Effect::Allow | Effect::Confirm) => opened.add_if(&group, denied),
                (Effect::Allow | Effect::Confirm, Effect::Allow | Effect::Confirm) => {}
            }
        }
        Ok(DryRun {
            calls: past.calls,
            partial: past.partial,
            refused: refused.told(),
            confirmed: confirmed.told(),
            opened: opened.told(),
        })
    }
}

impl Gathered {
    fn add_if(&mut self, group: &Alike, calls: u64) {
        if calls > 0 {
            self.add(group, calls);
        }
    }
}

/// The facts of a tool that no longer exists, as far as the audit has them.
fn recorded(call: &CallFacts) -> Facts<'_> {
    let upstream = UpstreamName::parse(&call.upstream).ok();
    let class = ToolClass::parse(&call.class).unwrap_or(ToolClass::Destructive);
    let own_name = call
        .tool
        .strip_prefix(&call.upstream)
        .and_then(|rest| rest.strip_prefix('_'))
        .unwrap_or(&call.tool);
    Facts {
        kind: Kind::Tool,
        upstream,
        own_name,
        listed_as: &call.tool,
        class,
        scope: Scope::of_class(class),
        open_world: true,
        idempotent: false,
        limits: CallLimits::default(),
    }
}
