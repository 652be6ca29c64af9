//! The conditions of rules.

use std::borrow::Cow;

use crate::{
    AGENT_CLIENT, GroupName, MATTERMOST_CLIENT, Pattern, Role, User,
    id::{AccessTokenId, ClientId, Program, UserId},
    nearest,
    policy::question::{ItemKind, Question, QuestionedItem},
    upstream::ToolClass,
    uri,
};

/// A condition of a rule.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    User(Vec<UserRule>),
    Role(Vec<Role>),
    Client(Vec<ClientRule>),
    Upstream(Vec<Pattern>),
    Tool(Vec<Pattern>),
    Kind(Vec<ItemKind>),
    Class(Vec<ToolClass>),
    Hint(Vec<Hint>),
}

/// A user, by an identifier that neither the user nor an identity provider can choose.
#[derive(Clone, Debug)]
pub(super) enum UserRule {
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
                "names the user {word:?}, but sign-in names can follow the claims of an identity \
                 provider; write the user's ID (user=u_…, as doorward user list shows it) or an \
                 e-mail address with @, which only a verified e-mail address matches"
            )
        })
    }

    fn holds(&self, user: &User) -> bool {
        match self {
            Self::Id(id) => user.id == *id,
            Self::Email(pattern) => {
                user.email.as_deref().is_some_and(|email| pattern.matches(&email.to_lowercase()))
            }
        }
    }
}

