//! The versions of the policy that administrators saved: the list, one of them with what differs
//! from the rules in effect, and the way back to it.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Listed, Refusal, RulesInEffect};
use doorward_language::{Message, text};
use doorward_model::{PolicySource, PolicyVersion, routes};
use doorward_transport::{Params, answer};
use doorward_web::{ErrorPage, Frame, SignInTarget, filters, form, moment};
use serde::Deserialize;

use crate::{
    Console,
    explanation::effect,
    pages::{
        Administrator, draw,
        list::{self, Feedback, ListQuery, Rows},
        table::{Badge, Cell, Column, Moves, Row},
    },
    refusals::{Alert, alert, oops},
};

/// Number of versions of a page without a parameter.
const USUAL: u64 = 50;

/// The part of the list of versions that is asked for.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct VersionsQuery {
    limit: Option<u64>,
    /// Versions before this one.
    after: Option<String>,
}

impl ListQuery for VersionsQuery {
    fn after(self, limit: u64, after: Option<String>) -> Self {
        Self { limit: Some(limit), after }
    }
}

/// The versions, the newest first. The one of this number is in effect.
struct VersionRows(Option<i64>);

fn path_of(number: i64) -> String {
    routes::ADMIN_POLICY_VERSION.replace("{version}", &number.to_string())
}

impl Rows for VersionRows {
    type Query = VersionsQuery;
    type Row = PolicyVersion;

    const PATH: &'static str = routes::ADMIN_POLICY_VERSIONS;
    const TAB: &'static str = "policy";
    const NAME: &'static str = "policy-versions";
    const COUNTED: bool = false;

    fn title(&self) -> Message {
        text::policy_versions()
    }

    fn search(&self) -> Option<Message> {
        None
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::plain(text::policy_number()),
            Column::plain(text::policy_saved_at()),
            Column::plain(text::policy_author()),
            Column::plain(text::policy_rules_title()),
            Column::plain(text::common_state()),
        ]
    }

    fn line(&self, version: &PolicyVersion) -> Row {
        let number = version.number.to_string();
        let mut states = Vec::new();
        if self.0 == Some(version.number) {
            states.push(Badge::new(text::policy_in_effect(), true));
        }
        if let Some(restored) = version.restores {
            states.push(Badge::new(text::policy_restores(restored.to_string()), true));
        }
        Row {
            key: number.clone(),
            name: number.clone(),
            value: String::new(),
            cells: vec![
                Cell::Link { path: path_of(version.number), label: number, below: String::new() },
                Cell::Time(moment(version.created_at)),
                Cell::Text(version.author.clone()),
                Cell::Text(version.rules.len().to_string()),
                Cell::Badges(states),
            ],
        }
    }

    fn moves(&self, _: &Listed<PolicyVersion>, _: bool) -> Moves {
        let (none, previous) = (text::policy_versions_none(), text::console_newest());
        Moves { none, previous, next: text::common_earlier() }
    }

    async fn part(
        &self,
        console: &Console,
        asked: VersionsQuery,
    ) -> Result<Listed<PolicyVersion>, Refusal> {
        let limit = asked.limit.unwrap_or(USUAL);
        let before = asked.after.as_deref().map(|after| {
            let why = "is not the number of a version".to_owned();
            after.parse::<i64>().map_err(|_| Refusal::ListParameter("after".to_owned(), why))
        });
        let before = before.transpose()?;
        let mut rows = console.admin.policies.versions(before, limit + 1).await?;
        let room = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > room;
        rows.truncate(room);
        let next = rows.last().filter(|_| more).map(|version| version.number.to_string());
        let previous = before.map(|_| String::new());
        Ok(Listed { rows, total: 0, skipped: 0, next, previous })
    }
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let found = match console.admin.policies.rules_in_effect().await {
        Ok(found) => found,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let rows = VersionRows(in_effect(&found));
    list::show(&console, &administrator, &rows, &params, Feedback::default()).await
}

/// The number of the version in effect.
fn in_effect(found: &RulesInEffect) -> Option<i64> {
    match found.source {
        PolicySource::Version(number) => Some(number),
        PolicySource::File | PolicySource::Unset => None,
    }
}

#[derive(Template)]
#[template(path = "policy_version.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    version: PolicyVersion,
    saved_at: String,
    default: Message,
    is_in_effect: bool,
    /// It can be put in effect again.
    restorable: bool,
    /// The number of the newest version.
    seen: i64,
    /// The rules of both, each with `+` if only this version has it and `-` if only the rules in
    /// effect have it.
    lines: Vec<(&'static str, String)>,
}

/// The rules of a version beside those in effect, in the order of the version.
fn lines(version: &[String], now: &[String]) -> Vec<(&'static str, String)> {
    let kept = version.iter().map(|rule| (if now.contains(rule) { " " } else { "+" }, rule));
    let gone = now.iter().filter(|rule| !version.contains(rule)).map(|rule| ("-", rule));
    kept.chain(gone).map(|(sign, rule)| (sign, rule.clone())).collect()
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    number: &str,
    error: Option<Alert>,
) -> Response {
    let Ok(number) = number.parse() else { return ErrorPage::not_found().draw(&console.web) };
    let policies = &console.admin.policies;
    let found = async { Ok((policies.version(number).await?, policies.rules_in_effect().await?)) };
    let (version, now) = match found.await {
        Ok(found) => found,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let rules: Vec<String> = now.rules.iter().map(|rule| rule.text.clone()).collect();
    let browser = &administrator.0.browser;
    let is_in_effect = in_effect(&now) == Some(number);
    let status = error.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let page = Page {
        frame: console.web.frame(Some(browser)),
        tab: "policy",
        csrf: console.web.csrf(browser, "policy"),
        error,
        saved_at: moment(version.created_at),
        default: effect(version.default),
        is_in_effect,
        restorable: !is_in_effect && now.source != PolicySource::File,
        seen: now.version,
        lines: lines(&version.rules, &rules),
        version,
    };
    draw(status, &page)
}

pub(crate) async fn one(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(number): Path<String>,
) -> Response {
    show(&console, &administrator, &number, None).await
}

/// Puts the version in effect again, as the next one.
pub(crate) async fn restore(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(number): Path<String>,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "policy", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let (Ok(wanted), Some(seen)) =
        (number.parse::<i64>(), params.get("seen").and_then(|seen| seen.parse().ok()))
    else {
        return ErrorPage::incomplete("seen").draw(&console.web);
    };
    let page = path_of(wanted);
    let target = SignInTarget::page(&page);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let author = administrator.0.visitor.user.name.as_str();
    match console.admin.policies.restore(&authority, wanted, author, Some(seen)).await {
        Ok(version) => answer::see_other(&console.web.at(&format!(
            "{}?saved={}",
            routes::ADMIN_POLICY,
            version.number
        ))),
        Err(refusal) => match alert(&console, &refusal) {
            Ok(alert) => show(&console, &administrator, &number, Some(alert)).await,
            Err(response) => response,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn a_version_is_shown_beside_the_rules_in_effect() {
        let rules =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let shown = lines(&rules(&["a", "b"]), &rules(&["c", "b"]));
        let shown: Vec<(&str, &str)> =
            shown.iter().map(|(sign, rule)| (*sign, rule.as_str())).collect();
        assert_eq!(shown, [("+", "a"), (" ", "b"), ("-", "c")]);
    }
}
