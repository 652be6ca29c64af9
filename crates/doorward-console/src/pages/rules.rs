//! The rules that administrators save besides the policy: access rules, limits, and the admission
//! of clients. Each set has a page with its settings in effect, an editor and its versions.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Kind, NewRules, Refusal, RuleContent, RulesNow};
use doorward_language::{Message, text};
use doorward_model::{RuleSet, RuleSource, routes};
use doorward_transport::{Params, answer};
use doorward_web::{ErrorPage, Frame, SignInTarget, filled, filters, form};
use serde_json::{Map, Number, Value};

use crate::{
    Console,
    pages::{Administrator, draw, policy::Trial, rule_texts},
    refusals::{Alert, alert, oops},
};

/// The field of a setting.
enum Input {
    Switch(bool),
    Number(String),
    Lines(String),
}

/// A setting as the page shows it.
struct Setting {
    name: String,
    hint: Message,
    /// The values in effect: one, or those of a list.
    now: Vec<String>,
    /// It is not the default.
    changed: bool,
    input: Input,
}

#[derive(Template)]
#[template(path = "admin_rules.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    set: RuleSet,
    title: Message,
    path: String,
    versions: String,
    settings: Vec<Setting>,
    /// The configuration file has the section.
    locked: bool,
    /// The rules can be tried on the calls of the audit.
    tries: bool,
    /// The number of the newest version.
    version: i64,
    trial: Option<Trial>,
}

/// The path of the page of a set.
pub(super) fn page_of(set: RuleSet) -> String {
    match set {
        RuleSet::Policy => routes::ADMIN_POLICY.to_owned(),
        set => routes::ADMIN_RULES.replace("{set}", set.as_str()),
    }
}

/// The path of the versions of a set.
pub(super) fn versions_of(set: RuleSet) -> String {
    match set {
        RuleSet::Policy => routes::ADMIN_POLICY_VERSIONS.to_owned(),
        set => routes::ADMIN_RULES_VERSIONS.replace("{set}", set.as_str()),
    }
}

/// A value as text.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => text::common_on().to_string(),
        Value::Bool(false) => text::common_off().to_string(),
        other => other.to_string(),
    }
}

/// The field of a setting, as it was typed or as it is.
fn input(name: &str, value: &Value, typed: Option<&Params>) -> Input {
    let field = format!("set-{name}");
    let typed = typed.map(|params| params.get(&field).unwrap_or_default().replace('\r', ""));
    match value {
        Value::Bool(on) => Input::Switch(typed.map_or(*on, |typed| typed == "true")),
        Value::Array(items) => Input::Lines(
            typed.unwrap_or_else(|| items.iter().map(shown).collect::<Vec<_>>().join("\n")),
        ),
        other => Input::Number(typed.unwrap_or_else(|| other.to_string())),
    }
}

/// The settings that a form has. A number that is none is refused by the reader of the section.
fn sent_settings(set: RuleSet, params: &Params) -> Value {
    let value = |name: &str, usual: &Value| {
        let typed = params.get(&format!("set-{name}")).unwrap_or_default();
        match usual {
            Value::Bool(_) => Value::Bool(typed == "true"),
            Value::Array(_) => {
                let lines = typed.lines().map(str::trim).filter(|line| !line.is_empty());
                lines.map(Value::from).collect()
            }
            _ => typed.trim().parse::<Number>().map_or_else(|_| Value::from(typed), Value::Number),
        }
    };
    let usual = RuleContent::usual(set).settings();
    Value::Object(usual.iter().map(|(name, usual)| (name.clone(), value(name, usual))).collect())
}

