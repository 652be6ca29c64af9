//! The settings of clients as relying parties, which only administrators make and change.

use doorward_model::{OAuthErrorCode, RedirectUri, RelyingParty, Scope, ScopeSet};

use crate::{ClientChangeError, Config, MetadataRefusal, policy};

/// The settings of a relying party to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRelyingParty {
    /// True for subjects that other relying parties cannot compare (OpenID Connect Core §8.1).
    pub pairwise: bool,
    /// True if userinfo is answered as a signed token.
    pub signed_userinfo: bool,
    /// The URLs to which a browser may be redirected after signing out.
    pub post_logout_redirect_uris: Vec<String>,
    /// The URL to notify when a session ends.
    pub backchannel_logout_uri: Option<String>,
    /// True if it needs `sid` in logout tokens.
    pub backchannel_logout_session_required: bool,
}

impl NewRelyingParty {
    /// The settings that a relying party has.
    pub fn of(openid: &RelyingParty) -> Self {
        Self {
            pairwise: openid.sector.is_some(),
            signed_userinfo: openid.signed_userinfo,
            post_logout_redirect_uris: openid.post_logout_redirect_uris.clone(),
            backchannel_logout_uri: openid.backchannel_logout_uri.clone(),
            backchannel_logout_session_required: openid.backchannel_logout_session_required,
        }
    }
}

/// Changes of the settings of a relying party. `None` keeps the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelyingPartyEdit {
    /// Another type of subjects ends the access that the client has.
    pub pairwise: Option<bool>,
    /// True if userinfo is answered as a signed token.
    pub signed_userinfo: Option<bool>,
    /// The URLs to which a browser may be redirected after signing out.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// The URL to notify when a session ends; empty for none.
    pub backchannel_logout_uri: Option<String>,
    /// True if it needs `sid` in logout tokens.
    pub backchannel_logout_session_required: Option<bool>,
}

impl RelyingPartyEdit {
    /// The settings as the edit leaves them.
    pub(crate) fn of(&self, before: NewRelyingParty) -> NewRelyingParty {
        let uri = self.backchannel_logout_uri.clone();
        let uri = uri.map(|uri| Some(uri).filter(|uri| !uri.is_empty()));
        NewRelyingParty {
            pairwise: self.pairwise.unwrap_or(before.pairwise),
            signed_userinfo: self.signed_userinfo.unwrap_or(before.signed_userinfo),
            post_logout_redirect_uris: self
                .post_logout_redirect_uris
                .clone()
                .unwrap_or(before.post_logout_redirect_uris),
            backchannel_logout_uri: uri.unwrap_or(before.backchannel_logout_uri),
            backchannel_logout_session_required: self
                .backchannel_logout_session_required
                .unwrap_or(before.backchannel_logout_session_required),
        }
    }
}

/// The one host to which these redirect URIs lead, if there is one.
fn sector_of(uris: &[RedirectUri]) -> Option<String> {
    let host = |uri: &RedirectUri| {
        let url = url::Url::parse(uri.as_str()).ok()?;
        matches!(url.scheme(), "https" | "http").then(|| url.host_str().map(str::to_owned))?
    };
    let first = host(uris.first()?)?;
    uris.iter().all(|uri| host(uri).as_ref() == Some(&first)).then_some(first)
}

