//! Protected resource metadata (RFC 9728).

use doorward_keys::Proofs;
use doorward_model::ScopeSet;
use doorward_transport::host::ReachedAs;
use serde_json::{Value, json};

use crate::{Mcp, Target};

impl Mcp {
    /// The document. Its scopes are those of basic use, not all of them (R4), and never
    /// `offline_access` (R5). Clients compare the resource with their configured URL, so that it is
    /// named as it was `reached`; the authorization server has one name.
    pub(crate) fn resource_metadata(&self, target: Target, reached: Option<&ReachedAs>) -> Value {
        let settings = &self.inner.settings;
        let public_url = reached.map_or(&settings.public_url, |reached| &reached.0);
        let mut document = json!({
            "resource": target.resource(public_url).as_str(),
            "authorization_servers": [settings.public_url.as_str()],
            "scopes_supported": ScopeSet::default_request().iter().map(doorward_model::Scope::name).collect::<Vec<_>>(),
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": Proofs::algorithms(),
        });
        let toolset = target.toolset().and_then(|name| settings.resources.toolset(name));
        let name = toolset.as_ref().map_or(&settings.config.resource_name, |it| &it.title);
        if let Value::Object(members) = &mut document {
            for (name, value) in [
                ("resource_name", name),
                ("resource_documentation", &settings.config.resource_documentation),
            ] {
                if !value.is_empty() {
                    members.insert(name.to_owned(), value.as_str().into());
                }
            }
        }
        document
    }
}
