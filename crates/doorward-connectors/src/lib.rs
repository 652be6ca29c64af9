//! Chat systems as clients: users give commands in a chat, and the program acts with their rights.
//!
//! The crate knows the chat and nothing of users, tools or the database: what it needs of them it
//! asks for through [`Office`], which the binary implements.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by a panic"
    )
)]

mod command;
mod config;
pub mod fuzz;
pub mod http;
mod mattermost;
mod office;
mod text;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use doorward_transport::{Outbound, OutboundConfig};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use config::Outgoing;
pub use config::{ConnectorConfig, SettingError, check};
pub use mattermost::Mattermost;
pub use office::{
    Acting, Admission, AgentAnswer, AgentPlace, AnsweredCall, Connection, Office, Opened, Outcome,
    Question, Source, Speaker, Standing, Tool, Unavailable, WaitingCall,
};

/// The longest that the end of the program waits for answers under way.
const LAST: Duration = Duration::from_secs(10);

/// The connectors of the configuration. Cheap to clone.
#[derive(Clone)]
pub struct Connectors {
    pub(crate) all: Arc<BTreeMap<String, Arc<Mattermost>>>,
    tasks: TaskTracker,
}

impl Connectors {
    /// Sets the connectors up. No request is sent.
    ///
    /// # Errors
    ///
    /// If a setting is wrong: the name of the connector, and the setting.
    pub fn new(
        settings: &BTreeMap<String, ConnectorConfig>,
        office: &Arc<dyn Office>,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Self, (String, SettingError)> {
        let (outgoing, tasks) = (Outgoing { outbound, general }, TaskTracker::new());
        let mut all = BTreeMap::new();
        for (name, config) in settings {
            let one = Mattermost::new(name, config, Arc::clone(office), outgoing, &tasks)
                .map_err(|error| (name.clone(), error))?;
            all.insert(name.clone(), Arc::new(one));
        }
        Ok(Self { all: Arc::new(all), tasks })
    }

    /// Reads the chats and answers what other processes left unanswered, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let one = |connector: &Arc<Mattermost>| Arc::clone(connector).run(stop.clone());
        futures_util::future::join_all(self.all.values().map(one)).await;
    }

    /// Waits for the answers under way, not for long. Those that remain are noticed and answered
    /// after the next start.
    pub async fn finish(&self) {
        self.tasks.close();
        if tokio::time::timeout(LAST, self.tasks.wait()).await.is_err() {
            tracing::warn!(answers = self.tasks.len(), "answers in chats were not finished");
        }
    }
}
