//! What the audit says of a change. Entries are made here, from the change itself, so that nothing that is allowed or forbidden can be
//! changed without one.

use doorward_model::{AuditEvent, AuditKind as Kind, Change, Client, ClientSource, Outcome, Person, ScopeSet, UnitOfWork, UpstreamChange};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use serde_json::{Map, Value, json};

use crate::entities::{client, person, setting, upstream_tool};

/// Settings whose value is for the audit. The others are the program's own.
const SHOWN_SETTINGS: [&str; 3] = ["mcp.", "pages.", "registration."];

/// A row whose state is compared before and after.
enum Compared {
    Person(String),
    Client(String),
    Setting(String),
    Tool(String, String),
}

/// An entry in the making.
pub(crate) struct Draft {
    event: AuditEvent,
    compared: Option<(Compared, Value)>,
    /// Whether no difference means no entry.
    only_if_different: bool,
}

/// The entries of traffic, which are written together a moment later.
pub(crate) fn traffic(unit: &UnitOfWork) -> Vec<AuditEvent> {
    let signs_in = unit.changes().iter().any(|change| matches!(change, Change::InsertSession(_)));
    unit.changes().iter().filter_map(|change| of_traffic(change, signs_in)).collect()
}

fn scopes(scopes: &ScopeSet, resources: &[doorward_model::Resource]) -> String {
    json!({"scopes": scopes.to_string(), "resources": resources.iter().map(doorward_model::Resource::as_str).collect::<Vec<_>>()}).to_string()
}

fn of_traffic(change: &Change, signs_in: bool) -> Option<AuditEvent> {
    Some(match change {
        Change::InsertSession(session) if session.complete => {
            let detail = json!({"by": session.authentication.amr, "provider": session.upstream.as_ref().map(|upstream| upstream.provider.as_str())});
            let mut event = AuditEvent::new(Kind::SignedIn).by(&session.user_id).detail(detail.to_string());
            event.actor.session_id = Some(session.id.to_string());
            event.address.clone_from(&session.address);
            event
        }
        // Counted for the account and for the address; one entry is enough.
        Change::RecordLoginFailure { key, .. } if !key.starts_with("address") => {
            AuditEvent::new(Kind::SignInFailed).about("sign_in", key).ended(Outcome::Refused)
        }
        Change::EndSession(_) if !signs_in => AuditEvent::new(Kind::SessionEnded),
        Change::InsertCode(code) => {
            let event = AuditEvent::new(Kind::ConsentAllowed).by(&code.user_id).through(&code.client_id).about("client", code.client_id.as_str());
            event.detail(scopes(&code.scopes, &code.resources))
        }
        Change::InsertGrant(grant) => {
            let mut event = AuditEvent::new(Kind::GrantGiven).by(&grant.user_id).through(&grant.client_id).about("grant", grant.id.as_str());
            event.actor.grant_id = Some(grant.id.to_string());
            event.detail(scopes(&grant.scopes, &grant.resources))
        }
        Change::InsertClient(client) if client.source != ClientSource::Administrator => {
            AuditEvent::new(Kind::ClientAdded).through(&client.id).about("client", client.id.as_str()).detail(added(client))
        }
        _ => return None,
    })
}

fn added(client: &Client) -> String {
    let uris: Vec<&str> = client.redirect_uris.iter().map(doorward_model::RedirectUri::as_str).collect();
    json!({"name": client.name, "source": client.source.as_str(), "redirect_uris": uris}).to_string()
}

fn draft(event: AuditEvent) -> Draft {
    Draft { event, compared: None, only_if_different: false }
}

