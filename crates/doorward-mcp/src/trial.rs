//! Trials of a tool in the console: an administrator calls it with their own rights, on the route of
//! every other call. Roles, rules, confirmation, limits and audit are those of a client.

use std::{sync::Arc, time::Duration};

use doorward_model::{ClientId, Session, UpstreamName, User};
use doorward_store::{StoreError, origin};
use rmcp::{
    RoleServer,
    model::{CallToolRequestParams, RequestId},
    service::RequestContext,
};
use serde_json::{Map, Value};

use crate::{
    Caller, Channel, ClientFacts, InboundRequest, Mcp, Principal, Surface, Target,
    in_place::InPlace,
    within::{CallWithin, ReadResult},
};

/// The identifier of the console among clients, in rules and in the audit.
pub const CONSOLE: &str = "doorward-console";
/// Its name in questions to the user.
const NAME: &str = "Doorward console";
/// For how many seconds a page waits for a result.
const PATIENCE: u64 = 60;

/// The console in the browser of a user.
#[derive(Debug)]
pub struct ConsoleSession {
    /// The identifier of the console among clients.
    pub(crate) client_id: ClientId,
    /// The session of the browser.
    pub(crate) session: Arc<Session>,
}

/// The call of a trial.
#[derive(Debug)]
pub struct TrialCall {
    /// The upstream.
    pub upstream: UpstreamName,
    /// The name of the tool there.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
}

/// The outcome of a trial, as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial {
    /// The result of the tool.
    Result(Box<ReadResult>),
    /// The user must confirm the call first: the text for the client.
    Unconfirmed(Box<ReadResult>),
    /// The tool requires input that a page cannot give.
    RequiresInput,
    /// The call was refused or failed: the text for the client.
    Refused(String),
    /// The MCP server is switched off.
    Off,
}

impl Mcp {
    /// Calls a tool of an upstream for the user of a browser session. The call goes on if the
    /// caller is dropped.
    pub async fn try_tool(
        &self,
        user: Arc<User>,
        session: Arc<Session>,
        call: TrialCall,
    ) -> Result<Trial, StoreError> {
        if !self.is_enabled().await? {
            return Ok(Trial::Off);
        }
        let scopes = {
            let rules = self.inner.settings.rules.now();
            let held = rules.access.scopes_of(&user);
            rules.access.effective(&held, &user, &session.authentication)
        };
        let client_id = ClientId::from_text(CONSOLE.to_owned());
        let expires_at = session.ends_at.0;
        let principal = Principal::Console(Arc::new(ConsoleSession { client_id, session }));
        let inbound = InboundRequest {
            caller: Arc::new(Caller { principal, agent: None, scopes, user, expires_at }),
            target: Target::One(call.upstream),
            surface: Surface::Direct,
            previews: false,
            client: Arc::new(ClientFacts {
                name: NAME.to_owned(),
                modern: true,
                ..ClientFacts::default()
            }),
            registered_name: NAME.into(),
            session: None,
            channel: Channel::none(),
            origin: origin::current(),
        };
        let params = CallToolRequestParams::new(call.tool).with_arguments(call.arguments);
        let Some(context) = InPlace::new(self.clone()).context(RequestId::Number(0)) else {
            return Ok(Trial::Refused("the server cannot respond to this".to_owned()));
        };
        Ok(self.carried_out(inbound, params, context).await)
    }

    /// Performs the call in a task of its own, which ends when the page no longer waits.
    async fn carried_out(
        &self,
        inbound: InboundRequest,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Trial {
        let (mcp, cancel) = (self.clone(), context.ct.clone());
        let call = tokio::spawn(async move { mcp.call_within(inbound, params, &context).await });
        let late = || Trial::Refused(format!("the tool did not respond within {PATIENCE} s"));
        let Ok(ended) = tokio::time::timeout(Duration::from_secs(PATIENCE), call).await else {
            cancel.cancel();
            return late();
        };
        match ended {
            Ok(CallWithin::Result(result)) => Trial::Result(result),
            Ok(CallWithin::Unconfirmed(told)) => Trial::Unconfirmed(told),
            Ok(CallWithin::RequiresInput | CallWithin::Asked(_)) => Trial::RequiresInput,
            Ok(CallWithin::Refused(why)) => Trial::Refused(why),
            Err(error) => {
                tracing::error!(%error, "a trial ended without a response");
                Trial::Refused("the server cannot respond to this".to_owned())
            }
        }
    }
}
