//! Scopes: what a client may do, in a short table with a hierarchy.

use std::{collections::BTreeSet, fmt};

/// One scope that Doorward knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `mcp:read`: call tools that change nothing.
    Read,
    /// `mcp:write`: call tools that change something; includes `mcp:read`.
    Write,
    /// `offline_access` (OpenID Connect Core §11). Whether a refresh token is issued depends on the client's grant types, not
    /// on this; it is granted on request because clients repeat at refresh what they once asked for.
    OfflineAccess,
}

/// One line of the scope table.
pub struct ScopeInfo {
    /// The scope.
    pub scope: Scope,
    /// Its name on the wire.
    pub name: &'static str,
    /// What the consent page calls it.
    pub title: &'static str,
    /// What it allows, in words for the person who is asked.
    pub description: &'static str,
    /// The scopes that it includes.
    pub implies: &'static [Scope],
    /// Whether authorization server metadata lists it (`scopes_supported`, RFC 8414 §2).
    pub advertised: bool,
}

/// Every scope, in the order in which pages and metadata show them.
pub const SCOPES: &[ScopeInfo; 3] = &[
    ScopeInfo {
        scope: Scope::Read,
        name: "mcp:read",
        title: "Look things up for you",
        description: "See who you are, list the tools you may use, and call tools that only read.",
        implies: &[],
        advertised: true,
    },
    ScopeInfo {
        scope: Scope::Write,
        name: "mcp:write",
        title: "Change things for you",
        description: "Call tools that create, change or remove something in your name.",
        implies: &[Scope::Read],
        advertised: true,
    },
    ScopeInfo {
        scope: Scope::OfflineAccess,
        name: "offline_access",
        title: "Stay connected",
        description: "Keep working while you are away, until you withdraw the access.",
        implies: &[],
        advertised: false,
    },
];

impl Scope {
    /// This scope's line of the table.
    pub fn info(self) -> &'static ScopeInfo {
        let [read, write, offline_access] = SCOPES;
        match self {
            Self::Read => read,
            Self::Write => write,
            Self::OfflineAccess => offline_access,
        }
    }
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        self.info().name
    }
    /// The scope of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        SCOPES.iter().find(|info| info.name == name).map(|info| info.scope)
    }
}

/// A set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// The default when a client names no scope: what basic use needs.
    pub fn default_request() -> Self {
        Self::from_iter([Scope::Read])
    }
    /// Every scope that a self-registered client may ever hold.
    pub fn all() -> Self {
        SCOPES.iter().map(|info| info.scope).collect()
    }
    /// Parses a space-separated list (RFC 6749 §3.3) and drops the names that are not known here: clients send scopes of
    /// other servers, and a refusal would keep them out for nothing.
    pub fn parse_known(text: &str) -> Self {
        text.split(' ').filter_map(Scope::named).collect()
    }
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The scopes in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }
    /// With everything that its members imply.
    pub fn closure(&self) -> Self {
        self.iter().flat_map(|scope| std::iter::once(scope).chain(scope.info().implies.iter().copied())).collect()
    }
    /// Without what other members already imply.
    pub fn normalised(&self) -> Self {
        let implied: BTreeSet<Scope> = self.iter().flat_map(|scope| scope.info().implies.iter().copied()).collect();
        self.0.difference(&implied).copied().collect()
    }
    /// Whether a holder of this set may do what `needed` stands for, directly or by implication.
    pub fn allows(&self, needed: Scope) -> bool {
        self.iter().any(|held| held == needed || held.info().implies.contains(&needed))
    }
    /// Whether all of `other` is covered.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.allows(scope))
    }
    /// What is in both, hierarchy considered: `{write}` ∩ `{read}` is `{read}`.
    pub fn intersection(&self, other: &Self) -> Self {
        self.closure().0.intersection(&other.closure().0).copied().collect::<Self>().normalised()
    }
    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        self.0.union(&other.0).copied().collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_includes_read_and_normalises_it_away() {
        let both = ScopeSet::parse_known("mcp:read mcp:write unknown");
        assert_eq!(both.normalised().to_string(), "mcp:write");
        assert_eq!(both.normalised().closure().to_string(), "mcp:read mcp:write");
        assert!(ScopeSet::parse_known("mcp:write").allows(Scope::Read));
        assert!(!ScopeSet::parse_known("mcp:read").allows(Scope::Write));
        assert_eq!(ScopeSet::parse_known("mcp:write").intersection(&ScopeSet::default_request()).to_string(), "mcp:read");
    }

    #[test]
    fn every_scope_has_its_line() {
        for scope in [Scope::Read, Scope::Write, Scope::OfflineAccess] {
            assert_eq!(scope.info().scope, scope);
            assert_eq!(Scope::named(scope.name()), Some(scope));
        }
    }
}
