//! Scopes: permissions of clients, in a short table with a hierarchy.

use std::{borrow::Cow, fmt};

use crate::{
    external_resource::ScopeName,
    upstream::{ToolClass, UpstreamName},
};

/// The reserved scope of the tokens of AI back ends. It is no [`Scope`], so that no request, client,
/// grant or personal access token can name or hold it; the issuer alone writes it into a token.
pub const BACK_END: &str = "mcp:back-end";

/// One scope of Doorward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `mcp:read`: call read-only tools.
    Read,
    /// `mcp:write`: call tools that change something; includes `mcp:read`.
    Write,
    /// `mcp:destructive`: call tools that may remove or overwrite something; includes `mcp:write`.
    Destructive,
    /// `mcp:read:NAME`, `mcp:write:NAME`, `mcp:destructive:NAME`: the same at one upstream alone.
    /// The scope without a name includes it.
    At(ToolClass, UpstreamName),
    /// `admin:read`: read the information of administrators through the API, and change nothing.
    /// Only clients that an administrator made for it may ask for it and for the next two, and only
    /// administrators can allow them.
    AdminRead,
    /// `admin:upstreams`: manage upstreams and their tools through the API, and nothing else.
    AdminUpstreams,
    /// `admin`: everything that administrators can do, through the API; includes the two before.
    Admin,
    /// `openid`: sign the user in to a relying party (OpenID Connect Core §3.1.2.1). Only clients
    /// that an administrator made for it may ask for it and for the next three.
    OpenId,
    /// `profile`: the user's names (§5.4).
    Profile,
    /// `email`: the user's e-mail address (§5.4).
    Email,
    /// `groups`: the user's roles.
    Groups,
    /// A scope of an external resource server, which gives it its meaning. It permits nothing at
    /// this server.
    External(ScopeName),
    /// `offline_access` (OpenID Connect Core §11). The issue of a refresh token depends on the
    /// client's grant types, not on this; it is granted on request because clients repeat their
    /// original request at refresh.
    OfflineAccess,
}

/// One line of the scope table.
pub struct ScopeInfo {
    /// The scope.
    pub scope: Scope,
    /// Its name on the wire.
    pub name: &'static str,
    /// The scopes that it includes.
    pub implies: &'static [Scope],
    /// True if authorization server metadata lists it (`scopes_supported`, RFC 8414 §2).
    pub advertised: bool,
}

/// Every scope that does not name an upstream, in the order in which pages and metadata show them.
pub const SCOPES: &[ScopeInfo; 11] = &[
    ScopeInfo { scope: Scope::Read, name: "mcp:read", implies: &[], advertised: true },
    ScopeInfo { scope: Scope::Write, name: "mcp:write", implies: &[Scope::Read], advertised: true },
    ScopeInfo {
        scope: Scope::Destructive,
        name: "mcp:destructive",
        implies: &[Scope::Read, Scope::Write],
        advertised: true,
    },
    ScopeInfo { scope: Scope::AdminRead, name: "admin:read", implies: &[], advertised: false },
    ScopeInfo {
        scope: Scope::AdminUpstreams,
        name: "admin:upstreams",
        implies: &[],
        advertised: false,
    },
    ScopeInfo {
        scope: Scope::Admin,
        name: "admin",
        implies: &[Scope::AdminRead, Scope::AdminUpstreams],
        advertised: false,
    },
    ScopeInfo { scope: Scope::OpenId, name: "openid", implies: &[], advertised: false },
    ScopeInfo { scope: Scope::Profile, name: "profile", implies: &[], advertised: false },
    ScopeInfo { scope: Scope::Email, name: "email", implies: &[], advertised: false },
    ScopeInfo { scope: Scope::Groups, name: "groups", implies: &[], advertised: false },
    ScopeInfo {
        scope: Scope::OfflineAccess,
        name: "offline_access",
        implies: &[],
        advertised: false,
    },
];

