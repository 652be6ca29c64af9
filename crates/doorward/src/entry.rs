//! Limits at every entry point that callers reach before authentication: one layer around all
//! routes, and a table with the bound of each route. A route that is not in the table is limited.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use doorward_model::{OAuthErrorCode, PublicUrl, routes};
use doorward_transport::{
    ClientAddress, ServerConfig,
    allowance::{Allowances, Rate},
    answer,
};
use doorward_web::Web;

use crate::programs::is_for_programs;

/// The bound of the callers of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Nothing: the response is the same for all callers and comes from memory, so that refusing
    /// would cost as much.
    Open,
    /// Every request that is refused (4xx) counts.
    Refusals,
    /// A token proves the caller; requests without a valid one (401) count.
    Bearer,
}

/// The routes of which the answers are the same for all callers.
const OPEN: &[&str] = &[
    routes::AUTHORIZATION_SERVER_METADATA,
    routes::OPENID_CONFIGURATION,
    routes::PROTECTED_RESOURCE_METADATA,
    routes::CONNECT_CLIENT,
    routes::JWKS,
    routes::API_OPENAPI,
    routes::ASSETS,
    routes::HEALTHZ,
    routes::READYZ,
];
/// The routes behind which a token is checked before anything else.
const BEARER: &[&str] = &[
    routes::MCP,
    routes::MCP_UPSTREAM,
    routes::MCP_TOOLSET,
    routes::MCP_KEY,
    routes::MCP_KEY_UPSTREAM,
    routes::MCP_KEY_TOOLSET,
    routes::MCP_SSE,
    routes::MCP_MESSAGES,
    routes::API_AVAILABLE,
    routes::AUTH_CHECK,
    routes::AUTH_CHECK_PATH,
];

/// The bound of the callers of a route, by its name in the router, without the public URL's path.
pub(crate) fn bound(route: &str) -> Bound {
    let is_metadata = [
        routes::AUTHORIZATION_SERVER_METADATA,
        routes::OPENID_CONFIGURATION,
        routes::PROTECTED_RESOURCE_METADATA,
    ]
    .iter()
    .any(|document| route.starts_with(document) || route.ends_with(document));
    if is_metadata || OPEN.contains(&route) {
        Bound::Open
    } else if BEARER.contains(&route)
        || route
            .strip_prefix(routes::API_ADMIN)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    {
        Bound::Bearer
    } else {
        Bound::Refusals
    }
}

/// The limits of callers, and the pages about them.
pub(crate) struct Entries {
    refusals: Arc<Allowances>,
    bearer: Arc<Allowances>,
    /// The path of the public URL, below which the routes are.
    base: String,
    web: Web,
}

impl Entries {
    pub(crate) fn new(config: &ServerConfig, public_url: &PublicUrl, web: Web) -> Self {
        let rate = Rate {
            burst: config.refused_burst_per_address.max(1),
            per_minute: config.refused_per_minute_per_address.max(1),
        };
        let times = |factor: u32| Rate {
            burst: rate.burst.saturating_mul(factor),
            per_minute: rate.per_minute.saturating_mul(factor),
        };
        let client =
            Rate { burst: rate.burst.div_ceil(3), per_minute: rate.per_minute.div_ceil(3) };
        Self {
            refusals: Allowances::new(rate, client),
            bearer: Allowances::new(times(10), client),
            base: public_url.path().to_owned(),
            web,
        }
    }

    /// Takes one of the caller's allowance before anything is done, and gives it back unless the
    /// request was refused.
    pub(crate) async fn limit<F: Future<Output = Response>>(
        &self,
        mut request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> Response {
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let bound = bound(route.strip_prefix(self.base.as_str()).unwrap_or(route));
        let allowances = match bound {
            Bound::Open => return next(request).await,
            Bound::Refusals => &self.refusals,
            Bound::Bearer => &self.bearer,
        };
        let Some(address) = request.extensions().get::<ClientAddress>().copied() else {
            return next(request).await;
        };
        let Some(taken) = allowances.take(address) else {
            return self.busy(request.uri(), request.headers(), address).await;
        };
        if bound == Bound::Refusals {
            if let Some(client) = client_in_query(&request)
                && !taken.for_client(client)
            {
                return self.busy(request.uri(), request.headers(), address).await;
            }
            request.extensions_mut().insert(taken.clone());
        }
        let response = next(request).await;
        let refused = match bound {
            Bound::Bearer => response.status() == StatusCode::UNAUTHORIZED,
            Bound::Open | Bound::Refusals => response.status().is_client_error(),
        };
        if !refused {
            taken.give_back();
        }
        response
    }

    async fn busy(&self, uri: &Uri, headers: &HeaderMap, address: ClientAddress) -> Response {
        tracing::debug!(address = %address.0, "a request was refused: too many requests from this IP \
        address were refused before");
        let response = if is_for_programs(uri.path()) {
            let told = "too many requests from this IP address were refused; try again in a minute";
            answer::oauth_error(
                StatusCode::TOO_MANY_REQUESTS,
                OAuthErrorCode::TemporarilyUnavailable,
                told,
            )
        } else {
            doorward_web::too_many(&self.web, headers).await
        };
        answer::retry_after(response, 60)
    }
}

/// The client that an authorization request names, as it is spelled in the request: it is compared
/// with itself only.
fn client_in_query(request: &Request) -> Option<&str> {
    request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix("client_id="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_limited_unless_the_table_says_why_not() {
        for (route, _) in routes::ALL {
            let expected = if OPEN.contains(route) {
                Bound::Open
            } else if BEARER.contains(route) || route.starts_with(routes::API_ADMIN) {
                Bound::Bearer
            } else {
                Bound::Refusals
            };
            assert_eq!(bound(route), expected, "{route}");
        }
        assert_eq!(bound("/oauth/authorize"), Bound::Refusals);
        assert_eq!(bound(""), Bound::Refusals, "a path without a route");
        assert_eq!(bound("/some/new/route"), Bound::Refusals);
        assert_eq!(bound("/api/administrative"), Bound::Refusals);
        assert_eq!(
            bound(&format!("{}/mcp/{{upstream}}", routes::AUTHORIZATION_SERVER_METADATA)),
            Bound::Open
        );
    }
}
