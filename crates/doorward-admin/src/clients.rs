//! Operations on clients.

use std::sync::Arc;

use doorward_accounts::{Accounts, Authority};
use doorward_model::{
    AuditSubject, Change, Client, ClientId, ClientRules, Clock, RedirectUri, RevokeReason,
    UnitOfWork,
};
use doorward_registration::{
    AddedClient, ClientChangeError, ClientDecision, ClientEdit, NewClient, NewServiceClient,
    Registration,
};
use doorward_store::Store;
use serde_json::{Value, json};

use crate::{
    Edit, Proposal, Refusal,
    edit::{self, Editable, Planned},
    services,
};

/// Maximum number of days that an unused registration may be old before it is cleaned up.
const MOST_DAYS: u32 = 3660;

/// The bounds of clients that register themselves.
#[derive(Clone, Copy, Debug)]
pub struct ClientQuota {
    /// The number that may be registered.
    pub most: u64,
    /// Clients that no administrator added must be approved.
    pub approval: bool,
}

/// A client of a service to be added.
#[derive(Clone, Debug, Default)]
pub struct NewService {
    /// The name of the client.
    pub name: String,
    /// The sign-in name of the service's account, which is added if there is none.
    pub service: String,
    /// The scopes that its tokens may have.
    pub scopes: Vec<String>,
    /// `token_endpoint_auth_method`; `None` for `client_secret_basic`.
    pub auth_method: Option<String>,
    /// Its public keys, a JWK Set, for `private_key_jwt`.
    pub jwks: Option<Value>,
    /// The URL at which it publishes its keys, for `private_key_jwt`.
    pub jwks_uri: Option<String>,
    /// The stricter rules that its requests are held to.
    pub rules: ClientRules,
}

/// Operations on clients. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    pub(crate) store: Store,
    accounts: Accounts,
    pub(crate) registration: Registration,
    clock: Arc<dyn Clock>,
}

impl Clients {
    /// Operations on the clients of this store.
    pub fn new(
        store: Store,
        accounts: Accounts,
        registration: Registration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, accounts, registration, clock }
    }

    /// The client with this `client_id`.
    pub async fn with_id(&self, id: &str) -> Result<Arc<Client>, Refusal> {
        let found = self.store.client(&ClientId::from_text(id)).await?;
        found.ok_or_else(|| Refusal::missing(AuditSubject::Client, id))
    }

    /// The bounds of clients that register themselves.
    pub fn quota(&self) -> ClientQuota {
        let config = self.registration.config();
        ClientQuota { most: config.max_registrations, approval: config.approval }
    }

    /// Adds a client. Its secret, if it has one, is shown once.
    pub async fn add(
        &self,
        _authority: &Authority,
        new: NewClient,
    ) -> Result<AddedClient, Refusal> {
        Ok(self.registration.add(new).await?)
    }

    /// Adds a client that acts as a service, without a user; with it, the account of a service that
    /// there is not yet. Its secret, if it has one, is shown once.
    pub async fn add_service(
        &self,
        authority: &Authority,
        new: NewService,
    ) -> Result<AddedClient, Refusal> {
        let scopes = services::scopes(&self.store, &new.scopes).await?;
        let mut unit = UnitOfWork::new();
        let account =
            services::account(&self.store, &self.accounts, authority, &new.service, &mut unit)
                .await?;
        let added = self.registration.prepare_service(NewServiceClient {
            name: new.name,
            account: account.id.clone(),
            scopes,
            auth_method: new.auth_method,
            jwks: new.jwks,
            jwks_uri: new.jwks_uri,
            rules: new.rules,
        })?;
        unit.push(Change::InsertClient(Box::new(added.client.clone())));
        services::apply(&self.store, unit, &account).await?;
        Ok(added)
    }

    /// Changes the settings of a client that an administrator added.
    pub async fn edit(
        &self,
        _authority: &Authority,
        proposal: Proposal<'_, ClientEdit>,
    ) -> Result<Edit, Refusal> {
        edit::edit(self, proposal).await
    }

    /// Decides on a client. Returns its state after the decision; `None` if it was deleted.
    pub async fn decide(
        &self,
        id: &str,
        decision: ClientDecision,
        seen: Option<&str>,
    ) -> Result<Option<Arc<Client>>, Refusal> {
        let client = self.with_id(id).await?;
        self.registration.decide(&client.id, decision, seen).await?;
        if decision == ClientDecision::Delete { Ok(None) } else { self.with_id(id).await.map(Some) }
    }

    /// Deletes the registrations without any authorization that are older than some days. Returns
    /// their number.
    pub async fn clean_up(&self, days: u32) -> Result<u64, Refusal> {
        if days > MOST_DAYS {
            return Err(Refusal::Days(0, MOST_DAYS));
        }
        let before = self.clock.now().plus(-i64::from(days) * 86_400);
        let deleted = self.store.delete_unused_clients(before).await?;
        self.registration.recount().await?;
        Ok(deleted)
    }
}

