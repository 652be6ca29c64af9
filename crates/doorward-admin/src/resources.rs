//! Operations on external resource servers.

mod described;
mod guide;

use std::sync::Arc;

use doorward_accounts::Authority;
use doorward_model::{
    AuditSubject, Clock, Entropy, ExternalResource, PlainToken, PublicUrl, ResourceChange,
    ResourceId, Role, Scope, TokenKind, UnitOfWork,
};
use doorward_store::{Condition, Store, StoreError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub use described::{ResourceDetails, ResourceView, ResourceWithSecret};
pub use guide::{Guide, Snippet};

use crate::{
    Edit, Proposal, Refusal,
    edit::{self, Editable, Planned},
};

/// Maximum number of roles of one.
const MOST_ROLES: usize = 32;

/// An external resource server to be added.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResource {
    /// Its URL, exactly as in the claim `aud` of its tokens.
    #[schemars(length(min = 1, max = 500))]
    #[schemars(extend("x-code" = "invalid_resource"))]
    pub url: String,
    /// The name that the consent page shows; by default the host.
    #[schemars(length(min = 1, max = 80))]
    #[schemars(extend("x-code" = "invalid_resource"))]
    pub name: Option<String>,
    /// The scopes that tokens for it may have; the first is the default.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 48)))]
    #[schemars(extend("x-code" = "invalid_resource"))]
    pub scopes: Vec<String>,
    /// The roles of which a user must have one; empty for all users.
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(min = 1, max = 32)))]
    #[schemars(extend("x-code" = "invalid_roles"))]
    pub roles: Vec<String>,
}

/// Parts of an external resource server. Omitted members stay.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ResourceChange")]
pub struct ResourceEdit {
    /// The name that the consent page shows.
    #[schemars(length(min = 1, max = 80))]
    #[schemars(extend("x-code" = "invalid_resource"))]
    pub name: Option<String>,
    /// The scopes, which replace the current ones.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 48)))]
    #[schemars(extend("x-code" = "invalid_resource"))]
    pub scopes: Option<Vec<String>>,
    /// The roles, which replace the current ones.
    #[schemars(length(max = 32), inner(length(min = 1, max = 32)))]
    #[schemars(extend("x-code" = "invalid_roles"))]
    pub roles: Option<Vec<String>>,
}

/// An external resource server with the secret that was made for it, which is shown once.
#[derive(Debug)]
pub struct MadeResource {
    /// The resource server.
    pub resource: ExternalResource,
    /// Its secret.
    pub secret: PlainToken,
}

/// Operations on external resource servers. Cheap to clone.
#[derive(Clone)]
pub struct Resources {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    public_url: PublicUrl,
}

/// Reads the roles of which a user must have one.
pub(crate) fn admitted(names: &[String]) -> Result<Vec<Role>, Refusal> {
    if names.len() > MOST_ROLES {
        return Err(Refusal::TooManyRoles(MOST_ROLES));
    }
    let role =
        |name: &String| Role::named(name).map_err(|error| Refusal::Role(name.clone(), error));
    let mut roles = names.iter().map(role).collect::<Result<Vec<_>, _>>()?;
    roles.sort();
    roles.dedup();
    Ok(roles)
}

