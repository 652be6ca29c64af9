//! Long results: a preview now, the rest as a resource that only the same user can read, for a
//! while (CW14, CW15).

use doorward_model::{PlainToken, TokenKind, UpstreamChange, UserId, upstream::KeptResult};
use rmcp::{
    ErrorData,
    model::{
        CallToolResult, ContentBlock, ReadResourceResponse, ReadResourceResult, ResourceContents,
    },
};
use serde_json::Value;

use crate::{Mcp, Visit};

/// The beginning of the URIs of kept results.
const SCHEME: &str = "doorward-result://";

fn place(user_id: &UserId) -> String {
    format!("kept-result/{user_id}")
}

impl Mcp {
    /// Replaces a long result by its beginning and the URI of the whole.
    pub(crate) async fn preview(
        &self,
        visit: &Visit,
        tool: &str,
        result: CallToolResult,
    ) -> CallToolResult {
        let parts = &self.inner.parts;
        let most = parts.config.preview_over_chars;
        let only_text = result.content.iter().all(|block| matches!(block, ContentBlock::Text(_)));
        let texts: Vec<&str> = result
            .content
            .iter()
            .filter_map(|block| block.as_text().map(|text| text.text.as_str()))
            .collect();
        let whole = match &result.structured_content {
            Some(value) if texts.iter().all(|text| text.is_empty()) => {
                serde_json::to_string_pretty(value).unwrap_or_default()
            }
            _ => texts.join("\n"),
        };
        if !only_text || whole.chars().count() <= most {
            return result;
        }
        let id = PlainToken::random(TokenKind::Link, parts.entropy.as_ref());
        let now = parts.clock.now();
        let row = KeptResult {
            id: id.hashed(),
            user_id: visit.caller.user_id().clone(),
            tool: tool.to_owned(),
            body: parts.master.seal(&place(visit.caller.user_id()), whole.as_bytes()),
            size: i64::try_from(whole.len()).unwrap_or(i64::MAX),
            created_at: now,
            expires_at: now.plus(parts.config.kept_result_seconds),
        };
        if let Err(error) = parts
            .store
            .apply(UpstreamChange::KeepResult {
                result: Box::new(row),
                most: parts.config.kept_results_per_user,
            })
            .await
        {
            tracing::error!(%error, "a long result could not be stored; it is sent whole");
            return result;
        }
        let beginning: String = whole.chars().take(most).collect();
        let uri = format!("{SCHEME}{}", id.reveal());
        let told = format!(
            "{beginning}\n… ({} characters in total; read the resource {uri} for the whole result, within {} minutes)",
            whole.chars().count(),
            parts.config.kept_result_seconds / 60
        );
        let mut link = rmcp::model::Resource::new(uri, format!("{tool} result"));
        link.mime_type = Some("text/plain".to_owned());
        let mut short = if result.is_error == Some(true) {
            CallToolResult::error(vec![])
        } else {
            CallToolResult::success(vec![])
        };
        short.content = vec![ContentBlock::text(told), ContentBlock::ResourceLink(link)];
        short.meta = result.meta;
        short
    }

    /// Reads a kept result, if the URI names one: of this user, and not expired.
    pub(crate) async fn read_kept(
        &self,
        visit: &Visit,
        uri: &str,
    ) -> Option<Result<ReadResourceResponse, ErrorData>> {
        let id = PlainToken::presented(uri.strip_prefix(SCHEME)?);
        let parts = &self.inner.parts;
        let user_id = visit.caller.user_id();
        let found = match parts.store.kept_result(user_id, &id.hashed(), parts.clock.now()).await {
            Ok(found) => found.filter(|row| {
                !crate::confirm::page::is_question(row) && !crate::questions::is_answer(row)
            }),
            Err(error) => {
                tracing::error!(%error, "a stored result could not be read");
                return Some(Err(ErrorData::internal_error(
                    "the server cannot respond at the moment; try again shortly",
                    None,
                )));
            }
        };
        let text = found
            .and_then(|row| parts.master.open(&place(user_id), &row.body).ok())
            .map(|plain| String::from_utf8_lossy(&plain).into_owned());
        let Some(text) = text else {
            // Another user's, expired, or nonexistent: the same response.
            return Some(Err(ErrorData::resource_not_found(
                "there is no such resource, or it has expired",
                Some(Value::from(uri)),
            )));
        };
        Some(Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri)]).into()))
    }
}
