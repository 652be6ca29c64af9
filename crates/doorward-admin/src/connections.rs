//! The connections of services to upstreams. An administrator makes each in a browser; here they are
//! listed and ended.

use std::sync::Arc;

use doorward_gateway::Upstream;
use doorward_model::{Connection, Timestamp, UpstreamName, User, routes};

use crate::{Object, Refusal, Upstreams};

/// An upstream to which a service can be connected.
pub struct ServiceConnection {
    /// The upstream.
    pub upstream: Arc<Upstream>,
    /// The connection, unless the service has none.
    pub connection: Option<Connection>,
    /// The path of the page on which an administrator connects the service.
    pub page: String,
}

impl ServiceConnection {
    /// True if the service can use the upstream.
    pub fn works(&self, now: Timestamp) -> bool {
        let works = |held: &Connection| held.tokens.is_some() && now < held.ends_at;
        self.connection.as_ref().is_some_and(works)
    }
}

impl Upstreams {
    /// The upstreams to which a service can be connected, by name.
    pub async fn connections(&self, service: &User) -> Result<Vec<ServiceConnection>, Refusal> {
        let of_user = routes::ADMIN_USER_CONNECT.replace("{user}", service.id.as_str());
        let all = self.gateway.connections_of(service).await?;
        let shown = |(upstream, connection): (Arc<Upstream>, Option<Connection>)| {
            let page = routes::of_upstream(&of_user, upstream.name);
            ServiceConnection { upstream, connection, page }
        };
        Ok(all.into_iter().map(shown).collect())
    }

    /// Ends the connection of a service to an upstream.
    pub async fn disconnect(&self, service: &User, name: &str) -> Result<(), Refusal> {
        let missing = || Refusal::missing(Object::Connection, name);
        let upstream = UpstreamName::parse(name).map_err(|_| missing())?;
        let all = self.gateway.connections_of(service).await?;
        let is_this = |(one, connection): &(Arc<Upstream>, Option<Connection>)| {
            one.name == upstream && connection.is_some()
        };
        if !all.iter().any(is_this) {
            return Err(missing());
        }
        Ok(self.gateway.disconnect(upstream, service).await?)
    }
}
