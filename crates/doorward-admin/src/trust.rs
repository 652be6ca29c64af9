//! Operations on trust rules, by which workloads act as services with tokens of other issuers.

use std::{collections::BTreeMap, sync::Arc};

use doorward_accounts::{Accounts, Authority};
use doorward_federation::check_issuer;
use doorward_model::{
    Change, Client, PublicUrl, RevokeReason, ScopeSet, TrustRule, TrustedIssuer, UnitOfWork,
};
use doorward_registration::{
    ClientChangeError, ClientDecision, NewWorkload, Registration, WorkloadEdit,
};
use doorward_store::Store;
use serde_json::{Value, json};

use crate::{
    Edit, Object, Proposal, Refusal,
    edit::{self, Editable, Planned},
    services,
};

/// Maximum number of trust rules of a list.
const LISTED: u64 = 1000;
/// Maximum number of claims of a rule.
const CLAIMS: usize = 20;
/// Maximum number of characters of a pattern, of the name of a claim and of an audience.
const LENGTH: usize = 512;

/// A trust rule to be added.
#[derive(Clone, Debug, Default)]
pub struct NewTrust {
    /// The name that users see.
    pub name: String,
    /// The sign-in name of the service's account, which is added if there is none.
    pub service: String,
    /// The scopes that its tokens may have.
    pub scopes: Vec<String>,
    /// The issuer, as the claim `iss` names it.
    pub issuer: String,
    /// The parts with a default.
    pub more: TrustChange,
}

/// Parts of a trust rule. `None` keeps a part, or leaves the default to a new rule.
#[derive(Clone, Debug, Default)]
pub struct TrustChange {
    /// The name that users see.
    pub name: Option<String>,
    /// The scopes that its tokens may have.
    pub scopes: Option<Vec<String>>,
    /// The URL of the key set. An empty text means that the discovery document names it.
    pub jwks_uri: Option<String>,
    /// The key set itself, in place of a URL.
    pub jwks: Option<Value>,
    /// The audience; without one the public URL of this server.
    pub audience: Option<String>,
    /// The pattern of the subject.
    pub subject: Option<String>,
    /// The patterns of further claims.
    pub claims: Option<BTreeMap<String, String>>,
    /// A token may be presented again until it expires.
    pub reusable: Option<bool>,
}

/// Operations on trust rules. Cheap to clone.
#[derive(Clone)]
pub struct Trusts {
    store: Store,
    accounts: Accounts,
    registration: Registration,
    public_url: PublicUrl,
}

/// The client of a rule, which has one.
fn with_rule(client: &Client) -> Option<&TrustRule> {
    client.trust.as_ref()
}

fn wrong(setting: &str, why: &str) -> Refusal {
    Refusal::Settings(format!("{setting}: {why}"))
}

/// Checks a text of a rule.
fn bounded(setting: &str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LENGTH || text.chars().any(char::is_control) {
        return Err(wrong(setting, &format!("must have 1 to {LENGTH} characters")));
    }
    Ok(text.to_owned())
}

/// Lays the parts of a change over a rule, and checks the result.
fn changed(mut rule: TrustRule, change: &TrustChange) -> Result<TrustRule, Refusal> {
    if let Some(uri) = &change.jwks_uri {
        rule.issuer.jwks_uri = Some(uri.trim().to_owned()).filter(|uri| !uri.is_empty());
        rule.issuer.jwks = None;
    }
    if let Some(keys) = &change.jwks {
        if change.jwks_uri.as_ref().is_some_and(|uri| !uri.trim().is_empty()) {
            return Err(wrong("jwks", "only one of jwks and jwks_uri can be set"));
        }
        (rule.issuer.jwks, rule.issuer.jwks_uri) = (Some(keys.to_string()), None);
    }
    if let Some(audience) = &change.audience {
        rule.audience.clone_from(audience);
    }
    if let Some(subject) = &change.subject {
        rule.subject.clone_from(subject);
    }
    if let Some(claims) = &change.claims {
        rule.claims.clone_from(claims);
    }
    if let Some(reusable) = change.reusable {
        rule.reusable = reusable;
    }
    rule.audience = bounded("audience", &rule.audience)?;
    rule.subject = bounded("subject", &rule.subject)?;
    if rule.claims.len() > CLAIMS {
        return Err(wrong("claims", &format!("at most {CLAIMS}")));
    }
    for (name, pattern) in &rule.claims {
        bounded("claims", name)?;
        bounded("claims", pattern)?;
    }
    if !rule.is_narrow() {
        let why = "must begin with a fixed text, or one claim must have a fixed value; otherwise every token of the issuer would be accepted";
        return Err(wrong("subject", why));
    }
    if !rule.names_project() {
        let why = "must name your project or its owner whole, as in repo:acme/*, or a claim such as repository_owner_id must; otherwise tokens of strangers, for whom this issuer signs too, would be accepted";
        return Err(wrong("subject", why));
    }
    check_issuer(&rule.issuer).map_err(|error| wrong(error.key, &error.message))?;
    Ok(rule)
}

