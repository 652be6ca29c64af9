//! Texts of upstreams on their way to clients and users: labelled with the upstream's title,
//! cleaned, limited, without links that run something, and without the error codes that are
//! Doorward's own. [`crate::link`] passes everything through here and returns nothing else.

use doorward_model::foreign as text;
use rmcp::{
    ErrorData,
    model::{
        ClientCapabilities, ContentBlock, ElicitRequestParams, ErrorCode, InputRequest,
        InputRequiredResult, LoggingMessageNotificationParam, ProgressNotificationParam,
        SamplingMessageContentBlock, ServerResult,
    },
};
use serde_json::Value;

use crate::{config::Capabilities, upstream::Upstream};

/// The error code by which clients of 2025-11-25 direct their user to a URL. Doorward sends it; no
/// upstream can.
pub(crate) const URL_ELICITATION_REQUIRED: ErrorCode = ErrorCode(-32042);

/// Maximum number of characters of a message to a user.
const MESSAGE: usize = 2000;
/// Maximum number of characters of a text in a sampling request.
const PROMPT: usize = 200_000;
/// Maximum number of strings, and characters of each, of a structured log message or of an error's
/// data.
const VALUES: usize = 200;
const VALUE: usize = 2000;

/// Refuses a request of an upstream that its settings do not permit.
fn not_permitted(upstream: &Upstream, what: &str) -> ErrorData {
    ErrorData::invalid_request(
        format!(
            "{} may not use {what}: the setting capabilities of the upstream {} does not name it",
            upstream.title, upstream.name
        ),
        None,
    )
}

/// The capabilities among these that an upstream may use.
pub(crate) fn permitted(upstream: &Upstream, mut all: ClientCapabilities) -> ClientCapabilities {
    let Capabilities { elicitation, sampling, roots } = upstream.capabilities;
    all.elicitation = all.elicitation.filter(|_| elicitation);
    all.sampling = all.sampling.filter(|_| sampling);
    all.roots = all.roots.filter(|_| roots);
    all
}

/// A question of an upstream in the form for a client, or the error for the upstream.
pub(crate) fn question(
    upstream: &Upstream,
    mut request: InputRequest,
) -> Result<InputRequest, ErrorData> {
    let Capabilities { elicitation, sampling, roots } = upstream.capabilities;
    match &mut request {
        InputRequest::Elicitation(asked) if elicitation => elicit(upstream, &mut asked.params)?,
        InputRequest::CreateMessage(asked) if sampling => {
            let params = &mut asked.params;
            let label = format!(
                "This request comes from the upstream server {}.",
                text::quoted(&upstream.title, 100)
            );
            params.system_prompt = Some(match &params.system_prompt {
                Some(prompt) => format!("{label}\n\n{}", text::block(prompt, PROMPT)),
                None => label,
            });
            for message in &mut params.messages {
                let clean = |block: &mut SamplingMessageContentBlock| {
                    if let SamplingMessageContentBlock::Text(written) = block {
                        written.text = text::block(&written.text, PROMPT);
                    }
                };
                match &mut message.content {
                    rmcp::model::SamplingContent::Single(block) => clean(block),
                    rmcp::model::SamplingContent::Multiple(blocks) => {
                        blocks.iter_mut().for_each(clean);
                    }
                }
            }
        }
        InputRequest::ListRoots(_) if roots => {}
        InputRequest::Elicitation(_) => return Err(not_permitted(upstream, "elicitation")),
        InputRequest::CreateMessage(_) => return Err(not_permitted(upstream, "sampling")),
        InputRequest::ListRoots(_) => return Err(not_permitted(upstream, "roots")),
        _ => {
            return Err(ErrorData::invalid_request(
                "requests of this kind are not forwarded",
                None,
            ));
        }
    }
    Ok(request)
}

