//! The state of upstreams: for one user, and for an operator.

use std::{fmt, sync::Arc, time::Duration};

use doorward_mcp::{Change, Changed};
use doorward_model::{Connection, Timestamp, UpstreamName, User, upstream::ConnectionProblem};
use doorward_store::StoreError;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::{
    Gateway, ReviewState, ReviewedTool,
    catalogues::CatalogueUse,
    finding::{CheckSubject, Finding},
    left_out::counted,
    link_error::LinkError,
    upstream::Shared,
};

/// The largest answer that is read to see that there is one, and the time for it.
const MOST_ANSWER: usize = 256 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// The state of a user's connection to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// It works.
    Ready,
    /// The user has to connect with an account of their own.
    NotConnected,
    /// The user was connected and has to connect again.
    Expired,
    /// It cannot be reached.
    Unreachable,
}

/// One upstream as a user sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UserUpstream {
    /// Its name, before the names of its tools.
    pub name: String,
    /// Its display name.
    pub title: String,
    /// The state of the user's connection.
    pub state: ConnectionState,
    /// Number of its tools that the user may see.
    pub tools: usize,
    /// The reason for which it cannot be used, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub problem: Option<Problem>,
    /// The URL at which the user connects, if needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_url: Option<String>,
    /// The scopes that the user gave at the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// The account at the upstream, as far as its authorization server named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The time at which the user connected, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_at: Option<i64>,
    /// The time at which the user has to connect again, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<i64>,
}

