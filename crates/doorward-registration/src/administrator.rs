//! Clients that administrators add, and administrators' operations on any client.

use doorward_model::{
    Change, Client, ClientId, ClientRules, ClientRulesEdit, ClientSource, Expected, OAuthErrorCode,
    PlainToken, RelyingParty, RevokeReason, ScopeSet, TokenKind, TrustRule, UnitOfWork, UserId,
};
use doorward_store::{Condition, StoreError};
use serde_json::{Map, Value};

use crate::{
    MetadataRefusal, NewRelyingParty, Registration, RelyingPartyEdit,
    policy::{self, Accepted},
    relying,
};

/// A client to be made.
#[derive(Debug, Clone, Default)]
pub struct NewClient {
    /// The display name.
    pub name: String,
    /// Its redirect URIs.
    pub redirect_uris: Vec<String>,
    /// `token_endpoint_auth_method`; `None` for a public client.
    pub auth_method: Option<String>,
    /// True if it may request the scope `admin` from administrators.
    pub admin: bool,
    /// Its settings as a relying party, if users sign in to another application through it.
    pub openid: Option<NewRelyingParty>,
    /// The stricter rules that its requests are held to.
    pub rules: ClientRules,
}

/// A client of a service to be made, which acts with `client_credentials` (OAuth 2.1 §4.2).
#[derive(Debug, Clone)]
pub struct NewServiceClient {
    /// The name that users see.
    pub name: String,
    /// The account of the service.
    pub account: UserId,
    /// The scopes that its tokens may have.
    pub scopes: ScopeSet,
    /// `token_endpoint_auth_method`; `None` for `client_secret_basic`.
    pub auth_method: Option<String>,
    /// Its public keys, a JWK Set, for `private_key_jwt`.
    pub jwks: Option<Value>,
    /// The URL at which it publishes its keys, for `private_key_jwt`.
    pub jwks_uri: Option<String>,
    /// The stricter rules that its requests are held to.
    pub rules: ClientRules,
}

/// The client of a workload to be made, which acts as a service by a trust rule (RFC 7523 §2.1).
#[derive(Debug, Clone)]
pub struct NewWorkload {
    /// The name that users see.
    pub name: String,
    /// The account of the service.
    pub account: UserId,
    /// The scopes that its tokens may have.
    pub scopes: ScopeSet,
    /// The rule.
    pub rule: TrustRule,
}

/// The client of a workload as an edit leaves it.
#[derive(Debug, Clone)]
pub struct WorkloadEdit {
    /// The name that users see.
    pub name: String,
    /// The scopes that its tokens may have.
    pub scopes: ScopeSet,
    /// The rule.
    pub rule: TrustRule,
}

/// A client that was made, with its secret, which is shown once.
#[derive(Debug)]
pub struct AddedClient {
    /// The client.
    pub client: Client,
    /// Its secret, if it has one.
    pub secret: Option<PlainToken>,
}

/// Changes of a client that an administrator added. `None` keeps the value.
#[derive(Debug, Clone, Default)]
pub struct ClientEdit {
    /// The name that users see.
    pub name: Option<String>,
    /// Its redirect URIs.
    pub redirect_uris: Option<Vec<String>>,
    /// Its settings as a relying party. Another client becomes one.
    pub openid: Option<RelyingPartyEdit>,
    /// The stricter rules that its requests are held to.
    pub rules: ClientRulesEdit,
}

/// An administrator's decision about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientDecision {
    /// It may not be used; its grants end.
    Block,
    /// It may be used again.
    Unblock,
    /// It may be used where the configuration requires approval.
    Approve,
    /// The approval is revoked; where the configuration demands one, its grants end.
    Deny,
    /// Its metadata document may not change any more.
    Pin,
    /// Its metadata document may change again.
    Unpin,
    /// It is deleted; its grants end.
    Delete,
}

