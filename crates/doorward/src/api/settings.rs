//! Settings that change while the server runs, and how the server is.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_model::{Change, Expected, UnitOfWork, routes};
use doorward_store::StoreError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Answered, IfMatch, Operation, Refused, Sent, needs, show, show_state},
    providers::{Found, Tried},
};
use crate::app::App;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(needs::READ, routes::API_SETTINGS, "showSettings", "Shows the settings that change while the server runs.", list)
            .answer::<Settings>(200, "The settings.")
            .with_etag(),
        Operation::put(
            needs::ALL,
            routes::API_SETTINGS,
            "changeSettings",
            "Changes settings. Switching the MCP server on makes its metadata public and asks for an acknowledgement.",
            change,
        )
        .body::<Changed>()
        .answer::<Settings>(200, "The settings as they are now.")
        .with_etag()
        .if_match(),
        Operation::get(needs::READ, routes::API_HEALTH, "showHealth", "Tells how the server is.", health).answer::<Tried>(200, "What was found."),
    ]
}

/// Settings that change while the server runs.
#[derive(Serialize, JsonSchema)]
struct Settings {
    /// True if the MCP server is on.
    mcp_enabled: bool,
    /// A notice that every page shows; empty for none.
    notice: String,
    /// Information that is public while the MCP server is on.
    public: Vec<String>,
}

/// The changes. A part that is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SettingsChange")]
struct Changed {
    mcp_enabled: Option<bool>,
    /// That the administrator knows what becomes public; needed to switch the MCP server on.
    #[serde(default)]
    acknowledge: bool,
    /// A notice that every page shows; empty for none.
    #[schemars(length(max = 500))]
    notice: Option<String>,
}

async fn settings(app: &App) -> Result<(Settings, String), StoreError> {
    let switched = app.store.setting(doorward_mcp::ENABLED_SETTING).await?;
    let notice = app.store.setting(doorward_web::NOTICE_SETTING).await?.unwrap_or_default();
    let etag = doorward_model::id::etag(&[switched.as_deref().unwrap_or_default(), &notice]);
    let mcp_enabled = app.mcp.is_enabled().await?;
    Ok((Settings { mcp_enabled, notice, public: app.made_public() }, etag))
}

async fn list(State(app): State<Arc<App>>) -> Answered {
    let (settings, etag) = settings(&app).await?;
    Ok(show_state(StatusCode::OK, &settings, &etag))
}

async fn change(
    State(app): State<Arc<App>>,
    IfMatch(seen): IfMatch,
    Sent(changed): Sent<Changed>,
) -> Answered {
    if changed
        .notice
        .as_ref()
        .is_some_and(|notice| notice.chars().count() > 500 || notice.chars().any(char::is_control))
    {
        return Err(Refused::bad("notice: at most 500 characters on one line"));
    }
    let (present, etag) = settings(&app).await?;
    if seen != etag {
        return Err(Refused::changed());
    }
    if changed.mcp_enabled == Some(true) && !present.mcp_enabled && !changed.acknowledge {
        return Err(Refused::bad(format!(
            "acknowledge: must be true, for this becomes public: {}",
            present.public.join("; ")
        )));
    }
    let mut unit = UnitOfWork::new();
    let mut put = |key: &str, was: String, value: String| {
        unit.push(Change::Expect { object: Expected::Setting(key.to_owned()), etag: was });
        unit.push(Change::PutSetting { key: key.to_owned(), value });
    };
    if let Some(enabled) = changed.mcp_enabled {
        let was = app.store.setting(doorward_mcp::ENABLED_SETTING).await?.unwrap_or_default();
        put(doorward_mcp::ENABLED_SETTING, was, enabled.to_string());
    }
    if let Some(notice) = changed.notice {
        put(doorward_web::NOTICE_SETTING, present.notice.clone(), notice.trim().to_owned());
    }
    match app.store.apply(unit).await {
        Ok(()) => {}
        Err(StoreError::Refused(_)) => return Err(Refused::changed()),
        Err(error) => return Err(error.into()),
    }
    let (settings, etag) = settings(&app).await?;
    Ok(show_state(StatusCode::OK, &settings, &etag))
}

async fn health(State(app): State<Arc<App>>) -> Answered {
    let findings: Vec<Found> = crate::health::look(&app)
        .await
        .into_iter()
        .map(|finding| {
            let ok = finding.result.is_ok();
            let (Ok(says) | Err(says)) = finding.result;
            Found { what: finding.what, ok, says }
        })
        .collect();
    Ok(show(StatusCode::OK, &Tried { ok: findings.iter().all(|found| found.ok), findings }))
}
