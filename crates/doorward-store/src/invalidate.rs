//! Which cached values a change makes stale.

use doorward_model::{Change, UnitOfWork, UpstreamChange};

/// One cached value, or all of a kind where a change touches rows that it does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    Person(String),
    Client(String),
    Grant(String),
    Grants,
    Session(String),
    Sessions,
    SigningKeys,
    Settings,
    Providers,
    Upstreams,
    Pinned(String),
    Connections(String),
    AccessTokens,
    Everything,
}

impl Stale {
    /// The text of a notification between replicas.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Person(id) => format!("person {id}"),
            Self::Client(id) => format!("client {id}"),
            Self::Grant(id) => format!("grant {id}"),
            Self::Grants => "grants".to_owned(),
            Self::Session(token) => format!("session {token}"),
            Self::Sessions => "sessions".to_owned(),
            Self::SigningKeys => "signing_keys".to_owned(),
            Self::Settings => "settings".to_owned(),
            Self::Providers => "providers".to_owned(),
            Self::Upstreams => "upstreams".to_owned(),
            Self::Pinned(name) => format!("pinned {name}"),
            Self::Connections(user_id) => format!("connections {user_id}"),
            Self::AccessTokens => "access_tokens".to_owned(),
            Self::Everything => "everything".to_owned(),
        }
    }

    /// Reads a notification; one of a newer version that is not understood makes everything stale.
    pub(crate) fn from_text(text: &str) -> Self {
        match text.split_once(' ') {
            Some(("person", id)) => Self::Person(id.to_owned()),
            Some(("client", id)) => Self::Client(id.to_owned()),
            Some(("grant", id)) => Self::Grant(id.to_owned()),
            Some(("session", token)) => Self::Session(token.to_owned()),
            Some(("pinned", name)) => Self::Pinned(name.to_owned()),
            Some(("connections", user_id)) => Self::Connections(user_id.to_owned()),
            None if text == "upstreams" => Self::Upstreams,
            None if text == "grants" => Self::Grants,
            None if text == "sessions" => Self::Sessions,
            None if text == "signing_keys" => Self::SigningKeys,
            None if text == "settings" => Self::Settings,
            None if text == "providers" => Self::Providers,
            None if text == "access_tokens" => Self::AccessTokens,
            _ => Self::Everything,
        }
    }
}

pub(crate) fn stale(unit: &UnitOfWork) -> Vec<Stale> {
    unit.changes().iter().filter_map(of).collect()
}

fn of_upstream(change: &UpstreamChange) -> Option<Stale> {
    Some(match change {
        UpstreamChange::Insert(_) | UpstreamChange::Delete(_) => Stale::Upstreams,
        UpstreamChange::PinNew(tools) => Stale::Pinned(tools.first()?.upstream.as_str().to_owned()),
        UpstreamChange::NoteChanged { upstream, .. } => Stale::Pinned(upstream.as_str().to_owned()),
        UpstreamChange::Decide { tool, .. } => Stale::Pinned(tool.upstream.as_str().to_owned()),
        UpstreamChange::PutConnection(connection) | UpstreamChange::KeepRefreshed { connection } => Stale::Connections(connection.user_id.to_string()),
        UpstreamChange::ClaimRefresh { user_id, .. } | UpstreamChange::DeleteConnection { user_id, .. } => Stale::Connections(user_id.to_string()),
        UpstreamChange::PutRegistration(_)
        | UpstreamChange::DeleteRegistration { .. }
        | UpstreamChange::InsertAttempt(_)
        | UpstreamChange::RedeemAttempt { .. }
        | UpstreamChange::KeepResult { .. } => return None,
    })
}

