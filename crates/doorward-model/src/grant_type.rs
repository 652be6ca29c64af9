//! Grant types: the ways in which a client gets tokens (RFC 7591 §2 `grant_types`).

use std::collections::BTreeSet;

/// A grant type of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantType {
    /// `authorization_code` (OAuth 2.1 §4.1.3).
    AuthorizationCode,
    /// `refresh_token` (OAuth 2.1 §4.3).
    RefreshToken,
    /// `client_credentials` (OAuth 2.1 §4.2): a service, without a user.
    ClientCredentials,
    /// A signed token of another issuer (RFC 7523 §2.1).
    JwtBearer,
    /// `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4): a device without a browser.
    DeviceCode,
    /// `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): a client that acts for a user.
    TokenExchange,
}

impl GrantType {
    /// Every grant type, in the order in which metadata lists them.
    pub const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::JwtBearer,
        Self::DeviceCode,
        Self::TokenExchange,
    ];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }
    /// The grant type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }
}

/// The set of grant types of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantTypes(BTreeSet<GrantType>);

impl GrantTypes {
    /// The grant types of a client that registers none: with less, its users would sign in again
    /// every few minutes (I9).
    pub fn of_code_flow() -> Self {
        Self::from_iter([GrantType::AuthorizationCode, GrantType::RefreshToken])
    }
    /// The grant types of the client of a service, at which no user signs in.
    pub fn of_service() -> Self {
        Self::from_iter([GrantType::ClientCredentials])
    }
    /// The grant types of the client of a workload, which a trust rule authenticates.
    pub fn of_workload() -> Self {
        Self::from_iter([GrantType::JwtBearer])
    }
    /// The same without those that only administrators give.
    pub fn for_registration(self) -> Self {
        let given = |grant: &GrantType| match grant {
            GrantType::AuthorizationCode
            | GrantType::RefreshToken
            | GrantType::JwtBearer
            | GrantType::DeviceCode => true,
            GrantType::ClientCredentials | GrantType::TokenExchange => false,
        };
        self.0.into_iter().filter(given).collect()
    }
    /// Those of `names` that exist here. Clients register grant types of other servers too.
    pub fn parse_known<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(GrantType::parse).collect()
    }
    /// The same with a grant type, or without it.
    pub fn with(&self, grant: GrantType, present: bool) -> Self {
        let others = self.0.iter().copied().filter(|other| *other != grant);
        others.chain(present.then_some(grant)).collect()
    }
    /// Reports a set that has this grant type.
    pub fn contains(&self, grant: GrantType) -> bool {
        self.0.contains(&grant)
    }
    /// The registered names, in the table's order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|grant| grant.as_str())
    }
}

impl FromIterator<GrantType> for GrantTypes {
    fn from_iter<I: IntoIterator<Item = GrantType>>(grants: I) -> Self {
        Self(grants.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_do_not_exist_here_are_dropped_and_the_order_is_the_table_s() {
        let set = GrantTypes::parse_known([
            "refresh_token",
            "implicit",
            "authorization_code",
            "refresh_token",
            "",
        ]);
        assert_eq!(set, GrantTypes::of_code_flow());
        assert_eq!(set.names().collect::<Vec<_>>(), ["authorization_code", "refresh_token"]);
        assert!(
            !GrantTypes::parse_known(["AUTHORIZATION_CODE"]).contains(GrantType::AuthorizationCode)
        );
    }
}
