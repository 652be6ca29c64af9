//! One judgement for listing and calling: what is hidden is refused, and what is refused is hidden.

use std::sync::Arc;

use doorward_model::{AccessPolicy, ClientId, Effect, Person, ToolPolicy, policy::Question};

use crate::{Visit, tools::ToolSpec};

/// Judges tools by roles and rules.
#[derive(Clone)]
pub struct Judge {
    access: Arc<AccessPolicy>,
    policy: Arc<ToolPolicy>,
}

/// What was decided about one tool for one person and client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be called.
    Allow,
    /// It may be called if the person says so each time.
    Confirm,
    /// It is neither seen nor called.
    Refuse,
}

/// For whom a tool is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The person.
    pub person: &'a Person,
    /// The client that acts for them.
    pub client_id: &'a ClientId,
}

impl Judge {
    /// Takes the rules.
    pub fn new(access: Arc<AccessPolicy>, policy: Arc<ToolPolicy>) -> Self {
        Self { access, policy }
    }

    /// Judges a tool for whoever sends this request.
    pub fn judge(&self, visit: &Visit, spec: &ToolSpec) -> Verdict {
        let caller = &visit.caller;
        if !caller.reaches(spec.upstream) {
            return Verdict::Refuse;
        }
        self.decide(Subject { person: &caller.person, client_id: &caller.client_id }, spec)
    }

    /// What decides about a call, in a few words for the audit.
    pub fn reason(&self, visit: &Visit, spec: &ToolSpec) -> String {
        let caller = &visit.caller;
        let person = &caller.person;
        if !caller.reaches(spec.upstream) {
            return "the token is not for this upstream".to_owned();
        }
        if !self.access.allows_tool(person, spec.name()) {
            return "access.tool_roles".to_owned();
        }
        if !self.access.scopes_of(person).allows(spec.scope) {
            return "access.scope_roles".to_owned();
        }
        if !caller.scopes.allows(spec.scope) {
            return format!("the token lacks {}", spec.scope.name());
        }
        let subject = Subject { person, client_id: &caller.client_id };
        self.policy.decide(&question(subject, spec)).to_string()
    }

    fn decide(&self, subject: Subject<'_>, spec: &ToolSpec) -> Verdict {
        let person = subject.person;
        if !self.access.allows_tool(person, spec.name()) || !self.access.scopes_of(person).allows(spec.scope) {
            return Verdict::Refuse;
        }
        match self.policy.decide(&question(subject, spec)).effect {
            Effect::Allow => Verdict::Allow,
            Effect::Confirm => Verdict::Confirm,
            Effect::Deny => Verdict::Refuse,
        }
    }

    /// The verdict, and why, step by step.
    pub fn explain(&self, subject: Subject<'_>, spec: &ToolSpec) -> (Verdict, Vec<String>) {
        let person = subject.person;
        let roles = person.all_roles().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let roles = if roles.is_empty() { "none".to_owned() } else { roles };
        let held = self.access.scopes_of(person);
        let yes = |is: bool| if is { "yes" } else { "no" };
        let steps = vec![
            format!("class: {}", spec.class.as_str()),
            format!("roles of {} (user={}): {roles}", person.name, person.id),
            format!("access.tool_roles let this person call {}: {}", spec.name(), yes(self.access.allows_tool(person, spec.name()))),
            format!("access.scope_roles let this person hold {}: {}", spec.scope.name(), yes(held.allows(spec.scope))),
            format!("policy: {}", self.policy.decide(&question(subject, spec))),
            format!("the client's token needs the scope {}", spec.scope.name()),
        ];
        (self.decide(subject, spec), steps)
    }
}

fn question<'a>(subject: Subject<'a>, spec: &'a ToolSpec) -> Question<'a> {
    Question {
        person: subject.person,
        client_id: subject.client_id,
        upstream: spec.upstream.as_ref().map(doorward_model::UpstreamName::as_str).unwrap_or_default(),
        kind: doorward_model::policy::ItemKind::Tool,
        tool: &spec.own_name,
        listed_as: spec.name(),
        class: spec.class,
        open_world: spec.open_world,
        idempotent: spec.idempotent,
    }
}
