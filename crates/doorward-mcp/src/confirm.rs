//! The person is asked before a use, wherever the policy says so, and the server sees to it: by a
//! form where the client can show one and may be trusted to, else by a page of ours that hands out
//! a one-time code. Neither the model nor the upstream has a way round it, because the question,
//! the use that it is about and the answer are tied together here (CW13).

use doorward_model::{
    Change, PlainToken, Sealed, Timestamp, TokenKind, UpstreamChange, UserId, foreign, routes,
    upstream::KeptResult,
};
use doorward_store::StoreError;
use rmcp::model::{InputRequest, InputRequests, InputRequiredResult};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Mcp, Verdict, Visit,
    admission::cannot_be_asked,
    canonical::{digest, hex, shown},
    item::{Facts, Item, Judged},
    operation::Operation,
    tools::ToolError,
};

/// The argument that carries a code.
pub(crate) const ARGUMENT: &str = "confirm_write";
/// The key of our question among the input requests of a result.
const QUESTION: &str = "doorward_confirm";
/// What the state of a question begins with, and the state of a use that the person agreed to and
/// that goes on.
const ASKED: &str = "confirm.";
const GIVEN: &str = "confirmed.";
/// For how many seconds a question may be answered, a code entered, and a use that was agreed to go
/// on.
const LIFETIME: i64 = 600;
/// How many questions of one person wait at most.
const MOST_WAITING: u64 = 50;
/// The most characters of the arguments that a form shows. What is longer is shown on the page,
/// whole.
const MOST_IN_FORM: usize = 2000;
/// The letters of codes: no vowels, so that no code is a word, and none that look alike. A code has
/// eight: 34 bits.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODE_LENGTH: usize = 8;
/// How many codes may be tried for one use within [`LIFETIME`].
const MOST_TRIES: u32 = 10;
/// What the names of stored questions begin with. No tool's kept result has such a name.
const LABEL: &str = "confirm:";

/// What a confirmation is about.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    user: String,
    client: String,
    item: String,
    digest: String,
    nonce: String,
    until: i64,
    // Whether the person agreed already.
    given: bool,
    // The state that the upstream, or the question whether to connect, gave the client.
    inner: Option<String>,
}

/// What the page shows before it hands out a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// The tool's name here.
    pub tool: String,
    /// Its name for people, cleaned.
    pub title: String,
    /// The client that wants to call it, cleaned.
    pub client: String,
    arguments: Map<String, Value>,
    client_id: String,
    digest: String,
    id: String,
}

impl Pending {
    /// The arguments, all of them, as they will be sent: JSON in which characters that cannot be
    /// seen are written as escapes.
    pub fn shown_arguments(&self) -> String {
        shown(&self.arguments)
    }
}

/// How the question to the person ended.
pub(crate) enum Confirmation {
    /// There was none.
    NotNeeded,
    /// They agreed to exactly this use.
    Given(Given),
    /// The client has to ask them, and make the request anew with the answer.
    Asked(Box<InputRequiredResult>),
}

