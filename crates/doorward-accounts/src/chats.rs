//! Links of accounts at chat servers with users (CA44).
//!
//! The connector gives an unknown account a sealed link, kept nowhere, that names the account. The
//! user who opens it sees which account is to be linked with whom, and confirms that; an account
//! never gets a user's rights by the opening of a link alone. A link works once and not for long.
//! It gives a grant of the user's to the client of the connector, with everything that ends
//! grants.

use doorward_model::{
    Change, ChatChange, ChatLink, ChatLinkId, ClientId, Grant, GrantId, MATTERMOST_CLIENT,
    Resource, RevokeReason, ScopeSet, Sealed, Subject, Timestamp, UnitOfWork, id::random_text,
};
use doorward_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::{Accounts, Authority, Visitor};

/// The lifetime of a link, in seconds.
pub const CHAT_LINK_SECONDS: i64 = 900;
/// The purpose for which links are sealed.
const PLACE: &str = "chat-link";

/// An account at a chat server that is to be linked, as the chat server states it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewChatLink {
    /// The chat server, by its URL.
    pub server: String,
    /// The account there, by its identifier.
    pub account: String,
    /// The name of the account, for display.
    pub name: String,
    /// The scopes that calls from the chat may use.
    pub scopes: String,
    /// For how many days the link counts.
    pub days: u32,
}

/// The contents of a link.
#[derive(Serialize, Deserialize)]
struct Inside {
    new: NewChatLink,
    nonce: String,
    until: i64,
}

/// The reason for which an account is not linked.
#[derive(Debug, thiserror::Error)]
pub enum ChatLinkError {
    /// The link is unknown, was used, or has expired.
    #[error("the link was used already, or has expired")]
    Link,
    /// The account has a link in force.
    #[error("the account of the chat is linked already")]
    Linked,
    /// An administrator disabled the client of the connector, or it does not exist.
    #[error("the connector is disabled")]
    Disabled,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// The secret of a link by which a user links this account with theirs.
    pub fn chat_link_secret(&self, new: NewChatLink) -> String {
        let nonce = random_text(self.entropy.as_ref(), 12);
        let until = self.clock.now().plus(CHAT_LINK_SECONDS).0;
        let plain = serde_json::to_vec(&Inside { new, nonce, until }).unwrap_or_default();
        self.master.seal(PLACE, &plain).as_str().to_owned()
    }

    fn open_chat_link(&self, secret: &str) -> Result<Inside, ChatLinkError> {
        let opened = self.master.open(PLACE, &Sealed::from_stored(secret.to_owned()));
        let inside = opened.ok().and_then(|plain| serde_json::from_slice::<Inside>(&plain).ok());
        inside.filter(|inside| self.clock.now().0 < inside.until).ok_or(ChatLinkError::Link)
    }

    /// The account that a link names. Reading does not use the link.
    ///
    /// # Errors
    ///
    /// If the link does not count.
    pub fn chat_link_of(&self, secret: &str) -> Result<NewChatLink, ChatLinkError> {
        self.open_chat_link(secret).map(|inside| inside.new)
    }

    /// Links the account that a link names with the user of this session, who confirmed it, for
    /// calls of this resource.
    pub async fn link_chat(
        &self,
        authority: &Authority,
        visitor: &Visitor,
        secret: &str,
        resource: Resource,
    ) -> Result<ChatLink, ChatLinkError> {
        let Inside { new, nonce, until } = self.open_chat_link(secret)?;
        let now = self.clock.now();
        let client = self.store.client(&ClientId::from_text(MATTERMOST_CLIENT)).await?;
        let Some(client) = client.filter(|client| client.disabled_at.is_none()) else {
            return Err(ChatLinkError::Disabled);
        };
        let grant = Grant {
            id: GrantId::random(self.entropy.as_ref()),
            client_id: client.id.clone(),
            subject: Subject {
                account: visitor.user.id.clone(),
                auth_time: visitor.session.auth_time,
                authentication: authority.authentication().clone(),
                identity: authority.identity().cloned(),
                sid: None,
            },
            scopes: ScopeSet::parse_known(&new.scopes),
            resources: vec![resource],
            created_at: now,
            last_used_at: now,
            expires_at: now.plus(i64::from(new.days) * 86_400),
            revoked_at: None,
            delegation: None,
            key: None,
        };
        let link = ChatLink {
            id: ChatLinkId::random(self.entropy.as_ref()),
            server: new.server,
            account: new.account,
            name: new.name,
            user_id: visitor.user.id.clone(),
            grant_id: grant.id.clone(),
            created_at: now,
        };
        let unit = UnitOfWork::from_iter([
            Change::SpendValue { key: format!("chat-link:{nonce}"), expires_at: Timestamp(until) },
            Change::InsertGrant(grant),
            ChatChange::Link { link: Box::new(link.clone()), now }.into(),
        ]);
        match self.store.apply(unit).await {
            Ok(()) => {
                tracing::info!(user = %link.user_id, link = %link.id, "an account of a chat was linked");
                Ok(link)
            }
            Err(StoreError::Refused(doorward_store::Condition::SpendValue)) => {
                Err(ChatLinkError::Link)
            }
            Err(StoreError::Refused(_)) => Err(ChatLinkError::Linked),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a link: what it gave ends at once. `false` if there is none in force.
    pub async fn unlink_chat(&self, link: &ChatLink) -> Result<bool, StoreError> {
        let unit = UnitOfWork::from_iter([
            Change::RevokeGrant {
                grant_id: link.grant_id.clone(),
                at: self.clock.now(),
                reason: RevokeReason::ByUser,
            },
            ChatChange::Unlink { id: link.id.clone(), user_id: link.user_id.clone() }.into(),
        ]);
        match self.store.apply(unit).await {
            Ok(()) => {
                tracing::info!(user = %link.user_id, link = %link.id, "an account of a chat was unlinked");
                Ok(true)
            }
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
