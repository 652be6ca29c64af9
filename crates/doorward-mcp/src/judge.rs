//! One judgement for listing and use: a hidden item is refused, and a refused item is hidden. It
//! holds for tools, prompts, resources and templates alike, and for an upstream as a whole.

use std::borrow::Cow;

use doorward_model::{
    AccessPolicy, Effect, Live, Program, ResourceTable, Rules, ToolsetName, User,
    policy::{ItemKind, Question, QuestionedItem},
    uri,
};

use crate::{
    InboundRequest, Step,
    item::{Facts, Kind},
};

/// Judges items by roles and rules, and by the toolset at whose URL they are used.
#[derive(Clone)]
pub struct Judge {
    rules: Live<Rules>,
    /// The toolsets; without them there is nothing at their URLs.
    resources: Option<ResourceTable>,
}

/// The decision about one item for one user and client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be used.
    Allow,
    /// It may be used after a confirmation each time.
    Confirm,
    /// It is neither seen nor used.
    Refuse,
}

impl Verdict {
    /// The one that allows less.
    fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refuse, _) | (_, Self::Refuse) => Self::Refuse,
            (Self::Confirm, _) | (_, Self::Confirm) => Self::Confirm,
            (Self::Allow, Self::Allow) => Self::Allow,
        }
    }
}

/// The place of an effect among those that allow less.
fn rank(effect: Effect) -> u8 {
    match effect {
        Effect::Allow => 0,
        Effect::Confirm => 1,
        Effect::Deny => 2,
    }
}

/// The user and client for whom an item is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user.
    pub user: &'a User,
    /// The program that acts for them.
    pub program: Program<'a>,
    /// The toolset at whose URL the program acts; `None` for the other URLs.
    pub toolset: Option<ToolsetName>,
}

/// A verdict with the steps that led to it.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

impl Judge {
    /// Takes the rules.
    pub fn new(rules: Live<Rules>) -> Self {
        Self { rules, resources: None }
    }

    /// The same with the toolsets of a server.
    pub fn with_toolsets(self, resources: ResourceTable) -> Self {
        Self { resources: Some(resources), ..self }
    }

    /// True if the URL of a request has an item: that of a toolset has what the toolset selects,
    /// for users whom it admits. Whatever it does not have is unknown there.
    pub(crate) fn has(&self, inbound: &InboundRequest, facts: &Facts<'_>) -> bool {
        self.selects(inbound.target.toolset(), &inbound.caller.user, facts)
    }

    /// True if the URL of a request may have items of this kind of an upstream.
    pub(crate) fn has_kind(
        &self,
        inbound: &InboundRequest,
        kind: ItemKind,
        upstream: &Facts<'_>,
    ) -> bool {
        let Some(name) = inbound.target.toolset() else { return true };
        let toolset = self.resources.as_ref().and_then(|resources| resources.toolset(name));
        toolset.is_some_and(|toolset| toolset.selection.has_kind(kind, &questioned(upstream)))
    }

    fn selects(&self, toolset: Option<ToolsetName>, user: &User, facts: &Facts<'_>) -> bool {
        let Some(name) = toolset else { return true };
        let known = self.resources.as_ref().and_then(|resources| resources.toolset(name));
        let Some(toolset) = known.filter(|toolset| toolset.admits(user)) else { return false };
        let item = questioned(facts);
        match facts.kind.in_rules() {
            Some(_) => toolset.selection.includes(&item),
            None => toolset.selection.touches(&item),
        }
    }

    /// Judges an item for the caller of this request.
    pub fn judge(&self, inbound: &InboundRequest, facts: &Facts<'_>) -> Verdict {
        let caller = &inbound.caller;
        if !caller.reaches(facts.upstream)
            || (caller.cannot_ask_for_more() && !caller.scopes.allows(facts.scope))
        {
            return Verdict::Refuse;
        }
        let toolset = inbound.target.toolset();
        let decide = |program| self.decide(Subject { user: &caller.user, program, toolset }, facts);
        // The agent may do no more than the program through which its user asked.
        match &caller.agent {
            Some(_) => decide(caller.program()).stricter(decide(caller.origin())),
            None => decide(caller.program()),
        }
    }

    /// The reason of the decision about a use, in a few words for the audit.
    pub fn reason(&self, inbound: &InboundRequest, facts: &Facts<'_>) -> String {
        let caller = &inbound.caller;
        let user = &caller.user;
        if !caller.reaches(facts.upstream) {
            return "the token is not for this upstream".to_owned();
        }
        if !self.has(inbound, facts) {
            return "the toolset does not have it".to_owned();
        }
        let rules = self.rules.now();
        if !allowed_by_roles(&rules.access, user, facts) {
            return "access.tool_roles".to_owned();
        }
        if !rules.access.may_hold(user, facts.scope) {
            return "access.scope_roles".to_owned();
        }
        if !caller.scopes.allows(facts.scope) {
            return format!("the token lacks {}", facts.scope.name());
        }
        let toolset = inbound.target.toolset();
        let decide =
            |program| rules.policy.decide(&question(Subject { user, program, toolset }, facts));
        let (own, origin) = (decide(caller.program()), decide(caller.origin()));
        let is_own = rank(own.effect) >= rank(origin.effect);
        if is_own { own.to_string() } else { origin.to_string() }
    }

