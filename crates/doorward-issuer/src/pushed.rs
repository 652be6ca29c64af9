//! Pushed authorization requests (RFC 9126): taken from the client itself, judged as those of
//! browsers are, and used up by the one browser that refers to them.

use std::sync::Arc;

use doorward_model::{
    Change, Client, ConnectStep, OAuthErrorCode, OwnChange, PlainToken, PushedRequest, Reason,
    StepKind, TokenKind, routes,
};
use doorward_store::StoreError;
use doorward_transport::{ClientAddress, Params};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{
    AuthorizeRefusal, Failure, Issuer,
    client_auth::{Endpoint, RequestFailure},
};

/// For how many seconds a browser may refer to a request.
const LIFETIME: i64 = 60;
/// Maximum number of bytes of a request in its encoded form: it travels through the URLs of the
/// pages.
pub(crate) const MOST_BYTES: usize = 8 * 1024;
/// Maximum number of requests that wait for a browser.
const MOST_WAITING: u64 = 10_000;
/// The purpose for which parameters are sealed.
const PLACE: &str = "pushed-request";
/// Parameters that authenticate the client, and are no part of its request.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

fn unknown() -> AuthorizeRefusal {
    let why = "the app's request is unknown here, was used before or has expired; start again from \
        the app";
    let failure = Failure::new(OAuthErrorCode::InvalidRequestUri, why);
    AuthorizeRefusal::Page(failure.because(Reason::PushedUnknown))
}

impl Issuer {
    /// Answers a pushed authorization request.
    pub(crate) async fn push(
        &self,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, RequestFailure> {
        let endpoint = Endpoint::PushedRequest;
        let client = self.authenticate(endpoint, headers, params, address).await?.client;
        self.take_pushed(&client, headers, params, address).await.map_err(|failure| {
            if !failure.is_noted() {
                let step = ConnectStep::new(StepKind::Pushed)
                    .client(client.id.as_str(), Some(client.name.clone()))
                    .refused(failure.reason)
                    .detail(failure.detail.as_str());
                self.services.store.note_step(step);
            }
            failure.into()
        })
    }

    async fn take_pushed(
        &self,
        client: &Arc<Client>,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, Failure> {
        if !self.pushes.allows(address) {
            let why = "too many requests were pushed from this IP address; try again in a minute";
            return Err(Failure::new(OAuthErrorCode::SlowDown, why));
        }
        if params.get("request_uri").is_some() {
            let why = "a request cannot refer to another one: push it without request_uri";
            return Err(Failure::new(OAuthErrorCode::InvalidRequest, why));
        }
        let mut params = params.without(&CREDENTIALS);
        if let Some(key) = self.proved_key(headers, routes::PUSHED_REQUEST).await? {
            // A code for the request is for the key that was proved here (RFC 9449 §10.1).
            if params.get("dpop_jkt").is_some_and(|named| named != key.as_str()) {
                let why = "dpop_jkt names another key than the one of the DPoP proof";
                let failure = Failure::new(OAuthErrorCode::InvalidDpopProof, why);
                return Err(failure.because(Reason::KeyProof));
            }
            params.put("dpop_jkt", key.as_str());
        }
        self.validate(&params, address).await.map_err(|refusal| match refusal {
            AuthorizeRefusal::Page(failure) => failure,
            AuthorizeRefusal::Client(answer) => answer.failure,
        })?;
        let services = &self.services;
        let now = services.clock.now();
        if services.store.count_pushed_requests(now).await? >= MOST_WAITING {
            let why = "too many requests wait for a browser; try again in a minute";
            return Err(Failure::new(OAuthErrorCode::TemporarilyUnavailable, why));
        }
        let secret = PlainToken::random(TokenKind::PushedRequest, services.entropy.as_ref());
        let request = PushedRequest {
            reference: secret.hashed(),
            client_id: client.id.clone(),
            params: services.master.seal(PLACE, params.encode().as_bytes()),
            expires_at: now.plus(LIFETIME),
        };
        services.store.apply(Change::from(OwnChange::Push(Box::new(request)))).await?;
        let uri = PushedRequest::uri(secret.reveal());
        Ok(json!({"request_uri": uri, "expires_in": LIFETIME}))
    }

    /// The parameters of an authorization request: those that it refers to if it was pushed, for
    /// which the second part is true. All others beside the reference are ignored (RFC 9101 §6.3).
    pub(crate) async fn unpushed(
        &self,
        params: &Params,
    ) -> Result<(Params, bool), AuthorizeRefusal> {
        let Some(secret) = params.get("request_uri").and_then(PushedRequest::secret_of) else {
            return Ok((params.clone(), false));
        };
        let page = |error: StoreError| AuthorizeRefusal::Page(error.into());
        let services = &self.services;
        let now = services.clock.now();
        let reference = PlainToken::presented(secret).hashed();
        let found = services.store.pushed_request(&reference).await.map_err(page)?;
        // A reference of another client stays as it is.
        let named = params.get("client_id");
        let found = found
            .filter(|one| named == Some(one.client_id.as_str()) && now < one.expires_at)
            .ok_or_else(unknown)?;
        let plain = services.master.open(PLACE, &found.params).map_err(|_| unknown())?;
        let pushed = Params::parse(&plain).map_err(|_| unknown())?;
        let client_id = found.client_id;
        let used = Change::from(OwnChange::UsePushed { reference, client_id, now });
        match services.store.apply(used).await {
            Ok(()) => Ok((pushed, true)),
            Err(StoreError::Refused(_)) => Err(unknown()),
            Err(error) => Err(page(error)),
        }
    }
}
