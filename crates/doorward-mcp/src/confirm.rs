//! The person is asked before a call, wherever the policy says so, and the server sees to it: by a form where the client can show
//! one, else by a page of ours that hands out a one-time code. Neither the model nor the upstream has a way round it, because the
//! question, the call that it is about and the answer are tied together here (CW13).

use doorward_model::{Change, HashedToken, PlainToken, Sealed, Timestamp, TokenKind, UpstreamChange, UserId, routes, upstream::KeptResult};
use doorward_store::StoreError;
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, InputRequest, InputRequests, InputRequiredResult};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    Mcp, Visit,
    tools::{ToolError, ToolSpec},
};

/// The argument that carries a code.
pub(crate) const ARGUMENT: &str = "confirm_write";
/// The key of our question among the input requests of a result.
const QUESTION: &str = "doorward_confirm";
/// For how many seconds a question may be answered.
const LIFETIME: i64 = 600;
/// How many questions of one person wait at most.
const MOST_WAITING: u64 = 50;

/// What a confirmation is about.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    user: String,
    client: String,
    tool: String,
    digest: String,
    nonce: String,
    until: i64,
}

/// What the page shows before it hands out a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// The tool's name here.
    pub tool: String,
    /// Its name for people.
    pub title: String,
    /// The client that wants to call it.
    pub client: String,
    /// The arguments, as they will be sent.
    pub arguments: Map<String, Value>,
    client_id: String,
    digest: String,
    id: String,
}

/// How the question to the person ended.
pub(crate) enum Asked {
    /// They agreed to exactly this call.
    Yes,
    /// The call ends here, with this.
    Answer(Box<CallToolResponse>),
}

/// The same arguments have the same digest, whatever their order.
fn digest(tool: &str, arguments: &Map<String, Value>) -> String {
    let mut sorted = String::new();
    write_sorted(&Value::Object(arguments.clone()), &mut sorted);
    hex(&Sha256::digest(format!("{}:{tool}{sorted}", tool.len()).as_bytes()))
}

/// Writes JSON with the members of every object in order and no space, so that equal values have equal texts.
pub fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            out.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_sorted(members.get(name).unwrap_or(&Value::Null), out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn refused(text: &str) -> Asked {
    Asked::Answer(Box::new(CallToolResult::error(vec![ContentBlock::text(text)]).into()))
}

fn question_text(spec: &ToolSpec, visit: &Visit, arguments: &Map<String, Value>) -> String {
    let shown = serde_json::to_string_pretty(arguments).unwrap_or_default();
    let shown: String = if shown.chars().count() > 2000 { shown.chars().take(2000).chain("\n…".chars()).collect() } else { shown };
    let title = spec.tool.title.as_deref().unwrap_or(spec.name());
    format!("{} wants to call {title} ({}), which may {}, with:\n{shown}", visit.registered_name, spec.name(), doing(spec))
}

fn doing(spec: &ToolSpec) -> &'static str {
    match spec.class {
        doorward_model::ToolClass::Read => "read",
        doorward_model::ToolClass::Write => "change something",
        doorward_model::ToolClass::Destructive => "remove or overwrite something",
    }
}

fn form() -> Value {
    json!({
        "type": "object",
        "properties": {"confirm": {"type": "boolean", "title": "Do it", "description": "Yes, make this call with exactly these arguments.", "default": false}},
        "required": ["confirm"],
    })
}

/// Whether the answer to the form says yes. Accepting a form without the tick says no.
fn says_yes(answer: &Value) -> bool {
    answer.get("action").and_then(Value::as_str) == Some("accept") && answer.pointer("/content/confirm").and_then(Value::as_bool) == Some(true)
}

fn place(user_id: &UserId) -> String {
    format!("confirm/{user_id}")
}

impl Mcp {
    /// Asks the person whether this very call may be made. Takes what belongs to the question out of the parameters.
    pub(crate) async fn confirmed(&self, visit: &Visit, spec: &ToolSpec, params: &mut CallToolRequestParams) -> Result<Asked, ToolError> {
        let code = params.arguments.as_mut().and_then(|arguments| arguments.remove(ARGUMENT));
        let arguments = params.arguments.clone().unwrap_or_default();
        let digest = digest(spec.name(), &arguments);
        if let Some(asked) = self.answered_in_retry(visit, spec, params, &digest).await? {
            return Ok(asked);
        }
        if let Some(code) = code.as_ref().and_then(Value::as_str) {
            return self.check_code(visit, spec, &digest, code).await;
        }
        let text = question_text(spec, visit, &arguments);
        if visit.client.elicits_forms() && !visit.client.modern && visit.session.is_some() {
            let params = json!({"mode": "form", "message": text, "requestedSchema": form()});
            return Ok(match visit.channel.ask("elicitation/create", params).await {
                Ok(answer) if says_yes(&answer) => Asked::Yes,
                Ok(_) => refused("The person did not agree to this call, so it was not made."),
                Err(error) => refused(&format!("The person could not be asked ({error}), so the call was not made.")),
            });
        }
        if visit.client.elicits_forms() && visit.client.modern {
            return Ok(Asked::Answer(Box::new(self.question(visit, spec, &digest, &text).into())));
        }
        self.ask_by_page(visit, spec, arguments, digest).await
    }