impl Scope {
    /// This scope's line of the table; for one upstream's, the line of the scope that includes it.
    /// Scopes of external resource servers have none.
    fn info(self) -> Option<&'static ScopeInfo> {
        let [read, write, destructive, admin_read, admin_upstreams, admin, identity @ .., offline] =
            SCOPES;
        let [openid, profile, email, groups] = identity;
        Some(match self {
            Self::Read | Self::At(ToolClass::Read, _) => read,
            Self::Write | Self::At(ToolClass::Write, _) => write,
            Self::Destructive | Self::At(ToolClass::Destructive, _) => destructive,
            Self::AdminRead => admin_read,
            Self::AdminUpstreams => admin_upstreams,
            Self::Admin => admin,
            Self::OpenId => openid,
            Self::Profile => profile,
            Self::Email => email,
            Self::Groups => groups,
            Self::External(_) => return None,
            Self::OfflineAccess => offline,
        })
    }
    /// The scope that a call of a tool of this class needs.
    pub fn of_class(class: ToolClass) -> Self {
        match class {
            ToolClass::Read => Self::Read,
            ToolClass::Write => Self::Write,
            ToolClass::Destructive => Self::Destructive,
        }
    }
    /// The name on the wire.
    pub fn name(self) -> Cow<'static, str> {
        match (self, self.info()) {
            (Self::External(name), _) => name.as_str().to_owned().into(),
            (Self::At(_, upstream), Some(info)) => format!("{}:{upstream}", info.name).into(),
            (_, info) => info.map_or("", |info| info.name).into(),
        }
    }
    /// The scope of this server of that name, if there can be one.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(info) = SCOPES.iter().find(|info| info.name == name) {
            return Some(info.scope);
        }
        let (class, upstream) = name.strip_prefix("mcp:")?.split_once(':')?;
        Some(Self::At(ToolClass::parse(class)?, UpstreamName::parse(upstream).ok()?))
    }
    /// The scope of that name, of this server or of an external resource server. It may be that
    /// none has it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::named(name).or_else(|| ScopeName::parse(name).ok().map(Self::External))
    }
    /// The scope of the same reach at every upstream: itself, unless it names one.
    pub fn everywhere(self) -> Self {
        self.info().map_or(self, |info| info.scope)
    }
    /// Reports a scope of an external resource server.
    pub fn is_external(self) -> bool {
        matches!(self, Self::External(_))
    }
    /// The upstream that it names.
    pub fn upstream(self) -> Option<UpstreamName> {
        match self {
            Self::At(_, upstream) => Some(upstream),
            _ => None,
        }
    }
    /// Reports a scope of the administrators' API, which self-registered clients never hold.
    pub fn is_administrative(self) -> bool {
        match self {
            Self::AdminRead | Self::AdminUpstreams | Self::Admin => true,
            Self::Read
            | Self::Write
            | Self::Destructive
            | Self::At(..)
            | Self::OpenId
            | Self::Profile
            | Self::Email
            | Self::Groups
            | Self::External(_)
            | Self::OfflineAccess => false,
        }
    }
    /// Reports a scope of signing in to a relying party, which self-registered clients never hold.
    pub fn is_identity(self) -> bool {
        match self {
            Self::OpenId | Self::Profile | Self::Email | Self::Groups => true,
            Self::Read
            | Self::Write
            | Self::Destructive
            | Self::At(..)
            | Self::AdminRead
            | Self::AdminUpstreams
            | Self::Admin
            | Self::External(_)
            | Self::OfflineAccess => false,
        }
    }
    /// True if a holder of this scope has the permission `needed`.
    pub fn includes(self, needed: Self) -> bool {
        match (self, needed) {
            (Self::At(held, there), Self::At(class, upstream)) => {
                there == upstream && held >= class
            }
            (Self::At(..), _) => false,
            (_, needed) => {
                let implied = self.info().map_or(&[] as &[Self], |info| info.implies);
                self == needed.everywhere() || implied.contains(&needed.everywhere())
            }
        }
    }
    /// The scopes that it includes, as far as they can be listed.
    fn implied(self) -> impl Iterator<Item = Self> {
        let implied = self.info().map_or(&[] as &[Self], |info| info.implies);
        implied.iter().filter_map(move |scope| match (self, scope) {
            (Self::At(_, upstream), Self::Read) => Some(Self::At(ToolClass::Read, upstream)),
            (Self::At(_, upstream), Self::Write) => Some(Self::At(ToolClass::Write, upstream)),
            (Self::At(..), _) => None,
            (_, scope) => Some(*scope),
        })
    }
}

