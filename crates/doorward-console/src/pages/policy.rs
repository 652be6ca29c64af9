//! The policy: its rules, explanations of its decisions, and a dry run of other rules over the
//! audit.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Call, DryRun, ItemKind, Kind, Named, NewPolicy, Refusal, RulesInEffect};
use doorward_language::{Message, text};
use doorward_model::{RuleSource, routes};
use doorward_transport::{Params, answer};
use doorward_web::{Frame, SignInTarget, filled, filters, form};

use crate::{
    Console,
    explanation::{Explanation, effect},
    findings::item_kind,
    pages::{Administrator, draw},
    refusals::{Alert, alert, oops},
};

/// A kind of items that can be chosen.
struct KindChoice {
    kind: ItemKind,
    word: &'static str,
    title: Message,
}

#[derive(Template)]
#[template(path = "admin_policy.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    user: String,
    client: String,
    toolset: String,
    kinds: Vec<KindChoice>,
    kind: ItemKind,
    item: String,
    error: Option<Alert>,
    answer: Option<Explanation>,
    csrf: String,
    rules: Vec<RuleRow>,
    message: Option<Message>,
    /// The configuration file has rules.
    locked: bool,
    /// The number of the newest version.
    version: i64,
    typed: Typed,
    trial: Option<Trial>,
}

/// A rule, or what holds where none matches.
struct RuleRow {
    number: String,
    effect: Message,
    text: String,
    hits: i64,
}

/// The rules to try, as they were typed.
struct Typed {
    rules: String,
    default: String,
}

/// The result of a dry run.
pub(super) struct Trial {
    pub(super) summary: Message,
    pub(super) partial: bool,
    pub(super) impacts: Vec<(Message, Vec<(String, u64)>)>,
}

impl Trial {
    pub(super) fn of(found: DryRun) -> Self {
        let DryRun { calls, partial, refused, confirmed, opened } = found;
        Self {
            summary: text::policy_trial_calls(calls),
            partial,
            impacts: vec![
                (text::policy_trial_refused(refused.calls, refused.users), refused.tools),
                (text::policy_trial_confirmed(confirmed.calls, confirmed.users), confirmed.tools),
                (text::policy_trial_opened(opened.calls, opened.users), opened.tools),
            ],
        }
    }
}

/// The page without an answer.
async fn page(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
) -> Result<Page, Refusal> {
    let text = |name: &str| {
        params.get(name).unwrap_or_default().trim().chars().take(512).collect::<String>()
    };
    let wanted = text("kind");
    let kind = ItemKind::ALL.iter().find(|(_, word, _)| *word == wanted);
    let RulesInEffect { rules, default, default_hits, source, version } =
        console.admin.policies.rules_in_effect().await?;
    let lines: Vec<&str> = rules.iter().map(|rule| rule.text.as_str()).collect();
    let mut rows: Vec<RuleRow> = rules
        .iter()
        .map(|rule| RuleRow {
            number: rule.number.to_string(),
            effect: effect(rule.effect),
            text: rule.text.clone(),
            hits: rule.hits,
        })
        .collect();
    rows.push(RuleRow {
        number: "–".to_owned(),
        effect: effect(default),
        text: text::policy_without_rule().to_string(),
        hits: default_hits,
    });
    let typed = |name: &str, usual: &str| {
        params.get(name).map_or_else(|| usual.to_owned(), |typed| typed.replace('\r', ""))
    };
    Ok(Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "policy",
        user: text("user"),
        client: text("client"),
        toolset: text("toolset"),
        kinds: ItemKind::ALL
            .iter()
            .map(|(kind, word, _)| KindChoice { kind: *kind, word, title: item_kind(*kind) })
            .collect(),
        kind: kind.map(|(kind, ..)| *kind).unwrap_or_default(),
        item: text("item"),
        error: None,
        answer: None,
        csrf: console.web.csrf(&administrator.0.browser, "policy"),
        typed: Typed {
            // A form that is sent without rules means none: only `default` tells that it is sent.
            rules: match params.get("default") {
                Some(_) => typed("rules", ""),
                None => typed("rules", &lines.join("\n")),
            },
            default: typed("default", default.as_str()),
        },
        rules: rows,
        message: params
            .get("saved")
            .filter(|saved| source != RuleSource::File && **saved == version.to_string())
            .map(text::policy_saved),
        locked: source == RuleSource::File,
        version: params.get("seen").and_then(|seen| seen.parse().ok()).unwrap_or(version),
        trial: None,
    })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let mut page = match page(&console, &administrator, &params).await {
        Ok(page) => page,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    if !page.user.is_empty() && !page.item.is_empty() {
        let item = Named::one(page.kind, &page.item);
        let call = Call { user: &page.user, client: &page.client, toolset: &page.toolset, item };
        match console.admin.policies.explain(call).await {
            Ok(answer) => page.answer = Some(Explanation::of(&answer)),
            Err(refusal) if matches!(refusal.kind(), Kind::Missing | Kind::Invalid) => {
                page.error = Some(Alert::unanswered(&refusal));
            }
            Err(refusal) => return oops(&refusal).draw(&console.web),
        }
    }
    draw(StatusCode::OK, &page)
}

/// The rules of the form, one a line.
fn typed_rules(typed: &Typed) -> Vec<String> {
    let lines = typed.rules.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(ToOwned::to_owned).collect()
}

/// The form of the rules as it was sent, and the page with its contents.
async fn sent(
    console: &Console,
    administrator: &Administrator,
    request: Request<Body>,
) -> Result<(Params, Page), Response> {
    let params = form(&console.web, &administrator.0.browser, "policy", request).await?;
    match page(console, administrator, &params).await {
        Ok(page) => Ok((params, page)),
        Err(refusal) => Err(oops(&refusal).draw(&console.web)),
    }
}

/// Saves the rules of the form as the next version.
pub(crate) async fn save(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let (params, mut page) = match sent(&console, &administrator, request).await {
        Ok(sent) => sent,
        Err(response) => return response,
    };
    // The typed rules are kept over the sign-in.
    let next = filled(routes::ADMIN_POLICY, &params, &["rules", "default", "seen"]);
    let target = SignInTarget::page(&next);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let new = NewPolicy {
        rules: &typed_rules(&page.typed),
        default: &page.typed.default,
        author: administrator.0.visitor.user.name.as_str(),
        seen: Some(page.version),
    };
    match console.admin.policies.save(&authority, new).await {
        Ok(version) => answer::see_other(&console.web.at(&format!(
            "{}?saved={}",
            routes::ADMIN_POLICY,
            version.number
        ))),
        Err(refusal) => match alert(&console, &refusal) {
            Ok(alert) => {
                let status = alert.status;
                page.error = Some(alert);
                // The next decision is about the rules that are shown now.
                if let Ok(newest) = console.admin.policies.newest_version().await {
                    page.version = newest;
                }
                draw(status, &page)
            }
            Err(response) => response,
        },
    }
}

/// Tries the rules of the form. Nothing is changed.
pub(crate) async fn dry_run(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let (_, mut page) = match sent(&console, &administrator, request).await {
        Ok(sent) => sent,
        Err(response) => return response,
    };
    let rules = typed_rules(&page.typed);
    let since = console.clock.now().plus(-30 * 86_400);
    match console.admin.policies.dry_run(&rules, &page.typed.default, since).await {
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
