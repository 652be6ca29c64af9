//! Device authorization (RFC 8628): the request of a client on a device without a browser, and the
//! decision of a user elsewhere. The poll is a grant type, `grants/device_code.rs`.

use std::sync::Arc;

use doorward_model::{
    Client, ConnectStep, DeviceChange, GrantId, GrantType, OAuthErrorCode, PlainToken, Reason,
    Resource, Scope, ScopeSet, StepKind, TokenKind, UnitOfWork, UserId,
    device::{DeviceAuthorization, DeviceDecision, UserCode},
    foreign, routes,
};
use doorward_store::StoreError;
use doorward_transport::{ClientAddress, Params};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{
    Approver, Failure, Issuer,
    checks::scope,
    client_auth::{Endpoint, RequestFailure},
    grants,
};

/// Seconds for which a user may take to enter the code and decide.
const LIFETIME: i64 = 600;
/// The least number of seconds between two polls.
const INTERVAL: i64 = 5;
/// Maximum number of authorizations that wait for a decision. Each holds a user code, and the more
/// there are, the likelier a guess is right.
const MOST_WAITING: u64 = 10_000;
/// Number of attempts to draw an unused code.
const DRAWS: usize = 4;

/// A device authorization that waits for a user's decision.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    /// As it is stored.
    pub authorization: DeviceAuthorization,
    /// The client.
    pub client: Arc<Client>,
}

/// A device authorization that cannot be decided.
#[derive(Debug)]
pub enum DeviceRefusal {
    /// No such code waits for a decision.
    Unknown,
    /// Another request decided it.
    Decided,
    /// This cannot be found out now.
    Failed(Failure),
}

