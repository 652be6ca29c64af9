//! The conditions of a search, as pages, the API and commands are given them.

use std::net::IpAddr;

use doorward_model::{AuditFilter, AuditKind, ClientId, Outcome, Timestamp, UserId, UserName};
use doorward_store::{Store, StoreError};
use serde::Deserialize;

/// Maximum number of bytes of a text that is searched for.
const MOST_TEXT: usize = 200;

/// The conditions of a search, as they were given. An empty one does not count; all others must
/// hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AuditSearch {
    /// A sign-in name, or the identifier of a user.
    pub user: String,
    /// A `client_id`.
    pub client: String,
    /// A kind, or a family of kinds such as `user.`.
    pub kind: String,
    /// An outcome.
    pub outcome: String,
    /// A tool.
    pub tool: String,
    /// The name of an upstream.
    pub upstream: String,
    /// An object, such as `client:c_…`.
    pub subject: String,
    /// The identifier of a grant.
    pub grant: String,
    /// The identifier of a browser session.
    pub session: String,
    /// The identifier of a personal or service token.
    pub token: String,
    /// An IP address.
    pub address: String,
    /// A text.
    pub text: String,
}

/// The reason for which entries cannot be searched: a value that no entry has.
#[derive(Debug, thiserror::Error)]
pub enum AuditSearchError {
    /// There is no such user, and no entry of one who was deleted.
    #[error("user: there is no user {0:?}, and no entry of a deleted user with this ID")]
    User(String),
    /// There is no such client, and no entry of one that was deleted.
    #[error("client: there is no client {0:?}, and no entry of a deleted one with this client_id")]
    Client(String),
    /// No entry has this kind.
    #[error("kind: no entry has the kind {0:?}")]
    Kind(String),
    /// No entry has this outcome.
    #[error("outcome: no entry has the outcome {0:?}; use ok, refused or failed")]
    Outcome(String),
    /// The text is no IP address.
    #[error("address: {0:?} is not an IP address")]
    Address(String),
    /// The text is too long.
    #[error("text: at most {MOST_TEXT} bytes are searched for")]
    Text,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn given(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Reports that an entry fits.
async fn has_entry(store: &Store, filter: AuditFilter) -> Result<bool, StoreError> {
    Ok(!store.audit(&filter, None, 1).await?.entries.is_empty())
}

/// The identifier of a user that is named by it or by the sign-in name. A deleted user has entries.
async fn user_id(store: &Store, user: String) -> Result<String, AuditSearchError> {
    if let Ok(name) = UserName::parse(&user)
        && let Some(found) = store.user_named(&name).await?
    {
        return Ok(found.id.to_string());
    }
    let filter = AuditFilter { user_id: Some(user.clone()), ..AuditFilter::default() };
    let is_known = store.user(&UserId::from_text(user.clone())).await?.is_some();
    if is_known || has_entry(store, filter).await? {
        Ok(user)
    } else {
        Err(AuditSearchError::User(user))
    }
}

async fn client_id(store: &Store, client: String) -> Result<String, AuditSearchError> {
    let filter = AuditFilter { client_id: Some(client.clone()), ..AuditFilter::default() };
    let is_known = store.client(&ClientId::from_text(client.clone())).await?.is_some();
    if is_known || has_entry(store, filter).await? {
        Ok(client)
    } else {
        Err(AuditSearchError::Client(client))
    }
}

/// A kind that entries can have. A family ends with a full stop.
fn known_kind(kind: String) -> Result<String, AuditSearchError> {
    let is_known = AuditKind::ALL.iter().any(|(_, stored)| {
        *stored == kind || kind.ends_with('.') && stored.starts_with(kind.as_str())
    });
    if is_known { Ok(kind) } else { Err(AuditSearchError::Kind(kind)) }
}

/// An IP address as entries have it.
fn address(text: String) -> Result<String, AuditSearchError> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical().to_string()),
        Err(_) => Err(AuditSearchError::Address(text)),
    }
}

impl AuditSearch {
    /// The conditions for the database, with those of the time: not before `since`, and before
    /// `until`.
    ///
    /// # Errors
    ///
    /// If a value is one that no entry can have: an empty list would say that nothing happened.
    pub async fn filter(
        &self,
        store: &Store,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<AuditFilter, AuditSearchError> {
        let outcome = given(&self.outcome)
            .map(|text| Outcome::parse(&text).ok_or(AuditSearchError::Outcome(text)));
        let text = given(&self.text);
        if text.as_ref().is_some_and(|text| text.len() > MOST_TEXT) {
            return Err(AuditSearchError::Text);
        }
        Ok(AuditFilter {
            user_id: match given(&self.user) {
                Some(user) => Some(user_id(store, user).await?),
                None => None,
            },
            concerns: None,
            client_id: match given(&self.client) {
                Some(client) => Some(client_id(store, client).await?),
                None => None,
            },
            kind: given(&self.kind).map(known_kind).transpose()?,
            outcome: outcome.transpose()?,
            tool: given(&self.tool),
            upstream: given(&self.upstream),
            subject: given(&self.subject),
            grant: given(&self.grant),
            session: given(&self.session),
            token: given(&self.token),
            address: given(&self.address).map(address).transpose()?,
            text,
            since,
            until,
        })
    }
}