fn of(change: &Change) -> Option<Stale> {
    Some(match change {
        Change::SetPassword { user_id, .. }
        | Change::RehashPassword { user_id, .. }
        | Change::SetRoles { user_id, .. }
        | Change::SetPersonDisabled { user_id, .. }
        | Change::SetProfile { user_id, .. }
        | Change::RenamePerson { user_id, .. }
        | Change::CollectProviderRoles(user_id)
        | Change::DeletePerson(user_id) => Stale::Person(user_id.to_string()),
        Change::PutDocumentClient(client) => Stale::Client(client.id.to_string()),
        Change::MarkClientAuthorized { client_id, .. } | Change::SetClientDisabled { client_id, .. } | Change::DeleteClient(client_id) => {
            Stale::Client(client_id.to_string())
        }
        Change::RevokeGrant { grant_id, .. } | Change::UseGrant { grant_id, .. } => Stale::Grant(grant_id.to_string()),
        Change::RevokeGrantsOfPerson { .. } | Change::RevokeGrantsOfIdentity { .. } | Change::RevokeGrantsOfClient { .. } | Change::NarrowGrants { .. } => {
            Stale::Grants
        }
        Change::TouchSession { token, .. } | Change::EndSession(token) => Stale::Session(token.as_str().to_owned()),
        Change::EndSessionOfPerson { .. } | Change::EndSessionsOfPerson { .. } | Change::EndSessionsOfIdentity { .. } | Change::EndSessionsOfSid { .. } => {
            Stale::Sessions
        }
        Change::InsertProvider(_) | Change::DeleteProvider(_) => Stale::Providers,
        Change::Upstream(change) => return of_upstream(change),
        Change::InsertSigningKey(_) | Change::RetireSigningKeys { .. } => Stale::SigningKeys,
        Change::PutSetting { .. } | Change::InsertSetting { .. } => Stale::Settings,
        Change::SetClientApproved { client_id, .. } | Change::SetClientPinned { client_id, .. } => Stale::Client(client_id.to_string()),
        Change::InsertAccessToken(_)
        | Change::RotateAccessToken { .. }
        | Change::RevokeAccessToken { .. }
        | Change::RevokeAccessTokensOfPerson { .. }
        | Change::UseAccessToken { .. } => Stale::AccessTokens,
        Change::InsertPerson(_)
        | Change::Expect { .. }
        | Change::ExpectOtherAdministrator(_)
        | Change::Audit(_)
        | Change::InsertRecord { .. }
        | Change::InsertSteps(_)
        | Change::InsertClient(_)
        | Change::InsertCode(_)
        | Change::RedeemCode { .. }
        | Change::InsertGrant(_)
        | Change::InsertRefreshToken(_)
        | Change::UseRefreshToken { .. }
        | Change::InsertSession(_)
        | Change::SpendValue { .. }
        | Change::InsertLink(_)
        | Change::RedeemLink { .. }
        | Change::InsertSignIn(_)
        | Change::RedeemSignIn { .. }
        | Change::InsertIdentity(_)
        | Change::UpdateIdentity(_)
        | Change::KeepChecked { .. }
        | Change::DeleteIdentity { .. }
        | Change::ClaimIdentityCheck { .. }
        | Change::DropCredential { .. }
        | Change::PutInvitation(_)
        | Change::RedeemInvitation { .. }
        | Change::InsertPasskey(_)
        | Change::UsePasskey { .. }
        | Change::DeletePasskey { .. }
        | Change::PutTotp(_)
        | Change::ConfirmTotp { .. }
        | Change::UseTotp { .. }
        | Change::DeleteTotp(_)
        | Change::ReplaceRecoveryCodes { .. }
        | Change::UseRecoveryCode { .. }
        | Change::RecordLoginFailure { .. }
        | Change::ClearLoginFailures { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_survive_the_trip_and_unknown_ones_empty_the_caches() {
        for stale in [
            Stale::Person("u".into()),
            Stale::Grant("g".into()),
            Stale::Grants,
            Stale::Session("s".into()),
            Stale::Sessions,
            Stale::SigningKeys,
            Stale::Settings,
            Stale::Providers,
            Stale::Upstreams,
            Stale::Pinned("wiki".into()),
            Stale::Connections("u".into()),
            Stale::AccessTokens,
        ] {
            assert_eq!(Stale::from_text(&stale.to_text()), stale);
        }
        assert_eq!(Stale::from_text("tools x"), Stale::Everything);
    }
}
