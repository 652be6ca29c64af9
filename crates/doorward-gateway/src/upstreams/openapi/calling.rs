//! Calls of a REST API.

use std::{sync::Arc, time::Duration};

use doorward_mcp::{ToolCall, ToolError};
use doorward_model::foreign;
use doorward_transport::{oauth::Challenge, outbound::Fetched};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rmcp::model::{CallToolResponse, ContentBlock};
use serde_json::{Map, Value};
use url::Url;

use super::{answer, operation::Operation};
use crate::{
    Gateway,
    access::{Credential, LinkAuth, NoToken},
    link_error::WORDS,
    upstream::{Auth, Receiver, Shared},
};

/// Maximum time of one request where nothing shorter is configured.
const WITHIN: Duration = Duration::from_mins(5);
/// Maximum number of bytes of an answer where nothing shorter is configured.
const MOST_ANSWER: usize = 8 * 1024 * 1024;

/// A call that may be sent more than once.
struct Sending<'c> {
    upstream: &'c Shared,
    operation: &'c Operation,
    arguments: Map<String, Value>,
}

impl Sending<'_> {
    fn most(&self) -> usize {
        match self.upstream.config.result_bytes {
            0 => MOST_ANSWER,
            most => most,
        }
    }

    fn unavailable(&self, why: &dyn std::fmt::Display) -> ToolError {
        ToolError::Failed(format!("{} cannot be called: {why}", self.upstream.title))
    }

    /// Sends the request with a token; once more where the API wants a nonce in the proof (RFC 9449
    /// §9).
    async fn send(
        &self,
        auth: &LinkAuth,
        token: Option<&Credential>,
    ) -> Result<Fetched, ToolError> {
        let answer = self.send_once(auth, token).await?;
        let url = self.operation.base();
        let wants_nonce = token.is_some_and(|token| {
            token.wants_nonce(&auth.gateway, url, answer.status, &answer.headers)
        });
        if !wants_nonce {
            return Ok(answer);
        }
        let again = self.send_once(auth, token).await?;
        let wants_another = token.is_some_and(|token| {
            token.wants_nonce(&auth.gateway, url, again.status, &again.headers)
        });
        if wants_another {
            // The token is not at fault: another one would be refused in the same way.
            return Err(self.unavailable(&"it wants another nonce in each proof"));
        }
        Ok(again)
    }

    async fn send_once(
        &self,
        auth: &LinkAuth,
        token: Option<&Credential>,
    ) -> Result<Fetched, ToolError> {
        let upstream = self.upstream;
        let mut request = self.operation.request(&self.arguments)?;
        if let Auth::Fixed(name, value) = &upstream.auth {
            fixed(request.headers_mut(), name, value);
        }
        if let Some(token) = token {
            let failed = |why: String| ToolError::Failed(why);
            let url = Url::parse(&request.uri().to_string());
            let url = url.map_err(|error| failed(error.to_string()))?;
            let method = request.method().clone();
            token.authorize(&auth.gateway, &method, &url, request.headers_mut()).map_err(failed)?;
        }
        let within = match upstream.config.call_seconds {
            0 => WITHIN,
            seconds => Duration::from_secs(seconds),
        };
        let (outbound, most) = (&upstream.outbound, self.most());
        let answer = if token.is_some_and(Credential::is_bound) {
            // A proof is for one URL: a redirect is an answer.
            outbound.send_within(request, most, within).await
        } else {
            let sent = outbound.send_within_origin(request, most, within).await;
            sent.map(|located| located.fetched)
        };
        answer.map_err(|error| {
            ToolError::Failed(format!("{} could not be reached: {error}", upstream.title))
        })
    }

    async fn result(&self, answer: Fetched) -> Result<CallToolResponse, ToolError> {
        let at = self.operation.called(&self.arguments)?;
        Ok(answer::result(answer, at, self.most()).await.into())
    }
}

