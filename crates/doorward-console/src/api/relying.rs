//! The settings of clients as relying parties, as the API names them.

use doorward_admin::{NewRelyingParty, RelyingPartyEdit};
use doorward_model::RelyingParty;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of a relying party.
#[derive(Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "RelyingParty")]
pub(super) struct OpenId {
    /// True for subjects that other relying parties cannot compare.
    pairwise: bool,
    /// True if userinfo is answered as a signed token.
    signed_userinfo: bool,
    /// The URLs to which a browser may be redirected after signing out.
    #[schemars(inner(length(min = 1)))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    post_logout_redirect_uris: Vec<String>,
    /// The URL to notify when a session ends.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    backchannel_logout_uri: Option<String>,
    /// True if it needs `sid` in logout tokens.
    backchannel_logout_session_required: bool,
}

impl OpenId {
    pub(super) fn of(openid: &RelyingParty) -> Self {
        let NewRelyingParty {
            pairwise,
            signed_userinfo,
            post_logout_redirect_uris,
            backchannel_logout_uri,
            backchannel_logout_session_required,
        } = NewRelyingParty::of(openid);
        Self {
            pairwise,
            signed_userinfo,
            post_logout_redirect_uris,
            backchannel_logout_uri,
            backchannel_logout_session_required,
        }
    }

    pub(super) fn wanted(self) -> NewRelyingParty {
        NewRelyingParty {
            pairwise: self.pairwise,
            signed_userinfo: self.signed_userinfo,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            backchannel_logout_uri: self.backchannel_logout_uri,
            backchannel_logout_session_required: self.backchannel_logout_session_required,
        }
    }
}

/// Changes of the settings of a relying party. A part that is left out stays.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "RelyingPartyChanges")]
pub(super) struct OpenIdChanges {
    /// Another type of subjects revokes the access of the client.
    pairwise: Option<bool>,
    signed_userinfo: Option<bool>,
    #[schemars(inner(length(min = 1)))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    post_logout_redirect_uris: Option<Vec<String>>,
    /// Empty for none.
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: Option<bool>,
}

impl OpenIdChanges {
    pub(super) fn wanted(self) -> RelyingPartyEdit {
        RelyingPartyEdit {
            pairwise: self.pairwise,
            signed_userinfo: self.signed_userinfo,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            backchannel_logout_uri: self.backchannel_logout_uri,
            backchannel_logout_session_required: self.backchannel_logout_session_required,
        }
    }
}