/// What will be said of a change that is about to be made.
pub(crate) async fn before<C: ConnectionTrait>(db: &C, change: &Change) -> Result<Option<Draft>, DbErr> {
    let about = |kind: Kind, subject: &str, id: &str| Some(draft(AuditEvent::new(kind).about(subject, id)));
    let compared = |kind: Kind, subject: &str, id: &str, row: Compared, only: bool| (AuditEvent::new(kind).about(subject, id), row, only);
    let (event, row, only_if_different) = match change {
        Change::InsertPerson(new) => return Ok(Some(draft(AuditEvent::new(Kind::PersonAdded).about("person", new.id.as_str()).detail(of_new_person(new))))),
        Change::SetRoles { user_id, .. }
        | Change::SetPersonDisabled { user_id, .. }
        | Change::RenamePerson { user_id, .. }
        | Change::SetProfile { user_id, .. }
        | Change::CollectProviderRoles(user_id) => compared(Kind::PersonChanged, "person", user_id.as_str(), Compared::Person(user_id.to_string()), true),
        Change::DeletePerson(user_id) => compared(Kind::PersonDeleted, "person", user_id.as_str(), Compared::Person(user_id.to_string()), false),
        Change::SetPassword { user_id, .. } => return Ok(about(Kind::PasswordChanged, "person", user_id.as_str())),
        Change::InsertClient(new) if new.source == ClientSource::Administrator => {
            return Ok(Some(draft(AuditEvent::new(Kind::ClientAdded).about("client", new.id.as_str()).detail(added(new)))));
        }
        Change::PutDocumentClient(new) => compared(Kind::ClientChanged, "client", new.id.as_str(), Compared::Client(new.id.to_string()), true),
        Change::SetClientDisabled { client_id, .. } | Change::SetClientApproved { client_id, .. } | Change::SetClientPinned { client_id, .. } => {
            compared(Kind::ClientChanged, "client", client_id.as_str(), Compared::Client(client_id.to_string()), true)
        }
        Change::DeleteClient(client_id) => compared(Kind::ClientDeleted, "client", client_id.as_str(), Compared::Client(client_id.to_string()), false),
        Change::PutSetting { key, .. } | Change::InsertSetting { key, .. } if SHOWN_SETTINGS.iter().any(|prefix| key.starts_with(prefix)) => {
            compared(Kind::SettingChanged, "setting", key, Compared::Setting(key.clone()), true)
        }
        Change::Upstream(UpstreamChange::Decide { tool, .. }) => {
            let id = format!("{}/{}", tool.upstream.as_str(), tool.tool);
            compared(Kind::ToolDecided, "tool", &id, Compared::Tool(tool.upstream.as_str().to_owned(), tool.tool.clone()), false)
        }
        other => return Ok(plain(other)),
    };
    let was = state(db, &row).await?;
    Ok(Some(Draft { event, compared: Some((row, was)), only_if_different }))
}