/// The page of a set, with its form as it was typed.
async fn page(
    console: &Console,
    administrator: &Administrator,
    set: RuleSet,
    params: &Params,
) -> Result<Page, Refusal> {
    let RulesNow { content, source, version } = console.admin.rule_sets.now(set).await?;
    // A form that is sent has the version that was seen.
    let typed = params.get("seen").is_some().then_some(params);
    let usual: Map<String, Value> = RuleContent::usual(set).settings();
    let settings = content.settings();
    let settings = settings.iter().map(|(name, value)| Setting {
        name: name.clone(),
        hint: rule_texts::hint(set, name),
        now: match value {
            Value::Array(items) => items.iter().map(shown).collect(),
            other => vec![shown(other)],
        },
        changed: usual.get(name) != Some(value),
        input: input(name, value, typed),
    });
    let browser = &administrator.0.browser;
    Ok(Page {
        frame: console.web.frame(Some(browser)),
        tab: "policy",
        csrf: console.web.csrf(browser, "rules"),
        message: params
            .get("saved")
            .filter(|saved| source != RuleSource::File && **saved == version.to_string())
            .map(text::policy_saved),
        error: None,
        set,
        title: rule_texts::title(set),
        path: page_of(set),
        versions: versions_of(set),
        settings: settings.collect(),
        locked: source == RuleSource::File,
        tries: set == RuleSet::Access,
        version: params.get("seen").and_then(|seen| seen.parse().ok()).unwrap_or(version),
        trial: None,
    })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Some(set) = RuleSet::parse_beside_policy(&name) else {
        return ErrorPage::not_found().draw(&console.web);
    };
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    match page(&console, &administrator, set, &params).await {
        Ok(page) => draw(StatusCode::OK, &page),
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}

/// A form that was sent.
struct Sent {
    set: RuleSet,
    params: Params,
    page: Page,
}

async fn sent(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    request: Request<Body>,
) -> Result<Sent, Response> {
    let params = form(&console.web, &administrator.0.browser, "rules", request).await?;
    let set = RuleSet::parse_beside_policy(name)
        .ok_or_else(|| ErrorPage::not_found().draw(&console.web))?;
    match page(console, administrator, set, &params).await {
        Ok(page) => Ok(Sent { set, params, page }),
        Err(refusal) => Err(oops(&refusal).draw(&console.web)),
    }
}

/// Saves the settings of the form as the next version.
pub(crate) async fn save(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let Sent { set, params, mut page } = match sent(&console, &administrator, &name, request).await
    {
        Ok(sent) => sent,
        Err(response) => return response,
    };
    // The typed settings are kept over the sign-in.
    let next = filled(&page_of(set), &params, &["seen", "set-*"]);
    let target = SignInTarget::page(&next);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let new = NewRules {
        set,
        settings: sent_settings(set, &params),
        author: administrator.0.visitor.user.name.as_str(),
        seen: Some(page.version),
    };
    match console.admin.rule_sets.save(&authority, new).await {
        Ok(version) => answer::see_other(&console.web.at(&format!(
            "{}?saved={}",
            page_of(set),
            version.number
        ))),
        Err(refusal) => match alert(&console, &refusal) {
            Ok(alert) => {
                let status = alert.status;
                page.error = Some(alert);
                // The next decision is about the rules that are shown now.
                if let Ok(newest) = console.admin.rule_sets.newest_number(set).await {
                    page.version = newest;
                }
                draw(status, &page)
            }
            Err(response) => response,
        },
    }
}

/// Tries the settings of the form on the calls of the audit. Nothing is changed.
pub(crate) async fn dry_run(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let Sent { set, params, mut page } = match sent(&console, &administrator, &name, request).await
    {
        Ok(sent) => sent,
        Err(response) => return response,
    };
    let since = console.clock.now().plus(-30 * 86_400);
    let settings = sent_settings(set, &params);
    match console.admin.policies.dry_run_of(set, settings, since).await {
        Ok(found) => {
            page.trial = Some(Trial::of(found));
            draw(StatusCode::OK, &page)
        }
        Err(refusal) if refusal.kind() == Kind::Invalid => {
            page.error = Some(Alert::unanswered(&refusal));
            draw(StatusCode::BAD_REQUEST, &page)
        }
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}
