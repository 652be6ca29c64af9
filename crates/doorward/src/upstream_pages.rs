//! Introduces the gateway to the pages, which do not know it.

use std::sync::Arc;

use doorward_gateway::{
    ConnectError, ConnectionState, Decision, Departure, Gateway, ToolChangeError,
};
use doorward_mcp::Mcp;
use doorward_model::{Person, UpstreamName, UserId, foreign, upstream::PinnedTool};
use doorward_store::StoreError;
use doorward_transport::Params;
use doorward_web::{
    Answer, ChangedPart, Confirmation, NotConnected, Prospect, ReviewedTool, ReviewedUpstream,
    Service, ServiceState, ToolDecision, ToolSeen, Upstreams,
};

/// The gateway, as pages see it.
pub(crate) struct UpstreamPages {
    pub(crate) gateway: Gateway,
    pub(crate) mcp: Mcp,
}

fn not_connected(name: UpstreamName, error: ConnectError) -> NotConnected {
    use doorward_gateway::OAuthError;
    match error {
        ConnectError::Unknown | ConnectError::NotNeeded => NotConnected::Unknown,
        ConnectError::NotAwaited(why) => {
            tracing::warn!(upstream = %name, why, "nobody was connected");
            NotConnected::NotAwaited
        }
        ConnectError::Denied(why) => {
            tracing::info!(upstream = %name, why, "nobody was connected: the upstream or the person said no");
            NotConnected::Denied(why)
        }
        ConnectError::Failed(OAuthError::Store(error)) => NotConnected::Store(error),
        ConnectError::Failed(error) => {
            tracing::warn!(upstream = %name, %error, "nobody was connected");
            NotConnected::Failed(error.to_string())
        }
    }
}

/// Names a state of a tool, so that nothing else is decided on than was shown.
pub(crate) fn seen(pin: &PinnedTool) -> String {
    let text = format!(
        "{}\n{}\n{}",
        pin.state.as_str(),
        pin.definition,
        pin.changed.as_deref().unwrap_or_default()
    );
    doorward_model::PlainToken::presented(&text).hashed().as_str().to_owned()
}

/// The most characters of a tool's description, and of one side of a difference, that the page
/// shows.
const DESCRIPTION: usize = 400;
const DIFFERENCE: usize = 20_000;

/// A difference as the page shows it. Hidden characters are shown rather than dropped, since they
/// may be the difference; line breaks stay.
fn changed_part(one: &doorward_gateway::Difference) -> ChangedPart {
    let shown = |text: &str| {
        let lines: Vec<_> = text.lines().map(foreign::escaped).collect();
        let whole = lines.join("\n");
        let mut kept: String = whole.chars().take(DIFFERENCE).collect();
        if kept.len() < whole.len() {
            kept.push('…');
        }
        kept
    };
    ChangedPart { part: one.part.clone(), before: shown(&one.before), after: shown(&one.after) }
}

