//! Authorization requests as sealed values, which pages carry in their URLs and forms.

use doorward_model::{ClientId, ConnectStep, Reason, Sealed, StepKind, Timestamp};
use doorward_transport::{ClientAddress, Params};

use super::{AuthorizationRequest, ReopenError};
use crate::Issuer;

/// The purpose for which a request is sealed.
const PLACE: &str = "authorization-request";

impl Issuer {
    /// Makes a request into a value that pages carry in their URLs and forms.
    pub fn seal(&self, request: &AuthorizationRequest) -> String {
        let plain = format!("{}\n{}\n{}", request.id, request.created_at, request.params.encode());
        self.services.master.seal(PLACE, plain.as_bytes()).as_str().to_owned()
    }

    /// Opens a sealed request and validates it again: the client may have been disabled meanwhile.
    pub async fn reopen(
        &self,
        sealed: &str,
        address: ClientAddress,
    ) -> Result<AuthorizationRequest, ReopenError> {
        let plain = self
            .services
            .master
            .open(PLACE, &Sealed::from_stored(sealed.to_owned()))
            .map_err(|_| ReopenError::Invalid)?;
        let text = std::str::from_utf8(&plain).map_err(|_| ReopenError::Invalid)?;
        let mut lines = text.splitn(3, '\n');
        let (Some(id), Some(created_at), Some(query)) = (
            lines.next(),
            lines.next().and_then(|text| text.parse().ok()).map(Timestamp),
            lines.next(),
        ) else {
            return Err(ReopenError::Invalid);
        };
        if self.services.clock.now().since(created_at)
            >= self.settings.config.authorization_request_seconds
        {
            self.note_expired(id, query).await;
            return Err(ReopenError::Expired);
        }
        let params = Params::parse(query.as_bytes()).map_err(|_| ReopenError::Invalid)?;
        let (client, valid) =
            self.validate(&params, address).await.map_err(ReopenError::Refused)?;
        Ok(valid.request(id.to_owned(), created_at, client, params))
    }

    /// Notes that a user returned too late. The request itself is no longer validated.
    async fn note_expired(&self, flow: &str, query: &str) {
        let id = Params::parse(query.as_bytes())
            .ok()
            .and_then(|params| params.get("client_id").map(ClientId::from_text));
        let Some(id) = id else { return };
        let name =
            self.services.store.client(&id).await.ok().flatten().map(|client| client.name.clone());
        self.services.store.note_step(
            ConnectStep::new(StepKind::Asked)
                .client(id.as_str(), name)
                .flow(flow)
                .refused(Reason::RequestExpired),
        );
    }
}
