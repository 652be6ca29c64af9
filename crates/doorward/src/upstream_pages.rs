//! Connects the gateway to the pages, which do not depend on it.

use std::sync::Arc;

use doorward_gateway::{
    ConnectError, ConnectingUser, ConnectionState, Gateway, KnownTools, Problem,
};
use doorward_language::{connection_problem, text};
use doorward_mcp::{Mcp, Subject};
use doorward_model::{ClientId, Program, ToolsetName, UpstreamName, User, UserId};
use doorward_store::StoreError;
use doorward_transport::Params;
use doorward_web::{
    Answer, Confirmation, ConnectingBrowser, NotConnected, PendingConnection, Service,
    ServiceState, ServiceTools, Upstreams,
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
            tracing::warn!(upstream = %name, why, "an upstream was not connected");
            NotConnected::NotAwaited
        }
        ConnectError::Grown => {
            tracing::info!(upstream = %name, "the connect page is shown again: the upstream asks for more than it showed");
            NotConnected::Grown
        }
        ConnectError::Denied(why) => {
            tracing::info!(upstream = %name, why, "an upstream was not connected: the upstream or \
                the user refused");
            NotConnected::Denied(why)
        }
        ConnectError::Failed(OAuthError::Store(error)) => NotConnected::Store(error),
        ConnectError::Failed(error) => {
            tracing::warn!(upstream = %name, %error, "an upstream was not connected");
            NotConnected::Failed(error.to_string())
        }
    }
}

impl Upstreams for UpstreamPages {
    fn services<'a>(&'a self, user: &'a Arc<User>) -> Answer<'a, Result<Vec<Service>, StoreError>> {
        Box::pin(async move {
            let services = self.gateway.services(user).await?;
            let upstreams = self.gateway.upstreams().await?;
            let service = |known: doorward_gateway::UserUpstream| Service {
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
                problem: known.problem.map(|problem| match problem {
                    Problem::Connection(problem) => connection_problem(problem),
                    Problem::Unreachable(reported) => text::account_problem_other(reported),
                }),
                scopes: known.scopes,
                account: known.account,
                connected_at: known.connected_at,
            };
            Ok(services.into_iter().map(service).collect())
        })
    }

    fn tools<'a>(
        &'a self,
        user: &'a Arc<User>,
        client: &'a ClientId,
        toolset: Option<ToolsetName>,
    ) -> Answer<'a, Result<Vec<ServiceTools>, StoreError>> {
        Box::pin(async move {
            let subject = Subject { user, program: Program::Client(client), toolset };
            let service = |KnownTools { title, tools }: KnownTools| {
                let tools = self.mcp.permitted(subject, tools);
                let tools = tools.iter().map(|spec| (spec.class, spec.scope)).collect();
                ServiceTools { title, tools }
            };
            Ok(self.gateway.known_tools(user).await?.into_iter().map(service).collect())
        })
    }

    fn prospect<'a>(
        &'a self,
        name: UpstreamName,
        user: &'a User,
    ) -> Answer<'a, Result<PendingConnection, NotConnected>> {
        Box::pin(async move {
            let prospect = self
                .gateway
                .prospect(name, user)
                .await
                .map_err(|error| not_connected(name, error))?;
            let upstream = self
                .gateway
                .upstream(name)
                .await
                .map_err(NotConnected::Store)?
                .ok_or(NotConnected::Unknown)?;
            let connected =
                self.gateway.is_connected(&upstream, user).await.map_err(NotConnected::Store)?;
            Ok(PendingConnection {
                title: upstream.title.clone(),
                host: prospect.host,
                scopes: prospect.scopes,
                new_scopes: prospect.new_scopes,
                connected,
            })
        })
    }

    fn begin<'a>(
        &'a self,
        name: UpstreamName,
        user: &'a User,
        from: ConnectingBrowser<'a>,
    ) -> Answer<'a, Result<String, NotConnected>> {
        Box::pin(async move {
            let departure = ConnectingUser { user, browser: from.browser, by: from.by };
            let url = self.gateway.begin_connect(name, departure, from.shown).await;
            url.map(|url| url.to_string()).map_err(|error| not_connected(name, error))
        })
    }

    fn finish<'a>(
        &'a self,
        name: UpstreamName,
        params: &'a Params,
        user: &'a User,
        browser: &'a str,
    ) -> Answer<'a, Result<UserId, NotConnected>> {
        Box::pin(async move {
            self.gateway
                .finish_connect(name, params, ConnectingUser { user, browser, by: None })
                .await
                .map_err(|error| not_connected(name, error))
        })
    }

    fn disconnect<'a>(
        &'a self,
        name: UpstreamName,
        user: &'a User,
    ) -> Answer<'a, Result<(), StoreError>> {
        Box::pin(self.gateway.disconnect(name, user))
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
}
