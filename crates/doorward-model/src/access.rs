//! The permissions of roles: which scopes a user may give to a client, which tools they may call,
//! and where one factor is not enough.

use crate::{
    Role, ScopeSet, User,
    authentication::{Authentication, Level},
    nearest,
    pattern::Pattern,
    scope::{SCOPES, Scope},
};

/// The permission to use the connector of Mattermost. It is no scope: no client can request it.
pub const MATTERMOST_ACCESS: &str = "mattermost:access";

/// The rules. Without any, every user may use everything that the server offers.
#[derive(Clone, Debug, Default)]
pub struct AccessPolicy {
    scopes: Vec<(Scope, Vec<Role>)>,
    tools: Vec<(Pattern, Vec<Role>)>,
    second_factor: ScopeSet,
    /// Of each rule for [`MATTERMOST_ACCESS`], the roles.
    mattermost: Vec<Vec<Role>>,
    /// True if the administrators' pages require a second factor.
    pub second_factor_for_administrators: bool,
}

/// An invalid rule. Holds the error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(pub String);

/// Reads `NAME = ROLE ROLE…`.
fn rule(text: &str) -> Result<(&str, Vec<Role>), RuleError> {
    let wrong = |why: &str| RuleError(format!("{text:?} {why}"));
    let (name, roles) = text
        .split_once('=')
        .ok_or_else(|| wrong("must read NAME = ROLE, like \"mcp:write = developer\""))?;
    let words = roles.split([' ', ',']).filter(|word| !word.is_empty());
    let roles = words
        .map(|word| {
            Role::named(word).map_err(|error| wrong(&format!("names {word:?}, but {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if roles.is_empty() { Err(wrong("names no role")) } else { Ok((name.trim(), roles)) }
}

fn scope(name: &str) -> Result<Scope, RuleError> {
    let known = || SCOPES.iter().map(|info| info.name).collect::<Vec<_>>().join(", ");
    Scope::named(name).filter(|scope| scope.upstream().is_none()).ok_or_else(|| {
        let near = nearest::hint(name, SCOPES.iter().map(|info| info.name));
        RuleError(format!(
            "{name:?} is not a scope that rules can name; there are {}, and [policy] has rules for \
             single upstreams{near}",
            known()
        ))
    })
}

impl AccessPolicy {
    /// Reads the rules in the form of the configuration.
    pub fn parse(
        scope_roles: &[String],
        tool_roles: &[String],
        second_factor_scopes: &[String],
    ) -> Result<Self, RuleError> {
        let (mut scopes, mut mattermost) = (Vec::new(), Vec::new());
        for text in scope_roles {
            match rule(text)? {
                (MATTERMOST_ACCESS, roles) => mattermost.push(roles),
                (name, roles) => scopes.push((scope(name)?, roles)),
            }
        }
        let tools = tool_roles
            .iter()
            .map(|text| rule(text).map(|(name, roles)| (Pattern::new(name), roles)))
            .collect::<Result<_, _>>()?;
        let second_factor =
            second_factor_scopes.iter().map(|name| scope(name)).collect::<Result<_, _>>()?;
        Ok(Self {
            scopes,
            tools,
            second_factor,
            mattermost,
            second_factor_for_administrators: false,
        })
    }

    /// The roles that the rules name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        let scopes = self.scopes.iter().flat_map(|(_, roles)| roles);
        let tools = self.tools.iter().flat_map(|(_, roles)| roles);
        scopes.chain(tools).chain(self.mattermost.iter().flatten())
    }

    /// True if this user may use the connector of Mattermost. Of several rules, all must hold.
    pub fn may_use_mattermost(&self, user: &User) -> bool {
        self.mattermost.iter().all(|roles| user.has_any(roles))
    }

    /// The scopes that this user may hold through any client. A scope that includes one that is
    /// not allowed is not allowed either.
    pub fn scopes_of(&self, user: &User) -> ScopeSet {
        let admin = user.administrative_scopes();
        let possible = ScopeSet::all().union(&ScopeSet::identity()).union(&admin);
        if self.scopes.is_empty() {
            return possible;
        }
        let allows = |scope: Scope| {
            self.scopes
                .iter()
                .filter(|(ruled, _)| *ruled == scope)
                .all(|(_, roles)| user.has_any(roles))
        };
        possible
            .iter()
            .filter(|scope| ScopeSet::from_iter([*scope]).closure().iter().all(allows))
            .collect()
    }

    /// True if this user may hold this scope through any client: [`Self::scopes_of`] for one scope,
    /// as it is asked for with each call.
    pub fn may_hold(&self, user: &User, scope: Scope) -> bool {
        if !self.scopes.is_empty() {
            return self.scopes_of(user).allows(scope);
        }
        let of_all = |held: &Scope| !held.is_administrative();
        SCOPES.iter().map(|info| info.scope).filter(of_all).any(|held| held.includes(scope))
            || user.administrative_scopes().allows(scope)
    }

    /// True if this user may call a tool of this name. Of several rules that match, all must
    /// hold.
    pub fn allows_tool(&self, user: &User, tool: &str) -> bool {
        self.tools
            .iter()
            .filter(|(pattern, _)| pattern.matches(tool))
            .all(|(_, roles)| user.has_any(roles))
    }

    /// True if there may be such scopes as [`Self::lacks_second_factor`] finds among `scopes` or
    /// those that they imply.
    pub fn may_lack_second_factor(
        &self,
        scopes: &ScopeSet,
        authentication: &Authentication,
    ) -> bool {
        let admin = self.second_factor_for_administrators && scopes.has_administrative();
        authentication.level != Level::MultiFactor && (admin || !self.second_factor.is_empty())
    }

    /// Those of `scopes` for which a user with this authentication must prove a second factor
    /// first.
    pub fn lacks_second_factor(
        &self,
        scopes: &ScopeSet,
        authentication: &Authentication,
    ) -> ScopeSet {
        if !self.may_lack_second_factor(scopes, authentication) {
            return ScopeSet::default();
        }
        let admin = self.second_factor_for_administrators && scopes.has_administrative();
        // A demand for all of Doorward applies at each upstream.
        let demands = |scope: Scope| {
            (admin && scope.is_administrative())
                || self.second_factor.iter().any(|demanding| demanding == scope.everywhere())
        };
        scopes
            .closure()
            .iter()
            .filter(|scope| ScopeSet::from_iter([*scope]).closure().iter().any(demands))
            .collect()
    }

    /// The part of `scopes` that remains for this user with this authentication.
    pub fn effective(
        &self,
        scopes: &ScopeSet,
        user: &User,
        authentication: &Authentication,
    ) -> ScopeSet {
        // Scopes of external resource servers are not under these rules: each has its own roles.
        let external = scopes.iter().filter(|scope| scope.is_external());
        // This path is common to all calls, and most servers have no rules.
        if self.scopes.is_empty() && self.second_factor.is_empty() && !scopes.has_administrative() {
            return scopes.closure();
        }
        let allowed = scopes.intersection(&self.scopes_of(user)).closure();
        let lacking = self.lacks_second_factor(&allowed, authentication);
        let kept = allowed.iter().filter(|scope| !lacking.iter().any(|lacks| lacks == *scope));
        kept.chain(external).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timestamp, UserId, UserName};

    fn user(roles: &[&str], provider_roles: &[&str]) -> User {
        let parse = |roles: &[&str]| roles.iter().map(|role| Role::parse(role).unwrap()).collect();
        User {
            id: UserId::from_text("u_1"),
            name: UserName::parse("a").unwrap(),
            email: None,
            email_by: None,
            display_name: None,
            password: None,
            password_temporary: false,
            roles: parse(roles),
            provider_roles: parse(provider_roles),
            group_roles: Vec::new(),
            created_at: Timestamp(0),
            disabled_at: None,
            links_after: None,
        }
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn roles_gate_scopes_and_tools_from_wherever_they_come() {
        let policy = AccessPolicy::parse(
            &list(&["mcp:write = developer, admin"]),
            &list(&["revoke_* = admin"]),
            &[],
        )
        .unwrap();
        assert_eq!(
            policy.scopes_of(&user(&[], &[])).to_string(),
            "mcp:read openid profile email groups offline_access"
        );
        assert_eq!(
            policy.scopes_of(&user(&["developer"], &[])).to_string(),
            "mcp:read mcp:write mcp:destructive openid profile email groups offline_access"
        );
        assert_eq!(
            policy.scopes_of(&user(&[], &["admin"])).to_string(),
            "mcp:read mcp:write mcp:destructive admin:read admin:upstreams admin openid profile email groups offline_access"
        );
        assert!(policy.allows_tool(&user(&[], &[]), "whoami"));
        assert!(!policy.allows_tool(&user(&["developer"], &[]), "revoke_connected_app"));
        assert!(policy.allows_tool(&user(&["admin"], &[]), "revoke_connected_app"));
        let closed = AccessPolicy::parse(&list(&["mcp:read = staff"]), &[], &[]).unwrap();
        assert_eq!(
            closed.scopes_of(&user(&["developer"], &[])).to_string(),
            "openid profile email groups offline_access",
            "writing includes reading"
        );
    }

    #[test]
    fn one_scope_is_judged_like_all_of_them_together() {
        let upstream = crate::UpstreamName::parse("mail").unwrap();
        let mut scopes: Vec<Scope> = SCOPES.iter().map(|info| info.scope).collect();
        scopes.extend(crate::ToolClass::ALL.map(|class| Scope::At(class, upstream)));
        scopes.extend(Scope::named("mcp:write:mail"));
        for rules in [vec![], vec!["mcp:read = staff"], vec!["mcp:write = developer, admin"]] {
            let policy = AccessPolicy::parse(&list(&rules), &[], &[]).unwrap();
            for roles in [vec![], vec!["staff"], vec!["developer"], vec!["admin"]] {
                let user = user(&roles, &[]);
                for scope in &scopes {
                    let together = policy.scopes_of(&user).allows(*scope);
                    assert_eq!(policy.may_hold(&user, *scope), together, "{roles:?} {scope:?}");
                }
            }
        }
    }

    #[test]
    fn ca46_the_permission_of_the_chat_belongs_to_roles_and_is_no_scope() {
        let open = AccessPolicy::default();
        assert!(open.may_use_mattermost(&user(&[], &[])));
        let rules = list(&["mattermost:access = staff, admin"]);
        let policy = AccessPolicy::parse(&rules, &[], &[]).unwrap();
        assert!(!policy.may_use_mattermost(&user(&["guest"], &[])));
        assert!(policy.may_use_mattermost(&user(&["staff"], &[])));
        assert!(policy.may_use_mattermost(&user(&[], &["admin"])));
        assert_eq!(policy.roles().count(), 2);
        assert_eq!(Scope::named(MATTERMOST_ACCESS), None);
        let everyone = policy.scopes_of(&user(&[], &[]));
        assert_eq!(everyone, AccessPolicy::default().scopes_of(&user(&[], &[])));
    }

    #[test]
    fn a_scope_may_need_a_second_factor() {
        let policy = AccessPolicy::parse(&[], &[], &list(&["mcp:write"])).unwrap();
        let (single, multi) = (
            Authentication::default(),
            Authentication { level: Level::MultiFactor, ..Authentication::default() },
        );
        let both = ScopeSet::parse_known("mcp:write");
        assert_eq!(policy.effective(&both, &user(&[], &[]), &single).to_string(), "mcp:read");
        assert_eq!(
            policy.effective(&both, &user(&[], &[]), &multi).to_string(),
            "mcp:read mcp:write"
        );
        assert_eq!(policy.lacks_second_factor(&both, &single).to_string(), "mcp:write");
    }

    #[test]
    fn only_administrators_hold_the_scope_admin_and_with_a_second_factor_where_that_is_demanded() {
        let (single, multi) = (
            Authentication::default(),
            Authentication { level: Level::MultiFactor, ..Authentication::default() },
        );
        let admin = ScopeSet::parse_known("admin mcp:read");
        let mut policy = AccessPolicy::parse(&[], &[], &[]).unwrap();
        assert_eq!(
            policy.effective(&admin, &user(&["staff"], &[]), &multi).normalised().to_string(),
            "mcp:read"
        );
        assert_eq!(
            policy.effective(&admin, &user(&["admin"], &[]), &single).normalised().to_string(),
            "mcp:read admin"
        );
        policy.second_factor_for_administrators = true;
        assert_eq!(
            policy.effective(&admin, &user(&["admin"], &[]), &single).normalised().to_string(),
            "mcp:read"
        );
        assert_eq!(policy.lacks_second_factor(&admin, &single).normalised().to_string(), "admin");
        assert_eq!(
            policy.effective(&admin, &user(&["admin"], &[]), &multi).normalised().to_string(),
            "mcp:read admin"
        );
    }

    #[test]
    fn rules_leave_scopes_of_external_resource_servers_as_they_are() {
        let policy =
            AccessPolicy::parse(&list(&["mcp:read = staff"]), &[], &list(&["mcp:write"])).unwrap();
        let asked = ScopeSet::from_stored("mcp:write notes:read");
        let left = policy.effective(&asked, &user(&[], &[]), &Authentication::default());
        assert_eq!(left.to_string(), "notes:read");
    }

    #[test]
    fn wrong_rules_say_what_is_wrong() {
        for (rule, said) in [
            ("mcp:write", "must read NAME = ROLE"),
            ("mcp:rite = a", "is not a scope"),
            ("mcp:read =", "names no role"),
            ("mcp:read = A", "lower-case"),
        ] {
            let error = AccessPolicy::parse(&list(&[rule]), &[], &[]).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
