//! Settings that change while the server runs, and how the server is.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use doorward_admin::{Finding, SettingsChange, ShownSettings, Vital};
use doorward_model::routes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Answered, IfMatch, JsonBody, Operation, done, needs, show, show_state},
    providers::{Found, Tried},
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_SETTINGS,
            "showSettings",
            "Shows the settings that can change while the server runs.",
            list,
        )
        .answer::<Settings>(200, "The settings.")
        .with_etag(),
        Operation::put(
            needs::ALL,
            routes::API_SETTINGS,
            "changeSettings",
            "Changes settings. Enabling the MCP server makes its metadata public and requires an \
             acknowledgement.",
            change,
        )
        .body::<Changed>()
        .answer::<Settings>(200, "The settings after the change.")
        .with_etag()
        .if_match(),
        Operation::get(
            needs::READ,
            routes::API_HEALTH,
            "showHealth",
            "Shows the status of the server.",
            health,
        )
        .answer::<Health>(200, "The status of each part."),
        Operation::post(
            needs::ALL,
            routes::API_TEST_MAIL,
            "sendTestMail",
            "Sends a test mail, and responds when the mail server has accepted it.",
            test_mail,
        )
        .body::<TestMail>()
        .empty("The mail server accepted the mail.")
        .problem(409, "No mail server is set up."),
    ]
}

/// Settings that change while the server runs.
#[derive(Serialize, JsonSchema)]
struct Settings {
    /// The MCP server is on.
    mcp_enabled: bool,
    /// A notice that every page shows; empty for none.
    notice: String,
    /// The documents that are public while the MCP server is on.
    public: Vec<String>,
}

/// The changes. Omitted members stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SettingsChange")]
struct Changed {
    mcp_enabled: Option<bool>,
    /// The administrator's confirmation that information becomes public; needed to switch the MCP
    /// server on.
    #[serde(default)]
    acknowledge: bool,
    /// A notice that every page shows; empty for none.
    #[schemars(length(max = 500))]
    #[schemars(extend("x-code" = "invalid_notice"))]
    notice: Option<String>,
}

impl Settings {
    fn of(shown: ShownSettings) -> Self {
        let ShownSettings { mcp_enabled, notice, public, etag: _ } = shown;
        Self { mcp_enabled, notice, public }
    }
}

fn answer(shown: ShownSettings) -> Response {
    let etag = shown.etag.clone();
    show_state(StatusCode::OK, &Settings::of(shown), &etag)
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    Ok(answer(console.admin.settings.show().await?))
}

async fn change(
    State(console): State<Arc<Console>>,
    IfMatch(seen): IfMatch,
    JsonBody(changed): JsonBody<Changed>,
) -> Answered {
    let Changed { mcp_enabled, acknowledge, notice } = changed;
    let change = SettingsChange { mcp_enabled, acknowledged: acknowledge, notice };
    Ok(answer(console.admin.settings.change(change, Some(&seen)).await?))
}

/// A test mail.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TestMail {
    /// The e-mail address to which it is sent.
    #[schemars(length(min = 3, max = 254))]
    #[schemars(extend("x-code" = "invalid_email"))]
    email: String,
}

async fn test_mail(
    State(console): State<Arc<Console>>,
    JsonBody(TestMail { email }): JsonBody<TestMail>,
) -> Answered {
    console.admin.mails.test(&email).await?;
    Ok(done())
}

/// The health of the server and of its dependencies.
#[derive(Serialize, JsonSchema)]
struct Health {
    ok: bool,
    findings: Vec<Found>,
    dependencies: Vec<DependencyHealth>,
}

/// The health of an upstream, an identity provider, the mail server or a destination of the audit.
#[derive(Serialize, JsonSchema)]
struct DependencyHealth {
    /// `upstream`, `provider`, `mail` or `export`.
    kind: String,
    name: String,
    /// `working`, `failing`, `unknown` (not checked recently) or `off`.
    state: String,
    /// Time of its last response, in seconds since 1970.
    last_success: Option<i64>,
    /// Time of its last failure, in seconds since 1970.
    last_failure: Option<i64>,
    /// The error of the last failure.
    last_error: Option<String>,
    /// Duration of the last response, in milliseconds.
    milliseconds: Option<u64>,
}

impl DependencyHealth {
    fn of(vital: Vital) -> Self {
        Self {
            kind: vital.dependency.as_str().to_owned(),
            name: vital.name,
            state: vital.state.as_str().to_owned(),
            last_success: vital.record.last_success,
            last_failure: vital.record.last_failure,
            last_error: vital.record.last_error,
            milliseconds: vital.record.milliseconds,
        }
    }
}

async fn health(State(console): State<Arc<Console>>) -> Answered {
    let found: Vec<Finding> =
        console.admin.health.check().await.into_iter().map(Into::into).collect();
    let Tried { ok, findings } = Tried::of(&found);
    let vitals = console.admin.health.vitals.known().await.unwrap_or_default();
    let dependencies = vitals.into_iter().map(DependencyHealth::of).collect();
    Ok(show(StatusCode::OK, &Health { ok, findings, dependencies }))
}