/// Sets the header that authorises. Cookies of the call stay beside it, except one that it sets.
fn fixed(headers: &mut HeaderMap, name: &HeaderName, value: &HeaderValue) {
    let said = headers.get(header::COOKIE).cloned();
    headers.insert(name.clone(), value.clone());
    let (Some(said), true) = (said, *name == header::COOKIE) else { return };
    let (Ok(own), Ok(said)) = (value.to_str(), said.to_str()) else { return };
    let named = |cookie: &str| cookie.split('=').next().unwrap_or_default().trim().to_owned();
    let set: Vec<String> = own.split(';').map(named).collect();
    let more = said.split("; ").filter(|cookie| !set.contains(&named(cookie)));
    let all: Vec<&str> = std::iter::once(own.trim_end_matches([';', ' '])).chain(more).collect();
    if let Ok(mut all) = HeaderValue::try_from(all.join("; ")) {
        all.set_sensitive(true);
        headers.insert(header::COOKIE, all);
    }
}

impl Gateway {
    /// Makes a call of a REST API. The result names the arguments that were not sent: some clients add
    /// their own, and a model may guess names.
    pub(crate) async fn call_api(
        &self,
        call: ToolCall,
        upstream: &Shared,
        operation: &Operation,
    ) -> Result<CallToolResponse, ToolError> {
        let unsent = call.params.arguments.as_ref().map(|all| operation.unsent(all).join(", "));
        let mut response = self.called_api(call, upstream, operation).await?;
        if let Some(unsent) = unsent.filter(|names| !names.is_empty())
            && let CallToolResponse::Complete(result) = &mut response
        {
            let names = foreign::line(&unsent, WORDS);
            let told = format!("(Not sent, since the operation has no such argument: {names}.)");
            result.content.push(ContentBlock::text(told));
        }
        Ok(response)
    }

    async fn called_api(
        &self,
        mut call: ToolCall,
        upstream: &Shared,
        operation: &Operation,
    ) -> Result<CallToolResponse, ToolError> {
        // The only place from which a REST API is called: the user's access is sent only to the URL
        // that the operator set for the API.
        if !upstream.origins.allow(operation.base()) {
            let origin = operation.base().origin().ascii_serialization();
            return Err(ToolError::Failed(format!(
                "{} is not called: its calls go to {origin}, which the configuration does not name",
                upstream.title
            )));
        }
        let arguments = call.params.arguments.take().unwrap_or_default();
        let sending = Sending { upstream, operation, arguments };
        let auth = LinkAuth {
            gateway: Arc::clone(&self.inner),
            upstream: Arc::clone(upstream),
            user: upstream.auth.is_personal().then(|| Arc::clone(&call.inbound.caller.user)),
        };
        let receiver = Receiver::Url(operation.base());
        let credential = match auth.credential(receiver).await {
            Ok(credential) => credential,
            Err(NoToken::Connect(_)) => {
                return self.ask_to_connect(&call.inbound, upstream, &call.params).await;
            }
            Err(NoToken::Unavailable(why)) => return Err(sending.unavailable(&why)),
        };
        let answered = tokio::select! {
            answered = sending.send(&auth, credential.as_ref()) => answered?,
            () = call.cancelled.cancelled() => return Err(ToolError::Failed("cancelled".to_owned())),
        };
        let (401, Some(refused)) = (answered.status, credential) else {
            return sending.result(answered).await;
        };
        auth.challenged(&Challenge::text(&answered.headers));
        match auth.renewed(receiver, &refused).await {
            Ok(Some(fresh)) => {
                let again = sending.send(&auth, Some(&fresh)).await?;
                if again.status == 401 {
                    auth.refused(&fresh).await;
                }
                sending.result(again).await
            }
            Ok(None) => sending.result(answered).await,
            Err(NoToken::Connect(_)) => {
                self.ask_to_connect(&call.inbound, upstream, &call.params).await
            }
            Err(NoToken::Unavailable(why)) => Err(sending.unavailable(&why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_authorises_is_not_replaced_by_one_of_a_call() {
        let sent = |said: Option<&'static str>, name: HeaderName, own: &'static str| {
            let mut headers = HeaderMap::new();
            if let Some(said) = said {
                headers.insert(header::COOKIE, HeaderValue::from_static(said));
            }
            fixed(&mut headers, &name, &HeaderValue::from_static(own));
            headers.get(header::COOKIE).map(|value| value.to_str().unwrap().to_owned())
        };
        let cookie = || header::COOKIE;
        assert_eq!(
            sent(Some("a=1; session=evil"), cookie(), "session=s;").unwrap(),
            "session=s; a=1"
        );
        assert_eq!(sent(None, cookie(), "session=s").unwrap(), "session=s");
        assert_eq!(sent(Some("a=1"), HeaderName::from_static("x-key"), "k").unwrap(), "a=1");
    }
}
