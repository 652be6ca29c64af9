//! Connects the connectors of chats to the rest of the program: users, tools and the database.

use std::sync::Arc;

use doorward_accounts::{Accounts, CHAT_LINK_SECONDS, NewChatLink};
use doorward_connectors::{
    Acting, Admission, AgentAnswer, AgentPlace, AnsweredCall, Connection, Connectors, Office,
    Opened, Outcome, Question, Speaker, Standing, Tool, Unavailable,
};
use doorward_gateway::{ConnectionState, Gateway};
use doorward_keys::MasterKey;
use doorward_mcp::{Acting as Caller, AskedCall, CallText, Within};
use doorward_model::{
    ChatChange, ChatPost, ClientId, Clock, Entropy, HashedToken, Live, MATTERMOST_CLIENT,
    PlainToken, PublicUrl, Role, Rules, ScopeSet, Sealed, SecretSetting, Timestamp, UnitOfWork,
    foreign, id::random_text, routes,
};
use doorward_store::{
    Store, StoreError,
    attempts::TooMany,
    origin::{self, Origin},
};
use doorward_transport::{ClientAddress, Outbound};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::{Failed, config::Config, own_client};

/// The name of the client on pages and in confirmations.
const NAME: &str = "Mattermost";
/// The purpose for which the contents of buttons are sealed.
const BUTTON: &str = "chat-button";

/// The program, as connectors see it.
pub(crate) struct ChatOffice {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) accounts: Accounts,
    pub(crate) gateway: Gateway,
    pub(crate) within: Within,
    pub(crate) rules: Live<Rules>,
    pub(crate) public_url: PublicUrl,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) master: Arc<MasterKey>,
    /// The agent, if the configuration has one.
    #[cfg(feature = "agent")]
    pub(crate) agent: Option<Arc<crate::agent::AgentOffice>>,
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn unavailable(error: StoreError) -> Unavailable {
    Unavailable(error.to_string())
}

/// The connectors of the configuration; `None` without any, at no cost.
pub(crate) async fn connectors(
    config: &Config,
    office: ChatOffice,
    outbound: &Outbound,
) -> Result<Option<Connectors>, Failed> {
    if config.connectors.is_empty() {
        return Ok(None);
    }
    let (id, now) = (ClientId::from_text(MATTERMOST_CLIENT), office.clock.now());
    own_client::ensure(&office.store, id, NAME, now).await?;
    let office: Arc<dyn Office> = Arc::new(office);
    let set_up = Connectors::new(&config.connectors, &office, outbound, &config.outbound);
    set_up.map(Some).map_err(|(name, error)| Failed(format!("connectors.{name}.{error}")))
}

/// The outcome of the comparison of a secret that a chat server presents.
enum Presented<T> {
    Right(T),
    Wrong,
    Wait(i64),
}

impl ChatOffice {
    /// Compares what a chat server presents, counted beforehand.
    async fn counted<T>(
        &self,
        connector: &str,
        address: ClientAddress,
        compare: impl FnOnce() -> Option<T> + Send,
    ) -> Result<Presented<T>, Unavailable>
    where
        T: Send,
    {
        let counted = self.accounts.count_connector_token(connector, address).await;
        let counted = match counted.map_err(unavailable)? {
            Ok(counted) => counted,
            Err(TooMany(seconds)) => return Ok(Presented::Wait(seconds)),
        };
        if let Some(right) = compare() {
            let back: UnitOfWork = counted.right().collect();
            self.store.apply(back).await.map_err(unavailable)?;
            Ok(Presented::Right(right))
        } else {
            counted.wrong(&self.store).await.map_err(unavailable)?;
            Ok(Presented::Wrong)
        }
    }
}

impl Office for ChatOffice {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn public_url(&self) -> String {
        self.public_url.as_str().to_owned()
    }

    fn has_agent(&self) -> bool {
        #[cfg(feature = "agent")]
        let has = self.agent.is_some();
        #[cfg(not(feature = "agent"))]
        let has = false;
        has
    }

    fn serving(&self, connector: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let from = Origin::new(String::new(), String::new(), format!("connector {connector}"));
        Box::pin(origin::serving(Arc::new(from), work))
    }