/// Entries that need no look at what was before.
fn plain(change: &Change) -> Option<Draft> {
    let about = |kind: Kind, subject: &str, id: &str| AuditEvent::new(kind).about(subject, id);
    Some(draft(match change {
        Change::RevokeGrant { grant_id, reason, .. } => {
            about(Kind::GrantRevoked, "grant", grant_id.as_str()).detail(json!({"reason": reason.as_str()}).to_string())
        }
        Change::RevokeGrantsOfPerson { user_id, client_id, reason, .. } => {
            let detail = json!({"reason": reason.as_str(), "client": client_id.as_ref().map(doorward_model::ClientId::as_str)});
            about(Kind::GrantRevoked, "person", user_id.as_str()).detail(detail.to_string())
        }
        Change::RevokeGrantsOfClient { client_id, reason, .. } => {
            about(Kind::GrantRevoked, "client", client_id.as_str()).detail(json!({"reason": reason.as_str()}).to_string())
        }
        Change::RevokeGrantsOfIdentity { identity, reason, .. } => {
            about(Kind::GrantRevoked, "identity", identity.as_str()).detail(json!({"reason": reason.as_str()}).to_string())
        }
        Change::NarrowGrants { user_id, client_id, scopes } => {
            let detail = json!({"client": client_id.as_str(), "scopes": scopes.to_string()});
            about(Kind::GrantNarrowed, "person", user_id.as_str()).detail(detail.to_string())
        }
        Change::EndSessionOfPerson { user_id, session_id } => {
            about(Kind::SessionEnded, "person", user_id.as_str()).detail(json!({"session": session_id.as_str()}).to_string())
        }
        Change::EndSessionsOfPerson { user_id, except } => about(Kind::SessionEnded, "person", user_id.as_str())
            .detail(json!({"all_except": except.as_ref().map(doorward_model::SessionId::as_str)}).to_string()),
        Change::EndSessionsOfIdentity { identity, .. } => about(Kind::SessionEnded, "identity", identity.as_str()),
        Change::EndSessionsOfSid { provider, .. } => about(Kind::SessionEnded, "provider", provider.as_str()),
        Change::InsertLink(_) => AuditEvent::new(Kind::AdminLinkMade),
        Change::RedeemLink { .. } => AuditEvent::new(Kind::AdminLinkUsed),
        Change::InsertSigningKey(key) => about(Kind::KeyAdded, "key", &key.kid),
        Change::InsertProvider(provider) => about(Kind::ProviderAdded, "provider", provider.id.as_str()),
        Change::DeleteProvider(provider) => about(Kind::ProviderDeleted, "provider", provider.as_str()),
        Change::InsertIdentity(identity) => {
            about(Kind::IdentityLinked, "person", identity.user_id.as_str()).detail(json!({"provider": identity.provider.as_str()}).to_string())
        }
        Change::DeleteIdentity { user_id, identity } => {
            about(Kind::IdentityUnlinked, "person", user_id.as_str()).detail(json!({"identity": identity.as_str()}).to_string())
        }
        Change::PutInvitation(invitation) => {
            about(Kind::PersonInvited, "invitation", &invitation.email).detail(json!({"provider": invitation.provider.as_str()}).to_string())
        }
        Change::InsertPasskey(passkey) => factor(Kind::FactorAdded, passkey.user_id.as_str(), "passkey"),
        Change::DeletePasskey { user_id, .. } => factor(Kind::FactorRemoved, user_id.as_str(), "passkey"),
        Change::ConfirmTotp { user_id, .. } => factor(Kind::FactorAdded, user_id.as_str(), "authenticator app"),
        Change::DeleteTotp(user_id) => factor(Kind::FactorRemoved, user_id.as_str(), "authenticator app"),
        Change::ReplaceRecoveryCodes { user_id, codes } => {
            factor(if codes.is_empty() { Kind::FactorRemoved } else { Kind::FactorAdded }, user_id.as_str(), "recovery codes")
        }
        Change::UseRecoveryCode { user_id, .. } => factor(Kind::FactorRemoved, user_id.as_str(), "one recovery code, used"),
        Change::InsertAccessToken(token) => {
            let detail = json!({"name": token.name, "of": token.user_id.as_str(), "scopes": token.scopes.to_string(), "expires_at": token.expires_at.0,
                "upstreams": token.upstreams.iter().map(doorward_model::UpstreamName::as_str).collect::<Vec<_>>()});
            about(Kind::AccessTokenAdded, "access_token", token.id.as_str()).detail(detail.to_string())
        }
        Change::RotateAccessToken { id, .. } => about(Kind::AccessTokenRotated, "access_token", id.as_str()),
        Change::RevokeAccessToken { id, .. } => about(Kind::AccessTokenRevoked, "access_token", id.as_str()),
        Change::RevokeAccessTokensOfPerson { user_id, .. } => about(Kind::AccessTokenRevoked, "person", user_id.as_str()),
        Change::Upstream(change) => return of_upstream(change).map(draft),
        _ => return None,
    }))
}

fn factor(kind: Kind, user_id: &str, which: &str) -> AuditEvent {
    AuditEvent::new(kind).about("person", user_id).detail(json!({"factor": which}).to_string())
}