impl From<StoreError> for DeviceRefusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl Issuer {
    /// Answers a device authorization request (RFC 8628 §3.2).
    pub(crate) async fn device_authorization(
        &self,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, RequestFailure> {
        let client = self
            .authenticate(Endpoint::DeviceAuthorization, headers, params, address)
            .await?
            .client;
        let step = ConnectStep::new(StepKind::Device)
            .client(client.id.as_str(), Some(client.name.clone()));
        match self.begin_device(&client, headers, params, address).await {
            Ok(answer) => {
                self.services.store.note_step(step);
                Ok(answer)
            }
            Err(failure) => {
                self.services.store.note_step(step.refused(failure.reason));
                Err(failure.into())
            }
        }
    }

    async fn begin_device(
        &self,
        client: &Client,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, Failure> {
        grants::registered(client, GrantType::DeviceCode)?;
        if !self.devices.allows(address) {
            let why = "too many devices asked from this IP address; try again in a minute";
            return Err(Failure::new(OAuthErrorCode::SlowDown, why));
        }
        let (resources, external) = self.named_resources(params.resources()).await?;
        let served = &self.settings.resources;
        let scopes = match external {
            Some(external) => scope::requested_at(params.get("scope"), client, &external)?,
            None => scope::requested(params.get("scope"), &client.scopes, |upstream| {
                served.has_upstream(upstream)
            })?,
        };
        let now = self.services.clock.now();
        if self.services.store.count_devices(now).await? >= MOST_WAITING {
            let why = "too many devices wait for a decision; try again in some minutes";
            return Err(Failure::new(OAuthErrorCode::TemporarilyUnavailable, why));
        }
        let entropy = self.services.entropy.as_ref();
        let agent = headers.get("user-agent").and_then(|value| value.to_str().ok());
        for _ in 0..DRAWS {
            let device_code = PlainToken::random(TokenKind::DeviceCode, entropy);
            let user_code = UserCode::random(entropy);
            let authorization = DeviceAuthorization {
                device_code: device_code.hashed(),
                user_code: user_code.hashed(),
                client_id: client.id.clone(),
                grant_id: GrantId::random(entropy),
                scopes: scopes.clone(),
                resources: resources.clone(),
                address: address.0.to_string(),
                agent: foreign::line(agent.unwrap_or_default(), 200).into_owned(),
                created_at: now,
                expires_at: now.plus(LIFETIME),
                interval: INTERVAL,
                polled_at: None,
                decision: DeviceDecision::Pending,
                spent_at: None,
            };
            match self.services.store.apply(DeviceChange::Insert(Box::new(authorization))).await {
                Ok(()) => return Ok(self.device_answer(&device_code, &user_code)),
                Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let why = "no code is free; try again shortly";
        Err(Failure::new(OAuthErrorCode::TemporarilyUnavailable, why))
    }

    fn device_answer(&self, device_code: &PlainToken, user_code: &UserCode) -> Value {
        let page = self.settings.public_url.at(routes::DEVICE);
        json!({
            "device_code": device_code.reveal(),
            "user_code": user_code.to_string(),
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={user_code}"),
            "expires_in": LIFETIME,
            "interval": INTERVAL,
        })
    }

    /// The device authorization of a user code, if it waits for a decision and its client may still
    /// be used.
    pub async fn device_request(
        &self,
        code: &UserCode,
        address: ClientAddress,
    ) -> Result<DeviceRequest, DeviceRefusal> {
        let now = self.services.clock.now();
        let found = self.services.store.device_of_user_code(&code.hashed()).await?;
        let authorization = found
            .filter(|device| {
                device.decision == DeviceDecision::Pending
                    && device.spent_at.is_none()
                    && now < device.expires_at
            })
            .ok_or(DeviceRefusal::Unknown)?;
        let client = self.ports.clients.find(&authorization.client_id, address).await;
        let client = client.map_err(|error| DeviceRefusal::Failed(error.into()))?;
        self.follow_resources().await.map_err(DeviceRefusal::Failed)?;
        Ok(DeviceRequest { authorization, client })
    }

    /// The scopes that this user may be offered to allow a device.
    pub fn offered_to_device(&self, request: &DeviceRequest, who: &Approver<'_>) -> ScopeSet {
        let asked = &request.authorization;
        self.reach(&asked.scopes, &asked.resources, who.user, who.authentication)
    }

    /// The name of the external resource server among some resources.
    pub fn external_of(&self, resources: &[Resource]) -> Option<doorward_model::ExternalResource> {
        resources.iter().find_map(|resource| self.settings.resources.external(resource))
    }

    /// Stores the user's decision: the scopes that they allow, of those that they may; `None` to
    /// refuse. `also` are changes of the same unit. Returns true if access is given.
    pub async fn decide_device(
        &self,
        request: &DeviceRequest,
        who: &Approver<'_>,
        chosen: Option<&ScopeSet>,
        also: UnitOfWork,
    ) -> Result<bool, DeviceRefusal> {
        let offered = self.offered_to_device(request, who);
        let granted = chosen.map(|chosen| chosen.intersection(&offered).normalised());
        let granted =
            granted.filter(|scopes| scopes.iter().any(|scope| scope != Scope::OfflineAccess));
        let allowed = granted.is_some();
        let decision = match granted {
            Some(scopes) => DeviceDecision::Allowed { subject: who.subject(), scopes },
            None => DeviceDecision::Denied,
        };
        let now = self.services.clock.now();
        let mut unit = also;
        if allowed && request.client.authorized_at.is_none() {
            let client_id = request.client.id.clone();
            unit.push(doorward_model::Change::MarkClientAuthorized { client_id, at: now });
        }
        let authorization = Box::new(request.authorization.clone());
        unit.push(DeviceChange::Decide { authorization, decision, now }.into());
        match self.services.store.apply(unit).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Err(DeviceRefusal::Decided),
            Err(error) => return Err(error.into()),
        }
        self.note_device(request, &who.user.id, allowed);
        Ok(allowed)
    }

    fn note_device(&self, request: &DeviceRequest, user_id: &UserId, allowed: bool) {
        tracing::info!(client = %request.client.id, user = %user_id, allowed, "a user decided about a device");
        let client = &request.client;
        let step = ConnectStep::new(StepKind::Answered)
            .client(client.id.as_str(), Some(client.name.clone()))
            .user(user_id.as_str());
        self.services.store.note_step(if allowed { step } else { step.refused(Reason::Denied) });
    }
}
