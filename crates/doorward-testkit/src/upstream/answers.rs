//! Answers of an authorization server in other forms than specified.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The form of an answer.
#[derive(Clone, Debug, Default)]
pub struct OddAnswer {
    /// Its status.
    pub status: u16,
    /// Its media type; empty for that of JSON.
    pub media: &'static str,
    /// A text before it.
    pub mark: &'static str,
    /// A form in place of JSON.
    pub is_form: bool,
    /// This in place of everything.
    pub instead: Option<&'static str>,
    /// Members in place of the true ones, also null.
    pub members: Value,
    /// The same of the answer to a refresh alone.
    pub at_refresh: Value,
    /// Members that it lacks.
    pub without: Vec<&'static str>,
    /// The answer to a refresh has no refresh token.
    pub without_at_refresh: bool,
    /// A refresh token counts after its use.
    pub keeps_refresh_token: bool,
}

impl OddAnswer {
    /// Writes an answer in this form.
    pub(super) fn write(&self, mut answer: Value, refreshes: bool) -> Response {
        let at_refresh = if refreshes { &self.at_refresh } else { &Value::Null };
        for members in [&self.members, at_refresh] {
            for (name, value) in members.as_object().into_iter().flatten() {
                answer[name] = value.clone();
            }
        }
        if let Some(members) = answer.as_object_mut() {
            members.retain(|name, _| !self.without.contains(&name.as_str()));
            if refreshes && self.without_at_refresh {
                members.remove("refresh_token");
            }
        }
        let text = match self.instead {
            Some(text) => text.to_owned(),
            None if self.is_form => form(&answer),
            None => answer.to_string(),
        };
        let media = if self.media.is_empty() { "application/json" } else { self.media };
        let status = StatusCode::from_u16(self.status).unwrap();
        (status, [(header::CONTENT_TYPE, media)], format!("{}{text}", self.mark)).into_response()
    }
}

fn form(answer: &Value) -> String {
    let members = answer.as_object().cloned().unwrap_or_default();
    let pairs = members.into_iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| json!(value).to_string(), str::to_owned);
        (name, text)
    });
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