fn elicit(upstream: &Upstream, params: &mut ElicitRequestParams) -> Result<(), ErrorData> {
    let refused = |why: &str| {
        ErrorData::invalid_params(
            format!("the question of {} is not forwarded: {why}", upstream.title),
            None,
        )
    };
    match params {
        ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
            *message = text::attributed(&upstream.title, "asks", message, MESSAGE);
            requested_schema.title = requested_schema
                .title
                .take()
                .map(|title| text::line(&title, text::LINE).into_owned().into());
            requested_schema.description = requested_schema
                .description
                .take()
                .map(|words| text::block(&words, MESSAGE).into());
            for (name, definition) in &mut requested_schema.properties {
                let mut value = serde_json::to_value(&*definition)
                    .map_err(|_| refused("its form cannot be read"))?;
                label_property(&mut value);
                // Other fields are names and values, which must be returned unchanged.
                if text::has_hidden(name) || has_hidden(&value) {
                    return Err(refused("its form contains hidden characters"));
                }
                *definition = serde_json::from_value(value)
                    .map_err(|_| refused("its form cannot be read"))?;
            }
        }
        ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
            let link =
                text::https_link(url).ok_or_else(|| refused("a link must be an https URL"))?;
            *url = link.to_string();
            *message =
                text::attributed(&upstream.title, "asks you to open a link", message, MESSAGE);
        }
        _ => return Err(refused("its kind is not known")),
    }
    Ok(())
}

/// Cleans the displayed texts of a form's field: titles, descriptions, names of choices.
fn label_property(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("title", Value::String(shown)) => {
                        *shown = text::line(shown, text::LINE).into_owned();
                    }
                    ("description", Value::String(shown)) => *shown = text::block(shown, MESSAGE),
                    ("enumNames", Value::Array(all)) => {
                        for shown in all {
                            if let Value::String(shown) = shown {
                                *shown = text::line(shown, text::LINE).into_owned();
                            }
                        }
                    }
                    (_, member) => label_property(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(label_property),
        _ => {}
    }
}

