//! Long results: a preview now, the rest as a resource that only the same user can read, through
//! the same program at the same URL, for a while (CW14, CW15).

mod cut;
mod part;

use doorward_model::{
    HashedToken, PlainToken, Sealed, TokenKind, UpstreamChange, UserId, id::etag,
    upstream::KeptResult,
};
use doorward_store::StoreError;
use rmcp::{
    ErrorData,
    model::{
        CallToolResult, ContentBlock, MetaObject, ReadResourceResponse, ReadResourceResult,
        Resource, ResourceContents,
    },
};
use serde_json::{Value, json};

use crate::{InboundRequest, Mcp};
use part::Part;

/// The beginning of the URIs of kept results.
const SCHEME: &str = "doorward-result://";

/// The beginning of the URIs under which the owner finds results in a list. They name the hash that
/// is stored: only results of the caller are looked for, so it needs not to be unguessable.
const LISTED: &str = "doorward-result://kept/";

/// The member of a call's `_meta` by which a client asks for a preview of a long result.
const WANTED: &str = "doorward/preview";

fn place(user_id: &UserId) -> String {
    format!("kept-result/{user_id}")
}

/// The identifier of a result, by its owner and the unguessable part of its URI.
fn identifier(owner: &str, token: &PlainToken) -> HashedToken {
    HashedToken::from_stored(owner.to_owned() + token.hashed().as_str())
}

/// True if a client asks for a preview of a long result in the request itself.
pub(crate) fn is_wanted(meta: &rmcp::model::RequestMetaObject) -> bool {
    meta.0.get(WANTED).and_then(Value::as_bool) == Some(true)
}

/// The whole of a result that consists of text and JSON alone.
enum CompleteResult {
    Json(Value, String),
    Text(String),
}

impl CompleteResult {
    /// `None` if the result has pictures or other blocks, which are not shortened.
    fn of(result: &CallToolResult) -> Option<Self> {
        let texts: Option<Vec<&str>> = result
            .content
            .iter()
            .map(|block| block.as_text().map(|text| text.text.as_str()))
            .collect();
        let text = texts?.join("\n");
        let parsed = serde_json::from_str(&text)
            .ok()
            .filter(|value: &Value| value.is_object() || value.is_array());
        Some(match (&result.structured_content, parsed) {
            (None, Some(value)) => Self::Json(value, text),
            (None, None) => Self::Text(text),
            // Servers repeat a structured result as text.
            (Some(value), Some(parsed)) if *value == parsed => Self::Json(parsed, text),
            (Some(value), None) if text.is_empty() => Self::Json(value.clone(), value.to_string()),
            (Some(value), _) => {
                let both = json!({"structuredContent": value, "text": text});
                let text = both.to_string();
                Self::Json(both, text)
            }
        })
    }

    fn text(&self) -> &str {
        match self {
            Self::Json(_, text) | Self::Text(text) => text,
        }
    }
}

impl Mcp {
    /// The beginning of the identifiers of the results that a program has at a URL. A result is for
    /// no other program of its user: the rules for that one may hide the tool, and its token may be
    /// for less. Nor is it for another URL: a token for one upstream or toolset is for it alone.
    fn owner(&self, inbound: &InboundRequest) -> String {
        let resource = self.resource(inbound.target);
        let program = inbound.caller.program();
        format!("{}.", etag(&["kept result", program.as_str(), resource.as_str()]))
    }

    /// Keeps a text for its user, and returns its URI.
    async fn keep(
        &self,
        inbound: &InboundRequest,
        tool: &str,
        text: &str,
    ) -> Result<String, StoreError> {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let id = PlainToken::random(TokenKind::Link, services.entropy.as_ref());
        let now = services.clock.now();
        let user_id = inbound.caller.user_id();
        let row = KeptResult {
            id: identifier(&self.owner(inbound), &id),
            user_id: user_id.clone(),
            tool: tool.to_owned(),
            body: services.master.seal(&place(user_id), text.as_bytes()),
            size: i64::try_from(text.len()).unwrap_or(i64::MAX),
            created_at: now,
            expires_at: now.plus(settings.config.kept_result_seconds),
        };
        let most = settings.config.kept_results_per_user;
        let keep = UpstreamChange::KeepResult { result: Box::new(row), most };
        services.store.apply(keep).await?;
        Ok(format!("{SCHEME}{}", id.reveal()))
    }