    fn question(&self, visit: &Visit, spec: &ToolSpec, digest: &str, text: &str) -> InputRequiredResult {
        let parts = &self.inner.parts;
        let about = About {
            user: visit.caller.user_id.to_string(),
            client: visit.caller.client_id.to_string(),
            tool: spec.name().to_owned(),
            digest: digest.to_owned(),
            nonce: doorward_model::id::random_text(parts.entropy.as_ref(), 12),
            until: parts.clock.now().plus(LIFETIME).0,
        };
        let state = parts.master.seal(&place(&visit.caller.user_id), &serde_json::to_vec(&about).unwrap_or_default());
        let request = json!({"method": "elicitation/create", "params": {"mode": "form", "message": text, "requestedSchema": form()}});
        let requests: InputRequests = serde_json::from_value::<InputRequest>(request).ok().map(|request| (QUESTION.to_owned(), request)).into_iter().collect();
        InputRequiredResult::new(Some(requests), Some(format!("confirm.{}", state.as_str())))
    }

    /// The answer of a client of the stateless revisions, which comes with the call made anew.
    async fn answered_in_retry(&self, visit: &Visit, spec: &ToolSpec, params: &mut CallToolRequestParams, digest: &str) -> Result<Option<Asked>, ToolError> {
        let Some(state) = params.request_state.as_deref().and_then(|state| state.strip_prefix("confirm.")) else { return Ok(None) };
        let parts = &self.inner.parts;
        let caller = &visit.caller;
        let opened = parts.master.open(&place(&caller.user_id), &Sealed::from_stored(state.to_owned())).ok();
        let about = opened.and_then(|plain| serde_json::from_slice::<About>(&plain).ok());
        let fits = |about: &About| {
            about.user == caller.user_id.as_str()
                && about.client == caller.client_id.as_str()
                && about.tool == spec.name()
                && about.digest == digest
                && parts.clock.now().0 < about.until
        };
        // MCP-20: a state that was made for another person, client, tool or set of arguments, or too long ago, is worth nothing.
        let Some(about) = about.filter(fits) else {
            return Err(ToolError::Protocol(rmcp::ErrorData::invalid_params("requestState is not valid for this call; make the call anew", None)));
        };
        let Some(answer) = params.input_responses.as_ref().and_then(|answers| answers.get(QUESTION)).cloned() else {
            let text = question_text(spec, visit, &params.arguments.clone().unwrap_or_default());
            return Ok(Some(Asked::Answer(Box::new(self.question(visit, spec, digest, &text).into()))));
        };
        params.request_state = None;
        params.input_responses = None;
        if !says_yes(&answer) {
            return Ok(Some(refused("The person did not agree to this call, so it was not made.")));
        }
        let first = self.spend(&format!("confirm/{}", about.nonce), about.until).await?;
        let again = || refused("This confirmation was used before; make the call anew to be asked again.");
        Ok(Some(if first { Asked::Yes } else { again() }))
    }