impl ClientDecision {
    /// Every decision with its name.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Block, "block"),
        (Self::Unblock, "unblock"),
        (Self::Approve, "approve"),
        (Self::Deny, "deny"),
        (Self::Pin, "pin"),
        (Self::Unpin, "unpin"),
        (Self::Delete, "delete"),
    ];
    /// The decision of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(decision, _)| *decision)
    }
}

/// The reason for which an administrator's change to a client did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ClientChangeError {
    /// The metadata is refused.
    #[error(transparent)]
    Refused(#[from] MetadataRefusal),
    /// No such client.
    #[error("there is no client {0}")]
    Unknown(ClientId),
    /// It was changed since it was looked at.
    #[error("the client was changed in the meantime; check it and decide again")]
    Changed,
    /// Only a client that is named by a metadata document can be pinned.
    #[error("only a client with a metadata document can be pinned")]
    NoDocument,
    /// Its metadata is its own: it registered itself, or has a metadata document.
    #[error(
        "only a client that an administrator added can be edited; this one states its own metadata"
    )]
    OwnMetadata,
    /// Pairwise subjects are of one host.
    #[error("pairwise subjects require that all redirect URIs are on the same web host")]
    Sector,
    /// A client with pairwise subjects knows its users by nothing else.
    #[error("a client with pairwise subjects signs users in and may request nothing else")]
    Pairwise,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl Registration {
    /// Makes a client.
    pub async fn add(&self, new: NewClient) -> Result<AddedClient, ClientChangeError> {
        let mut metadata = Map::new();
        metadata.insert("client_name".to_owned(), new.name.into());
        metadata.insert(
            "redirect_uris".to_owned(),
            new.redirect_uris.into_iter().map(Value::from).collect(),
        );
        metadata.insert(
            "token_endpoint_auth_method".to_owned(),
            new.auth_method.unwrap_or_else(|| "none".to_owned()).into(),
        );
        let accepted = policy::accept(&metadata, ClientSource::Administrator, &self.config.now())?;
        let config = self.config.now();
        let openid = new
            .openid
            .map(|openid| relying::accept(&openid, &accepted.redirect_uris, &config))
            .transpose()?;
        let scopes = relying::scopes(openid.as_ref(), new.admin)?;
        let added = self.administered(accepted, scopes);
        let rules = new.rules;
        let added = AddedClient { client: Client { openid, rules, ..added.client }, ..added };
        self.store
            .apply(Change::InsertClient(Box::new(added.client.clone())))
            .await
            .map_err(ClientChangeError::Store)?;
        Ok(added)
    }

    /// A client of a service, with its secret, before it is stored.
    pub fn prepare_service(&self, new: NewServiceClient) -> Result<AddedClient, ClientChangeError> {
        let NewServiceClient { name, account, scopes, auth_method, jwks, jwks_uri, rules } = new;
        let mut metadata = Map::new();
        metadata.insert("client_name".to_owned(), name.into());
        metadata.extend(
            auth_method.map(|method| ("token_endpoint_auth_method".to_owned(), method.into())),
        );
        metadata.extend(jwks.map(|keys| ("jwks".to_owned(), keys)));
        metadata.extend(jwks_uri.map(|uri| ("jwks_uri".to_owned(), uri.into())));
        let accepted = policy::accept_service(&metadata)?;
        let added = self.administered(accepted, scopes);
        let client = Client { service: Some(account), rules, ..added.client };
        Ok(AddedClient { client, ..added })
    }

    /// The client of a workload, before it is stored.
    pub fn prepare_workload(&self, new: NewWorkload) -> Result<Client, ClientChangeError> {
        let NewWorkload { name, account, scopes, rule } = new;
        let client = self.administered(policy::accept_workload(&name)?, scopes).client;
        Ok(Client { service: Some(account), trust: Some(rule), ..client })
    }

    /// Another name, other scopes and another trust rule for the client of a workload.
    pub fn edited_workload(
        client: &Client,
        edit: WorkloadEdit,
    ) -> Result<Client, ClientChangeError> {
        let WorkloadEdit { name, scopes, rule } = edit;
        let name = policy::accept_workload(&name)?.name;
        Ok(Client { name, scopes, trust: Some(rule), ..client.clone() })
    }

    /// A client as an administrator adds it.
    fn administered(&self, accepted: Accepted, scopes: ScopeSet) -> AddedClient {
        let secret = accepted
            .auth_method
            .uses_secret()
            .then(|| PlainToken::random(TokenKind::ClientSecret, self.entropy.as_ref()));
        let id = ClientId::random(self.entropy.as_ref());
        let client = Client {
            secret: secret.as_ref().map(PlainToken::hashed),
            scopes,
            client_uri: None,
            rules: ClientRules::default(),
            ..accepted.client(id, ClientSource::Administrator, self.clock.now())
        };
        AddedClient { client, secret }
    }

    /// A client as an edit leaves it, under the same policy as a new one.
    pub fn edited(&self, client: &Client, edit: &ClientEdit) -> Result<Client, ClientChangeError> {
        if client.source != ClientSource::Administrator {
            return Err(ClientChangeError::OwnMetadata);
        }
        if client.service.is_some() {
            return Self::edited_service(client, edit);
        }
        let uris = edit.redirect_uris.clone().unwrap_or_else(|| {
            client.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect()
        });
        let name = edit.name.clone().unwrap_or_else(|| client.name.clone());
        let mut metadata = Map::new();
        metadata.insert("client_name".to_owned(), name.into());
        metadata.insert("redirect_uris".to_owned(), uris.into_iter().map(Value::from).collect());
        metadata
            .insert("token_endpoint_auth_method".to_owned(), client.auth_method.as_str().into());
        let accepted = policy::accept(&metadata, ClientSource::Administrator, &self.config.now())?;
        let before = client.openid.as_ref().map(NewRelyingParty::of);
        let wanted = match &edit.openid {
            Some(edit) => Some(edit.of(before.unwrap_or_default())),
            None => before,
        };
        let config = self.config.now();
        let openid = wanted
            .map(|openid| relying::accept(&openid, &accepted.redirect_uris, &config))
            .transpose()?;
        let sector =
            |openid: Option<&RelyingParty>| openid.and_then(|openid| openid.sector.clone());
        let (before, after) = (sector(client.openid.as_ref()), sector(openid.as_ref()));
        // Subjects of another host are other users to the relying party.
        if before.is_some() && after.is_some() && before != after {
            return Err(ClientChangeError::Sector);
        }
        // The tokens that it exchanges name users by their identifiers.
        if after.is_some() && client.exchange.is_some() {
            return Err(ClientChangeError::Pairwise);
        }
        let scopes = relying::scopes(openid.as_ref(), client.scopes.has_administrative())?;
        let (name, redirect_uris) = (accepted.name, accepted.redirect_uris);
        let rules = edit.rules.of(client.rules);
        Ok(Client { name, redirect_uris, openid, scopes, rules, ..client.clone() })
    }

    /// The client of a service, which has a name and no redirect URIs.
    fn edited_service(client: &Client, edit: &ClientEdit) -> Result<Client, ClientChangeError> {
        if edit.redirect_uris.is_some() || edit.openid.is_some() {
            let why = "no user signs in to the client of a service".to_owned();
            return Err(MetadataRefusal { code: OAuthErrorCode::InvalidRedirectUri, why }.into());
        }
        let mut metadata = Map::new();
        let name = edit.name.clone().unwrap_or_else(|| client.name.clone());
        metadata.insert("client_name".to_owned(), name.into());
        metadata.insert("token_endpoint_auth_method".to_owned(), "client_secret_basic".into());
        let accepted = policy::accept_service(&metadata)?;
        let rules = edit.rules.of(client.rules);
        Ok(Client { name: accepted.name, rules, ..client.clone() })
    }

    /// Stores an edited client, if it is still in the state that was seen.
    pub async fn put(&self, client: Client, seen: String) -> Result<(), ClientChangeError> {
        self.put_with(client, seen, None).await
    }

    /// Stores an edited client, if it is still in the state that was seen, and ends its grants:
    /// they were given under what the edit changes.
    pub async fn put_ending_grants(
        &self,
        client: Client,
        seen: String,
        reason: RevokeReason,
    ) -> Result<(), ClientChangeError> {
        let client_id = client.id.clone();
        let ends = Change::RevokeGrantsOfClient { client_id, at: self.clock.now(), reason };
        self.put_with(client, seen, Some(ends)).await
    }

    async fn put_with(
        &self,
        client: Client,
        seen: String,
        besides: Option<Change>,
    ) -> Result<(), ClientChangeError> {
        let id = client.id.clone();
        let mut unit = UnitOfWork::new();
        unit.push(Change::Expect { object: Expected::Client(id.clone()), etag: seen });
        unit.push(Change::UpdateClient(Box::new(client)));
        if let Some(change) = besides {
            unit.push(change);
        }
        self.change(&id, unit).await
    }

    async fn change(&self, id: &ClientId, unit: UnitOfWork) -> Result<(), ClientChangeError> {
        match self.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(Condition::Expect)) => Err(ClientChangeError::Changed),
            Err(StoreError::Refused(_)) => Err(ClientChangeError::Unknown(id.clone())),
            Err(error) => Err(ClientChangeError::Store(error)),
        }
    }

    /// Disables a client and ends its grants, or enables it again.
    pub async fn set_disabled(
        &self,
        id: &ClientId,
        disabled: bool,
    ) -> Result<(), ClientChangeError> {
        self.decide(
            id,
            if disabled { ClientDecision::Block } else { ClientDecision::Unblock },
            None,
        )
        .await
    }

    /// Deletes a client and ends its grants.
    pub async fn delete(&self, id: &ClientId) -> Result<(), ClientChangeError> {
        self.decide(id, ClientDecision::Delete, None).await
    }

    /// Decides about a client. With `seen`, only if it is still as it was when it had that etag.
    pub async fn decide(
        &self,
        id: &ClientId,
        decision: ClientDecision,
        seen: Option<&str>,
    ) -> Result<(), ClientChangeError> {
        let now = self.clock.now();
        let client_id = || id.clone();
        let mut unit = UnitOfWork::new();
        if let Some(seen) = seen {
            unit.push(Change::Expect {
                object: Expected::Client(client_id()),
                etag: seen.to_owned(),
            });
        }
        let ends = matches!(decision, ClientDecision::Block | ClientDecision::Delete)
            || decision == ClientDecision::Deny && self.config.now().approval;
        if ends {
            // Before it is deleted: its sessions at relying parties end with its settings.
            unit.push(Change::RevokeGrantsOfClient {
                client_id: client_id(),
                at: now,
                reason: RevokeReason::ClientRemoved,
            });
        }
        unit.push(match decision {
            ClientDecision::Block => {
                Change::SetClientDisabled { client_id: client_id(), disabled_at: Some(now) }
            }
            ClientDecision::Unblock => {
                Change::SetClientDisabled { client_id: client_id(), disabled_at: None }
            }
            ClientDecision::Approve => {
                Change::SetClientApproved { client_id: client_id(), approved_at: Some(now) }
            }
            ClientDecision::Deny => {
                Change::SetClientApproved { client_id: client_id(), approved_at: None }
            }
            ClientDecision::Pin | ClientDecision::Unpin => {
                if !id.is_metadata_document() {
                    return Err(ClientChangeError::NoDocument);
                }
                Change::SetClientPinned {
                    client_id: client_id(),
                    pinned_at: (decision == ClientDecision::Pin).then_some(now),
                }
            }
            ClientDecision::Delete => Change::DeleteClient(client_id()),
        });
        self.change(id, unit).await
    }
}
