//! The form for the settings of a client as a relying party.

use doorward_admin::RelyingPartyEdit;
use doorward_model::RelyingParty;
use doorward_transport::Params;

/// The fields of the form.
#[derive(Debug)]
pub(super) struct OpenIdForm {
    pub(super) pairwise: bool,
    pub(super) signed_userinfo: bool,
    /// One URL a line.
    pub(super) post_logout: String,
    pub(super) backchannel: String,
    pub(super) session_required: bool,
}

impl OpenIdForm {
    /// The form with the settings that a relying party has.
    pub(super) fn of(openid: &RelyingParty) -> Self {
        Self {
            pairwise: openid.sector.is_some(),
            signed_userinfo: openid.signed_userinfo,
            post_logout: openid.post_logout_redirect_uris.join("\n"),
            backchannel: openid.backchannel_logout_uri.clone().unwrap_or_default(),
            session_required: openid.backchannel_logout_session_required,
        }
    }

    /// The form as it was sent, if it was a part of the page.
    pub(super) fn typed(params: &Params) -> Option<Self> {
        params.get("openid")?;
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        Some(Self {
            pairwise: params.get("pairwise").is_some(),
            signed_userinfo: params.get("signed_userinfo").is_some(),
            post_logout: text("post_logout_redirect_uris"),
            backchannel: text("backchannel_logout_uri"),
            session_required: params.get("backchannel_logout_session_required").is_some(),
        })
    }

    /// The change that it asks for.
    pub(super) fn edit(&self) -> RelyingPartyEdit {
        let after = self.post_logout.split_whitespace().map(ToOwned::to_owned).collect();
        RelyingPartyEdit {
            pairwise: Some(self.pairwise),
            signed_userinfo: Some(self.signed_userinfo),
            post_logout_redirect_uris: Some(after),
            backchannel_logout_uri: Some(self.backchannel.clone()),
            backchannel_logout_session_required: Some(self.session_required),
        }
    }
}
