//! Sending one request: with the present token, along redirects within the origin, and once more
//! with a fresh token if the upstream refuses the first.

use bytes::Bytes;
use doorward_model::foreign;
use doorward_transport::{OutboundError, oauth::Challenge, outbound::NoResponse};
use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::client::Http;
use crate::{
    access::{Credential, NoToken},
    link_error::LinkError,
    upstream::Receiver,
    wire::words,
};

/// Maximum number of redirects of one request.
const MOST_REDIRECTS: usize = 5;

/// A request, as often as it has to be sent.
pub(in crate::upstreams) struct Request {
    pub(in crate::upstreams) method: Method,
    pub(in crate::upstreams) headers: HeaderMap,
    pub(in crate::upstreams) body: Option<Bytes>,
}

impl From<NoToken> for LinkError {
    fn from(no_token: NoToken) -> Self {
        match no_token {
            NoToken::Connect(_) => Self::Connect,
            NoToken::Unavailable(why) => Self::Failed(why),
        }
    }
}

/// Reports a refusal for want of a scope (RFC 6750 §3.1).
fn wants_scope(told: &str) -> bool {
    told.contains("insufficient_scope") || Challenge::read(told).scope.is_some()
}

impl Http {
    /// Sends a request while the connection is held. Any status but a redirect is an answer.
    pub(in crate::upstreams) async fn send(
        &self,
        uri: &str,
        request: &Request,
    ) -> Result<reqwest::Response, LinkError> {
        self.while_held(self.send_always(uri, request)).await
    }

    /// Sends a request, also after the connection.
    pub(super) async fn send_always(
        &self,
        uri: &str,
        request: &Request,
    ) -> Result<reqwest::Response, LinkError> {
        let url = Url::parse(uri).map_err(|_| LinkError::Failed(format!("{uri} is not a URL")))?;
        let receiver = Receiver::Url(&url);
        let credential = self.auth.credential(receiver).await?;
        let response = self.proven(&url, request, credential.as_ref()).await?;
        if response.status() == StatusCode::FORBIDDEN {
            let told = Challenge::text(response.headers());
            if wants_scope(&told) {
                self.auth.wants_scope(Challenge::read(&told).scope.as_deref());
                return Err(LinkError::MoreScope);
            }
        }
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.auth.challenged(&Challenge::text(response.headers()));
        let Some(credential) = credential else { return Ok(response) };
        let Some(fresh) = self.auth.renewed(receiver, &credential).await? else {
            return Ok(response);
        };
        let again = self.proven(&url, request, Some(&fresh)).await?;
        if again.status() == StatusCode::UNAUTHORIZED {
            self.auth.refused(&fresh).await;
        }
        Ok(again)
    }

    /// Sends a request with its token; once more where the upstream wants a nonce in the proof (RFC
    /// 9449 §9).
    async fn proven(
        &self,
        url: &Url,
        request: &Request,
        credential: Option<&Credential>,
    ) -> Result<reqwest::Response, LinkError> {
        let wants_nonce = |response: &reqwest::Response| {
            let (status, headers) = (response.status().as_u16(), response.headers());
            credential.is_some_and(|credential| {
                credential.wants_nonce(&self.auth.gateway, url, status, headers)
            })
        };
        let response = self.follow(url, request, credential).await?;
        if !wants_nonce(&response) {
            return Ok(response);
        }
        let again = self.follow(url, request, credential).await?;
        if wants_nonce(&again) {
            // The token is not at fault: another one would be refused in the same way.
            return Err(LinkError::Answer(
                "wants another nonce in each proof than the one that it gave".to_owned(),
            ));
        }
        Ok(again)
    }

    /// Sends a request along the redirects that keep it as it is and lead to the same origin, to
    /// which its token belongs.
    async fn follow(
        &self,
        url: &Url,
        request: &Request,
        credential: Option<&Credential>,
    ) -> Result<reqwest::Response, LinkError> {
        let mut to = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let mut headers = request.headers.clone();
            if let Some(credential) = credential {
                credential
                    .authorize(&self.auth.gateway, &request.method, &to, &mut headers)
                    .map_err(LinkError::Failed)?;
            }
            let (method, body) = (request.method.clone(), request.body.clone());
            let sent = self.client.send(method, to.clone(), headers, body).await;
            let response = sent.map_err(unsent)?;
            let status = response.status();
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return Ok(response);
            }
            let target = response
                .headers()
                .get(header::LOCATION)
                .and_then(|target| to.join(std::str::from_utf8(target.as_bytes()).ok()?).ok());
            let Some(mut target) = target else {
                return Err(LinkError::Answer(format!(
                    "returned {} without a location to redirect to",
                    words::status(status)
                )));
            };
            let keeps =
                matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
            // A user and a password in a URL would be credentials that the upstream chose.
            let plain = target.username().is_empty() && target.password().is_none();
            if !matches!(target.scheme(), "http" | "https") {
                return Err(LinkError::Answer(format!(
                    "redirects to {}, which is not the URL of a server",
                    foreign::line(target.as_str(), 300)
                )));
            }
            if !keeps || !plain || target.origin() != url.origin() {
                let _ = target.set_username("");
                let _ = target.set_password(None);
                return Err(LinkError::Answer(format!(
                    "redirects to {}; set `url` to that",
                    foreign::line(target.as_str(), 300)
                )));
            }
            to = target;
        }
        Err(LinkError::Answer(format!(
            "redirects more than {MOST_REDIRECTS} times, last to {}",
            foreign::line(to.as_str(), 300)
        )))
    }
}

/// The reason for which a request was not sent, or has no response that can be read.
fn unsent(NoResponse { unconnected, error }: NoResponse) -> LinkError {
    match error {
        OutboundError::Coding { .. } => LinkError::Answer(format!("returned {error}")),
        error if unconnected => LinkError::Unreachable(error.to_string()),
        error => LinkError::Failed(error.to_string()),
    }
}