    /// Judges an item for a user and the program that acts for them.
    pub(crate) fn decide(&self, subject: Subject<'_>, facts: &Facts<'_>) -> Verdict {
        self.decide_by(&self.rules.now(), subject, facts)
    }

    fn decide_by(&self, rules: &Rules, subject: Subject<'_>, facts: &Facts<'_>) -> Verdict {
        let user = subject.user;
        if !self.selects(subject.toolset, user, facts) {
            return Verdict::Refuse;
        }
        if !allowed_by_roles(&rules.access, user, facts)
            || !rules.access.may_hold(user, facts.scope)
        {
            return Verdict::Refuse;
        }
        let question = question(subject, facts);
        if facts.kind.in_rules().is_none() {
            return if rules.policy.closes(&question) { Verdict::Refuse } else { Verdict::Allow };
        }
        match rules.policy.decide(&question).effect {
            Effect::Allow => Verdict::Allow,
            Effect::Confirm => Verdict::Confirm,
            Effect::Deny => Verdict::Refuse,
        }
    }

    /// The verdict with the steps that led to it.
    pub fn explain(&self, subject: Subject<'_>, facts: &Facts<'_>) -> Judgement {
        let user = subject.user;
        let in_force = self.rules.now();
        let held = in_force.access.scopes_of(user);
        let name = name_in_roles(facts);
        let question = question(subject, facts);
        let policy = if facts.kind.in_rules().is_some() {
            let decision = in_force.policy.decide(&question);
            match decision.rule {
                Some((number, rule)) => Step::Rule(decision.effect, number, rule.to_string()),
                None => Step::Default(decision.effect),
            }
        } else {
            Step::Closed(in_force.policy.closes(&question))
        };
        let selected = subject
            .toolset
            .map(|toolset| Step::Toolset(toolset, self.selects(Some(toolset), user, facts)));
        let steps = vec![
            Step::Class(facts.class),
            Step::Roles(
                user.name.to_string(),
                user.id.to_string(),
                user.all_roles().map(ToString::to_string).collect(),
            ),
            Step::ToolRoles(name.to_string(), allowed_by_roles(&in_force.access, user, facts)),
            Step::ScopeRoles(facts.scope, held.allows(facts.scope)),
            policy,
            Step::TokenScope(facts.scope),
        ];
        let steps = selected.into_iter().chain(steps).collect();
        Judgement { verdict: self.decide_by(&in_force, subject, facts), steps }
    }
}

/// Reports a user whose roles permit an item. A scheme is the same in capitals and in small letters.
fn allowed_by_roles(access: &AccessPolicy, user: &User, facts: &Facts<'_>) -> bool {
    access.allows_tool(user, &name_in_roles(facts))
        && match (facts.kind, uri::with_small_scheme(facts.own_name)) {
            (Kind::Resource | Kind::Template, Cow::Owned(own_name)) => {
                let small = Facts { own_name: &own_name, ..*facts };
                access.allows_tool(user, &name_in_roles(&small))
            }
            (Kind::Tool | Kind::Prompt | Kind::Upstream, _) | (_, Cow::Borrowed(_)) => true,
        }
}

/// The name of an item in `access.tool_roles`: a rule for `wiki_*` holds for everything of `wiki`,
/// its resources too.
fn name_in_roles<'a>(facts: &Facts<'a>) -> Cow<'a, str> {
    match (facts.kind, facts.upstream) {
        (Kind::Resource | Kind::Template, Some(upstream)) => {
            format!("{upstream}_{}", facts.own_name).into()
        }
        (Kind::Upstream, Some(upstream)) => format!("{upstream}_").into(),
        _ => facts.listed_as.into(),
    }
}

fn question<'a>(subject: Subject<'a>, facts: &'a Facts<'_>) -> Question<'a> {
    Question { user: subject.user, program: subject.program, item: questioned(facts) }
}

/// An item as rules and selections examine it.
pub fn questioned<'a>(facts: &'a Facts<'_>) -> QuestionedItem<'a> {
    QuestionedItem {
        upstream: facts
            .upstream
            .as_ref()
            .map(doorward_model::UpstreamName::as_str)
            .unwrap_or_default(),
        // An upstream itself is judged without its items.
        kind: facts.kind.in_rules().unwrap_or(ItemKind::Tool),
        tool: facts.own_name,
        listed_as: facts.listed_as,
        class: facts.class,
        open_world: facts.open_world,
        idempotent: facts.idempotent,
    }
}
