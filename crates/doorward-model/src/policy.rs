//! Which tools, prompts and resources, for whom: rules that allow, deny, or ask the person first.
//! The same decision hides an item and refuses its use.

use std::fmt;

use crate::{
    Pattern, Person, Role,
    access::RuleError,
    id::{AccessTokenId, ClientId, Program, UserId},
    upstream::ToolClass,
};

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The tool may be called.
    Allow,
    /// The tool is neither seen nor called.
    Deny,
    /// The person is asked before each call.
    Confirm,
}

impl Effect {
    const ALL: [Self; 3] = [Self::Allow, Self::Deny, Self::Confirm];

    /// The word for it.
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

/// A kind of item that rules can tell apart with `kind=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A tool.
    Tool,
    /// A prompt, with the completion of its arguments.
    Prompt,
    /// A resource or a resource template, with the subscription to it.
    Resource,
}

impl ItemKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Tool, Self::Prompt, Self::Resource];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
        }
    }
    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The person that the call is for.
    pub person: &'a Person,
    /// The program that calls. Its name does not enter a decision: a client chooses it itself.
    pub program: Program<'a>,
    /// The upstream; empty for a tool of our own.
    pub upstream: &'a str,
    /// The kind of the item.
    pub kind: ItemKind,
    /// The item's name at the upstream; the URI of a resource.
    pub tool: &'a str,
    /// The item's name among those of all upstreams, at whichever address it is used.
    pub listed_as: &'a str,
    /// What it does to the world.
    pub class: ToolClass,
    /// Whether it reaches beyond its server.
    pub open_world: bool,
    /// Whether calling it again changes nothing more.
    pub idempotent: bool,
}

/// What the rules say, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// What to do.
    pub effect: Effect,
    /// The number of the rule that decided, from 1, and its text. `None` if no rule fits and the
    /// default decides.
    pub rule: Option<(usize, &'a str)>,
}

#[derive(Clone, Debug)]
enum Condition {
    User(Vec<UserRule>),
    Role(Vec<Role>),
    Client(Vec<ClientRule>),
    Upstream(Vec<Pattern>),
    Tool(Vec<Pattern>),
    Kind(Vec<ItemKind>),
    Class(Vec<ToolClass>),
    Hint(Vec<Hint>),
}

/// A user, by what neither the user nor an identity provider can choose.
#[derive(Clone, Debug)]
enum UserRule {
    Id(UserId),
    /// A pattern for the verified e-mail address, in lower case.
    Email(Pattern),
}

impl UserRule {
    fn parse(word: &str) -> Result<Self, String> {
        if word.contains('@') {
            return Ok(Self::Email(Pattern::new(word.to_lowercase())));
        }
        UserId::parse(word).map(Self::Id).ok_or_else(|| {
            format!(
                "names the user {word:?}, but sign-in names can follow what an identity provider says; write the user's ID (user=u_…, as doorward user list \
                 shows it) or an e-mail address with @, which only a verified address matches"
            )
        })
    }

    fn holds(&self, person: &Person) -> bool {
        match self {
            Self::Id(id) => person.id == *id,
            Self::Email(pattern) => {
                person.email.as_deref().is_some_and(|email| pattern.matches(&email.to_lowercase()))
            }
        }
    }
}

/// A program, by an identifier that it cannot choose: the ID that this server gave the client or the
/// personal access token, or the URL from which the client's document was fetched.
#[derive(Clone, Debug)]
enum ClientRule {
    Id(ClientId),
    Token(AccessTokenId),
    /// A pattern for the URL of a metadata document. Its host is literal.
    Document(Pattern),
}

impl ClientRule {
    fn parse(word: &str) -> Result<Self, String> {
        if let Some(rest) = word.strip_prefix("https://") {
            return match rest.split_once('/') {
                Some((host, _)) if !host.is_empty() && !host.contains(['*', '@', '?', '#']) => {
                    Ok(Self::Document(Pattern::new(word)))
                }
                _ => Err(format!(
                    "names the client {word:?}; write the address of a metadata document with its whole host, such as https://app.example/*"
                )),
            };
        }
        let client = ClientId::parse(word).map(Self::Id);
        client.or_else(|| AccessTokenId::parse(word).map(Self::Token)).ok_or_else(|| {
            format!(
                "names the client {word:?}, but clients choose their names themselves; write its ID (client=c_…, as doorward client list shows it), the ID of \
                 an access token (client=t_…) or the address of its metadata document (client=https://app.example/*)"
            )
        })
    }

