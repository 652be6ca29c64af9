//! Records that several tests store.

use doorward_model::{
    Client, ClientAuthMethod, ClientId, ClientRules, ClientSource, GrantTypes, RedirectUri,
    ScopeSet, Timestamp,
};

/// The moment at which they were created.
pub(crate) const NOW: Timestamp = Timestamp(1_000_000);

/// A public client that registered itself.
pub(crate) fn client(id: &str) -> Client {
    Client {
        id: ClientId::from_text(id),
        source: ClientSource::Registration,
        name: "n\u{e4}me \u{1f600}".into(),
        redirect_uris: vec![RedirectUri::from_stored("https://a.example/?x=\"1\"".into())],
        auth_method: ClientAuthMethod::None,
        secret: None,
        grant_types: GrantTypes::of_code_flow(),
        scopes: ScopeSet::all(),
        service: None,
        trust: None,
        openid: None,
        client_uri: None,
        jwks: None,
        jwks_uri: None,
        metadata: "{}".into(),
        created_at: NOW,
        authorized_at: None,
        disabled_at: None,
        fresh_until: None,
        approved_at: None,
        pinned_at: None,
        exchange: None,
        rules: ClientRules::default(),
        registration_token: None,
    }
}
