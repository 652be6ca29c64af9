//! The options of `doorward client set` for the settings of a relying party.

use clap::Args;
use doorward_admin::RelyingPartyEdit;

/// Settings of a relying party. Those that are not given stay.
#[derive(Args, Debug)]
pub(in crate::commands) struct Options {
    /// Issue pairwise subjects, which other applications cannot compare: true or false. A change
    /// revokes the access of the client.
    #[arg(long, value_name = "BOOLEAN")]
    pairwise: Option<bool>,
    /// Return userinfo as a signed token: true or false.
    #[arg(long, value_name = "BOOLEAN")]
    signed_userinfo: Option<bool>,
    /// A URL to which the browser may be redirected after signing out; replaces all current ones.
    /// May be given several times.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// Remove all URLs of that kind.
    #[arg(long, conflicts_with = "post_logout_redirect_uris")]
    no_post_logout_redirect_uris: bool,
    /// The URL to notify when a session ends (OpenID Connect Back-Channel Logout); empty for none.
    #[arg(long, value_name = "URL")]
    backchannel_logout_uri: Option<String>,
    /// Require the session ID (sid) in the notification: true or false.
    #[arg(long, value_name = "BOOLEAN")]
    backchannel_logout_session_required: Option<bool>,
}

impl Options {
    /// The change that they ask for, if there is one. A client that is no relying party becomes
    /// one.
    pub(in crate::commands) fn wanted(self) -> Option<RelyingPartyEdit> {
        let given = !self.post_logout_redirect_uris.is_empty();
        let replaced = given || self.no_post_logout_redirect_uris;
        let wanted = RelyingPartyEdit {
            pairwise: self.pairwise,
            signed_userinfo: self.signed_userinfo,
            post_logout_redirect_uris: replaced.then_some(self.post_logout_redirect_uris),
            backchannel_logout_uri: self.backchannel_logout_uri,
            backchannel_logout_session_required: self.backchannel_logout_session_required,
        };
        (wanted != RelyingPartyEdit::default()).then_some(wanted)
    }
}