    fn holds(&self, program: Program<'_>) -> bool {
        match (self, program) {
            (Self::Id(id), Program::Client(client)) => id == client,
            (Self::Document(pattern), Program::Client(client)) => pattern.matches(client.as_str()),
            (Self::Token(id), Program::Token(token)) => id == token,
            (Self::Id(_) | Self::Document(_), Program::Token(_))
            | (Self::Token(_), Program::Client(_)) => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hint {
    OpenWorld,
    ClosedWorld,
    Idempotent,
    NotIdempotent,
}

impl Hint {
    const ALL: [(&'static str, Self); 4] = [
        ("open-world", Self::OpenWorld),
        ("closed-world", Self::ClosedWorld),
        ("idempotent", Self::Idempotent),
        ("not-idempotent", Self::NotIdempotent),
    ];
}

/// What conditions may be about.
const KEYS: &str = "user, role, client, upstream, tool, kind, class, hint";

impl Condition {
    fn parse(key: &str, values: &str) -> Result<Self, String> {
        let words = || values.split(',').filter(|word| !word.is_empty());
        let patterns = || words().map(Pattern::new).collect::<Vec<_>>();
        if words().next().is_none() {
            return Err(format!("{key} needs a value"));
        }
        Ok(match key {
            // `person` is the older name of the same condition.
            "user" | "person" => {
                Self::User(words().map(UserRule::parse).collect::<Result<_, _>>()?)
            }
            "role" => Self::Role(
                words()
                    .map(|word| {
                        Role::parse(word)
                            .map_err(|error| format!("names the role {word:?}, but {error}"))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            "client" => Self::Client(words().map(ClientRule::parse).collect::<Result<_, _>>()?),
            "upstream" => Self::Upstream(patterns()),
            "tool" => Self::Tool(patterns()),
            "kind" => {
                let kind = |word: &str| {
                    ItemKind::parse(word).ok_or_else(|| {
                        format!("names the kind {word:?}; there are tool, prompt and resource")
                    })
                };
                Self::Kind(words().map(kind).collect::<Result<_, _>>()?)
            }
            "class" => {
                let class = |word: &str| {
                    ToolClass::parse(word).ok_or_else(|| {
                        format!("names the class {word:?}; there are read, write and destructive")
                    })
                };
                Self::Class(words().map(class).collect::<Result<_, _>>()?)
            }
            "hint" => {
                let known = || Hint::ALL.map(|(name, _)| name).join(", ");
                let hint = |word: &str| {
                    Hint::ALL
                        .into_iter()
                        .find(|(name, _)| *name == word)
                        .map(|(_, hint)| hint)
                        .ok_or_else(|| format!("names the hint {word:?}; there are {}", known()))
                };
                Self::Hint(words().map(hint).collect::<Result<_, _>>()?)
            }
            _ => return Err(format!("has a condition on {key:?}; there are {KEYS}")),
        })
    }

    /// True if the condition tells items of one upstream apart.
    fn is_about_items(&self) -> bool {
        match self {
            Self::User(_) | Self::Role(_) | Self::Client(_) | Self::Upstream(_) => false,
            Self::Tool(_) | Self::Kind(_) | Self::Class(_) | Self::Hint(_) => true,
        }
    }

    fn holds(&self, question: &Question<'_>) -> bool {
        let any = |patterns: &[Pattern], texts: &[&str]| {
            patterns.iter().any(|pattern| texts.iter().any(|text| pattern.matches(text)))
        };
        match self {
            Self::User(rules) => rules.iter().any(|rule| rule.holds(question.person)),
            Self::Role(roles) => question.person.has_any(roles),
            Self::Client(rules) => rules.iter().any(|rule| rule.holds(question.program)),
            Self::Upstream(patterns) => any(patterns, &[question.upstream]),
            Self::Tool(patterns) => any(patterns, &[question.tool, question.listed_as]),
            Self::Kind(kinds) => kinds.contains(&question.kind),
            Self::Class(classes) => classes.contains(&question.class),
            Self::Hint(hints) => hints.iter().any(|hint| match hint {
                Hint::OpenWorld => question.open_world,
                Hint::ClosedWorld => !question.open_world,
                Hint::Idempotent => question.idempotent,
                Hint::NotIdempotent => !question.idempotent,
            }),
        }
    }
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

    /// What the rules say to a call.
    pub fn decide(&self, question: &Question<'_>) -> Decision<'_> {
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.conditions.iter().all(|condition| condition.holds(question)) {
                return Decision { effect: rule.effect, rule: Some((index + 1, &rule.text)) };
            }
        }
        Decision { effect: self.default, rule: None }
    }

    /// True if the rules deny everything that the upstream of `question` offers to its person and
    /// client, whatever the item. An upstream that is closed is not told about either: not its
    /// capabilities, not that its lists changed.
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
                // It takes some items away; the rest is decided further down.
                Effect::Deny => {}
            }
        }
        self.default == Effect::Deny
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some((number, text)) => write!(f, "{} by rule {number}: {text}", self.effect.as_str()),
            None => write!(f, "{}: no rule fits, so policy.default decides", self.effect.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PersonName, Timestamp, UserId};

    fn person(name: &str, roles: &[&str]) -> Person {
        Person {
            id: UserId::from_text("u_1"),
            name: PersonName::parse(name).unwrap(),
            email: Some(format!("{name}@example.com")),
            email_by: None,
            display_name: None,
            password: None,
            roles: roles.iter().map(|role| Role::parse(role).unwrap()).collect(),
            provider_roles: Vec::new(),
            created_at: Timestamp(0),
            disabled_at: None,
            links_after: None,
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = [
            "allow role=admin",
            "deny upstream=wiki tool=delete_*",
            "deny person=*@example.com class=destructive hint=open-world",
            "confirm class=write,destructive",
            "deny client=https://cursor.example/*",
        ]
        .map(str::to_owned);
        let policy = ToolPolicy::parse(&rules, "allow").unwrap();
        let decide =
            |person: &Person, client: &str, tool: &str, class: ToolClass, open_world: bool| {
                let (listed, client_id) = (format!("wiki_{tool}"), ClientId::from_text(client));
                let question = Question {
                    person,
                    program: Program::Client(&client_id),
                    upstream: "wiki",
                    kind: ItemKind::Tool,
                    tool,
                    listed_as: &listed,
                    class,
                    open_world,
                    idempotent: false,
                };
                let decision = policy.decide(&question);
                (decision.effect, decision.rule.map(|(number, _)| number))
            };
        let (ann, root) = (person("ann", &[]), person("root", &["admin"]));
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
    fn a_rule_without_a_condition_on_items_closes_an_upstream_and_one_with_it_does_not() {
        let (ann, client) = (person("ann", &["guest"]), ClientId::from_text("c_1"));
        let ask = |rules: &[&str], default: &str, kind: ItemKind| {
            let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
            let policy = ToolPolicy::parse(&rules, default).unwrap();
            let question = Question {
                person: &ann,
                program: Program::Client(&client),
                upstream: "payroll",
                kind,
                tool: "file:///wages",
                listed_as: "payroll+file:///wages",
                class: ToolClass::Read,
                open_world: true,
                idempotent: true,
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
        let (user, client, token) = (
            format!("u_{}", "A".repeat(22)),
            format!("c_{}", "b".repeat(22)),
            format!("t_{}", "c".repeat(22)),
        );
        let decide = |rule: &str, person: &Person, client: &str| {
            let policy = ToolPolicy::parse(&[rule.to_owned()], "allow").unwrap();
            let (client_id, token) = (ClientId::from_text(client), AccessTokenId::parse(client));
            let question = Question {
                person,
                program: token.as_ref().map_or(Program::Client(&client_id), Program::Token),
                upstream: "wiki",
                kind: ItemKind::Tool,
                tool: "t",
                listed_as: "wiki_t",
                class: ToolClass::Read,
                open_world: false,
                idempotent: false,
            };
            policy.decide(&question).effect == Effect::Deny
        };
        let ann = Person {
            id: UserId::from_text(user.clone()),
            email: Some("Ann@Example.com".to_owned()),
            ..person("boss@acme.test", &[])
        };
        for rule in
            ["deny person=boss@acme.test", "deny user=*@acme.test", "deny person=*@*.com.evil"]
        {
            assert!(!decide(rule, &ann, &client), "{rule}");
        }
        for rule in [
            format!("deny user={user}"),
            format!("deny person=u_{},{user}", "x".repeat(22)),
            "deny person=ann@example.com".to_owned(),
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
        let nobody = Person { email: None, ..ann };
        assert!(!decide("deny user=*@*", &nobody, &client));
    }

    #[test]
    fn wrong_rules_say_what_is_wrong() {
        for (rule, said) in [
            ("forbid tool=x", "must begin with"),
            ("deny tool", "write a condition as KEY=VALUE"),
            ("deny colour=red", "there are user, role"),
            ("deny person=ann", "user=u_…"),
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
