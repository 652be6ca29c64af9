//! The tools that the user of an access token may use, for applications that ask before they begin.

use std::sync::Arc;

use axum::response::Response;
use doorward_model::{Reason, ToolClass, UpstreamName};
use doorward_store::{StoreError, origin};

use crate::{
    BearerRefusal, Caller, Calling, Channel, ClientFacts, InboundRequest, Mcp, Surface, Target,
    Verdict, challenge::switched_off, guard, item::Judged,
};

/// A tool that a user may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsableTool {
    /// Its name at the URL of all upstreams.
    pub name: String,
    /// Its title.
    pub title: Option<String>,
    /// The upstream that it belongs to; `None` for built-in tools.
    pub upstream: Option<UpstreamName>,
    /// Its class.
    pub class: ToolClass,
    /// The user confirms each call.
    pub confirmed: bool,
    /// The scope that it needs, if the token lacks it.
    pub lacks: Option<String>,
}

impl Mcp {
    /// The caller of a request of an application about its user. The token is one for the URL of
    /// all upstreams, and the request is refused as one there is.
    ///
    /// # Errors
    ///
    /// The response of the refusal.
    pub async fn application(&self, calling: Calling<'_>) -> Result<Arc<Caller>, Box<Response>> {
        match self.is_enabled().await {
            Ok(true) => {}
            Ok(false) => return Err(Box::new(self.noted(Reason::SwitchedOff, switched_off()))),
            Err(error) => return Err(Box::new(self.refuse(Target::All, &error.into()))),
        }
        if let Some(refusal) = guard::from_elsewhere(self, calling.uri, calling.headers) {
            return Err(Box::new(refusal));
        }
        match self.authenticate(Target::All, calling).await {
            Ok(caller) if caller.agent.is_some() => {
                let why = "the agent's token is for calls alone".to_owned();
                let refusal = BearerRefusal::Invalid { why, reason: Reason::TokenAudience };
                Err(Box::new(self.refuse(Target::All, &refusal)))
            }
            Ok(caller) => {
                origin::acting(caller.actor());
                Ok(caller)
            }
            Err(refusal) => Err(Box::new(self.refuse(Target::All, &refusal))),
        }
    }

    /// The tools that roles and rules allow the user of this caller, with the scopes that the token
    /// lacks for them, in the order of their names.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn usable(&self, caller: &Arc<Caller>) -> Result<Vec<UsableTool>, StoreError> {
        let inbound = InboundRequest {
            caller: Arc::clone(caller),
            target: Target::All,
            surface: Surface::Direct,
            previews: false,
            client: Arc::new(ClientFacts::default()),
            registered_name: caller.program().to_string().into(),
            session: None,
            channel: Channel::none(),
            origin: origin::current(),
        };
        let tools = self.allowed_tools(&inbound).await?;
        let usable = tools.iter().map(|spec| {
            let facts = spec.facts();
            let lacks = !caller.scopes.allows(facts.scope);
            UsableTool {
                name: spec.listed_as.clone(),
                title: spec.tool.title.clone(),
                upstream: facts.upstream,
                class: facts.class,
                confirmed: self.inner.judge.judge(&inbound, &facts) == Verdict::Confirm,
                lacks: lacks.then(|| facts.scope.name().into_owned()),
            }
        });
        Ok(usable.collect())
    }
}
