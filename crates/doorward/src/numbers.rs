//! Requests that reach a server at `localhost` by one of its IP addresses, 127.0.0.1 or ::1:
//! clients that were configured with the IP address continue to work, and browsers are redirected
//! to the one origin of forms, cookies and passkeys.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, header},
    response::{IntoResponse, Redirect, Response},
};
use doorward_model::{PublicUrl, routes};
use doorward_transport::host::Numbers;

use crate::programs::is_for_programs;

/// Redirects browsers to the public URL, and uses the IP address in the URL of the resource's
/// metadata for clients: they compare it with the URL that they use (RFC 9728 §3.3).
pub(crate) async fn answer<F: Future<Output = Response>>(
    numbers: &Numbers,
    public_url: &PublicUrl,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let Some(reached) = numbers.of(request.uri(), request.headers()) else {
        return next(request).await;
    };
    if let Some(page) = page(public_url, &request) {
        return Redirect::temporary(&page).into_response();
    }
    request.extensions_mut().insert(reached.clone());
    let mut response = next(request).await;
    rename(response.headers_mut(), public_url, &reached.0);
    response
}

/// The place of a page under the public URL. Forms are not redirected: no page of this server has
/// one for another origin.
fn page(public_url: &PublicUrl, request: &Request) -> Option<String> {
    let path = request.uri().path();
    let is_probe = [routes::HEALTHZ, routes::READYZ].iter().any(|probe| path.ends_with(probe));
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads || is_probe || is_for_programs(path) {
        return None;
    }
    let path_and_query = request.uri().path_and_query()?;
    Some(format!("{}{path_and_query}", public_url.origin()))
}

fn rename(headers: &mut HeaderMap, public_url: &PublicUrl, reached: &PublicUrl) {
    for name in [header::WWW_AUTHENTICATE, header::LINK] {
        let renamed = headers
            .get(&name)
            .and_then(|value| value.to_str().ok())
            .map(|value| value.replace(&public_url.origin(), &reached.origin()));
        if let Some(value) = renamed.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
}
