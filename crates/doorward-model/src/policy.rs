//! Rules on tools, prompts and resources for users and clients: they allow, deny, or ask the user
//! first. The same decision hides an item and refuses its use.

use std::fmt;

pub use question::{ItemKind, Question, QuestionedItem};
pub use selection::{Selection, SelectionError, SelectionLine};

use crate::access::RuleError;
use condition::{Condition, KEYS};

mod condition;
mod question;
mod selection;

/// The effect of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The tool may be called.
    Allow,
    /// The tool is neither seen nor called.
    Deny,
    /// The user must confirm each call.
    Confirm,
}

impl Effect {
    const ALL: [Self; 3] = [Self::Allow, Self::Deny, Self::Confirm];

    /// The name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Confirm => "confirm",
        }
    }
    /// The effect of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.as_str() == text)
    }
}

/// The decision of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// The effect.
    pub effect: Effect,
    /// The number of the rule that decided, from 1, and its text. `None` if no rule fits and the
    /// default decides.
    pub rule: Option<(usize, &'a str)>,
}

#[derive(Clone, Debug)]
struct Rule {
    effect: Effect,
    conditions: Vec<Condition>,
    text: String,
}

/// All rules, in order: the first that fits decides.
#[derive(Clone, Debug)]
pub struct ToolPolicy {
    rules: Vec<Rule>,
    default: Effect,
}

impl Default for ToolPolicy {
    fn default() -> Self {
        Self { rules: Vec::new(), default: Effect::Allow }
    }
}

impl ToolPolicy {
    /// Reads rules such as `deny role=guest class=write,destructive upstream=wiki`: an effect, then
    /// conditions that must all hold.
    pub fn parse(rules: &[String], default: &str) -> Result<Self, RuleError> {
        let default = Effect::parse(default)
            .ok_or_else(|| RuleError(format!("{default:?} must be allow, deny or confirm")))?;
        let rules = rules.iter().map(|text| Self::rule(text)).collect::<Result<_, _>>()?;
        Ok(Self { rules, default })
    }

    fn rule(text: &str) -> Result<Rule, RuleError> {
        let wrong = |why: String| RuleError(format!("{text:?} {why}"));
        let mut words = text.split_whitespace();
        let effect = words
            .next()
            .and_then(Effect::parse)
            .ok_or_else(|| wrong("must begin with allow, deny or confirm".to_owned()))?;
        let mut conditions = Vec::new();
        for word in words {
            let (key, values) = word.split_once('=').ok_or_else(|| {
                wrong(format!("has {word:?}; write a condition as KEY=VALUE, KEY one of {KEYS}"))
            })?;
            conditions.push(Condition::parse(key, values).map_err(wrong)?);
        }
        Ok(Rule { effect, conditions, text: text.to_owned() })
    }

    /// The rules in order, each with its effect.
    pub fn rules(&self) -> impl Iterator<Item = (Effect, &str)> {
        self.rules.iter().map(|rule| (rule.effect, rule.text.as_str()))
    }

    /// The effect where no rule matches.
    pub const fn without_rule(&self) -> Effect {
        self.default
    }

    /// The roles that the rules name.
    pub fn roles(&self) -> impl Iterator<Item = &crate::Role> {
        self.rules.iter().flat_map(|rule| &rule.conditions).flat_map(Condition::roles)
    }

    /// Decides about a call.
    pub fn decide(&self, question: &Question<'_>) -> Decision<'_> {
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.conditions.iter().all(|condition| condition.holds(question)) {
                return Decision { effect: rule.effect, rule: Some((index + 1, &rule.text)) };
            }
        }
        Decision { effect: self.default, rule: None }
    }

    /// True if the rules deny everything that the upstream of `question` offers to its user and
    /// client, for any item. Nothing is announced about a closed upstream: neither its
    /// capabilities, nor changes of its lists.
    pub fn closes(&self, question: &Question<'_>) -> bool {
        for rule in &self.rules {
            let (items, others): (Vec<_>, Vec<_>) =
                rule.conditions.iter().partition(|condition| condition.is_about_items());
            if !others.iter().all(|condition| condition.holds(question)) {
                continue;
            }
            match rule.effect {
                Effect::Allow | Effect::Confirm => return false,
                Effect::Deny if items.is_empty() => return true,
                // It denies some items; the rest is decided further down.
                Effect::Deny => {}
            }
        }
        self.default == Effect::Deny
    }
}

