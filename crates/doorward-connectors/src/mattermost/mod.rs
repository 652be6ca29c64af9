//! Mattermost: posts that address the bot, slash commands and outgoing webhooks.

mod answer;
mod api;
mod buttons;
mod incoming;
mod part;
mod place;
mod poll;
mod reply;
mod turns;

use std::{collections::HashMap, sync::Arc, sync::Mutex, sync::PoisonError, time::Duration};

use doorward_language::Language;
use doorward_model::Timestamp;
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

/// The seconds after which an account is read again.
const KNOWN_FOR: i64 = 3600;
/// The longest that a request of the chat server waits for the language of its answer.
const SOON: Duration = Duration::from_millis(200);

/// The author of a post.
#[derive(Clone, Debug)]
struct Author {
    name: String,
    is_bot: bool,
    /// The language that they chose in the chat.
    language: Language,
    read_at: Timestamp,
}

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
    known: Mutex<HashMap<String, Author>>,
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

    /// The author of this account. What was read lately, or cannot be read again, is not read again.
    async fn author(&self, id: &str) -> Result<Author, ApiError> {
        let now = self.office.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some(known) = known.as_ref().filter(|known| now < known.read_at.plus(KNOWN_FOR)) {
            return Ok(known.clone());
        }
        let account = match (self.api.account(id).await, known) {
            (Ok(account), _) => account,
            (Err(_), Some(known)) => return Ok(known),
            (Err(error), None) => return Err(error),
        };
        let found = Author {
            name: account.username,
            is_bot: account.is_bot,
            language: Language::of_locales(&account.locale).unwrap_or_default(),
            read_at: now,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    /// The language of an account; the default one where it is not known soon.
    async fn language_of(&self, id: &str) -> Language {
        if !api::is_id(id) {
            return Language::default();
        }
        let author = tokio::time::timeout(SOON, self.author(id)).await;
        author.ok().and_then(Result::ok).map(|author| author.language).unwrap_or_default()
    }
}