    fn admits<'a>(
        &'a self,
        connector: &'a str,
        address: ClientAddress,
        expected: &'a SecretSetting,
        presented: &'a str,
    ) -> BoxFuture<'a, Result<Admission, Unavailable>> {
        Box::pin(async move {
            // Hashes are compared in constant time.
            let right: HashedToken = PlainToken::presented(expected.reveal()).hashed();
            let compare = || right.matches(&PlainToken::presented(presented)).then_some(());
            Ok(match self.counted(connector, address, compare).await? {
                Presented::Right(()) => Admission::Right,
                Presented::Wrong => Admission::Wrong,
                Presented::Wait(seconds) => Admission::Wait(seconds),
            })
        })
    }

    fn connector_url(&self, connector: &str) -> String {
        self.public_url.at(&routes::CONNECTOR.replace("{connector}", connector))
    }

    fn nonce(&self) -> String {
        random_text(self.entropy.as_ref(), 12)
    }

    fn seal(&self, plain: &[u8]) -> String {
        self.master.seal(BUTTON, plain).as_str().to_owned()
    }

    fn open<'a>(
        &'a self,
        connector: &'a str,
        address: ClientAddress,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<Opened, Unavailable>> {
        Box::pin(async move {
            let sealed = Sealed::from_stored(sealed.to_owned());
            let open = || self.master.open(BUTTON, &sealed).ok().map(|plain| plain.to_vec());
            Ok(match self.counted(connector, address, open).await? {
                Presented::Right(plain) => Opened::Right(plain),
                Presented::Wrong => Opened::Wrong,
                Presented::Wait(seconds) => Opened::Wait(seconds),
            })
        })
    }

    fn claim<'a>(&'a self, post: &'a ChatPost) -> BoxFuture<'a, Result<bool, Unavailable>> {
        Box::pin(async move {
            match self.store.apply(ChatChange::Claim(post.clone())).await {
                Ok(()) => Ok(true),
                Err(StoreError::Refused(_)) => Ok(false),
                Err(error) => Err(unavailable(error)),
            }
        })
    }

    fn take_over<'a>(
        &'a self,
        connector: &'a str,
        before: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<ChatPost>, Unavailable>> {
        Box::pin(async move {
            let mut taken = Vec::new();
            let lost = self.store.unanswered_posts(connector, before).await.map_err(unavailable)?;
            for post in lost {
                let now = self.clock.now();
                match self.store.apply(ChatChange::TakeOver { post: post.clone(), now }).await {
                    Ok(()) => taken.push(post),
                    Err(StoreError::Refused(_)) => {}
                    Err(error) => return Err(unavailable(error)),
                }
            }
            Ok(taken)
        })
    }

    fn answered<'a>(
        &'a self,
        connector: &'a str,
        post: &'a str,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            let (connector, post) = (connector.to_owned(), post.to_owned());
            let answered = ChatChange::Answered { connector, post, at: self.clock.now() };
            self.store.apply(answered).await.map_err(unavailable)
        })
    }

    fn standing<'a>(
        &'a self,
        speaker: Speaker<'a>,
    ) -> BoxFuture<'a, Result<Standing, Unavailable>> {
        Box::pin(async move {
            if !self.within.is_enabled().await.map_err(unavailable)? {
                return Ok(Standing::Off);
            }
            let link = self.store.chat_link_of(speaker.server, speaker.account).await;
            let acting = match link.map_err(unavailable)? {
                Some(link) => {
                    self.within.acting(&link.grant_id, NAME).await.map_err(unavailable)?
                }
                None => None,
            };
            let Some(acting) = acting else {
                let new = NewChatLink {
                    server: speaker.server.to_owned(),
                    account: speaker.account.to_owned(),
                    name: foreign::line(speaker.name, 64).into_owned(),
                    scopes: speaker.scopes.to_owned(),
                    days: speaker.days,
                };
                let path =
                    routes::ACCOUNT_CHAT.replace("{secret}", &self.accounts.chat_link_secret(new));
                return Ok(Standing::Unlinked(self.public_url.at(&path), CHAT_LINK_SECONDS / 60));
            };
            if !self.rules.now().access.may_use_mattermost(acting.user()) {
                return Ok(Standing::Denied);
            }
            // A link lasts longer than the settings of the connector, and one of another connector
            // for the same chat server may be wider.
            let user = ChatUser {
                acting: acting.narrowed(&ScopeSet::parse_known(speaker.scopes)),
                gateway: self.gateway.clone(),
                #[cfg(feature = "agent")]
                agent: self.agent.clone(),
                #[cfg(feature = "agent")]
                connector: speaker.connector.to_owned(),
            };
            Ok(Standing::Linked(Arc::new(user)))
        })
    }
}

