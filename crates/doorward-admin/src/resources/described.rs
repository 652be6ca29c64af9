//! External resource servers as pages, API and commands show and change them.

use doorward_accounts::Authority;
use doorward_model::{ExternalResource, Role, routes};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Guide, MadeResource, NewResource, ResourceEdit, Resources};
use crate::{
    Admin, Edit, Proposal, Refusal,
    objects::{Added, Field, ObjectApi, Objects, OperationName, Shape},
};

/// An external resource server. Its secret is not among it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Resource")]
pub struct ResourceView {
    /// Its identifier, with which it authenticates for introspection.
    pub id: String,
    /// The value of `resource` in requests and of `aud` in tokens.
    pub url: String,
    /// The name that the consent page shows.
    pub name: String,
    /// The scopes that tokens for it may have; the first is the default.
    pub scopes: Vec<String>,
    /// The roles of which a user must have one; empty for all users.
    pub roles: Vec<String>,
    /// Seconds since 1970.
    pub created_at: i64,
    /// Names this state, for If-Match.
    pub etag: String,
}

/// An external resource server with what its operator needs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ResourceWithGuide")]
pub struct ResourceDetails {
    /// The resource server.
    #[serde(flatten)]
    pub resource: ResourceView,
    /// Its set-up.
    #[serde(flatten)]
    pub guide: Guide,
}

/// An external resource server with its secret.
#[derive(Serialize, JsonSchema)]
pub struct ResourceWithSecret {
    /// The resource server.
    #[serde(flatten)]
    pub resource: ResourceView,
    /// The secret, shown only once.
    pub secret: String,
}

impl From<MadeResource> for Added<ExternalResource> {
    fn from(MadeResource { resource, secret }: MadeResource) -> Self {
        Self { object: resource, secret: Some(secret) }
    }
}

impl Objects for Resources {
    type Object = ExternalResource;
    type New = NewResource;
    type Change = ResourceEdit;
    type View = ResourceView;
    type Details = ResourceDetails;
    type AddedView = ResourceWithSecret;

    const FIELDS: &'static [Field] = &[
        Field::new("url", Shape::Url, 500).fixed(),
        Field::new("name", Shape::Line, 80).with_default(),
        Field::new("scopes", Shape::Words, 1600),
        Field::new("roles", Shape::Words, 1600),
    ];
    const API: ObjectApi = ObjectApi {
        all: routes::API_RESOURCES,
        one: routes::API_RESOURCE,
        plural: ("resources", "Resources"),
        list: OperationName {
            id: "listResources",
            summary: "Lists external resource servers, by URL.",
        },
        add: OperationName {
            id: "addResource",
            summary: "Adds an external resource server: another program that accepts this server's \
                      tokens. Its secret is shown this once.",
        },
        show: OperationName {
            id: "showResource",
            summary: "Shows an external resource server, with what its operator needs.",
        },
        change: OperationName {
            id: "changeResource",
            summary: "Changes the name, the scopes or the roles of an external resource server. \
                      Omitted members stay.",
        },
        remove: OperationName {
            id: "removeResource",
            summary: "Removes an external resource server. The access of clients to it ends.",
        },
        missing: "There is no such resource server.",
        taken: "There is one of this URL.",
        needed: None,
    };

    fn of(admin: &Admin) -> &Self {
        &admin.resources
    }

    async fn list(&self) -> Result<Vec<ExternalResource>, Refusal> {
        Ok(self.all().await?.to_vec())
    }

    async fn find(&self, name: &str) -> Result<ExternalResource, Refusal> {
        self.named(name).await
    }

    async fn insert(
        &self,
        authority: &Authority,
        new: NewResource,
    ) -> Result<Added<ExternalResource>, Refusal> {
        Ok(self.add(authority, new).await?.into())
    }

    async fn change(
        &self,
        authority: &Authority,
        proposal: Proposal<'_, ResourceEdit>,
    ) -> Result<Edit, Refusal> {
        self.edit(authority, proposal).await
    }

    async fn end(&self, name: &str, seen: Option<&str>) -> Result<(), Refusal> {
        self.remove(name, seen).await
    }

    fn key(resource: &ExternalResource) -> String {
        resource.id.to_string()
    }

    fn title(resource: &ExternalResource) -> String {
        resource.name.clone()
    }

    fn etag(resource: &ExternalResource) -> String {
        resource.etag()
    }

    fn view(&self, resource: &ExternalResource) -> ResourceView {
        ResourceView {
            id: resource.id.to_string(),
            url: resource.url.to_string(),
            name: resource.name.clone(),
            scopes: resource.scopes.iter().map(|scope| scope.name().into_owned()).collect(),
            roles: resource.roles.iter().map(Role::to_string).collect(),
            created_at: resource.created_at.0,
            etag: resource.etag(),
        }
    }

    async fn details(&self, resource: &ExternalResource) -> Result<ResourceDetails, Refusal> {
        Ok(ResourceDetails { resource: self.view(resource), guide: self.guide(resource) })
    }

    fn added_view(&self, added: &Added<ExternalResource>) -> ResourceWithSecret {
        let secret = added.secret.as_ref().map(|secret| secret.reveal().to_owned());
        ResourceWithSecret {
            resource: self.view(&added.object),
            secret: secret.unwrap_or_default(),
        }
    }
}
