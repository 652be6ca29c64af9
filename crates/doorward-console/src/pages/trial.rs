//! Trials of a tool on its page: the form of its arguments, the call with the administrator's own
//! rights, and the result as a client sees it.

use axum::response::Response;
use doorward_admin::{Refusal, ReviewState, ReviewedTool};
use doorward_language::{Message, text};
use doorward_mcp::{ReadPart, Trial, TrialCall};
use doorward_model::{AuditSubject, foreign, routes};
use doorward_transport::Params;
use doorward_web::{ErrorPage, SignInTarget, filled};
use serde_json::Value;

use crate::{
    Console,
    pages::{Administrator, list::Feedback},
    refusals::{Alert, oops},
    schema_form::{self, Field},
};

/// The argument of the code with which a user confirms a call.
const CODE: &str = "confirm_write";
/// Maximum number of characters of a part of a result, and of parts.
const CHARACTERS: usize = 20_000;
const PARTS: usize = 50;
/// Maximum number of characters of an image that the page carries, and its types.
const IMAGE: usize = 96 * 1024;
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// The form with the result of the last call.
pub(super) struct TrialForm {
    pub(super) fields: Vec<Field>,
    /// A code is asked for.
    pub(super) confirms: bool,
    pub(super) result: Option<TrialResult>,
}

/// The result of a call.
pub(super) struct TrialResult {
    /// The tool reports a failure, or there is no result.
    pub(super) failed: bool,
    pub(super) parts: Vec<ResultPart>,
    /// The number of parts that the page has no room for.
    pub(super) more: usize,
    /// Structured content, as JSON.
    pub(super) structured: Option<String>,
    /// The page of this server that the text leads to.
    pub(super) link: Option<String>,
}

/// A part of a result.
pub(super) enum ResultPart {
    /// A text.
    Text(String),
    /// An image as the URL of its data, with its type.
    Image(String, String),
    /// Something that the page does not show: its type and its size in characters.
    Other(Message),
}

/// The form for a tool; `None` if it cannot be called.
pub(super) fn form(tool: &ReviewedTool, typed: &Params) -> Option<TrialForm> {
    if tool.state() != ReviewState::Approved {
        return None;
    }
    let definition: Value = serde_json::from_str(&tool.pin.definition).ok()?;
    let schema = definition.get("inputSchema").unwrap_or(&Value::Null);
    let fields = schema_form::fields(schema, typed);
    Some(TrialForm { fields, confirms: typed.get(CODE).is_some(), result: None })
}

fn cleaned(text: &str) -> String {
    foreign::block(text, CHARACTERS)
}

fn pretty(value: &Value) -> String {
    cleaned(&format!("{value:#}"))
}

/// A part of the content of a result.
fn part(part: &ReadPart) -> ResultPart {
    match part {
        ReadPart::Text(text) => ResultPart::Text(cleaned(text)),
        ReadPart::Image { kind, data }
            if IMAGES.contains(&kind.as_str()) && data.len() <= IMAGE && is_base64(data) =>
        {
            ResultPart::Image(format!("data:{kind};base64,{data}"), kind.clone())
        }
        ReadPart::Image { kind, data } | ReadPart::Audio { kind, data } => {
            let kind = foreign::line(kind, foreign::LINE).into_owned();
            ResultPart::Other(text::trial_not_shown(kind, data.len()))
        }
        ReadPart::Link { name, uri } => ResultPart::Text(cleaned(&format!("{name}: {uri}"))),
        ReadPart::Embedded(block) | ReadPart::Other(block) => ResultPart::Text(pretty(block)),
    }
}

fn is_base64(data: &str) -> bool {
    data.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// The first word that is a URL of this server.
fn link(console: &Console, parts: &[ResultPart]) -> Option<String> {
    let own = console.web.at("/");
    let mut texts = parts.iter().filter_map(|part| match part {
        ResultPart::Text(text) => Some(text),
        ResultPart::Image(..) | ResultPart::Other(_) => None,
    });
    texts.find_map(|text| {
        let mut words = text.split_whitespace();
        words
            .find(|word| word.starts_with(&own))
            .map(|word| word.trim_end_matches(['.', ',']).into())
    })
}

fn result(console: &Console, trial: Trial) -> TrialResult {
    let refused = |told: String| {
        let parts = vec![ResultPart::Text(told)];
        let link = link(console, &parts);
        TrialResult { failed: true, parts, more: 0, structured: None, link }
    };
    let read = match trial {
        Trial::Result(read) | Trial::Unconfirmed(read) => read,
        Trial::Refused(why) => return refused(cleaned(&why)),
        Trial::Off => return refused(text::trial_off().to_string()),
        Trial::RequiresInput => return refused(text::trial_requires_input().to_string()),
    };
    let parts: Vec<ResultPart> = read.parts.iter().take(PARTS).map(part).collect();
    TrialResult {
        failed: read.failed,
        more: read.parts.len().saturating_sub(PARTS),
        structured: read.structured.as_ref().filter(|part| !part.is_null()).map(pretty),
        link: link(console, &parts).filter(|_| read.failed),
        parts,
    }
}

/// A tool that was tried: the form with the result, or the refusal of the form.
pub(super) struct Tried {
    pub(super) feedback: Feedback,
    pub(super) form: TrialForm,
}

/// Calls the tool that the form names. An error is another page.
pub(super) async fn call(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
) -> Result<Tried, Response> {
    let Some(tool_name) = params.get("tool") else {
        return Err(ErrorPage::incomplete("tool").draw(&console.web));
    };
    let path = routes::ADMIN_UPSTREAM.replace("{upstream}", name);
    let next = filled(&path, params, &["tool", "arg-*"]);
    // The call may change something with the administrator's rights.
    let target = SignInTarget::page(&next);
    console.web.authority(&administrator.0.visitor, &target).await?;
    let missing = |refusal: &Refusal| oops(refusal).draw(&console.web);
    let reviewed = console.admin.upstreams.review_one(name).await;
    let (reviewed, _) = reviewed.map_err(|refusal| missing(&refusal))?;
    let upstream = reviewed.upstream.name;
    let tool = reviewed.tools.iter().find(|tool| tool.pin.tool == tool_name);
    let form = tool.and_then(|tool| form(tool, params));
    let Some(mut form) = form else {
        return Err(missing(&Refusal::missing(AuditSubject::Tool, tool_name)));
    };
    let mut arguments = match schema_form::arguments(&form.fields) {
        Ok(arguments) => arguments,
        Err(field) => {
            let feedback = Feedback::refused(Alert::incomplete(text::trial_wrong(field)));
            return Ok(Tried { feedback, form });
        }
    };
    let code = params.get(CODE).map(str::trim).filter(|code| !code.is_empty());
    arguments.extend(code.map(|code| (CODE.to_owned(), code.into())));
    let visitor = &administrator.0.visitor;
    let call = TrialCall { upstream, tool: tool_name.to_owned(), arguments };
    let (user, session) = (visitor.user.clone(), visitor.session.clone());
    let trial = match console.mcp.try_tool(user, session, call).await {
        Ok(trial) => trial,
        Err(error) => return Err(ErrorPage::unavailable(&error).draw(&console.web)),
    };
    form.confirms = matches!(trial, Trial::Unconfirmed(_));
    form.result = Some(result(console, trial));
    Ok(Tried { feedback: Feedback::default(), form })
}