fn has_hidden(value: &Value) -> bool {
    match value {
        Value::String(shown) => {
            shown.chars().any(|letter| text::is_hidden(letter) && letter != '\n')
        }
        Value::Array(items) => items.iter().any(has_hidden),
        Value::Object(members) => {
            members.iter().any(|(name, member)| text::has_hidden(name) || has_hidden(member))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Cleans all texts of a structured value, up to a number of them; the rest is dropped.
fn clean_value(value: Value, left: &mut usize) -> Value {
    if *left == 0 {
        return Value::Null;
    }
    *left -= 1;
    match value {
        Value::String(said) => Value::String(text::block(&said, VALUE)),
        Value::Array(items) => items
            .into_iter()
            .map_while(|item| (*left > 0).then(|| clean_value(item, left)))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map_while(|(name, member)| {
                (*left > 0).then(|| {
                    (text::line(&name, text::LINE).into_owned(), clean_value(member, left))
                })
            })
            .collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

/// An error of an upstream as a client gets it.
pub(crate) fn error(upstream: &Upstream, error: ErrorData) -> ErrorData {
    let message = text::attributed(&upstream.title, "returned an error", &error.message, MESSAGE);
    if error.code == URL_ELICITATION_REQUIRED {
        // The link is passed on as text, so that opening it is the user's own step.
        let link = error
            .data
            .as_ref()
            .and_then(|data| data.pointer("/elicitations/0/url"))
            .and_then(Value::as_str)
            .and_then(text::https_link);
        let told =
            link.map(|link| format!("{message} It names the link {link}")).unwrap_or(message);
        return ErrorData::new(ErrorCode::INTERNAL_ERROR, told, None);
    }
    let data = error.data.map(|data| clean_value(data, &mut { VALUES }));
    ErrorData::new(error.code, message, data)
}

/// A log message of an upstream as a client gets it.
pub(crate) fn log(
    upstream: &Upstream,
    mut log: LoggingMessageNotificationParam,
) -> LoggingMessageNotificationParam {
    let own = log
        .logger
        .as_deref()
        .map(|logger| text::line(logger, 64).into_owned())
        .filter(|logger| !logger.is_empty());
    log.logger =
        Some(own.map_or_else(
            || upstream.name.to_string(),
            |logger| format!("{}/{logger}", upstream.name),
        ));
    log.data = clean_value(log.data, &mut { VALUES });
    log
}

/// A report of progress as a client gets it.
pub(crate) fn progress(
    upstream: &Upstream,
    mut progress: ProgressNotificationParam,
) -> ProgressNotificationParam {
    progress.message = progress.message.map(|message| {
        format!("{}: {}", text::line(&upstream.title, 100), text::line(&message, text::LINE))
    });
    progress
}

/// A result of an upstream in the form for a client: without links that run something, and with
/// questions as [`question`] returns them.
pub(crate) fn result(upstream: &Upstream, result: ServerResult) -> Result<ServerResult, ErrorData> {
    Ok(match result {
        ServerResult::CallToolResult(mut result) => {
            result.content.retain(is_inert);
            ServerResult::CallToolResult(result)
        }
        ServerResult::GetPromptResult(mut result) => {
            result.messages.retain(|message| is_inert(&message.content));
            ServerResult::GetPromptResult(result)
        }
        ServerResult::ListPromptsResult(mut list) => {
            for prompt in &mut list.prompts {
                prompt.title =
                    prompt.title.take().map(|title| text::line(&title, text::LINE).into_owned());
                prompt.description =
                    prompt.description.take().map(|words| text::block(&words, MESSAGE));
                keep_icons(&mut prompt.icons);
            }
            ServerResult::ListPromptsResult(list)
        }
        ServerResult::ListResourcesResult(mut list) => {
            list.resources.retain(|resource| text::is_inert(&resource.uri));
            for resource in &mut list.resources {
                resource.name = text::line(&resource.name, text::LINE).into_owned();
                resource.title =
                    resource.title.take().map(|title| text::line(&title, text::LINE).into_owned());
                resource.description =
                    resource.description.take().map(|words| text::block(&words, MESSAGE));
                keep_icons(&mut resource.icons);
            }
            ServerResult::ListResourcesResult(list)
        }
        ServerResult::ListResourceTemplatesResult(mut list) => {
            list.resource_templates.retain(|template| text::is_inert(&template.uri_template));
            for template in &mut list.resource_templates {
                template.name = text::line(&template.name, text::LINE).into_owned();
                template.title =
                    template.title.take().map(|title| text::line(&title, text::LINE).into_owned());
                template.description =
                    template.description.take().map(|words| text::block(&words, MESSAGE));
                keep_icons(&mut template.icons);
            }
            ServerResult::ListResourceTemplatesResult(list)
        }
        ServerResult::InputRequiredResult(required) => {
            ServerResult::InputRequiredResult(questions(upstream, required)?)
        }
        other => other,
    })
}

fn questions(
    upstream: &Upstream,
    mut required: InputRequiredResult,
) -> Result<InputRequiredResult, ErrorData> {
    let asked = required.input_requests.take();
    required.input_requests = match asked {
        Some(asked) => Some(
            asked
                .into_iter()
                .map(|(key, request)| Ok((key, question(upstream, request)?)))
                .collect::<Result<_, ErrorData>>()?,
        ),
        None => None,
    };
    Ok(required)
}

fn is_inert(block: &ContentBlock) -> bool {
    match block {
        ContentBlock::ResourceLink(link) => text::is_inert(&link.uri),
        _ => true,
    }
}

/// Keeps icons at https URLs.
fn keep_icons(icons: &mut Option<Vec<rmcp::model::Icon>>) {
    *icons = icons
        .take()
        .map(|icons| {
            icons.into_iter().filter(|icon| text::https_link(&icon.src).is_some()).collect()
        })
        .filter(|icons: &Vec<_>| !icons.is_empty());
}