/// A program, by an identifier that it cannot choose: the ID that this server gave the client or
/// the personal access token, or the URL from which the client's document was fetched.
#[derive(Clone, Debug)]
pub(super) enum ClientRule {
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
                    "names the client {word:?}; write the URL of a metadata document with its \
                     whole host, such as https://app.example/*"
                )),
            };
        }
        // The clients of the connector and of the agent have IDs that this program gave them, which
        // no other one can get.
        let own = [MATTERMOST_CLIENT, AGENT_CLIENT].contains(&word);
        let own = own.then(|| ClientId::from_text(word));
        let client = ClientId::parse(word).or(own).map(Self::Id);
        client.or_else(|| AccessTokenId::parse(word).map(Self::Token)).ok_or_else(|| {
            format!(
                "names the client {word:?}, but clients choose their names themselves; write its \
                 ID (client=c_…, as doorward client list shows it), the ID of an access token \
                 (client=t_…) or the URL of its metadata document (client=https://app.example/*)"
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
pub(super) enum Hint {
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

/// The keys of conditions.
pub(super) const KEYS: &str = "user, role, group, client, upstream, tool, kind, class, hint";

impl Condition {
    /// Reads the values of a key.
    pub(super) fn parse(key: &str, values: &str) -> Result<Self, String> {
        let words = || values.split(',').filter(|word| !word.is_empty());
        let patterns = || words().map(Pattern::new).collect::<Vec<_>>();
        if words().next().is_none() {
            return Err(format!("{key} needs a value"));
        }
        Ok(match key {
            "user" => Self::User(words().map(UserRule::parse).collect::<Result<_, _>>()?),
            "role" => Self::Role(
                words()
                    .map(|word| {
                        Role::named(word)
                            .map_err(|error| format!("names the role {word:?}, but {error}"))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            "group" => Self::Role(
                words()
                    .map(|word| {
                        GroupName::parse(word)
                            .map(|name| name.role())
                            .map_err(|error| format!("names the group {word:?}, but {error}"))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            "client" => Self::Client(words().map(ClientRule::parse).collect::<Result<_, _>>()?),
            "upstream" => Self::Upstream(patterns()),
            "tool" => {
                // A scheme is the same in capitals; names of tools have none.
                let small = |word| match uri::with_small_scheme(word) {
                    Cow::Owned(small) if small.contains("://") => Some(Pattern::new(&small)),
                    Cow::Owned(_) | Cow::Borrowed(_) => None,
                };
                let written = |word| std::iter::once(Pattern::new(word)).chain(small(word));
                Self::Tool(words().flat_map(written).collect())
            }
            "kind" => {
                let kind = |word: &str| {
                    ItemKind::parse(word).ok_or_else(|| {
                        let hint = nearest::hint(word, ["tool", "prompt", "resource"]);
                        format!(
                            "names the kind {word:?}; there are tool, prompt and resource{hint}"
                        )
                    })
                };
                Self::Kind(words().map(kind).collect::<Result<_, _>>()?)
            }
            "class" => {
                let class = |word: &str| {
                    ToolClass::parse(word).ok_or_else(|| {
                        let hint = nearest::hint(word, ["read", "write", "destructive"]);
                        format!(
                            "names the class {word:?}; there are read, write and destructive{hint}"
                        )
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
                        .ok_or_else(|| {
                            let near = nearest::hint(word, Hint::ALL.map(|(name, _)| name));
                            format!("names the hint {word:?}; there are {}{near}", known())
                        })
                };
                Self::Hint(words().map(hint).collect::<Result<_, _>>()?)
            }
            _ => {
                let near = nearest::hint(key, KEYS.split(", "));
                return Err(format!("has a condition on {key:?}; there are {KEYS}{near}"));
            }
        })
    }

    /// The roles that the condition names.
    pub(super) fn roles(&self) -> &[Role] {
        match self {
            Self::Role(roles) => roles,
            Self::User(_)
            | Self::Client(_)
            | Self::Upstream(_)
            | Self::Tool(_)
            | Self::Kind(_)
            | Self::Class(_)
            | Self::Hint(_) => &[],
        }
    }

    /// True if the condition distinguishes items of one upstream.
    pub(super) fn is_about_items(&self) -> bool {
        match self {
            Self::User(_) | Self::Role(_) | Self::Client(_) | Self::Upstream(_) => false,
            Self::Tool(_) | Self::Kind(_) | Self::Class(_) | Self::Hint(_) => true,
        }
    }

    /// True if the condition is about an upstream or its items, and not about users or programs.
    pub(super) fn is_about_things(&self) -> bool {
        self.is_about_items() || matches!(self, Self::Upstream(_))
    }

    /// True if the condition holds for a use.
    pub(super) fn holds(&self, question: &Question<'_>) -> bool {
        match self {
            Self::User(rules) => rules.iter().any(|rule| rule.holds(question.user)),
            Self::Role(roles) => question.user.has_any(roles),
            Self::Client(rules) => rules.iter().any(|rule| rule.holds(question.program)),
            Self::Upstream(_) | Self::Tool(_) | Self::Kind(_) | Self::Class(_) | Self::Hint(_) => {
                self.describes(&question.item)
            }
        }
    }

    /// True if the condition is about items and holds for this one.
    pub(super) fn describes(&self, item: &QuestionedItem<'_>) -> bool {
        let any = |patterns: &[Pattern], texts: &[&str]| {
            patterns.iter().any(|pattern| texts.iter().any(|text| pattern.matches(text)))
        };
        match self {
            Self::User(_) | Self::Role(_) | Self::Client(_) => false,
            Self::Upstream(patterns) => any(patterns, &[item.upstream]),
            Self::Tool(patterns) if item.kind == ItemKind::Resource => {
                let plain = format!("{}+{}", item.upstream, item.tool);
                let names = [item.tool, item.listed_as, &plain];
                any(patterns, &names)
                    || names.map(uri::with_small_scheme).iter().any(|name| any(patterns, &[name]))
            }
            Self::Tool(patterns) => any(patterns, &[item.tool, item.listed_as]),
            Self::Kind(kinds) => kinds.contains(&item.kind),
            Self::Class(classes) => classes.contains(&item.class),
            Self::Hint(hints) => hints.iter().any(|hint| match hint {
                Hint::OpenWorld => item.open_world,
                Hint::ClosedWorld => !item.open_world,
                Hint::Idempotent => item.idempotent,
                Hint::NotIdempotent => !item.idempotent,
            }),
        }
    }
}
