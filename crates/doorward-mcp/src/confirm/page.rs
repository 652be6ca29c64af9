//! The page that shows a use to the user and issues a one-time code for it, where the client cannot
//! ask or is not trusted to.

use doorward_model::{
    PlainToken, Timestamp, TokenKind, UpstreamChange, UserId, foreign, routes, upstream::KeptResult,
};
use doorward_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ARGUMENT, AgreedUse, Confirmation, LIFETIME, MOST_WAITING, doing, place, title};
use crate::{
    InboundRequest, Mcp,
    canonical::{hex, shown},
    item::{Item, Judged},
    tools::ToolError,
};

/// The characters of codes: no vowels, so that no code is a word, and none that look alike. A code
/// has eight: 34 bits.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODE_LENGTH: usize = 8;
/// Maximum number of codes that may be tried for one use within [`LIFETIME`].
const MOST_TRIES: u32 = 10;
/// The beginning of the names of stored questions. No tool's kept result has such a name.
const LABEL: &str = "confirm:";

/// The contents of the page before it issues a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// The tool's name here.
    pub tool: String,
    /// Its display name, cleaned.
    pub title: String,
    /// The client of the intended call, cleaned.
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

/// True for a kept result that is a question of this server and no result of a tool.
pub(crate) fn is_question(tool: &str) -> bool {
    tool.starts_with(LABEL)
}

impl Mcp {
    /// The name under which the questions about one use are kept: found only by a caller that could
    /// ask again.
    fn label(&self, user_id: &UserId, client_id: &str, given: &AgreedUse) -> String {
        let fields = [
            user_id.as_str().as_bytes(),
            client_id.as_bytes(),
            given.item.as_bytes(),
            given.digest.as_bytes(),
        ];
        let mac = self.inner.services.master.mac("confirmation-label", &fields);
        format!("{LABEL}{}", hex(mac.get(..16).unwrap_or_default()))
    }

    /// Directs the user of a client that cannot ask, or may not, to a page of this server.
    pub(super) async fn ask_by_page(
        &self,
        inbound: &InboundRequest,
        item: &Item,
        arguments: Map<String, Value>,
        given: AgreedUse,
    ) -> Result<Confirmation, ToolError> {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let (caller, facts) = (&inbound.caller, item.facts());
        let label = self.label(caller.user_id(), caller.program().as_str(), &given);
        let id = PlainToken::random(TokenKind::Link, services.entropy.as_ref());
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
            client: foreign::line(&inbound.registered_name, foreign::LINE).into_owned(),
            arguments,
            client_id: caller.program().to_string(),
            digest: given.digest,
            id: handle.clone(),
        };
        let plain = serde_json::to_vec(&pending).unwrap_or_default();
        let now = services.clock.now();
        let row = KeptResult {
            id: PlainToken::presented(&handle).hashed(),
            user_id: caller.user_id().clone(),
            tool: label,
            body: services.master.seal(&place(caller.user_id()), &plain),
            size: i64::try_from(plain.len()).unwrap_or(i64::MAX),
            created_at: now,
            expires_at: now.plus(LIFETIME),
        };
        services
            .store
            .apply(UpstreamChange::KeepResult { result: Box::new(row), most: MOST_WAITING })
            .await?;
        let link = settings.public_url.at(&routes::CONFIRM.replace("{id}", &handle));
        Err(ToolError::Unconfirmed(format!(
            "This call was not made yet: {} may {}, so the user must confirm it first. Ask the \
             user to open {link} , which shows exactly what would be done and displays a code. \
             Then make the same call again with the argument {ARGUMENT} set to the code that the \
             user tells you. The code works once, for these arguments only, for {} minutes.",
            facts.listed_as,
            doing(&facts),
            LIFETIME / 60
        )))
    }

    /// The code that the page shows: a proof that the page was opened by its user.
    fn code(&self, user_id: &UserId, pending: &Pending) -> String {
        let proof = self.inner.services.master.mac(
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
        let plain = self.inner.services.master.open(&place(user_id), &row.body).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// The question that waits for this user at this path. Another user's does not exist.
    pub async fn pending_confirmation(
        &self,
        user_id: &UserId,
        id: &str,
    ) -> Result<Option<Pending>, StoreError> {
        let hash = PlainToken::presented(id).hashed();
        let row = self
            .inner
            .services
            .store
            .kept_result(user_id, &hash, self.inner.services.clock.now())
            .await?;
        Ok(row.filter(|row| is_question(&row.tool)).and_then(|row| self.opened(user_id, &row)))
    }

    /// The code for a call that this user agrees to.
    pub fn confirmation_code(&self, user_id: &UserId, pending: &Pending) -> String {
        self.code(user_id, pending)
    }

    /// Checks a code that the user copied from the page.
    pub(super) async fn check_code(
        &self,
        inbound: &InboundRequest,
        given: AgreedUse,
        code: &str,
    ) -> Result<Confirmation, ToolError> {
        let wrong = || {
            ToolError::Unconfirmed(
                "The code is not valid for this call. Leave confirm_write out to get a new link \
                 for the user to open."
                    .to_owned(),
            )
        };
        let services = &self.inner.services;
        let (caller, now) = (&inbound.caller, services.clock.now());
        let label = self.label(caller.user_id(), caller.program().as_str(), &given);
        let waiting = services.store.kept_results(caller.user_id(), &label, now).await?;
        if waiting.is_empty() {
            return Err(wrong());
        }
        // Counted before it is compared: of tries that come at the same time no more count than of
        // tries one after the other.
        self.inner.limits.try_code(caller.user_id())?;
        if !self.count_try(&label, now).await? {
            return Err(ToolError::Busy(
                "too many codes were tried for this call; wait until the last one has expired"
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