fn of_upstream(change: &UpstreamChange) -> Option<AuditEvent> {
    let about = |kind: Kind, subject: &str, id: &str| AuditEvent::new(kind).about(subject, id);
    Some(match change {
        UpstreamChange::Insert(upstream) => about(Kind::UpstreamAdded, "upstream", upstream.name.as_str()),
        UpstreamChange::Delete(name) => about(Kind::UpstreamDeleted, "upstream", name.as_str()),
        UpstreamChange::NoteChanged { upstream, tool, definition: Some(_) } => about(Kind::ToolChanged, "tool", &format!("{}/{tool}", upstream.as_str())),
        UpstreamChange::PutConnection(connection) => about(Kind::ConnectionMade, "upstream", connection.upstream.as_str()).by(&connection.user_id),
        UpstreamChange::DeleteConnection { user_id, upstream } => {
            about(Kind::ConnectionEnded, "upstream", upstream.as_str()).detail(json!({"person": user_id.as_str()}).to_string())
        }
        _ => return None,
    })
}

fn of_new_person(person: &Person) -> String {
    let roles: Vec<&str> = person.roles.iter().map(doorward_model::Role::as_str).collect();
    json!({"name": person.name.as_str(), "email": person.email, "roles": roles}).to_string()
}

/// What of a row matters to the audit.
async fn state<C: ConnectionTrait>(db: &C, row: &Compared) -> Result<Value, DbErr> {
    let list = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    Ok(match row {
        Compared::Person(id) => person::Entity::find_by_id(id.as_str()).one(db).await?.map(|row| {
            json!({"name": row.name, "email": row.email, "display_name": row.display_name, "roles": list(&row.roles),
                "provider_roles": list(&row.provider_roles), "disabled": row.disabled_at.is_some()})
        }),
        Compared::Client(id) => client::Entity::find_by_id(id.as_str()).one(db).await?.map(|row| {
            json!({"name": row.name, "redirect_uris": list(&row.redirect_uris), "auth_method": row.auth_method, "scopes": row.scopes,
                "jwks_uri": row.jwks_uri, "blocked": row.disabled_at.is_some(), "approved": row.approved_at.is_some(), "pinned": row.pinned_at.is_some()})
        }),
        Compared::Setting(name) => setting::Entity::find_by_id(name.as_str()).one(db).await?.map(|row| json!({"value": row.value})),
        Compared::Tool(upstream, tool) => upstream_tool::Entity::find_by_id((upstream.clone(), tool.clone()))
            .one(db)
            .await?
            .map(|row| json!({"state": row.state, "class": row.class, "definition": doorward_model::id::etag(&[&row.definition])})),
    }
    .unwrap_or_default())
}

/// The entry of a change that was made.
pub(crate) async fn after<C: ConnectionTrait>(db: &C, draft: Draft) -> Result<Option<AuditEvent>, DbErr> {
    let Draft { mut event, compared, only_if_different } = draft;
    if let Some((row, was)) = compared {
        let now = state(db, &row).await?;
        let (before, after) = difference(&was, &now);
        if only_if_different && before.is_empty() && after.is_empty() {
            return Ok(None);
        }
        // A metadata document that is read for the first time is a client that was added.
        if matches!(row, Compared::Client(_)) && was.is_null() {
            Kind::ClientAdded.as_str().clone_into(&mut event.kind);
        }
        event.detail = json!({"before": before, "after": after}).to_string();
    }
    Ok(Some(event))
}

/// The members that differ, as they were and as they are.
fn difference(was: &Value, now: &Value) -> (Map<String, Value>, Map<String, Value>) {
    let members = |value: &Value, other: &Value| {
        let object = value.as_object().cloned().unwrap_or_default();
        object.into_iter().filter(|(name, held)| other.get(name) != Some(held)).collect::<Map<_, _>>()
    };
    (members(was, now), members(now, was))
}