    /// Replaces a long result by its beginning and the URI of the whole. The beginning of JSON is
    /// JSON.
    pub(crate) async fn preview(
        &self,
        inbound: &InboundRequest,
        tool: &str,
        result: CallToolResult,
    ) -> CallToolResult {
        let config = &self.inner.settings.config;
        let most = config.preview_over_chars;
        let Some(whole) = CompleteResult::of(&result) else { return result };
        let characters = whole.text().chars().count();
        if characters <= most {
            return result;
        }
        let uri = match self.keep(inbound, tool, whole.text()).await {
            Ok(uri) => uri,
            Err(error) => {
                tracing::error!(%error, "a long result could not be stored; it is sent whole");
                return result;
            }
        };
        let minutes = config.kept_result_seconds / 60;
        let mut link = Resource::new(uri.clone(), format!("{tool} result"));
        let mut short = if result.is_error == Some(true) {
            CallToolResult::error(vec![])
        } else {
            CallToolResult::success(vec![])
        };
        let told = match &whole {
            CompleteResult::Text(text) => {
                link.mime_type = Some("text/plain".to_owned());
                let beginning: String = text.chars().take(most).collect();
                let left_out = characters - most;
                format!(
                    "{beginning}\n… ({left_out} of {characters} characters are left out. Read the \
                     resource {uri} for the whole result, or {uri}?from={most}&to={characters} for \
                     a part, within {minutes} minutes)"
                )
            }
            CompleteResult::Json(value, _) => {
                link.mime_type = Some("application/json".to_owned());
                let beginning = cut::beginning(value, most);
                let told = json!({
                    "preview": beginning.kept,
                    "left_out": beginning.left_out,
                    "characters": characters,
                    "whole": uri,
                    "parts": [
                        format!("{uri}?pointer=/JSON/POINTER"),
                        format!("{uri}?from=0&to=5000"),
                    ],
                    "kept_minutes": minutes,
                });
                let text = told.to_string();
                short.structured_content = result.structured_content.is_some().then_some(told);
                text
            }
        };
        short.content = vec![ContentBlock::text(told), ContentBlock::ResourceLink(link)];
        short.meta = result.meta;
        short
    }

    /// The kept results of this caller through its program, as resources.
    pub(crate) async fn kept_resources(&self, inbound: &InboundRequest) -> Vec<Resource> {
        let services = &self.inner.services;
        let kept =
            match services.store.kept_list(inbound.caller.user_id(), services.clock.now()).await {
                Ok(kept) => kept,
                Err(error) => {
                    tracing::error!(%error, "the stored results could not be listed");
                    return Vec::new();
                }
            };
        let own = self.owner(inbound);
        let results = kept.into_iter().filter(|row| {
            row.id.as_str().starts_with(&own)
                && !crate::confirm::page::is_question(&row.tool)
                && !crate::questions::is_answer(&row.tool)
        });
        let shown = |row: doorward_model::upstream::KeptEntry| {
            let name = format!("{} result", row.tool);
            let mut shown = Resource::new(format!("{LISTED}{}", row.id.as_str()), name);
            shown.size = u64::try_from(row.size).ok();
            shown
        };
        results.map(shown).collect()
    }

    /// Reads a kept result or a part of it, if the URI names one: of this user and program, and not
    /// expired.
    pub(crate) async fn read_kept(
        &self,
        inbound: &InboundRequest,
        uri: &str,
    ) -> Option<Result<ReadResourceResponse, ErrorData>> {
        let (address, query) = uri.split_once('?').unwrap_or((uri, ""));
        let owner = self.owner(inbound);
        let id = match address.strip_prefix(LISTED) {
            Some(listed) => HashedToken::from_stored(listed.to_owned()),
            None => identifier(&owner, &PlainToken::presented(address.strip_prefix(SCHEME)?)),
        };
        let services = &self.inner.services;
        let user_id = inbound.caller.user_id();
        let found = match services.store.kept_result(user_id, &id, services.clock.now()).await {
            Ok(found) => found.filter(|row| {
                row.id.as_str().starts_with(&owner)
                    && !crate::confirm::page::is_question(&row.tool)
                    && !crate::questions::is_answer(&row.tool)
            }),
            Err(error) => {
                tracing::error!(%error, "a stored result could not be read");
                return Some(Err(ErrorData::internal_error(
                    "the server cannot respond at the moment; try again shortly",
                    None,
                )));
            }
        };
        let open = |body: &Sealed| services.master.open(&place(user_id), body).ok();
        let text = found
            .and_then(|row| open(&row.body))
            .map(|plain| String::from_utf8_lossy(&plain).into_owned());
        let Some(text) = text else {
            // Another user's or program's, expired, or nonexistent: the same response.
            return Some(Err(ErrorData::resource_not_found(
                "there is no such resource, or it has expired",
                Some(Value::from(uri)),
            )));
        };
        let read = Part::parse(query).and_then(|part| part.read(&text));
        let read = read.map_err(|told| ErrorData::invalid_params(told, Some(Value::from(uri))));
        Some(read.map(|read| contents(uri, address, read).into()))
    }
}

/// A part of a result as a resource, with the URI of the next part.
fn contents(uri: &str, address: &str, read: part::Read) -> ReadResourceResult {
    let mut meta = MetaObject::new();
    meta.0.insert("doorward/characters".to_owned(), read.characters.into());
    if let Some(next) = read.next {
        meta.0.insert("doorward/next".to_owned(), format!("{address}?{next}").into());
    }
    let mime_type = if read.is_json { "application/json" } else { "text/plain" };
    let shown = ResourceContents::text(read.text, uri).with_mime_type(mime_type);
    ReadResourceResult::new(vec![shown.with_meta(meta)])
}