/// A set of scopes: in order, each once. Sets are small and made several times in each request, for
/// which a vector costs a sixth of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// The default when a client names no scope: the scopes of basic use.
    pub fn default_request() -> Self {
        Self::from_iter([Scope::Read])
    }
    /// Every scope that a self-registered client may ever hold. Those that name an upstream are
    /// included by those that do not.
    pub fn all() -> Self {
        SCOPES.iter().map(|info| info.scope).collect::<Self>().of_any_client()
    }
    /// Those of these scopes that a self-registered client may hold.
    pub fn of_any_client(&self) -> Self {
        let any = |scope: &Scope| !scope.is_administrative() && !scope.is_identity();
        self.iter().filter(any).collect()
    }
    /// The scopes of signing in to a relying party.
    pub fn identity() -> Self {
        SCOPES.iter().map(|info| info.scope).filter(|scope| scope.is_identity()).collect()
    }
    /// The scopes of the administrators' API.
    pub fn administrative() -> Self {
        SCOPES.iter().map(|info| info.scope).filter(|scope| scope.is_administrative()).collect()
    }
    /// Reports a set with a scope of the administrators' API in it.
    pub fn has_administrative(&self) -> bool {
        self.iter().any(Scope::is_administrative)
    }
    /// True if this very scope is in it.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.binary_search(&scope).is_ok()
    }
    /// Parses a space-separated list (RFC 6749 §3.3) and drops unknown names: clients send scopes
    /// of other servers, and a refusal would exclude them without need.
    pub fn parse_known(text: &str) -> Self {
        text.split(' ').filter_map(Scope::named).take(64).collect()
    }
    /// Reads a list as it was stored, with scopes of external resource servers.
    pub fn from_stored(text: &str) -> Self {
        text.split(' ').filter_map(Scope::parse).collect()
    }
    /// True if it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The scopes in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }
    /// With everything that its members imply.
    pub fn closure(&self) -> Self {
        self.iter().flat_map(|scope| std::iter::once(scope).chain(scope.implied())).collect()
    }
    /// Without members that other members imply.
    pub fn normalised(&self) -> Self {
        self.iter()
            .filter(|scope| !self.iter().any(|other| other != *scope && other.includes(*scope)))
            .collect()
    }
    /// True if a holder of this set has the permission `needed`, directly or by implication.
    pub fn allows(&self, needed: Scope) -> bool {
        self.iter().any(|held| held.includes(needed))
    }
    /// True if all of `other` is covered.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.allows(scope))
    }
    /// The intersection, hierarchy considered: `{write}` ∩ `{read}` is `{read}`.
    pub fn intersection(&self, other: &Self) -> Self {
        let (ours, theirs) = (self.closure(), other.closure());
        let both = ours
            .iter()
            .filter(|scope| theirs.allows(*scope))
            .chain(theirs.iter().filter(|scope| ours.allows(*scope)));
        both.collect::<Self>().normalised()
    }
    /// The union.
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut all: Vec<Scope> = scopes.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&scope.name())?;
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
        assert!(!ScopeSet::parse_known("mcp:write").allows(Scope::Destructive));
        assert!(ScopeSet::parse_known("mcp:destructive").allows(Scope::Read));
        assert_eq!(
            ScopeSet::parse_known("mcp:write")
                .intersection(&ScopeSet::default_request())
                .to_string(),
            "mcp:read"
        );
    }

    #[test]
    fn a_scope_at_one_upstream_reaches_no_other() {
        let held = ScopeSet::parse_known("mcp:read mcp:write:wiki");
        let named = |name: &str| Scope::named(name).unwrap();
        assert!(
            held.allows(named("mcp:write:wiki"))
                && held.allows(named("mcp:read:wiki"))
                && held.allows(named("mcp:read:mail"))
        );
        assert!(
            !held.allows(Scope::Write)
                && !held.allows(named("mcp:write:mail"))
                && !held.allows(named("mcp:destructive:wiki"))
        );
        assert_eq!(
            held.closure().to_string(),
            "mcp:read mcp:write mcp:read:wiki mcp:write:wiki".replace("mcp:write mcp", "mcp")
        );
        assert_eq!(ScopeSet::all().intersection(&held).to_string(), "mcp:read mcp:write:wiki");
        assert_eq!(
            ScopeSet::parse_known("mcp:write mcp:write:wiki").normalised().to_string(),
            "mcp:write"
        );
        assert_eq!(
            ScopeSet::parse_known("mcp:read:wiki")
                .intersection(&ScopeSet::parse_known("mcp:write:wiki"))
                .to_string(),
            "mcp:read:wiki"
        );
        assert!(
            !ScopeSet::all().allows(Scope::Admin)
                && !ScopeSet::parse_known("admin").allows(Scope::Read)
        );
        for name in ["mcp:read:", "mcp:admin:wiki", "mcp:read:Wiki", "mcp:read:a:b"] {
            assert_eq!(Scope::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_part_of_administration_is_not_the_whole_of_it() {
        let held = |names: &str| ScopeSet::parse_known(names);
        assert!(
            held("admin").allows(Scope::AdminRead) && held("admin").allows(Scope::AdminUpstreams)
        );
        for part in ["admin:read", "admin:upstreams", "admin:read admin:upstreams"] {
            assert!(!held(part).allows(Scope::Admin), "{part}");
        }
        assert!(
            !held("admin:read").allows(Scope::AdminUpstreams)
                && !held("admin:upstreams").allows(Scope::AdminRead)
        );
        assert!(
            !ScopeSet::all().iter().any(Scope::is_administrative)
                && ScopeSet::administrative().normalised() == held("admin")
        );
    }

    #[test]
    fn a_scope_of_an_external_resource_server_includes_and_permits_nothing_else() {
        let held = ScopeSet::from_stored("mcp:write notes:read");
        let notes = Scope::parse("notes:read").unwrap();
        assert!(notes.is_external() && Scope::named("notes:read").is_none());
        assert!(held.allows(notes) && !held.allows(Scope::parse("notes:write").unwrap()));
        assert!(ScopeSet::all().iter().all(|scope| !scope.includes(notes)));
        let privileged = ScopeSet::administrative().union(&ScopeSet::identity());
        for own in ScopeSet::all().iter().chain(privileged.iter()) {
            assert!(!notes.includes(own) && !own.includes(notes), "{own:?}");
        }
        assert_eq!(held.to_string(), "mcp:write notes:read");
        assert_eq!(held.closure().to_string(), "mcp:read mcp:write notes:read");
        assert_eq!(held.closure().normalised(), held);
        assert_eq!(notes.everywhere(), notes);
        assert_eq!(ScopeSet::parse_known("mcp:write notes:read").to_string(), "mcp:write");
    }

    #[test]
    fn cf3_the_reserved_scope_of_back_ends_is_read_from_no_text() {
        assert_eq!(Scope::parse(BACK_END), None);
        assert_eq!(ScopeSet::parse_known("mcp:back-end mcp:read").to_string(), "mcp:read");
        assert_eq!(ScopeSet::from_stored("mcp:read mcp:back-end").to_string(), "mcp:read");
    }

    #[test]
    fn every_scope_has_its_line() {
        for scope in [
            Scope::Read,
            Scope::Write,
            Scope::Destructive,
            Scope::AdminRead,
            Scope::AdminUpstreams,
            Scope::Admin,
            Scope::OpenId,
            Scope::Profile,
            Scope::Email,
            Scope::Groups,
            Scope::OfflineAccess,
        ] {
            assert_eq!(scope.info().unwrap().scope, scope);
            assert_eq!(Scope::named(&scope.name()), Some(scope));
        }
    }
}
