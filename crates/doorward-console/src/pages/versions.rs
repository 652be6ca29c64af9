//! The versions of rules that administrators saved: the list of a set, one of them with what
//! differs from the rules in effect, and the way back to it.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Listed, Refusal, RuleContent, RulesNow};
use doorward_language::{Message, text};
use doorward_model::{RuleSet, RuleSource, RuleVersion};
use doorward_transport::{Params, answer};
use doorward_web::table::{Badge, Cell, Column, Moves, Row};
use doorward_web::{ErrorPage, Frame, SignInTarget, filters, form, moment};
use serde::Deserialize;

use crate::{
    Console,
    pages::{
        Administrator, draw,
        list::{self, Feedback, ListQuery, Rows},
        rule_texts,
        rules::{page_of, versions_of},
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

/// The versions of a set, the newest first.
struct VersionRows {
    set: RuleSet,
    /// The number of the one in effect.
    in_effect: Option<i64>,
}

fn path_of(set: RuleSet, number: i64) -> String {
    format!("{}/{number}", versions_of(set))
}

/// A part of the path of a version, and the set that it names.
fn set_of(name: &str) -> Option<RuleSet> {
    RuleSet::parse_beside_policy(name)
}

impl Rows for VersionRows {
    type Query = VersionsQuery;
    type Row = RuleVersion;

    const TAB: &'static str = "policy";
    const NAME: &'static str = "rule-versions";
    const COUNTED: bool = false;

    fn path(&self) -> String {
        versions_of(self.set)
    }

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
            Column::plain(text::common_state()),
        ]
    }

    fn line(&self, version: &RuleVersion) -> Row {
        let number = version.number.to_string();
        let mut states = Vec::new();
        if self.in_effect == Some(version.number) {
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
                Cell::Link {
                    path: path_of(self.set, version.number),
                    label: number,
                    below: String::new(),
                },
                Cell::Time(moment(version.created_at)),
                Cell::Text(version.author.clone()),
                Cell::Badges(states),
            ],
        }
    }

    fn moves(&self, _: &Listed<RuleVersion>, _: bool) -> Moves {
        let (none, previous) = (text::policy_versions_none(), text::console_newest());
        Moves { none, previous, next: text::common_earlier() }
    }

    async fn part(
        &self,
        console: &Console,
        asked: VersionsQuery,
    ) -> Result<Listed<RuleVersion>, Refusal> {
        let limit = asked.limit.unwrap_or(USUAL);
        let before = asked.after.as_deref().map(|after| {
            let why = "is not the number of a version".to_owned();
            after.parse::<i64>().map_err(|_| Refusal::ListParameter("after".to_owned(), why))
        });
        let before = before.transpose()?;
        let mut rows = console.admin.rule_sets.versions(self.set, before, limit + 1).await?;
        let room = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > room;
        rows.truncate(room);
        let next = rows.last().filter(|_| more).map(|version| version.number.to_string());
        let previous = before.map(|_| String::new());
        Ok(Listed { rows, total: 0, skipped: 0, next, previous })
    }
}

async fn show_list(
    console: &Console,
    administrator: &Administrator,
    set: RuleSet,
    params: &Params,
) -> Response {
    let now = match console.admin.rule_sets.now(set).await {
        Ok(now) => now,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let rows = VersionRows { set, in_effect: in_effect(&now) };
    list::show(console, administrator, &rows, params, Feedback::default()).await
}

/// The versions of the policy.
pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show_list(&console, &administrator, RuleSet::Policy, &params).await
}

/// The versions of another set of rules.
pub(crate) async fn list_of_set(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Some(set) = set_of(&name) else { return ErrorPage::not_found().draw(&console.web) };
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show_list(&console, &administrator, set, &params).await
}

/// The number of the version in effect.
fn in_effect(now: &RulesNow) -> Option<i64> {
    match now.source {
        RuleSource::Version(number) => Some(number),
        RuleSource::File | RuleSource::Unset => None,
    }
}

#[derive(Template)]
#[template(path = "policy_version.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    version: RuleVersion,
    saved_at: String,
    title: Message,
    /// The paths of the rules, their versions and this one.
    rules: String,
    versions: String,
    path: String,
    is_in_effect: bool,
    /// It can be put in effect again.
    restorable: bool,
    /// The number of the newest version.
    seen: i64,
    /// The settings of both, each with `+` if only this version has it and `-` if only those in
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
    set: RuleSet,
    number: &str,
    error: Option<Alert>,
) -> Response {
    let Ok(number) = number.parse() else { return ErrorPage::not_found().draw(&console.web) };
    let rule_sets = &console.admin.rule_sets;
    let found = async {
        let version = rule_sets.version(set, number).await?;
        let content = RuleContent::of(&version)?;
        Ok((version, content, rule_sets.now(set).await?))
    };
    let (version, content, now) = match found.await {
        Ok(found) => found,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let browser = &administrator.0.browser;
    let is_in_effect = in_effect(&now) == Some(number);
    let status = error.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let page = Page {
        frame: console.web.frame(Some(browser)),
        tab: "policy",
        csrf: console.web.csrf(browser, "rules"),
        error,
        saved_at: moment(version.created_at),
        title: rule_texts::title(set),
        rules: page_of(set),
        versions: versions_of(set),
        path: path_of(set, number),
        is_in_effect,
        restorable: !is_in_effect && now.source != RuleSource::File,
        seen: now.version,
        lines: lines(&content.lines(), &now.content.lines()),
        version,
    };
    draw(status, &page)
}

/// A version of the policy.
pub(crate) async fn one(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(number): Path<String>,
) -> Response {
    show(&console, &administrator, RuleSet::Policy, &number, None).await
}

/// A version of another set of rules.
pub(crate) async fn one_of_set(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path((name, number)): Path<(String, String)>,
) -> Response {
    match set_of(&name) {
        Some(set) => show(&console, &administrator, set, &number, None).await,
        None => ErrorPage::not_found().draw(&console.web),
    }
}

/// Puts a version of the policy in effect again, as the next one.
pub(crate) async fn restore(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(number): Path<String>,
    request: Request<Body>,
) -> Response {
    put_back(&console, &administrator, RuleSet::Policy, &number, request).await
}

/// Puts a version of another set of rules in effect again, as the next one.
pub(crate) async fn restore_of_set(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path((name, number)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    match set_of(&name) {
        Some(set) => put_back(&console, &administrator, set, &number, request).await,
        None => ErrorPage::not_found().draw(&console.web),
    }
}

async fn put_back(
    console: &Console,
    administrator: &Administrator,
    set: RuleSet,
    number: &str,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "rules", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let (Ok(wanted), Some(seen)) =
        (number.parse::<i64>(), params.get("seen").and_then(|seen| seen.parse().ok()))
    else {
        return ErrorPage::incomplete("seen").draw(&console.web);
    };
    let page = path_of(set, wanted);
    let target = SignInTarget::page(&page);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let author = administrator.0.visitor.user.name.as_str();
    let rule_sets = &console.admin.rule_sets;
    let restored = async {
        let earlier = rule_sets.version(set, wanted).await?;
        rule_sets.restore(&authority, &earlier, author, Some(seen)).await
    };
    match restored.await {
        Ok(version) => answer::see_other(&console.web.at(&format!(
            "{}?saved={}",
            page_of(set),
            version.number
        ))),
        Err(refusal) => match alert(console, &refusal) {
            Ok(alert) => show(console, administrator, set, number, Some(alert)).await,
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