    /// Uses up a one-time value; `false` if it was used before.
    async fn spend(&self, key: &str, until: i64) -> Result<bool, ToolError> {
        match self.inner.parts.store.apply(Change::SpendValue { key: key.to_owned(), expires_at: Timestamp(until) }).await {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Leads a client that can ask nothing to a page of ours.
    async fn ask_by_page(&self, visit: &Visit, spec: &ToolSpec, arguments: Map<String, Value>, digest: String) -> Result<Asked, ToolError> {
        let parts = &self.inner.parts;
        let caller = &visit.caller;
        let id = PlainToken::random(TokenKind::Link, parts.entropy.as_ref());
        let handle: String = id.reveal().chars().skip(TokenKind::Link.prefix().len()).filter(char::is_ascii_alphanumeric).take(20).collect();
        let pending = Pending {
            tool: spec.name().to_owned(),
            title: spec.tool.title.clone().unwrap_or_else(|| spec.name().to_owned()),
            client: visit.registered_name.to_string(),
            arguments,
            client_id: caller.client_id.to_string(),
            digest,
            id: handle.clone(),
        };
        let plain = serde_json::to_vec(&pending).unwrap_or_default();
        let now = parts.clock.now();
        let row = KeptResult {
            id: PlainToken::presented(&handle).hashed(),
            user_id: caller.user_id.clone(),
            tool: "confirm".to_owned(),
            body: parts.master.seal(&place(&caller.user_id), &plain),
            size: i64::try_from(plain.len()).unwrap_or(i64::MAX),
            created_at: now,
            expires_at: now.plus(LIFETIME),
        };
        parts.store.apply(UpstreamChange::KeepResult { result: Box::new(row), most: MOST_WAITING }).await?;
        let link = parts.public_url.at(&routes::CONFIRM.replace("{id}", &handle));
        let told = format!(
            "This call was not made yet: {} may {}, so the person has to agree first. Ask them to open {link} , which shows exactly what would be done and gives them a code. \
             Then make the same call again with the argument {ARGUMENT} set to the code that they tell you. The code works once, for these arguments only, for {} minutes.",
            spec.name(),
            doing(spec),
            LIFETIME / 60
        );
        Ok(refused(&told))
    }

    /// The code that the page shows: which question, and a proof that the page was opened by its person.
    fn code(&self, user_id: &UserId, pending: &Pending) -> String {
        let proof = self.inner.parts.master.mac(
            "confirmation-code",
            &[user_id.as_str().as_bytes(), pending.client_id.as_bytes(), pending.tool.as_bytes(), pending.digest.as_bytes(), pending.id.as_bytes()],
        );
        format!("{}-{}", pending.id, hex(proof.get(..5).unwrap_or_default()))
    }

    async fn pending(&self, user_id: &UserId, id: &str) -> Result<Option<Pending>, StoreError> {
        let parts = &self.inner.parts;
        let hash: HashedToken = PlainToken::presented(id).hashed();
        let Some(row) = parts.store.kept_result(user_id, &hash, parts.clock.now()).await?.filter(|row| row.tool == "confirm") else { return Ok(None) };
        let plain = parts.master.open(&place(user_id), &row.body).ok();
        Ok(plain.and_then(|plain| serde_json::from_slice(&plain).ok()))
    }

    /// What waits for this person's word under this address. Somebody else's does not exist.
    pub async fn pending_confirmation(&self, user_id: &UserId, id: &str) -> Result<Option<Pending>, StoreError> {
        self.pending(user_id, id).await
    }

    /// The code for a call that this person agrees to.
    pub fn confirmation_code(&self, user_id: &UserId, pending: &Pending) -> String {
        self.code(user_id, pending)
    }

    async fn check_code(&self, visit: &Visit, spec: &ToolSpec, digest: &str, code: &str) -> Result<Asked, ToolError> {
        let caller = &visit.caller;
        let wrong = || refused("The code is not valid for this call. Leave confirm_write out to be given a new address for the person to open.");
        let code = code.trim();
        let Some((id, _)) = code.split_once('-') else { return Ok(wrong()) };
        let Some(pending) = self.pending(&caller.user_id, id).await? else { return Ok(wrong()) };
        let expected = PlainToken::presented(&self.code(&caller.user_id, &pending)).hashed();
        let same_call = pending.client_id == caller.client_id.as_str() && pending.tool == spec.name() && pending.digest == digest;
        if !expected.matches(&PlainToken::presented(code)) || !same_call {
            return Ok(wrong());
        }
        let until = self.inner.parts.clock.now().plus(LIFETIME).0;
        if self.spend(&format!("confirm/{id}"), until).await? { Ok(Asked::Yes) } else { Ok(wrong()) }
    }
}

/// Tells clients of the argument that carries a code, in the schema of a tool that needs one.
pub(crate) fn with_argument(tool: &mut rmcp::model::Tool) {
    let mut schema = tool.input_schema.as_ref().clone();
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        let told = "Only where the person must confirm this call and the server said so: the code that the person was given.";
        properties.insert(ARGUMENT.to_owned(), json!({"type": "string", "description": told}));
    }
    tool.input_schema = std::sync::Arc::new(schema);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_the_same_in_any_order_and_no_other() {
        let arguments = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let one = digest("t", &arguments(r#"{"a":1,"b":{"x":[1,2],"y":null}}"#));
        assert_eq!(one, digest("t", &arguments(r#"{"b":{"y":null,"x":[1,2]},"a":1}"#)));
        assert_ne!(one, digest("t", &arguments(r#"{"b":{"y":null,"x":[2,1]},"a":1}"#)));
        assert_ne!(one, digest("u", &arguments(r#"{"b":{"y":null,"x":[1,2]},"a":1}"#)));
        assert_ne!(digest("a", &arguments(r#"{"b":"c"}"#)), digest("a{", &arguments(r#"{"b":"c"}"#)));
    }

    #[test]
    fn only_a_ticked_and_accepted_form_says_yes() {
        assert!(says_yes(&json!({"action": "accept", "content": {"confirm": true}})));
        for answer in [
            json!({"action": "accept"}),
            json!({"action": "accept", "content": {"confirm": "true"}}),
            json!({"action": "decline", "content": {"confirm": true}}),
            json!({}),
        ] {
            assert!(!says_yes(&answer), "{answer}");
        }
    }
}