/// A reason for which a user cannot use an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The user's connection ended.
    Connection(ConnectionProblem),
    /// The upstream cannot be reached. Holds the error.
    Unreachable(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(problem) => problem.fmt(formatter),
            Self::Unreachable(reported) => formatter.write_str(reported),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Gateway {
    /// All upstreams as this user sees them, by name. It waits for those that do not respond.
    pub async fn services(&self, user: &Arc<User>) -> Result<Vec<UserUpstream>, StoreError> {
        self.services_for(user, CatalogueUse::Call).await
    }

    /// The same as far as it is known at this moment: one that does not respond delays nothing.
    pub async fn known_services(&self, user: &Arc<User>) -> Result<Vec<UserUpstream>, StoreError> {
        self.services_for(user, CatalogueUse::List).await
    }

    async fn services_for(
        &self,
        user: &Arc<User>,
        purpose: CatalogueUse,
    ) -> Result<Vec<UserUpstream>, StoreError> {
        let upstreams: Vec<Shared> =
            self.upstreams().await?.into_iter().filter(|upstream| upstream.is_for(user)).collect();
        let catalogue_states = futures_util::future::try_join_all(
            upstreams.iter().map(|upstream| self.inner.catalogue(upstream, user, purpose)),
        )
        .await?;
        let connections = self.inner.services.store.connections_of(&user.id).await?;
        let now = self.inner.services.clock.now();
        let mut services = Vec::new();
        for (upstream, catalogue_state) in upstreams.iter().zip(catalogue_states) {
            let connection = connections
                .iter()
                .find(|connection| connection.upstream == upstream.name)
                .filter(|_| upstream.needs_connection())
                .cloned();
            let connection = self.inner.fitting(upstream, connection).await?;
            let connection = connection.as_ref();
            let lost = connection
                .is_some_and(|connection| connection.tokens.is_none() || now >= connection.ends_at);
            let state = match (&catalogue_state.problem, &catalogue_state.catalogue) {
                _ if upstream.needs_connection() && connection.is_none() => {
                    ConnectionState::NotConnected
                }
                _ if lost => ConnectionState::Expired,
                (Some(LinkError::Connect | LinkError::MoreScope), None)
                    if upstream.needs_connection() =>
                {
                    ConnectionState::Expired
                }
                (Some(_), None) => ConnectionState::Unreachable,
                _ => ConnectionState::Ready,
            };
            let needs = matches!(state, ConnectionState::NotConnected | ConnectionState::Expired);
            let told = catalogue_state
                .problem
                .as_ref()
                .filter(|_| state == ConnectionState::Unreachable)
                .map(|problem| Problem::Unreachable(problem.to_string()));
            services.push(UserUpstream {
                name: upstream.name.to_string(),
                title: upstream.title.clone(),
                state,
                tools: catalogue_state
                    .catalogue
                    .as_ref()
                    .map_or(0, |catalogue| catalogue.tools.len()),
                problem: connection
                    .and_then(|connection| connection.problem)
                    .map(Problem::Connection)
                    .or(told),
                connect_url: needs.then(|| self.connect_url(upstream)),
                scopes: connection
                    .filter(|connection| !connection.scopes.is_empty())
                    .map(|connection| connection.scopes.clone()),
                account: connection.and_then(|connection| connection.account.clone()),
                connected_at: connection.map(|connection| connection.created_at.0),
                ends_at: connection.map(|connection| connection.ends_at.0),
            });
        }
        Ok(services)
    }

    /// The upstreams to which a service can be connected, each with its connection, without a
    /// request to them.
    pub async fn connections_of(
        &self,
        service: &User,
    ) -> Result<Vec<(Shared, Option<Connection>)>, StoreError> {
        let mut all = Vec::new();
        for upstream in self.upstreams().await? {
            if upstream.needs_connection() && upstream.is_for(service) {
                let connection = self.inner.connection(&service.id, &upstream).await?;
                all.push((upstream, connection));
            }
        }
        Ok(all)
    }

    /// Asks an upstream for any answer, without access of a user: a refusal is one. Open
    /// connections and stored lists do not show that it answers now.
    pub async fn reach(&self, upstream: &Shared) -> Result<(), String> {
        let Some(url) = &upstream.url else { return Ok(()) };
        let request = upstream.kind.driver.ping(url).map_err(|error| error.to_string())?;
        let answer = upstream.outbound.send_within(request, MOST_ANSWER, ANSWER_WITHIN).await;
        let status = answer.map_err(|error| error.to_string())?.status;
        // Every other status shows that it answers.
        if status >= 500 { Err(format!("it returned {status}")) } else { Ok(()) }
    }

    /// Forgets the lists of an upstream; the next request lists them again.
    pub async fn forget_lists(&self, name: UpstreamName) {
        self.inner.pool.close_for(name, None);
        self.inner.catalogues.forget(name, None);
        self.inner.services.changes.tell(Change {
            upstream: Some(name),
            user: None,
            what: Changed::Tools,
        });
    }

    /// Tests an upstream as far as possible without its users: working parts, and problems in
    /// words.
    pub async fn test(&self, upstream: &Shared, user: Option<&Arc<User>>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if upstream.has_authorization_server() {
            findings.extend(self.try_authorization_server(upstream).await);
        }
        findings.extend(upstream.kind.driver.test(self, upstream, user).await);
        findings
    }

    /// Tries to list an upstream's offers for a user.
    pub(crate) async fn try_list(&self, upstream: &Shared, user: &Arc<User>) -> Vec<Finding> {
        let known = self.inner.catalogue(upstream, user, CatalogueUse::Call).await;
        let catalogue_state = match known {
            Ok(known) => known,
            Err(error) => return vec![Finding::bad(CheckSubject::Tools, error.to_string())],
        };
        let listed = match (&catalogue_state.catalogue, &catalogue_state.problem) {
            (Some(catalogue), _) => Ok(format!(
                "{}, {}, {}",
                counted(catalogue.tools.len(), "tool"),
                counted(catalogue.prompts.len(), "prompt"),
                counted(catalogue.resources.len(), "resource")
            )),
            (None, Some(problem)) => Err(problem.to_string()),
            (None, None) => Err("nothing was listed yet".to_owned()),
        };
        let mut findings = vec![Finding { subject: CheckSubject::Tools, result: listed }];
        let mut left_out =
            catalogue_state.catalogue.map(|all| all.left_out.clone()).unwrap_or_default();
        // Of tools with omissions, and of past calls, nothing is wrong now.
        let is_wrong = left_out.count() > 0;
        match self.noted(upstream).await {
            Ok(noted) => left_out.join(noted),
            Err(error) => {
                findings.push(Finding::bad(CheckSubject::LeftOut, error.to_string()));
            }
        }
        if !left_out.is_empty() {
            let told = left_out.to_string();
            let result = if is_wrong { Err(told) } else { Ok(told) };
            findings.push(Finding { subject: CheckSubject::LeftOut, result });
        }
        match self.review(upstream.name).await {
            Ok(reviewed) => {
                let waits = |tool: &&ReviewedTool| tool.state() != ReviewState::Approved;
                let waiting = reviewed.iter().filter(waits).count();
                if waiting > 0 {
                    findings.push(Finding::bad(
                        CheckSubject::Approval,
                        format!(
                            "{} to be approved by an administrator: doorward upstream tools {} \
                             --waiting",
                            counted(waiting, "tool"),
                            upstream.name
                        ),
                    ));
                }
            }
            Err(error) => findings.push(Finding::bad(CheckSubject::Approval, error.to_string())),
        }
        findings
    }

    /// The user for the test of an upstream that does not distinguish users.
    pub(crate) fn test_user(&self) -> Arc<User> {
        Arc::new(test_user(self.inner.services.clock.now()))
    }
}

/// A user of no account.
fn test_user(now: Timestamp) -> User {
    User {
        id: doorward_model::UserId::from_text("u_test"),
        name: doorward_model::UserName::from_stored("test".to_owned()),
        email: None,
        email_by: None,
        display_name: None,
        password: None,
        password_temporary: false,
        roles: Vec::new(),
        provider_roles: Vec::new(),
        group_roles: Vec::new(),
        created_at: now,
        disabled_at: None,
        links_after: None,
    }
}
