//! The server asks the user before a use, wherever the policy demands it: by a form in a client
//! that supports one and is trusted to show it, else by a page of this server with a one-time code.
//! Neither the model nor the upstream can bypass it, because the question, its use and the answer
//! are bound together here (CW13).

use doorward_model::{Change, Program, Sealed, Timestamp, UserId, foreign};
use doorward_store::StoreError;
use rmcp::model::{InputRequest, InputRequests, InputRequiredResult, InputResponses};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    AgentCall, InboundRequest, Mcp, Verdict,
    canonical::{digest, shown},
    item::{Facts, Item, Judged},
    operation::Operation,
    tools::ToolError,
};

pub(crate) mod page;

/// The argument that carries a code.
pub(crate) const ARGUMENT: &str = "confirm_write";
/// The key of this server's question among the input requests of a result.
const QUESTION: &str = "doorward_confirm";
/// The beginnings of the state of a question and of the state of a use that the user agreed to
/// and that goes on.
const ASKED: &str = "confirm.";
const GIVEN: &str = "confirmed.";
/// Seconds for which a question may be answered, a code entered, and a use that was agreed to go
/// on.
const LIFETIME: i64 = 600;
/// Maximum number of waiting questions of one user.
const MOST_WAITING: u64 = 50;
/// Maximum number of characters of arguments in a form. Longer ones are shown in full on the page.
const MOST_IN_FORM: usize = 2000;
/// The subject of a confirmation.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    user: String,
    client: String,
    item: String,
    digest: String,
    nonce: String,
    until: i64,
    // True if the user agreed already.
    given: bool,
    // The state that the upstream, or the question about a connection, gave the client.
    inner: Option<String>,
}

/// The text and the state of this server's question, if that is all that a result requires.
pub(crate) fn asked(required: &InputRequiredResult) -> Option<(String, String)> {
    let requests = required.input_requests.as_ref().filter(|requests| requests.len() == 1)?;
    let request = serde_json::to_value(requests.get(QUESTION)?).ok()?;
    let text = request.pointer("/params/message")?.as_str()?.to_owned();
    Some((text, required.request_state.clone()?))
}

/// The answer to this server's question.
pub(crate) fn answers(agrees: bool) -> InputResponses {
    let answer = if agrees {
        json!({"action": "accept", "content": {"confirm": true}})
    } else {
        json!({"action": "decline"})
    };
    InputResponses::from([(QUESTION.to_owned(), answer)])
}

/// The outcome of the question to the user.
pub(crate) enum Confirmation {
    /// There was none.
    NotNeeded,
    /// They agreed to exactly this use.
    Given(AgreedUse),
    /// The client has to ask the user, and repeat the request with the answer.
    Asked(Box<InputRequiredResult>),
}

/// A use to which the user agreed.
#[derive(Debug)]
pub(crate) struct AgreedUse {
    item: String,
    digest: String,
}

fn title(item: &Item) -> &str {
    match item {
        Item::Tool(spec) => spec.tool.title.as_deref().unwrap_or(&spec.listed_as),
        Item::Other(spec) => &spec.listed_as,
    }
}

/// The question, if all of the arguments fit into it.
fn question_text(
    item: &Item,
    inbound: &InboundRequest,
    arguments: &Map<String, Value>,
) -> Option<String> {
    let shown = shown(arguments);
    if shown.chars().count() > MOST_IN_FORM {
        return None;
    }
    let facts = item.facts();
    let (client, name) = (
        foreign::quoted(&inbound.registered_name, foreign::LINE),
        foreign::quoted(facts.listed_as, foreign::LINE),
    );
    let title = foreign::quoted(title(item), foreign::LINE);
    Some(format!(
        "{client} requests to use the {} {name}, titled {title}, which may {}, with:\n{shown}",
        facts.kind.noun(),
        doing(&facts)
    ))
}

