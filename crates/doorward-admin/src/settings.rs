//! Operations on the settings that change while the server runs.

use doorward_model::{Change, Expected, UnitOfWork, setting};
use doorward_store::{Store, StoreError};

use crate::Refusal;

/// The longest notice, in characters.
const LONGEST_NOTICE: usize = 500;

/// The settings as they are.
#[derive(Clone, Debug)]
pub struct ShownSettings {
    /// The MCP server is on.
    pub mcp_enabled: bool,
    /// The notice that every page shows; empty for none.
    pub notice: String,
    /// The facts that are public while the MCP server is on.
    pub public: Vec<String>,
    /// The name of this state.
    pub etag: String,
}

/// A change of settings. A value of `None` leaves the setting unchanged.
#[derive(Clone, Debug, Default)]
pub struct SettingsChange {
    /// The MCP server is on.
    pub mcp_enabled: Option<bool>,
    /// The administrator's confirmation that information becomes public; needed to switch the MCP
    /// server on.
    pub acknowledged: bool,
    /// The notice that every page shows; empty for none.
    pub notice: Option<String>,
}

/// Operations on settings. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    store: Store,
    mcp_enabled_by_default: bool,
    public: Vec<String>,
}

impl Settings {
    /// Operations on the settings of this store. The MCP server is on by default or not, and
    /// `public` is public while it is on.
    pub fn new(store: Store, mcp_enabled_by_default: bool, public: Vec<String>) -> Self {
        Self { store, mcp_enabled_by_default, public }
    }

    /// The settings as they are.
    pub async fn show(&self) -> Result<ShownSettings, Refusal> {
        let switched = self.store.setting(setting::MCP_ENABLED).await?;
        let notice = self.store.setting(setting::NOTICE).await?.unwrap_or_default();
        let etag = doorward_model::id::etag(&[switched.as_deref().unwrap_or_default(), &notice]);
        let mcp_enabled = switched.map_or(self.mcp_enabled_by_default, |value| value == "true");
        Ok(ShownSettings { mcp_enabled, notice, public: self.public.clone(), etag })
    }

    /// Changes settings. Returns the settings after the change.
    pub async fn change(
        &self,
        change: SettingsChange,
        seen: Option<&str>,
    ) -> Result<ShownSettings, Refusal> {
        let notice = change.notice.map(|notice| notice.trim().to_owned());
        if notice.as_ref().is_some_and(|notice| {
            notice.chars().count() > LONGEST_NOTICE || notice.chars().any(char::is_control)
        }) {
            return Err(Refusal::Notice(LONGEST_NOTICE));
        }
        let present = self.show().await?;
        if seen.is_some_and(|seen| seen != present.etag) {
            return Err(Refusal::SettingsChanged);
        }
        if change.mcp_enabled == Some(true) && !present.mcp_enabled && !change.acknowledged {
            return Err(Refusal::NotAcknowledged(present.public.join("; ")));
        }
        let mut unit = UnitOfWork::new();
        let mut put = |key: &str, was: String, value: String| {
            unit.push(Change::Expect { object: Expected::Setting(key.to_owned()), etag: was });
            unit.push(Change::PutSetting { key: key.to_owned(), value });
        };
        if let Some(enabled) = change.mcp_enabled {
            let was = self.store.setting(setting::MCP_ENABLED).await?.unwrap_or_default();
            put(setting::MCP_ENABLED, was, enabled.to_string());
        }
        if let Some(notice) = notice {
            put(setting::NOTICE, present.notice, notice);
        }
        match self.store.apply(unit).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Err(Refusal::SettingsChanged),
            Err(error) => return Err(error.into()),
        }
        if let Some(enabled) = change.mcp_enabled {
            tracing::warn!(
                enabled,
                "the MCP server was enabled or disabled; its metadata is public while it is enabled"
            );
        }
        self.show().await
    }
}
