//! Userinfo, and endpoints that are no longer where the cached discovery document has them.

use std::sync::Arc;

use doorward_transport::{
    OutboundError,
    oauth::{Content, RequestSubject},
};
use serde_json::{Map, Value};
use url::Url;

use super::{
    OpenIdConnect,
    discovery::{Discovered, Metadata},
};
use crate::{claims, error::FederationError};

impl OpenIdConnect {
    /// The document as it is now, where this failure may come from an endpoint that is no more and
    /// the provider names another one for it.
    pub(super) async fn moved(
        &self,
        found: &Arc<Discovered>,
        error: &FederationError,
        endpoint: impl Fn(&Metadata) -> Option<&Url>,
    ) -> Option<Arc<Discovered>> {
        let may_be = matches!(
            error,
            FederationError::Nonsense(_)
                | FederationError::Unreachable { error: OutboundError::Failed(_), .. }
        );
        if !may_be {
            return None;
        }
        let fresh = self.discovery.fresh_document(found).await?;
        (endpoint(&fresh.metadata) != endpoint(&found.metadata)).then_some(fresh)
    }

    /// Asks userinfo where the provider has it, or has it now.
    pub(super) async fn userinfo_of(
        &self,
        found: &Arc<Discovered>,
        url: &Url,
        access_token: &str,
        subject: &str,
    ) -> Result<Map<String, Value>, FederationError> {
        let asked = self.userinfo(found, url, access_token, subject).await;
        let Err(error) = &asked else { return asked };
        let moved = self.moved(found, error, |metadata| metadata.userinfo.as_ref()).await;
        match moved.as_ref().and_then(|fresh| Some((fresh, fresh.metadata.userinfo.as_ref()?))) {
            Some((fresh, url)) => self.userinfo(fresh, url, access_token, subject).await,
            None => asked,
        }
    }

    /// Asks userinfo (OpenID Connect Core §5.3): JSON, or a signed token.
    async fn userinfo(
        &self,
        found: &Arc<Discovered>,
        url: &Url,
        access_token: &str,
        subject: &str,
    ) -> Result<Map<String, Value>, FederationError> {
        let api = self.client.api(access_token);
        let answer = api.answer(url.as_str()).await?;
        let told = match &answer.content {
            Content::Text(token) if answer.is_success() && token.split('.').count() == 3 => {
                self.discovery
                    .signed(found, token)
                    .await?
                    .map_err(|why| FederationError::Untrusted(format!("userinfo: {why}")))?
                    .payload
            }
            _ => api.read(url.as_str(), &answer)?,
        };
        let Value::Object(members) = told else {
            let failure = answer.failure(RequestSubject::Resource);
            return Err(FederationError::answered(url.as_str(), failure));
        };
        let named = members.get("sub");
        match named.and_then(claims::identifier_in) {
            Some(named) if named == subject => Ok(members),
            Some(_) => Err(FederationError::Untrusted(
                "userinfo is about another user than the ID token".to_owned(),
            )),
            None => Err(FederationError::Nonsense(format!(
                "{url} does not name the user: its sub {}",
                claims::unfit(named)
            ))),
        }
    }
}