/// A user for whom the program acts in a chat.
struct ChatUser {
    acting: Caller,
    gateway: Gateway,
    #[cfg(feature = "agent")]
    agent: Option<Arc<crate::agent::AgentOffice>>,
    #[cfg(feature = "agent")]
    connector: String,
}

#[cfg(feature = "agent")]
impl ChatUser {
    /// The turn of this user in a place.
    fn turn<'a>(&'a self, place: AgentPlace<'a>) -> crate::chat_agent::ChatTurn<'a> {
        crate::chat_agent::ChatTurn { user: &self.acting, connector: &self.connector, place }
    }
}

fn outcome(CallText { text, failed, asked }: CallText) -> Outcome {
    let question = |AskedCall { question, state }: AskedCall| Question { text: question, state };
    Outcome { text, failed, asked: asked.map(question) }
}

impl Acting for ChatUser {
    fn name(&self) -> String {
        self.acting.user().name.to_string()
    }

    fn roles(&self) -> Vec<String> {
        self.acting.user().all_roles().map(Role::to_string).collect()
    }

    fn scopes(&self) -> String {
        self.acting.scopes()
    }

    fn tools(&self) -> BoxFuture<'_, Result<Vec<Tool>, Unavailable>> {
        Box::pin(async move {
            let told = |tool: doorward_mcp::ToolText| Tool {
                name: tool.name,
                title: tool.title,
                class: tool.class,
                description: tool.description,
                schema: tool.schema,
            };
            let tools = self.acting.tools().await;
            let tools = tools.map_err(unavailable)?;
            Ok(tools.into_iter().map(told).collect())
        })
    }

    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Map<String, Value>,
        may_ask: bool,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            outcome(if may_ask {
                self.acting.asking().call(tool, arguments).await
            } else {
                self.acting.call(tool, arguments).await
            })
        })
    }

    fn answer(&self, call: AnsweredCall) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let AnsweredCall { tool, arguments, state, agrees, .. } = call;
            outcome(self.acting.asking().answer(&tool, arguments, state, agrees).await)
        })
    }

    #[cfg(feature = "agent")]
    fn ask<'a>(
        &'a self,
        place: AgentPlace<'a>,
        question: &'a str,
    ) -> BoxFuture<'a, Option<AgentAnswer>> {
        Box::pin(async move {
            Some(self.agent.as_ref()?.answer_in_chat(&self.turn(place), question).await)
        })
    }

    #[cfg(feature = "agent")]
    fn go_on<'a>(
        &'a self,
        place: AgentPlace<'a>,
        call: AnsweredCall,
    ) -> BoxFuture<'a, Option<AgentAnswer>> {
        Box::pin(
            async move { Some(self.agent.as_ref()?.go_on_in_chat(&self.turn(place), call).await) },
        )
    }

    #[cfg(not(feature = "agent"))]
    fn ask<'a>(&'a self, _: AgentPlace<'a>, _: &'a str) -> BoxFuture<'a, Option<AgentAnswer>> {
        Box::pin(async move { None })
    }

    #[cfg(not(feature = "agent"))]
    fn go_on<'a>(
        &'a self,
        _: AgentPlace<'a>,
        _: AnsweredCall,
    ) -> BoxFuture<'a, Option<AgentAnswer>> {
        Box::pin(async move { None })
    }

    fn missing(&self) -> BoxFuture<'_, Result<Vec<Connection>, Unavailable>> {
        Box::pin(async move {
            let services = self.gateway.services(self.acting.user()).await.map_err(unavailable)?;
            let missing = services.into_iter().filter_map(|service| {
                let lacks = matches!(
                    service.state,
                    ConnectionState::NotConnected | ConnectionState::Expired
                );
                let url = service.connect_url.filter(|_| lacks)?;
                Some(Connection { title: service.title, url })
            });
            Ok(missing.collect())
        })
    }
}
