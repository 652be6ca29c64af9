//! Operations on links of accounts at chat servers with users.

use std::{collections::HashMap, sync::Arc};

use doorward_accounts::Accounts;
use doorward_model::{ChatLink, ChatLinkId, Clock, User, UserId};
use doorward_store::Store;

use crate::{Object, Refusal};

/// Operations on linked accounts. Cheap to clone.
#[derive(Clone)]
pub struct Chats {
    store: Store,
    accounts: Accounts,
    clock: Arc<dyn Clock>,
}

impl Chats {
    /// Operations on the links of this store.
    pub fn new(store: Store, accounts: Accounts, clock: Arc<dyn Clock>) -> Self {
        Self { store, accounts, clock }
    }

    /// The links in force, the newest first, each with its user: the first thousand.
    pub async fn all(&self) -> Result<Vec<(ChatLink, Option<Arc<User>>)>, Refusal> {
        let links = self.store.chat_links(None, self.clock.now()).await?;
        let mut users: HashMap<UserId, Option<Arc<User>>> = HashMap::new();
        let mut found = Vec::with_capacity(links.len());
        for link in links {
            let user = match users.get(&link.user_id) {
                Some(user) => user.clone(),
                None => self.store.user(&link.user_id).await?,
            };
            users.insert(link.user_id.clone(), user.clone());
            found.push((link, user));
        }
        Ok(found)
    }

    /// Ends a link: what it gave ends at once, and the account has to be linked again (CA52).
    pub async fn end(&self, id: &str) -> Result<(), Refusal> {
        let missing = || Refusal::missing(Object::ChatLink, id);
        let found = self.store.chat_link(&ChatLinkId::from_text(id)).await?;
        let link = found.ok_or_else(missing)?;
        if self.accounts.unlink_chat(&link).await? { Ok(()) } else { Err(missing()) }
    }
}