/// What a person agreed to.
#[derive(Debug)]
pub(crate) struct Given {
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
fn question_text(item: &Item, visit: &Visit, arguments: &Map<String, Value>) -> Option<String> {
    let shown = shown(arguments);
    if shown.chars().count() > MOST_IN_FORM {
        return None;
    }
    let facts = item.facts();
    let (client, name) = (
        foreign::quoted(&visit.registered_name, foreign::LINE),
        foreign::quoted(facts.listed_as, foreign::LINE),
    );
    let title = foreign::quoted(title(item), foreign::LINE);
    Some(format!(
        "{client} wants to use the {} {name}, called {title}, which may {}, with:\n{shown}",
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

/// Whether the answer to the form says yes. Accepting a form without the tick says no.
fn says_yes(answer: &Value) -> bool {
    answer.get("action").and_then(Value::as_str) == Some("accept")
        && answer.pointer("/content/confirm").and_then(Value::as_bool) == Some(true)
}

fn place(user_id: &UserId) -> String {
    format!("confirm/{user_id}")
}

fn declined() -> ToolError {
    ToolError::Unconfirmed("The person did not agree to this call, so it was not made.".to_owned())
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

/// Whether a kept result is a question of ours and not a tool's.
pub(crate) fn is_question(row: &KeptResult) -> bool {
    row.tool.starts_with(LABEL)
}

impl Mcp {
    /// Makes sure that the person agrees to this very use, where the verdict asks for it. Takes
    /// what belongs to the question out of the parameters.
    pub(crate) async fn confirmation(
        &self,
        visit: &Visit,
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
            Given { digest: digest(&item_now, &arguments), item: facts.listed_as.to_owned() };
        let Some(retry) = operation.retry() else { return Err(cannot_be_asked(&facts)) };
        let in_band = self.may_ask_in_band(visit);
        if let Some(about) = self.carried(visit, &given, retry.state.as_deref())? {
            let answer = retry.answers.as_ref().and_then(|answers| answers.get(QUESTION)).cloned();
            retry.state.clone_from(&about.inner);
            if about.given {
                return self.spend_once(&about, given).await;
            }
            *retry.answers = None;
            // Without an answer to the question it is asked anew.
            if let Some(answer) = answer {
                return if says_yes(&answer) {
                    self.spend_once(&about, given).await
                } else {
                    Err(declined())
                };
            }
        }
        if let Some(code) = code.as_ref().and_then(Value::as_str) {
            return self.check_code(visit, given, code).await;
        }
        if let Some(text) = question_text(item, visit, &arguments).filter(|_| in_band) {
            if visit.client.modern {
                return Ok(Confirmation::Asked(Box::new(self.question(visit, &given, &text))));
            }
            let params = json!({"mode": "form", "message": text, "requestedSchema": form()});
            return match visit.channel.ask("elicitation/create", params).await {
                Ok(answer) if says_yes(&answer) => Ok(Confirmation::Given(given)),
                Ok(_) => Err(declined()),
                Err(error) => Err(ToolError::Unconfirmed(format!(
                    "The person could not be asked ({error}), so the call was not made."
                ))),
            };
        }
        match item {
            Item::Tool(_) => self.ask_by_page(visit, item, arguments, given).await,
            Item::Other(_) => Err(cannot_be_asked(&facts)),
        }
    }

    /// Whether this client may put the question to its person. A program that holds a personal or
    /// service token would answer it itself.
    fn may_ask_in_band(&self, visit: &Visit) -> bool {
        let client = &visit.client;
        visit.caller.token().is_none()
            && client.elicits_forms()
            && (client.modern || visit.session.is_some())
            && self
                .inner
                .confirm_in_band
                .iter()
                .any(|pattern| pattern.matches(visit.caller.program().as_str()))
    }

    fn seal(
        &self,
        visit: &Visit,
        given: &Given,
        (is_given, inner): (bool, Option<String>),
    ) -> String {
        let parts = &self.inner.parts;
        let about = About {
            user: visit.caller.user_id().to_string(),
            client: visit.caller.program().to_string(),
            item: given.item.clone(),
            digest: given.digest.clone(),
            nonce: doorward_model::id::random_text(parts.entropy.as_ref(), 12),
            until: parts.clock.now().plus(LIFETIME).0,
            given: is_given,
            inner,
        };
        let state = parts
            .master
            .seal(&place(visit.caller.user_id()), &serde_json::to_vec(&about).unwrap_or_default());
        format!("{}{}", if is_given { GIVEN } else { ASKED }, state.as_str())
    }

    fn question(&self, visit: &Visit, given: &Given, text: &str) -> InputRequiredResult {
        let state = self.seal(visit, given, (false, None));
        let request = json!({"method": "elicitation/create", "params": {"mode": "form", "message": text, "requestedSchema": form()}});
        let requests: InputRequests = serde_json::from_value::<InputRequest>(request)
            .ok()
            .map(|request| (QUESTION.to_owned(), request))
            .into_iter()
            .collect();
        InputRequiredResult::new(Some(requests), Some(state))
    }

    /// Lets a use that the person agreed to go on after the upstream asked something of its own:
    /// the client carries, beside the upstream's state, that this very use was agreed to.
    pub(crate) fn carry_on(
        &self,
        visit: &Visit,
        given: &Given,
        required: &mut InputRequiredResult,
    ) {
        let inner = required.request_state.take();
        required.request_state = Some(self.seal(visit, given, (true, inner)));
    }

    /// What a state of ours says; `None` if the client carries none of ours.
    fn carried(
        &self,
        visit: &Visit,
        given: &Given,
        state: Option<&str>,
    ) -> Result<Option<About>, ToolError> {
        let Some(state) = state else { return Ok(None) };
        let (is_given, sealed) = match (state.strip_prefix(GIVEN), state.strip_prefix(ASKED)) {
            (Some(sealed), _) => (true, sealed),
            (None, Some(sealed)) => (false, sealed),
            (None, None) => return Ok(None),
        };
        let parts = &self.inner.parts;
        let caller = &visit.caller;
        let opened = parts
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
                && parts.clock.now().0 < about.until
        };
        // MCP-20: a state that was made for another person, client, item or set of arguments, or
        // too long ago, is worth nothing.
        let wrong = || {
            ToolError::Protocol(rmcp::ErrorData::invalid_params(
                "requestState is not valid for this call; make the call anew",
                None,
            ))
        };
        about.filter(fits).map(Some).ok_or_else(wrong)
    }

    /// Uses up a confirmation. Each one is good for one request, so that what was agreed to once is
    /// done once.
    async fn spend_once(&self, about: &About, given: Given) -> Result<Confirmation, ToolError> {
        if self.spend(&format!("confirm/{}", about.nonce), about.until).await? {
            return Ok(Confirmation::Given(given));
        }
        Err(ToolError::Unconfirmed(
            "This confirmation was used before; make the call anew to be asked again.".to_owned(),
        ))
    }

    /// Uses up a one-time value; `false` if it was used before.
    async fn spend(&self, key: &str, until: i64) -> Result<bool, ToolError> {
        match self
            .inner
            .parts
            .store
            .apply(Change::SpendValue { key: key.to_owned(), expires_at: Timestamp(until) })
            .await
        {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Under which name the questions about one use are kept: only who could ask it anew finds
    /// them.
    fn label(&self, user_id: &UserId, client_id: &str, given: &Given) -> String {
        let fields = [
            user_id.as_str().as_bytes(),
            client_id.as_bytes(),
            given.item.as_bytes(),
            given.digest.as_bytes(),
        ];
        let mac = self.inner.parts.master.mac("confirmation-label", &fields);
        format!("{LABEL}{}", hex(mac.get(..16).unwrap_or_default()))
    }

    /// Leads a client that cannot ask, or may not, to a page of ours.
    async fn ask_by_page(
        &self,
        visit: &Visit,
        item: &Item,
        arguments: Map<String, Value>,
        given: Given,
    ) -> Result<Confirmation, ToolError> {
        let parts = &self.inner.parts;
        let (caller, facts) = (&visit.caller, item.facts());
        let label = self.label(caller.user_id(), caller.program().as_str(), &given);
        let id = PlainToken::random(TokenKind::Link, parts.entropy.as_ref());
        let handle: String = id
            .reveal()
            .chars()
            .skip(TokenKind::Link.prefix().len())
            .filter(char::is_ascii_alphanumeric)
            .take(20)
            .collect();
        let pending = Pending {
            tool: given.item,
            title: foreign::line(title(item), foreign::LINE).into_owned(),
            client: foreign::line(&visit.registered_name, foreign::LINE).into_owned(),
            arguments,
            client_id: caller.program().to_string(),
            digest: given.digest,
            id: handle.clone(),
        };
        let plain = serde_json::to_vec(&pending).unwrap_or_default();
        let now = parts.clock.now();
        let row = KeptResult {
            id: PlainToken::presented(&handle).hashed(),
            user_id: caller.user_id().clone(),
            tool: label,
            body: parts.master.seal(&place(caller.user_id()), &plain),
            size: i64::try_from(plain.len()).unwrap_or(i64::MAX),
            created_at: now,
            expires_at: now.plus(LIFETIME),
        };
        parts
            .store
            .apply(UpstreamChange::KeepResult { result: Box::new(row), most: MOST_WAITING })
            .await?;
        let link = parts.public_url.at(&routes::CONFIRM.replace("{id}", &handle));
        Err(ToolError::Unconfirmed(format!(
            "This call was not made yet: {} may {}, so the person has to agree first. Ask them to open {link} , which shows exactly what would be done and gives them a code. \
             Then make the same call again with the argument {ARGUMENT} set to the code that they tell you. The code works once, for these arguments only, for {} minutes.",
            facts.listed_as,
            doing(&facts),
            LIFETIME / 60
        )))
    }

    /// The code that the page shows: a proof that the page was opened by its person.
    fn code(&self, user_id: &UserId, pending: &Pending) -> String {
        let proof = self.inner.parts.master.mac(
            "confirmation-code",
            &[
                user_id.as_str().as_bytes(),
                pending.client_id.as_bytes(),
                pending.tool.as_bytes(),
                pending.digest.as_bytes(),
                pending.id.as_bytes(),
            ],
        );
        let mut number =
            proof.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let mut code = String::with_capacity(CODE_LENGTH);
        for _ in 0..CODE_LENGTH {
            let letter = usize::try_from(number % LETTERS.len() as u64)
                .ok()
                .and_then(|index| LETTERS.get(index))
                .copied()
                .unwrap_or(b'B');
            code.push(char::from(letter));
            number /= LETTERS.len() as u64;
        }
        code
    }

    fn opened(&self, user_id: &UserId, row: &KeptResult) -> Option<Pending> {
        let plain = self.inner.parts.master.open(&place(user_id), &row.body).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// What waits for this person's word under this address. Another user's does not exist.
    pub async fn pending_confirmation(
        &self,
        user_id: &UserId,
        id: &str,
    ) -> Result<Option<Pending>, StoreError> {
        let hash = PlainToken::presented(id).hashed();
        let row = self
            .inner
            .parts
            .store
            .kept_result(user_id, &hash, self.inner.parts.clock.now())
            .await?;
        Ok(row.filter(is_question).and_then(|row| self.opened(user_id, &row)))
    }

    /// The code for a call that this person agrees to.
    pub fn confirmation_code(&self, user_id: &UserId, pending: &Pending) -> String {
        self.code(user_id, pending)
    }

    async fn check_code(
        &self,
        visit: &Visit,
        given: Given,
        code: &str,
    ) -> Result<Confirmation, ToolError> {
        let wrong = || {
            ToolError::Unconfirmed("The code is not valid for this call. Leave confirm_write out to be given a new address for the person to open.".to_owned())
        };
        let parts = &self.inner.parts;
        let (caller, now) = (&visit.caller, parts.clock.now());
        let label = self.label(caller.user_id(), caller.program().as_str(), &given);
        let waiting = parts.store.kept_results(caller.user_id(), &label, now).await?;
        if waiting.is_empty() {
            return Err(wrong());
        }
        // Counted before it is compared: of tries that come at the same time no more count than of
        // tries one after the other.
        self.inner.limits.try_code(caller.user_id())?;
        if !self.count_try(&label, now).await? {
            return Err(ToolError::Busy(
                "too many codes were tried for this call; wait until the last one has ended"
                    .to_owned(),
                LIFETIME.unsigned_abs(),
            ));
        }
        let entered: String = code
            .chars()
            .filter(char::is_ascii_alphabetic)
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        let entered = PlainToken::presented(&entered);
        for pending in waiting.iter().filter_map(|row| self.opened(caller.user_id(), row)) {
            if PlainToken::presented(&self.code(caller.user_id(), &pending))
                .hashed()
                .matches(&entered)
            {
                let first =
                    self.spend(&format!("confirm/{}", pending.id), now.plus(LIFETIME).0).await?;
                return if first { Ok(Confirmation::Given(given)) } else { Err(wrong()) };
            }
        }
        Err(wrong())
    }

    /// Counts one more try for a use; `false` if there were too many.
    async fn count_try(&self, label: &str, now: Timestamp) -> Result<bool, ToolError> {
        let (window, until) = (now.0 / LIFETIME, now.plus(LIFETIME).0);
        for number in 0..MOST_TRIES {
            if self.spend(&format!("{label}/{window}/{number}"), until).await? {
                return Ok(true);
            }
        }
        Ok(false)
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
