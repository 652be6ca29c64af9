//! Mattermost: posts that address the bot, slash commands and outgoing webhooks.

mod answer;
mod api;
mod buttons;
mod incoming;
mod place;
mod poll;
mod turns;

use std::{collections::HashMap, sync::Arc, sync::Mutex, sync::PoisonError};

use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use crate::{
    config::{self, ConnectorConfig, Outgoing, SettingError},
    office::Office,
};
use api::{Account, Api, ApiError};
use turns::Turns;

pub(crate) use incoming::{Incoming, Received};

/// Maximum number of accounts that are remembered with their kind.
const MOST_KNOWN: usize = 10_000;

/// The connector of one Mattermost server.
pub struct Mattermost {
    pub(crate) name: String,
    /// The URL of the server, to which linked accounts belong.
    server: String,
    pub(crate) config: ConnectorConfig,
    scopes: String,
    api: Api,
    pub(crate) office: Arc<dyn Office>,
    tasks: TaskTracker,
    turns: Turns,
    me: OnceCell<Account>,
    known: Mutex<HashMap<String, (String, bool)>>,
}

impl Mattermost {
    pub(crate) fn new(
        name: &str,
        config: &ConnectorConfig,
        office: Arc<dyn Office>,
        outgoing: Outgoing<'_>,
        tasks: &TaskTracker,
    ) -> Result<Self, SettingError> {
        let parsed = config::parsed(name, config)?;
        let outbound = config::outbound(config, outgoing)?;
        Ok(Self {
            name: name.to_owned(),
            server: parsed.url.as_str().trim_end_matches('/').to_owned(),
            api: Api::new(outbound, &parsed.url, config.bot_token.clone()),
            scopes: parsed.scopes,
            config: config.clone(),
            office,
            tasks: tasks.clone(),
            turns: Turns::default(),
            me: OnceCell::new(),
            known: Mutex::default(),
        })
    }

    /// The account of the bot.
    async fn me(&self) -> Result<&Account, ApiError> {
        self.me.get_or_try_init(|| self.api.me()).await
    }

    /// The name of an account, and true if it is a bot's.
    async fn author(&self, id: &str) -> Result<(String, bool), ApiError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let account = self.api.account(id).await?;
        let found = (account.username, account.is_bot);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(id.to_owned(), found.clone());
        Ok(found)
    }
}