fn doing(facts: &Facts<'_>) -> &'static str {
    match facts.class {
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

/// True if the form's answer is an agreement. Accepting the form without the tick is none.
fn says_yes(answer: &Value) -> bool {
    answer.get("action").and_then(Value::as_str) == Some("accept")
        && answer.pointer("/content/confirm").and_then(Value::as_bool) == Some(true)
}

fn place(user_id: &UserId) -> String {
    format!("confirm/{user_id}")
}

fn declined() -> ToolError {
    ToolError::Unconfirmed("The user declined this call, so it was not made.".to_owned())
}

/// The refusal of an operation under `confirm` that cannot be interrupted by a question.
pub(crate) fn cannot_be_asked(facts: &Facts<'_>) -> ToolError {
    let (noun, name) = (facts.kind.noun(), facts.listed_as);
    ToolError::Unconfirmed(format!(
        "the user must confirm every use of the {noun} {name}, and cannot be asked for this one"
    ))
}

/// Takes the code out of the arguments of a tool. An argument of that name that is the tool's own
/// stays.
fn take_code(item: &Item, operation: &mut Operation, asked: bool) -> Option<Value> {
    let (Item::Tool(spec), Operation::CallTool(params)) = (item, operation) else { return None };
    let is_its_own = || {
        spec.tool
            .input_schema
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|members| members.contains_key(ARGUMENT))
    };
    if !asked && (spec.class == doorward_model::ToolClass::Read || is_its_own()) {
        return None;
    }
    params.arguments.as_mut()?.remove(ARGUMENT)
}

impl Mcp {
    /// Ensures that the user agrees to this use, where the verdict demands it. Removes the members
    /// of the question from the parameters.
    pub(crate) async fn confirmation(
        &self,
        inbound: &InboundRequest,
        item: &Item,
        verdict: Verdict,
        operation: &mut Operation,
    ) -> Result<Confirmation, ToolError> {
        // A code for a call that needs none is no argument of the tool.
        let code = take_code(item, operation, verdict == Verdict::Confirm);
        if verdict != Verdict::Confirm {
            return Ok(Confirmation::NotNeeded);
        }
        let facts = item.facts();
        let arguments = operation.arguments().cloned().unwrap_or_default();
        // An item of an upstream that was added later under the same name is another one.
        let item_now = match facts.upstream {
            Some(name) => format!("{} of {}", facts.listed_as, self.upstream_id(name)),
            None => facts.listed_as.to_owned(),
        };
        let given =
            AgreedUse { digest: digest(&item_now, &arguments), item: facts.listed_as.to_owned() };
        let Some(retry) = operation.retry() else { return Err(cannot_be_asked(&facts)) };
        let in_band = self.may_ask_in_band(inbound);
        if let Some(about) = self.carried(inbound, &given, retry.state.as_deref())? {
            let answer = retry.answers.as_ref().and_then(|answers| answers.get(QUESTION)).cloned();
            retry.state.clone_from(&about.inner);
            if about.given {
                return self.spend_once(&about, given).await;
            }
            *retry.answers = None;
            // Without an answer to the question it is asked again.
            if let Some(answer) = answer {
                return if says_yes(&answer) {
                    self.spend_once(&about, given).await
                } else {
                    Err(declined())
                };
            }
        }
        if let Some(code) = code.as_ref().and_then(Value::as_str) {
            return self.check_code(inbound, given, code).await;
        }
        if let Some(text) = question_text(item, inbound, &arguments).filter(|_| in_band) {
            if inbound.client.modern || inbound.client.asks {
                return Ok(Confirmation::Asked(Box::new(self.question(inbound, &given, &text))));
            }
            let params = json!({"mode": "form", "message": text, "requestedSchema": form()});
            return match inbound.channel.ask("elicitation/create", params).await {
                Ok(answer) if says_yes(&answer) => Ok(Confirmation::Given(given)),
                Ok(_) => Err(declined()),
                Err(error) => Err(ToolError::Unconfirmed(format!(
                    "The user could not be asked ({error}), so the call was not made."
                ))),
            };
        }
        match item {
            Item::Tool(_) => self.ask_by_page(inbound, item, arguments, given).await,
            Item::Other(_) => Err(cannot_be_asked(&facts)),
        }
    }

    /// True if this client may put the question to its user. A program that holds a personal or
    /// service token would answer it itself. Where the agent calls, its name counts, and that of the
    /// program that shows its question.
    fn may_ask_in_band(&self, inbound: &InboundRequest) -> bool {
        let client = &inbound.client;
        let trusted = |program: Program<'_>| {
            let patterns = &self.inner.confirm_in_band;
            patterns.iter().any(|pattern| pattern.matches(program.as_str()))
        };
        inbound.caller.token().is_none()
            && !inbound.caller.agent.as_ref().is_some_and(AgentCall::is_elsewhere)
            && (client.asks
                || (client.elicits_forms() && (client.modern || inbound.session.is_some())))
            && trusted(inbound.caller.program())
            && trusted(inbound.caller.origin())
    }

    fn seal(
        &self,
        inbound: &InboundRequest,
        given: &AgreedUse,
        is_given: bool,
        inner: Option<String>,
    ) -> String {
        let services = &self.inner.services;
        let about = About {
            user: inbound.caller.user_id().to_string(),
            client: inbound.caller.program().to_string(),
            item: given.item.clone(),
            digest: given.digest.clone(),
            nonce: doorward_model::id::random_text(services.entropy.as_ref(), 12),
            until: services.clock.now().plus(LIFETIME).0,
            given: is_given,
            inner,
        };
        let state = services.master.seal(
            &place(inbound.caller.user_id()),
            &serde_json::to_vec(&about).unwrap_or_default(),
        );
        format!("{}{}", if is_given { GIVEN } else { ASKED }, state.as_str())
    }

    fn question(
        &self,
        inbound: &InboundRequest,
        given: &AgreedUse,
        text: &str,
    ) -> InputRequiredResult {
        let state = self.seal(inbound, given, false, None);
        let request = json!({"method": "elicitation/create", "params": {"mode": "form", "message": text, "requestedSchema": form()}});
        let requests: InputRequests = serde_json::from_value::<InputRequest>(request)
            .ok()
            .map(|request| (QUESTION.to_owned(), request))
            .into_iter()
            .collect();
        InputRequiredResult::new(Some(requests), Some(state))
    }

    /// Continues a use that the user agreed to after a question of the upstream: the client
    /// carries, beside the upstream's state, that this very use was agreed to.
    pub(crate) fn carry_on(
        &self,
        inbound: &InboundRequest,
        given: &AgreedUse,
        required: &mut InputRequiredResult,
    ) {
        let inner = required.request_state.take();
        required.request_state = Some(self.seal(inbound, given, true, inner));
    }

    /// The contents of this server's state; `None` if the client carries none.
    fn carried(
        &self,
        inbound: &InboundRequest,
        given: &AgreedUse,
        state: Option<&str>,
    ) -> Result<Option<About>, ToolError> {
        let Some(state) = state else { return Ok(None) };
        let (is_given, sealed) = match (state.strip_prefix(GIVEN), state.strip_prefix(ASKED)) {
            (Some(sealed), _) => (true, sealed),
            (None, Some(sealed)) => (false, sealed),
            (None, None) => return Ok(None),
        };
        let services = &self.inner.services;
        let caller = &inbound.caller;
        let opened = services
            .master
            .open(&place(caller.user_id()), &Sealed::from_stored(sealed.to_owned()))
            .ok();
        let about = opened.and_then(|plain| serde_json::from_slice::<About>(&plain).ok());
        let fits = |about: &About| {
            about.given == is_given
                && about.user == caller.user_id().as_str()
                && about.client == caller.program().as_str()
                && about.item == given.item
                && about.digest == given.digest
                && services.clock.now().0 < about.until
        };
        // MCP-20: a state that was made for another user, client, item or set of arguments, or too
        // long ago, is not valid.
        let wrong = || {
            ToolError::Protocol(rmcp::ErrorData::invalid_params(
                "requestState is not valid for this call; make the call again without it",
                None,
            ))
        };
        about.filter(fits).map(Some).ok_or_else(wrong)
    }

    /// Uses up a confirmation. Each is valid for one request, so that one agreement covers one
    /// execution.
    async fn spend_once(&self, about: &About, given: AgreedUse) -> Result<Confirmation, ToolError> {
        if self.spend(&format!("confirm/{}", about.nonce), about.until).await? {
            return Ok(Confirmation::Given(given));
        }
        Err(ToolError::Unconfirmed(
            "This confirmation was already used; make the call again to ask the user again."
                .to_owned(),
        ))
    }

    /// Uses up a one-time value; `false` if it was used before.
    pub(super) async fn spend(&self, key: &str, until: i64) -> Result<bool, ToolError> {
        match self
            .inner
            .services
            .store
            .apply(Change::SpendValue { key: key.to_owned(), expires_at: Timestamp(until) })
            .await
        {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Adds the argument that carries a code to the schema of a tool that needs one.
pub(crate) fn with_argument(tool: &mut rmcp::model::Tool) {
    let mut schema = tool.input_schema.as_ref().clone();
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        let told = "Only where the user must confirm this call and the server stated so: the code \
            that the user was given.";
        properties.insert(ARGUMENT.to_owned(), json!({"type": "string", "description": told}));
    }
    tool.input_schema = std::sync::Arc::new(schema);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_ticked_and_accepted_form_confirms() {
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