/// The parts of a rule and its client that an edit shows.
fn facts(client: &Client) -> Value {
    json!({
        "name": client.name, "scopes": client.scopes.to_string(),
        "audience": with_rule(client).map(|rule| &rule.audience),
        "subject": with_rule(client).map(|rule| &rule.subject),
        "claims": with_rule(client).map(|rule| &rule.claims),
        "reusable": with_rule(client).map(|rule| rule.reusable),
        "jwks_uri": with_rule(client).and_then(|rule| rule.issuer.jwks_uri.as_ref()),
        "jwks": with_rule(client).and_then(|rule| rule.issuer.jwks.as_ref()),
    })
}

impl Trusts {
    /// Operations on the trust rules of this store. The audience of a new rule is the public URL.
    pub fn new(
        store: Store,
        accounts: Accounts,
        registration: Registration,
        public_url: PublicUrl,
    ) -> Self {
        Self { store, accounts, registration, public_url }
    }

    /// The clients with a trust rule, by name.
    pub async fn all(&self) -> Result<Vec<Client>, Refusal> {
        Ok(self.store.trusting_clients(None, LISTED).await?)
    }

    /// The client of a trust rule, by its `client_id`.
    pub async fn with_id(&self, id: &str) -> Result<Arc<Client>, Refusal> {
        let found = self.store.client(&doorward_model::ClientId::from_text(id)).await?;
        found
            .filter(|client| client.trust.is_some())
            .ok_or_else(|| Refusal::missing(Object::TrustRule, id))
    }

    /// Adds a trust rule with its client; with it, the account of a service that there is not yet.
    pub async fn add(&self, authority: &Authority, new: NewTrust) -> Result<Client, Refusal> {
        let rule = TrustRule {
            issuer: TrustedIssuer {
                issuer: new.issuer.trim().to_owned(),
                jwks_uri: None,
                jwks: None,
            },
            audience: self.public_url.as_str().to_owned(),
            subject: String::new(),
            claims: BTreeMap::new(),
            reusable: false,
        };
        let rule = changed(rule, &new.more)?;
        if rule.issuer.issuer.trim_end_matches('/') == self.public_url.as_str() {
            return Err(wrong("issuer", "must be another server than this one"));
        }
        let scopes = services::scopes(&self.store, &new.scopes).await?;
        let mut unit = UnitOfWork::new();
        let account =
            services::account(&self.store, &self.accounts, authority, &new.service, &mut unit)
                .await?;
        let workload = NewWorkload { name: new.name, account: account.id.clone(), scopes, rule };
        let client = self.registration.prepare_workload(workload)?;
        unit.push(Change::InsertClient(Box::new(client.clone())));
        services::apply(&self.store, unit, &account).await?;
        Ok(client)
    }

    /// Changes a trust rule. The access of its workload ends, unless only the name changes.
    pub async fn edit(
        &self,
        _authority: &Authority,
        proposal: Proposal<'_, TrustChange>,
    ) -> Result<Edit, Refusal> {
        edit::edit(self, proposal).await
    }

    /// Deletes a trust rule with its client. The access of its workload ends.
    pub async fn delete(&self, id: &str, seen: Option<&str>) -> Result<(), Refusal> {
        let client = self.with_id(id).await?;
        Ok(self.registration.decide(&client.id, ClientDecision::Delete, seen).await?)
    }
}

/// The changed client of a trust rule.
pub(crate) struct ChangedTrust {
    client: Client,
    /// The etag of the state before.
    seen: String,
    /// The access of the workload ends.
    ends_access: bool,
}

impl Editable for Trusts {
    type Change = TrustChange;
    type Plan = ChangedTrust;

    async fn plan(&self, of: &str, change: &TrustChange) -> Result<Planned<Self::Plan>, Refusal> {
        let before = self.with_id(of).await?;
        let missing = || Refusal::missing(Object::TrustRule, of);
        let rule = changed(with_rule(&before).cloned().ok_or_else(missing)?, change)?;
        let scopes: ScopeSet = match &change.scopes {
            Some(names) => services::scopes(&self.store, names).await?,
            None => before.scopes.clone(),
        };
        let name = change.name.clone().unwrap_or_else(|| before.name.clone());
        let edit = WorkloadEdit { name, scopes, rule };
        let client = Registration::edited_workload(&before, edit)?;
        let differences = edit::different_parts(&facts(&before), &facts(&client));
        let ends_access = differences.iter().any(|one| one.key != "name");
        let etag = before.etag();
        let plan = ChangedTrust { client, seen: etag.clone(), ends_access };
        Ok(Planned { differences, ends_access, etag, plan })
    }

    async fn put(&self, plan: ChangedTrust, _: Vec<String>) -> Result<(), Refusal> {
        let ChangedTrust { client, seen, ends_access } = plan;
        if ends_access {
            // The grants were given to workloads of the rule before.
            let reason = RevokeReason::TrustChanged;
            self.registration.put_ending_grants(client, seen, reason).await?;
        } else {
            self.registration.put(client, seen).await?;
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
