//! The scopes that forms for services offer.

use doorward_model::ExternalResource;

/// The scopes of this server that the form for a service offers, from the least to the most.
pub(super) const SERVICE_SCOPES: [&str; 3] = ["mcp:read", "mcp:write", "mcp:destructive"];

/// All scopes that the form for a service offers: after those of this server, those of external
/// resource servers.
pub(super) fn service_scopes(external: &[ExternalResource]) -> Vec<String> {
    let mut names: Vec<String> = SERVICE_SCOPES.map(ToOwned::to_owned).to_vec();
    for scope in external.iter().flat_map(|resource| &resource.scopes) {
        let name = scope.name().into_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