impl Decision<'_> {
    /// The text of the rule that a decision in the audit names.
    pub fn rule_in(recorded: &str) -> Option<&str> {
        Effect::ALL.iter().find_map(|effect| {
            let rule = recorded.strip_prefix(effect.as_str())?.strip_prefix(" by rule ")?;
            rule.split_once(": ").map(|(_, text)| text)
        })
    }

    /// True if a decision in the audit was that of the default.
    pub fn is_of_no_rule(recorded: &str) -> bool {
        Effect::ALL
            .iter()
            .any(|effect| recorded == Decision { effect: *effect, rule: None }.to_string())
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some((number, text)) => write!(f, "{} by rule {number}: {text}", self.effect.as_str()),
            None => {
                write!(f, "{}: no rule matches, so policy.default decides", self.effect.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Role, Timestamp, User, UserId, UserName,
        id::{AccessTokenId, ClientId, Program},
        upstream::ToolClass,
    };

    fn user(name: &str, roles: &[&str]) -> User {
        User {
            id: UserId::from_text("u_1"),
            name: UserName::parse(name).unwrap(),
            email: Some(format!("{name}@example.com")),
            email_by: None,
            display_name: None,
            password: None,
            password_temporary: false,
            roles: roles.iter().map(|role| Role::parse(role).unwrap()).collect(),
            provider_roles: Vec::new(),
            group_roles: Vec::new(),
            created_at: Timestamp(0),
            disabled_at: None,
            links_after: None,
        }
    }

    #[test]
    fn the_first_matching_rule_decides() {
        let rules = [
            "allow role=admin",
            "deny upstream=wiki tool=delete_*",
            "deny user=*@example.com class=destructive hint=open-world",
            "confirm class=write,destructive",
            "deny client=https://cursor.example/*",
        ]
        .map(str::to_owned);
        let policy = ToolPolicy::parse(&rules, "allow").unwrap();
        let decide = |user: &User, client: &str, tool: &str, class: ToolClass, open_world: bool| {
            let (listed, client_id) = (format!("wiki_{tool}"), ClientId::from_text(client));
            let question = Question {
                user,
                program: Program::Client(&client_id),
                item: QuestionedItem {
                    upstream: "wiki",
                    kind: ItemKind::Tool,
                    tool,
                    listed_as: &listed,
                    class,
                    open_world,
                    idempotent: false,
                },
            };
            let decision = policy.decide(&question);
            (decision.effect, decision.rule.map(|(number, _)| number))
        };
        let (ann, root) = (user("ann", &[]), user("root", &["admin"]));
        assert_eq!(
            decide(&root, "x", "delete_page", ToolClass::Destructive, true),
            (Effect::Allow, Some(1))
        );
        assert_eq!(
            decide(&ann, "x", "delete_page", ToolClass::Read, false),
            (Effect::Deny, Some(2))
        );
        assert_eq!(
            decide(&ann, "x", "wipe", ToolClass::Destructive, true),
            (Effect::Deny, Some(3))
        );
        assert_eq!(decide(&ann, "x", "edit", ToolClass::Write, false), (Effect::Confirm, Some(4)));
        assert_eq!(
            decide(&ann, "https://cursor.example/client.json", "find", ToolClass::Read, false),
            (Effect::Deny, Some(5))
        );
        assert_eq!(decide(&ann, "x", "find", ToolClass::Read, false), (Effect::Allow, None));
    }

    #[test]
    fn a_recorded_decision_names_its_rule() {
        let text = "deny role=guest tool=a:_b";
        let decided = Decision { effect: Effect::Deny, rule: Some((12, text)) }.to_string();
        assert_eq!(Decision::rule_in(&decided), Some(text));
        let default = Decision { effect: Effect::Confirm, rule: None }.to_string();
        assert!(Decision::is_of_no_rule(&default) && !Decision::is_of_no_rule(&decided));
        for other in ["access.tool_roles", "the token lacks mcp:write", "denied by rule 1: x"] {
            assert!(Decision::rule_in(other).is_none() && !Decision::is_of_no_rule(other));
        }
    }

    #[test]
    fn a_rule_about_a_resource_holds_for_every_spelling_of_its_scheme_and_name() {
        let (ann, client) = (user("ann", &[]), ClientId::from_text("c_1"));
        let denied = |rule: &str, kind: ItemKind, tool: &str, listed_as: &str| {
            let policy = ToolPolicy::parse(&[rule.to_owned()], "allow").unwrap();
            let question = Question {
                user: &ann,
                program: Program::Client(&client),
                item: QuestionedItem {
                    upstream: "wiki",
                    kind,
                    tool,
                    listed_as,
                    class: ToolClass::Read,
                    open_world: true,
                    idempotent: true,
                },
            };
            policy.decide(&question).effect == Effect::Deny
        };
        let resource = ItemKind::Resource;
        for rule in
            ["deny tool=file:///wages*", "deny tool=FILE:///wages*", "deny tool=wiki+file:*"]
        {
            for own in ["file:///wages", "FILE:///wages", "File:///wages/1"] {
                assert!(denied(rule, resource, own, &format!("wiki+{own}")), "{rule} {own}");
            }
            assert!(!denied(
                "deny tool=file:///wages*",
                resource,
                "file:///Wages",
                "wiki+file:///Wages"
            ));
        }
        assert!(denied("deny tool=ui://wiki/a", resource, "UI://a", "UI://wiki/a"));
        let listed = "wiki+doorward-relative:notes";
        for rule in
            ["deny tool=notes", "deny tool=wiki+notes", "deny tool=wiki+doorward-relative:*"]
        {
            assert!(denied(rule, resource, "notes", listed), "{rule}");
        }
        // Names of tools have no scheme.
        assert!(!denied("deny tool=ns:x", ItemKind::Tool, "NS:x", "wiki_NS_x"));
    }

    #[test]
    fn a_rule_without_a_condition_on_items_closes_an_upstream_and_one_with_it_does_not() {
        let (ann, client) = (user("ann", &["guest"]), ClientId::from_text("c_1"));
        let ask = |rules: &[&str], default: &str, kind: ItemKind| {
            let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
            let policy = ToolPolicy::parse(&rules, default).unwrap();
            let question = Question {
                user: &ann,
                program: Program::Client(&client),
                item: QuestionedItem {
                    upstream: "payroll",
                    kind,
                    tool: "file:///wages",
                    listed_as: "payroll+file:///wages",
                    class: ToolClass::Read,
                    open_world: true,
                    idempotent: true,
                },
            };
            (policy.decide(&question).effect, policy.closes(&question))
        };
        for kind in ItemKind::ALL {
            assert_eq!(
                ask(&["deny upstream=payroll role=guest"], "allow", kind),
                (Effect::Deny, true)
            );
            assert_eq!(
                ask(&["deny upstream=payroll role=staff"], "allow", kind),
                (Effect::Allow, false)
            );
            assert_eq!(
                ask(&["allow tool=other", "deny upstream=payroll"], "allow", kind),
                (Effect::Deny, false),
                "other may be there"
            );
            assert_eq!(ask(&["deny class=destructive"], "deny", kind), (Effect::Deny, true));
        }
        assert_eq!(
            ask(&["deny kind=resource"], "allow", ItemKind::Resource),
            (Effect::Deny, false)
        );
        assert_eq!(ask(&["deny kind=resource"], "allow", ItemKind::Prompt), (Effect::Allow, false));
        assert_eq!(ask(&["deny tool=payroll+*"], "allow", ItemKind::Resource).0, Effect::Deny);
    }

    #[test]
    fn names_that_others_choose_decide_nothing() {
        let (user_id, client, token) = (
            format!("u_{}", "A".repeat(22)),
            format!("c_{}", "b".repeat(22)),
            format!("t_{}", "c".repeat(22)),
        );
        let decide = |rule: &str, user: &User, client: &str| {
            let policy = ToolPolicy::parse(&[rule.to_owned()], "allow").unwrap();
            let (client_id, token) = (ClientId::from_text(client), AccessTokenId::parse(client));
            let question = Question {
                user,
                program: token.as_ref().map_or(Program::Client(&client_id), Program::Token),
                item: QuestionedItem {
                    upstream: "wiki",
                    kind: ItemKind::Tool,
                    tool: "t",
                    listed_as: "wiki_t",
                    class: ToolClass::Read,
                    open_world: false,
                    idempotent: false,
                },
            };
            policy.decide(&question).effect == Effect::Deny
        };
        let ann = User {
            id: UserId::from_text(user_id.clone()),
            email: Some("Ann@Example.com".to_owned()),
            ..user("boss@acme.test", &[])
        };
        for rule in ["deny user=boss@acme.test", "deny user=*@acme.test", "deny user=*@*.com.evil"]
        {
            assert!(!decide(rule, &ann, &client), "{rule}");
        }
        for rule in [
            format!("deny user={user_id}"),
            format!("deny user=u_{},{user_id}", "x".repeat(22)),
            "deny user=ann@example.com".to_owned(),
        ] {
            assert!(decide(&rule, &ann, &client), "{rule}");
        }
        assert!(
            decide(&format!("deny client={client}"), &ann, &client)
                && !decide(&format!("deny client={client}"), &ann, &token)
        );
        assert!(decide(&format!("deny client={token}"), &ann, &token));
        assert!(decide(
            "deny client=https://app.example/*",
            &ann,
            "https://app.example/client.json"
        ));
        assert!(!decide(
            "deny client=https://app.example/*",
            &ann,
            "https://app.example.evil/client.json"
        ));
        let without_address = User { email: None, ..ann };
        assert!(!decide("deny user=*@*", &without_address, &client));
    }

    #[test]
    fn wrong_rules_say_what_is_wrong() {
        for (rule, said) in [
            ("forbid tool=x", "must begin with"),
            ("deny tool", "write a condition as KEY=VALUE"),
            ("deny colour=red", "there are user, role"),
            ("deny user=ann", "user=u_…"),
            ("deny user=a*", "user=u_…"),
            ("deny client=Cursor*", "client=c_…"),
            ("deny client=Cursor", "clients choose their names themselves"),
            ("deny client=https://*.example/x", "whole host"),
            ("deny client=https://app.example*", "whole host"),
            ("deny class=write,evil", "there are read, write and destructive"),
            ("deny role=A", "lower-case"),
            ("deny tool=", "needs a value"),
            ("deny hint=open", "open-world"),
            ("deny kind=file", "there are tool, prompt and resource"),
        ] {
            let error = ToolPolicy::parse(&[rule.to_owned()], "allow").unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(ToolPolicy::parse(&[], "maybe").is_err());
    }
}
