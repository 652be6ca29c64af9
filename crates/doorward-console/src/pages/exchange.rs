//! The form about the permission of a client to exchange tokens.

use axum::response::Response;
use doorward_admin::{NewExchange, Refusal};
use doorward_model::{Client, ClientAuthMethod, ClientId, ClientSource, Scope, routes};
use doorward_transport::Params;
use doorward_web::SignInTarget;

use crate::{Console, pages::Administrator};

/// The form, as it is shown.
pub(super) struct Form {
    /// True if the client may exchange tokens.
    pub(super) permitted: bool,
    /// The clients whose tokens it may exchange, one per line.
    pub(super) from: String,
    /// Each scope that can be given, and whether it is.
    pub(super) scopes: Vec<(String, bool)>,
    /// True if the client is an AI back end.
    pub(super) back_end: bool,
    /// The tokens of identity providers that it may exchange, one kind per line.
    pub(super) providers: String,
}

/// The form of a client; `None` for one that cannot be permitted to exchange tokens.
pub(super) fn form(client: &Client, offered: &[String]) -> Option<Form> {
    let may_be = client.source == ClientSource::Administrator
        && client.auth_method != ClientAuthMethod::None;
    may_be.then(|| {
        let rule = client.exchange.clone().unwrap_or_default();
        let mut names: Vec<String> = offered.to_vec();
        // Those of one upstream are given by command.
        names.extend(rule.scopes.iter().map(|scope| scope.name().into_owned()));
        let mut scopes: Vec<(String, bool)> = Vec::new();
        for name in names {
            if !scopes.iter().any(|(known, _)| *known == name) {
                let given = Scope::named(&name).is_some_and(|scope| rule.scopes.contains(scope));
                scopes.push((name, given));
            }
        }
        Form {
            permitted: client.exchange.is_some(),
            from: rule.from.iter().map(ClientId::as_str).collect::<Vec<_>>().join("\n"),
            scopes,
            back_end: rule.back_end,
            providers: rule
                .providers
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    })
}

/// Gives or ends the permission, as the form says.
pub(super) async fn set(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    id: &str,
    seen: &str,
) -> Result<Result<(), Refusal>, Response> {
    let id_in_url: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let page = format!("{}?client_id={id_in_url}", routes::ADMIN_CLIENT);
    let page = SignInTarget::page(&page);
    let authority = console.web.authority(&administrator.0.visitor, &page).await?;
    let from = params.get("from").unwrap_or_default();
    let new = (params.get("do") == Some("exchange")).then(|| NewExchange {
        from: from.split_whitespace().map(ToOwned::to_owned).collect(),
        scopes: params
            .names()
            .filter_map(|name| name.strip_prefix("scope-"))
            .map(ToOwned::to_owned)
            .collect(),
        back_end: params.get("back_end").is_some(),
        providers: lines(params.get("providers").unwrap_or_default()),
    });
    let clients = &console.admin.clients;
    Ok(clients.set_exchange(&authority, id, new.as_ref(), Some(seen)).await.map(drop))
}

/// The lines of a field that have text in them.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}
