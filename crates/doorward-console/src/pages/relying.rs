//! The forms for the settings of a client as a relying party, and for the rules of its requests.

use doorward_admin::{NewRelyingParty, RelyingPartyEdit};
use doorward_model::{ClientRules, ClientRulesEdit, RelyingParty};
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
        params.get("openid").map(|_| Self::fields(params))
    }

    /// The fields as they were sent.
    pub(super) fn fields(params: &Params) -> Self {
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        Self {
            pairwise: params.get("pairwise").is_some(),
            signed_userinfo: params.get("signed_userinfo").is_some(),
            post_logout: text("post_logout_redirect_uris"),
            backchannel: text("backchannel_logout_uri"),
            session_required: params.get("backchannel_logout_session_required").is_some(),
        }
    }

    /// The relying party that it asks for.
    pub(super) fn wanted(&self) -> NewRelyingParty {
        NewRelyingParty {
            pairwise: self.pairwise,
            signed_userinfo: self.signed_userinfo,
            post_logout_redirect_uris: self
                .post_logout
                .split_whitespace()
                .map(ToOwned::to_owned)
                .collect(),
            backchannel_logout_uri: Some(self.backchannel.clone()).filter(|uri| !uri.is_empty()),
            backchannel_logout_session_required: self.session_required,
        }
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

/// The rules for requests as a form has them.
pub(super) fn typed_rules(params: &Params) -> ClientRules {
    ClientRules {
        require_pushed_authorization_requests: params
            .get("require_pushed_authorization_requests")
            .is_some(),
        dpop_bound_access_tokens: params.get("dpop_bound_access_tokens").is_some(),
    }
}

/// The change of the rules that a form asks for; none if they were not a part of it.
pub(super) fn edited_rules(params: &Params) -> ClientRulesEdit {
    if params.get("rules").is_none() {
        return ClientRulesEdit::default();
    }
    let typed = typed_rules(params);
    ClientRulesEdit {
        require_pushed_authorization_requests: Some(typed.require_pushed_authorization_requests),
        dpop_bound_access_tokens: Some(typed.dpop_bound_access_tokens),
    }
}