/// A client as an edit leaves it.
pub(crate) struct PlannedClient {
    after: Client,
    /// The etag of the state before.
    seen: String,
    /// It knows its users by other subjects afterwards, and its access ends.
    ends_access: bool,
}

impl Editable for Clients {
    type Change = ClientEdit;
    type Plan = PlannedClient;

    async fn plan(&self, of: &str, change: &ClientEdit) -> Result<Planned<Self::Plan>, Refusal> {
        let before = self.with_id(of).await?;
        let after = self.registration.edited(&before, change)?;
        let parts = |client: &Client| {
            let uris: Vec<&str> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
            let mut parts = json!({
                "name": client.name, "redirect_uris": uris,
                "require_pushed_authorization_requests":
                    client.rules.require_pushed_authorization_requests,
                "dpop_bound_access_tokens": client.rules.dpop_bound_access_tokens,
            });
            // Both sides have the same parts, so that each that differs is shown.
            if let (Some(_), Value::Object(parts)) = (&after.openid, &mut parts) {
                let openid = client.openid.clone().unwrap_or_default();
                parts.extend([
                    ("openid".to_owned(), client.openid.is_some().into()),
                    ("pairwise".to_owned(), openid.sector.is_some().into()),
                    ("signed_userinfo".to_owned(), openid.signed_userinfo.into()),
                    (
                        "post_logout_redirect_uris".to_owned(),
                        openid.post_logout_redirect_uris.into(),
                    ),
                    ("backchannel_logout_uri".to_owned(), openid.backchannel_logout_uri.into()),
                    (
                        "backchannel_logout_session_required".to_owned(),
                        openid.backchannel_logout_session_required.into(),
                    ),
                ]);
            }
            parts
        };
        let differences = edit::different_parts(&parts(&before), &parts(&after));
        let sector = |client: &Client| client.openid.as_ref().and_then(|one| one.sector.clone());
        let ends_access = sector(&before) != sector(&after);
        let seen = before.etag();
        let plan = PlannedClient { after, seen: seen.clone(), ends_access };
        Ok(Planned { differences, ends_access, etag: seen, plan })
    }

    async fn put(&self, plan: Self::Plan, _: Vec<String>) -> Result<(), Refusal> {
        let PlannedClient { after, seen, ends_access } = plan;
        let registration = &self.registration;
        if ends_access {
            // It knows its users by other subjects afterwards.
            registration.put_ending_grants(after, seen, RevokeReason::SubjectsChanged).await?;
        } else {
            registration.put(after, seen).await?;
        }
        Ok(())
    }

    async fn etag_of(&self, of: &str) -> Result<String, Refusal> {
        Ok(self.with_id(of).await?.etag())
    }

    fn changed(_: &str) -> Refusal {
        ClientChangeError::Changed.into()
    }
}