impl Resources {
    /// Operations on the external resource servers of this store.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        public_url: PublicUrl,
    ) -> Self {
        Self { store, clock, entropy, public_url }
    }

    /// All of them, by URL.
    pub async fn all(&self) -> Result<Arc<Vec<ExternalResource>>, Refusal> {
        Ok(self.store.external_resources().await?)
    }

    /// The one with this identifier or URL.
    pub async fn named(&self, name: &str) -> Result<ExternalResource, Refusal> {
        let all = self.all().await?;
        let found = all
            .iter()
            .find(|resource| resource.id.as_str() == name || resource.url.as_str() == name);
        found.cloned().ok_or_else(|| Refusal::missing(AuditSubject::Resource, name))
    }

    /// The set-up that makes it accept tokens of this server.
    pub fn guide(&self, resource: &ExternalResource) -> Guide {
        Guide::new(&self.public_url, resource)
    }

    fn secret(&self) -> PlainToken {
        PlainToken::random(TokenKind::ClientSecret, self.entropy.as_ref())
    }

    /// Adds one. Its secret is shown once.
    pub async fn add(
        &self,
        _authority: &Authority,
        new: NewResource,
    ) -> Result<MadeResource, Refusal> {
        let url = ExternalResource::url(&new.url, &self.public_url).map_err(Refusal::Resource)?;
        let host = || url.as_str().split('/').nth(2).unwrap_or_default().to_owned();
        let name = new.name.unwrap_or_else(host);
        let secret = self.secret();
        let resource = ExternalResource {
            id: ResourceId::random(self.entropy.as_ref()),
            name: ExternalResource::name(&name).map_err(Refusal::Resource)?,
            scopes: ExternalResource::scopes(&new.scopes).map_err(Refusal::Resource)?,
            roles: admitted(&new.roles)?,
            secret: secret.hashed(),
            created_at: self.clock.now(),
            url,
        };
        // Requests name it with and without a trailing slash: one of both spellings is enough.
        let bare = |text: &str| text.trim_end_matches('/').to_owned();
        let taken =
            |known: &ExternalResource| bare(known.url.as_str()) == bare(resource.url.as_str());
        if self.all().await?.iter().any(taken) {
            return Err(Refusal::taken(AuditSubject::Resource, new.url));
        }
        match self.store.apply(ResourceChange::Insert(Box::new(resource.clone()))).await {
            Ok(()) => {}
            Err(StoreError::Refused(Condition::Free(_))) => {
                return Err(Refusal::taken(AuditSubject::Resource, new.url));
            }
            Err(error) => return Err(error.into()),
        }
        tracing::info!(resource = %resource.id, url = %resource.url, "external resource server added");
        Ok(MadeResource { resource, secret })
    }

    /// Changes the name, the scopes or the roles. Tokens with scopes that are left out lose them at
    /// their next refresh and at introspection.
    pub async fn edit(
        &self,
        _authority: &Authority,
        proposal: Proposal<'_, ResourceEdit>,
    ) -> Result<Edit, Refusal> {
        edit::edit(self, proposal).await
    }

    /// Replaces the secret. The former one ends at once.
    pub async fn new_secret(
        &self,
        _authority: &Authority,
        name: &str,
    ) -> Result<MadeResource, Refusal> {
        let before = self.named(name).await?;
        let secret = self.secret();
        let resource = ExternalResource { secret: secret.hashed(), ..before.clone() };
        self.store_change(&before, resource.clone()).await?;
        Ok(MadeResource { resource, secret })
    }

    async fn store_change(
        &self,
        before: &ExternalResource,
        after: ExternalResource,
    ) -> Result<(), Refusal> {
        let seen = ResourceChange::Expect { id: before.id.clone(), etag: before.etag() };
        let update = ResourceChange::Update(Box::new(after));
        let unit = UnitOfWork::from_iter([seen.into(), update.into()]);
        edit::apply_expected(&self.store, unit).await
    }

    /// Removes one, if it is still in the state that was seen. The access of clients to it ends.
    pub async fn remove(&self, name: &str, seen: Option<&str>) -> Result<(), Refusal> {
        let resource = self.named(name).await?;
        let (id, url, at) = (resource.id, resource.url, self.clock.now());
        let expect = seen
            .map(|etag| ResourceChange::Expect { id: id.clone(), etag: etag.to_owned() }.into());
        let delete = ResourceChange::Delete { id, url, at }.into();
        edit::apply_expected(&self.store, expect.into_iter().chain([delete]).collect()).await
    }
}

impl Editable for Resources {
    type Change = ResourceEdit;
    /// The resource server before and after.
    type Plan = (ExternalResource, ExternalResource);

    async fn plan(&self, of: &str, change: &ResourceEdit) -> Result<Planned<Self::Plan>, Refusal> {
        let before = self.named(of).await?;
        let mut after = before.clone();
        if let Some(name) = &change.name {
            after.name = ExternalResource::name(name).map_err(Refusal::Resource)?;
        }
        if let Some(scopes) = &change.scopes {
            after.scopes = ExternalResource::scopes(scopes).map_err(Refusal::Resource)?;
        }
        if let Some(names) = &change.roles {
            after.roles = admitted(names)?;
        }
        let differences = edit::different_parts(&facts(&before), &facts(&after));
        let etag = before.etag();
        Ok(Planned { differences, ends_access: false, etag, plan: (before, after) })
    }

    async fn put(&self, (before, after): Self::Plan, _: Vec<String>) -> Result<(), Refusal> {
        self.store_change(&before, after).await
    }

    async fn etag_of(&self, of: &str) -> Result<String, Refusal> {
        Ok(self.named(of).await?.etag())
    }
}

/// The values that an administrator sets.
fn facts(resource: &ExternalResource) -> Value {
    json!({
        "name": resource.name,
        "scopes": resource.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
        "roles": resource.roles.iter().map(Role::as_str).collect::<Vec<_>>(),
    })
}

/// Reads a scope that the client of a service may have: of this server, or of one of these
/// resource servers.
pub(crate) fn scope_of(known: &[ExternalResource], name: &str) -> Option<Scope> {
    Scope::named(name).or_else(|| {
        Scope::parse(name).filter(|scope| known.iter().any(|one| one.scopes.contains(scope)))
    })
}
