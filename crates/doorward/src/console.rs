//! Introduces the rest of the program to the administrators' pages.

use std::sync::{Arc, OnceLock, Weak};

use axum::response::Response;
use doorward_accounts::Authority;
use doorward_model::{AuditFilter, ClientId, Person};
use doorward_registration::{ClientChangeError, ClientDecision, NewClient};
use doorward_store::StoreError;
use doorward_transport::answer;
use doorward_web::{
    AddedClient, Answer, AskedKind, ClientQuota, ClientToAdd, Console, Explanation, Look, Told,
};

use crate::{
    api,
    app::App,
    explain::{self, Named},
    health,
};

/// The program, as administrators' pages see it. It is known only when everything is wired.
#[derive(Default)]
pub(crate) struct AdminConsole(OnceLock<Weak<App>>);

impl AdminConsole {
    /// Makes the program known.
    pub(crate) fn introduce(&self, app: &Arc<App>) {
        let _ = self.0.set(Arc::downgrade(app));
    }

    fn app(&self) -> Result<Arc<App>, StoreError> {
        self.0.get().and_then(Weak::upgrade).ok_or(StoreError::Closed)
    }
}

fn told(error: ClientChangeError) -> Told {
    match error {
        ClientChangeError::Refused(refusal) => Told::No(refusal.why),
        ClientChangeError::Unknown(_) => Told::Missing,
        ClientChangeError::Changed => Told::Changed,
        ClientChangeError::NoDocument => Told::No(error.to_string()),
        ClientChangeError::Store(error) => Told::Store(error),
    }
}

impl Console for AdminConsole {
    fn decide_client<'a>(
        &'a self,
        id: &'a ClientId,
        decision: &'a str,
        seen: &'a str,
    ) -> Answer<'a, Result<(), Told>> {
        Box::pin(async move {
            let decision = ClientDecision::parse(decision)
                .ok_or_else(|| Told::No("there is no such decision".to_owned()))?;
            self.app()?.registration.decide(id, decision, Some(seen)).await.map_err(told)
        })
    }

    fn add_client<'a>(
        &'a self,
        _authority: &'a Authority,
        new: ClientToAdd,
    ) -> Answer<'a, Result<AddedClient, Told>> {
        Box::pin(async move {
            let method = new.confidential.then(|| "client_secret_basic".to_owned());
            let new = NewClient {
                name: new.name,
                redirect_uris: new.redirect_uris,
                auth_method: method,
                admin: new.admin,
            };
            let added = self.app()?.registration.add(new).await.map_err(told)?;
            Ok(AddedClient {
                id: added.client.id.to_string(),
                secret: added.secret.map(|secret| secret.reveal().to_owned()),
            })
        })
    }

    fn clean_clients(&self, days: u32) -> Answer<'_, Result<u64, Told>> {
        Box::pin(async move {
            if !(1..=3660).contains(&days) {
                return Err(Told::No("between 1 and 3660 days".to_owned()));
            }
            let app = self.app()?;
            let gone = app
                .store
                .delete_unused_clients(app.clock.now().plus(-i64::from(days) * 86_400))
                .await?;
            app.registration.recount().await?;
            Ok(gone)
        })
    }

    fn quota(&self) -> ClientQuota {
        self.app().map_or(ClientQuota { most: 0, approval: false }, |app| {
            let config = app.registration.config();
            ClientQuota { most: config.max_registrations, approval: config.approval }
        })
    }

    fn explain<'a>(
        &'a self,
        person: &'a Person,
        client: &'a str,
        (kind, name): (AskedKind, &'a str),
    ) -> Answer<'a, Result<Option<Explanation>, StoreError>> {
        Box::pin(async move {
            let app = self.app()?;
            let named = match kind {
                AskedKind::Tool => Named { tool: Some(name), ..Named::default() },
                AskedKind::Prompt => Named { prompt: Some(name), ..Named::default() },
                AskedKind::Resource => Named { resource: Some(name), ..Named::default() },
                AskedKind::Template => Named { template: Some(name), ..Named::default() },
                AskedKind::Upstream => Named { upstream: Some(name), ..Named::default() },
            };
            let Some(wanted) = named.wanted() else { return Ok(None) };
            let call = (person, client, wanted);
            let found = explain::explain(&app.store, &app.gateway, app.mcp.judge(), call).await?;
            Ok(found.map(|found| Explanation { answer: found.answer, why: found.why }))
        })
    }

    fn health(&self) -> Answer<'_, Vec<Look>> {
        Box::pin(async move {
            let Ok(app) = self.app() else { return Vec::new() };
            let look = |finding: health::Finding| {
                let good = finding.result.is_ok();
                let (Ok(says) | Err(says)) = finding.result;
                Look { what: finding.what, good, says }
            };
            health::look(&app).await.into_iter().map(look).collect()
        })
    }

    fn rotate_keys(&self) -> Answer<'_, Result<(), Told>> {
        Box::pin(async move {
            self.app()?.rotate_keys(None).await.map_err(|error| Told::No(error.to_string()))
        })
    }

    fn record<'a>(
        &'a self,
        id: &'a str,
    ) -> Answer<'a, Result<Option<(String, String)>, StoreError>> {
        Box::pin(async move { self.app()?.read_record(id).await })
    }

    fn export(&self, filter: AuditFilter, csv: bool) -> Response {
        match self.app() {
            Ok(app) => api::exported(&app, filter, csv),
            Err(_) => answer::json(
                http::StatusCode::SERVICE_UNAVAILABLE,
                &serde_json::json!({"error": "temporarily_unavailable"}),
            ),
        }
    }

    fn made_public(&self) -> Vec<String> {
        self.app().map(|app| app.made_public()).unwrap_or_default()
    }
}