/// The settings of a relying party with these redirect URIs.
pub(crate) fn accept(
    new: &NewRelyingParty,
    uris: &[RedirectUri],
    config: &Config,
) -> Result<RelyingParty, ClientChangeError> {
    let sector =
        if new.pairwise { Some(sector_of(uris).ok_or(ClientChangeError::Sector)?) } else { None };
    let after = &new.post_logout_redirect_uris;
    let refuse = |why: String| {
        ClientChangeError::from(MetadataRefusal {
            code: OAuthErrorCode::InvalidClientMetadata,
            why,
        })
    };
    if after.len() > config.max_redirect_uris {
        let most = config.max_redirect_uris;
        return Err(refuse(format!("more than {most} post_logout_redirect_uris")));
    }
    for (index, uri) in after.iter().enumerate() {
        RedirectUri::register(uri, &config.private_schemes)
            .map_err(|error| refuse(format!("post_logout_redirect_uris[{index}]: {error}")))?;
    }
    if let Some(uri) = &new.backchannel_logout_uri {
        policy::web_address("backchannel_logout_uri", uri)?;
        if uri.contains('#') {
            return Err(refuse("backchannel_logout_uri must not have a fragment".to_owned()));
        }
    }
    Ok(RelyingParty {
        sector,
        signed_userinfo: new.signed_userinfo,
        post_logout_redirect_uris: after.clone(),
        backchannel_logout_uri: new.backchannel_logout_uri.clone(),
        backchannel_logout_session_required: new.backchannel_logout_session_required,
    })
}

/// The scopes of a client that an administrator adds for users.
pub(crate) fn scopes(
    openid: Option<&RelyingParty>,
    admin: bool,
) -> Result<ScopeSet, ClientChangeError> {
    let is_pairwise = openid.is_some_and(|openid| openid.sector.is_some());
    if is_pairwise && admin {
        return Err(ClientChangeError::Pairwise);
    }
    // A token for another resource names the user by the identifier that pairwise subjects hide.
    let all =
        if is_pairwise { [Scope::OfflineAccess].into_iter().collect() } else { ScopeSet::all() };
    let identity = if openid.is_some() { ScopeSet::identity() } else { ScopeSet::default() };
    Ok(all.union(&identity).iter().chain(admin.then_some(Scope::Admin)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(change: impl FnOnce(&mut NewRelyingParty)) -> Result<RelyingParty, ClientChangeError> {
        let mut new = NewRelyingParty::default();
        change(&mut new);
        let uris = [RedirectUri::from_stored("https://a.example/cb".to_owned())];
        accept(&new, &uris, &Config::default())
    }

    #[test]
    fn urls_of_logout_are_held_to_the_rules_of_redirects_and_of_fetches() {
        let after =
            |uri: &str| party(|new| new.post_logout_redirect_uris = vec![uri.to_owned()]).is_ok();
        for uri in
            ["https://a.example/bye?x=1", "http://127.0.0.1:7777/bye", "com.example.app:/bye"]
        {
            assert!(after(uri), "{uri}");
        }
        for uri in ["https://a.example/#x", "javascript:alert(1)", "https://u:p@a.example/", "bye"]
        {
            assert!(!after(uri), "{uri}");
        }
        let told =
            |uri: &str| party(|new| new.backchannel_logout_uri = Some(uri.to_owned())).is_ok();
        assert!(told("https://a.example/logout"));
        for uri in ["", "com.example.app:/x", "https://a.example/x#y", "https://u:p@a.example/x"] {
            assert!(!told(uri), "{uri}");
        }
        let many = vec!["https://a.example/bye".to_owned(); 1000];
        assert!(party(|new| new.post_logout_redirect_uris = many).is_err());
    }

    #[test]
    fn an_edit_keeps_what_it_does_not_name() {
        let before = NewRelyingParty {
            pairwise: true,
            signed_userinfo: true,
            post_logout_redirect_uris: vec!["https://a.example/bye".to_owned()],
            backchannel_logout_uri: Some("https://a.example/logout".to_owned()),
            backchannel_logout_session_required: true,
        };
        assert_eq!(RelyingPartyEdit::default().of(before.clone()), before);
        let none = RelyingPartyEdit {
            backchannel_logout_uri: Some(String::new()),
            post_logout_redirect_uris: Some(Vec::new()),
            ..RelyingPartyEdit::default()
        };
        let after = none.of(before.clone());
        assert_eq!(after.backchannel_logout_uri, None);
        assert!(after.post_logout_redirect_uris.is_empty() && after.pairwise);
    }
}