impl Upstreams for UpstreamPages {
    fn services<'a>(
        &'a self,
        person: &'a Arc<Person>,
    ) -> Answer<'a, Result<Vec<Service>, StoreError>> {
        Box::pin(async move {
            let services = self.gateway.services(person).await?;
            let upstreams = self.gateway.upstreams().await?;
            let service = |known: doorward_gateway::PersonsUpstream| Service {
                state: match known.state {
                    ConnectionState::Ready => ServiceState::Ready,
                    ConnectionState::NotConnected => ServiceState::NotConnected,
                    ConnectionState::Expired => ServiceState::Expired,
                    ConnectionState::Unreachable => ServiceState::Unreachable,
                },
                connectable: upstreams.iter().any(|upstream| {
                    upstream.name.as_str() == known.name && upstream.needs_connection()
                }),
                name: known.name,
                title: known.title,
                tools: known.tools,
                problem: known.problem,
                scopes: known.scopes,
                account: known.account,
                connected_at: known.connected_at,
            };
            Ok(services.into_iter().map(service).collect())
        })
    }

    fn prospect<'a>(
        &'a self,
        name: UpstreamName,
        person: &'a Person,
    ) -> Answer<'a, Result<Prospect, NotConnected>> {
        Box::pin(async move {
            let (host, scopes) = self
                .gateway
                .prospect(name, person)
                .await
                .map_err(|error| not_connected(name, error))?;
            let upstream = self
                .gateway
                .upstream(name)
                .await
                .map_err(NotConnected::Store)?
                .ok_or(NotConnected::Unknown)?;
            let connected =
                self.gateway.is_connected(name, person).await.map_err(NotConnected::Store)?;
            Ok(Prospect { title: upstream.title.clone(), host, scopes, connected })
        })
    }

    fn begin<'a>(
        &'a self,
        name: UpstreamName,
        person: &'a Person,
        browser: &'a str,
    ) -> Answer<'a, Result<String, NotConnected>> {
        Box::pin(async move {
            let url = self.gateway.begin_connect(name, Departure { person, browser }).await;
            url.map(|url| url.to_string()).map_err(|error| not_connected(name, error))
        })
    }

    fn finish<'a>(
        &'a self,
        name: UpstreamName,
        params: &'a Params,
        person: &'a Person,
        browser: &'a str,
    ) -> Answer<'a, Result<(), NotConnected>> {
        Box::pin(async move {
            self.gateway
                .finish_connect(name, params, Departure { person, browser })
                .await
                .map_err(|error| not_connected(name, error))
        })
    }

    fn disconnect<'a>(
        &'a self,
        name: UpstreamName,
        person: &'a Person,
    ) -> Answer<'a, Result<(), StoreError>> {
        Box::pin(self.gateway.disconnect(name, person))
    }

    fn confirmation<'a>(
        &'a self,
        user_id: &'a UserId,
        id: &'a str,
    ) -> Answer<'a, Result<Option<Confirmation>, StoreError>> {
        Box::pin(async move {
            let pending = self.mcp.pending_confirmation(user_id, id).await?;
            Ok(pending.map(|pending| Confirmation {
                code: self.mcp.confirmation_code(user_id, &pending),
                arguments: pending.shown_arguments(),
                title: pending.title,
                tool: pending.tool,
                client: pending.client,
            }))
        })
    }

    fn review(&self) -> Answer<'_, Result<Vec<ReviewedUpstream>, StoreError>> {
        Box::pin(async move {
            let mut reviewed = Vec::new();
            for upstream in self.gateway.all_upstreams().await? {
                let tools = self.gateway.review(upstream.name).await?;
                let tool = |tool: doorward_gateway::ReviewedTool| ReviewedTool {
                    name: tool.pin.tool.clone(),
                    shown_name: foreign::escaped(&tool.pin.tool).into_owned(),
                    state: tool.state(),
                    class: tool.class().as_str(),
                    description: foreign::line(&tool.description(), DESCRIPTION).into_owned(),
                    seen: seen(&tool.pin),
                    changes: tool.differences.iter().map(changed_part).collect(),
                    warnings: tool.warnings,
                };
                let left_out = self.gateway.left_out(upstream.name);
                let named = |list: &[(String, doorward_gateway::Why)]| {
                    list.iter().map(|(name, why)| (name.clone(), why.as_str())).collect()
                };
                reviewed.push(ReviewedUpstream {
                    name: upstream.name.to_string(),
                    title: upstream.title.clone(),
                    kind: upstream.kind.name,
                    auth: upstream.public_config().auth,
                    enabled: upstream.is_enabled(),
                    people: self.gateway.count_connections(upstream.name).await?,
                    tools: tools.into_iter().map(tool).collect(),
                    left_out: named(left_out.named()),
                    left_out_count: left_out.count(),
                    parts_left_out: named(left_out.parts()),
                    parts_left_out_count: left_out.count_parts(),
                });
            }
            Ok(reviewed)
        })
    }

    fn decide<'a>(
        &'a self,
        tool: ToolSeen<'a>,
        decision: ToolDecision,
        by: &'a Person,
    ) -> Answer<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let pin = match self.gateway.pinned(tool.upstream, tool.tool).await {
                Ok(pin) if seen(&pin) == tool.seen => pin,
                Ok(_) | Err(ToolChangeError::Unknown(_) | ToolChangeError::Changed) => {
                    return Ok(false);
                }
                Err(ToolChangeError::Store(error)) => return Err(error),
            };
            let decision = match decision {
                ToolDecision::Approve => Decision::Approve,
                ToolDecision::Reject => Decision::Reject,
                ToolDecision::Classify(class) => Decision::Classify(class),
            };
            match self.gateway.decide(&pin, decision, by.name.as_str()).await {
                Ok(()) => Ok(true),
                Err(ToolChangeError::Store(error)) => Err(error),
                Err(_) => Ok(false),
            }
        })
    }
}
