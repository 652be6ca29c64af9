//! Writes of clients.

use doorward_model::{
    AuditKind, AuditSubject, Client, ClientId, ClientSource, ExchangeRule, HashedToken,
    RedirectUri, RelyingParty, Timestamp, TrustRule,
};
use sea_orm::{
    ActiveValue::NotSet,
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use serde_json::json;

use super::{Audit, Name, Write, about, if_new, run};
use crate::{
    audit::row::Row,
    condition::Condition,
    convert::{self, list_to_text, stored_rules},
    entities::client::{Column as C, Entity},
    invalidate::Invalidation,
};

fn stale(client_id: &ClientId) -> Invalidation {
    Invalidation::Client(client_id.to_string())
}

/// An entry with the difference; none if there is none.
fn changed(client_id: &ClientId) -> Audit {
    let event = about(AuditKind::ClientChanged, AuditSubject::Client, client_id.as_str());
    Audit::Compared { event, row: Row::Client(client_id.to_string()), only_if_different: true }
}

pub(super) fn insert(new: &Client) -> Write {
    let uris: Vec<&str> = new.redirect_uris.iter().map(RedirectUri::as_str).collect();
    let (name, source) = (&new.name, new.source.as_str());
    let detail = match &new.service {
        None => {
            let mut detail = json!({"name": name, "source": source, "redirect_uris": uris});
            if let (Some(openid), Some(members)) = (&new.openid, detail.as_object_mut()) {
                members.insert("openid".to_owned(), json!(openid));
            }
            detail
        }
        // The account and the scopes with which it acts without a user.
        Some(service) => {
            let mut detail = json!({
                "name": name, "source": source, "redirect_uris": uris,
                "service": service.as_str(), "scopes": new.scopes.to_string(),
            });
            if let (Some(rule), Some(members)) = (&new.trust, detail.as_object_mut()) {
                members.insert("trust".to_owned(), json!(rule));
            }
            detail
        }
    };
    let event = about(AuditKind::ClientAdded, AuditSubject::Client, new.id.as_str())
        .detail(detail.to_string());
    Write {
        name: Name::Decides(Condition::InsertClient),
        work: run(if_new(convert::client_row(new))),
        stale: None,
        // A client that registers itself acts for itself.
        audit: Audit::Entry(if new.source == ClientSource::Administrator {
            event
        } else {
            event.through(&new.id)
        }),
    }
}

pub(super) fn put_document(document: &Client) -> Write {
    // `authorized_at`, `disabled_at` and `created_at` are set by this server, not by the document.
    let columns = [
        C::Source,
        C::Name,
        C::RedirectUris,
        C::AuthMethod,
        C::RefreshTokens,
        C::GrantTypes,
        C::Scopes,
        C::ClientUri,
        C::Jwks,
        C::JwksUri,
        C::FreshUntil,
        C::Rules,
    ];
    let replace = OnConflict::column(C::Id).update_columns(columns).to_owned();
    Write {
        name: Name::Always("put_document_client"),
        work: run(Entity::insert(convert::client_row(document)).on_conflict(replace)),
        stale: Some(stale(&document.id)),
        audit: changed(&document.id),
    }
}

pub(super) fn mark_authorized(client_id: &ClientId, at: Timestamp) -> Write {
    let first = Where::all().add(C::Id.eq(client_id.as_str())).add(C::AuthorizedAt.is_null());
    Write {
        name: Name::Always("mark_client_authorized"),
        work: run(Entity::update_many().col_expr(C::AuthorizedAt, Expr::value(at.0)).filter(first)),
        stale: Some(stale(client_id)),
        // The consent of the same unit has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn update(client: &Client) -> Write {
    let uris = list_to_text(client.redirect_uris.iter().map(RedirectUri::as_str));
    let issuer = client.trust.as_ref().map(|rule| rule.issuer.issuer.clone());
    Write {
        name: Name::Decides(Condition::UpdateClient),
        work: run(Entity::update_many()
            .col_expr(C::Name, Expr::value(client.name.as_str()))
            .col_expr(C::RedirectUris, Expr::value(uris))
            .col_expr(C::Scopes, Expr::value(client.scopes.to_string()))
            .col_expr(C::Openid, Expr::value(client.openid.as_ref().map(RelyingParty::to_text)))
            .col_expr(C::Trust, Expr::value(client.trust.as_ref().map(TrustRule::to_text)))
            .col_expr(C::TrustIssuer, Expr::value(issuer))
            .col_expr(C::GrantTypes, Expr::value(list_to_text(client.grant_types.names())))
            .col_expr(C::Rules, Expr::value(stored_rules(client.rules)))
            .col_expr(C::Exchange, Expr::value(client.exchange.as_ref().map(ExchangeRule::to_text)))
            .filter(C::Id.eq(client.id.as_str()))),
        stale: Some(stale(&client.id)),
        audit: changed(&client.id),
    }
}

/// The registration of a client as the client itself changed it. An administrator's block stays.
pub(super) fn put_registration(client: &Client, seen: &HashedToken) -> Write {
    let mut row = convert::client_row(client);
    (row.id, row.source, row.created_at, row.disabled_at) = (NotSet, NotSet, NotSet, NotSet);
    let same = Where::all()
        .add(C::Id.eq(client.id.as_str()))
        .add(C::Source.eq(ClientSource::Registration.as_str()))
        .add(C::RegistrationToken.eq(seen.as_str()));
    let event = about(AuditKind::ClientChanged, AuditSubject::Client, client.id.as_str())
        .through(&client.id);
    Write {
        name: Name::Decides(Condition::PutRegistration),
        work: run(Entity::update_many().set(row).filter(same)),
        stale: Some(stale(&client.id)),
        // An entry also where only the token is another one.
        audit: Audit::Compared {
            event,
            row: Row::Client(client.id.to_string()),
            only_if_different: false,
        },
    }
}

fn set(condition: Condition, client_id: &ClientId, column: C, at: Option<Timestamp>) -> Write {
    Write {
        name: Name::Decides(condition),
        work: run(Entity::update_many()
            .col_expr(column, Expr::value(at.map(|at| at.0)))
            .filter(C::Id.eq(client_id.as_str()))),
        stale: Some(stale(client_id)),
        audit: changed(client_id),
    }
}

pub(super) fn set_disabled(client_id: &ClientId, at: Option<Timestamp>) -> Write {
    set(Condition::SetClientDisabled, client_id, C::DisabledAt, at)
}

pub(super) fn set_approved(client_id: &ClientId, at: Option<Timestamp>) -> Write {
    set(Condition::SetClientApproved, client_id, C::ApprovedAt, at)
}

pub(super) fn set_pinned(client_id: &ClientId, at: Option<Timestamp>) -> Write {
    set(Condition::SetClientPinned, client_id, C::PinnedAt, at)
}

pub(super) fn delete(client_id: &ClientId) -> Write {
    let event = about(AuditKind::ClientDeleted, AuditSubject::Client, client_id.as_str());
    Write {
        name: Name::Decides(Condition::DeleteClient),
        work: run(Entity::delete_many().filter(C::Id.eq(client_id.as_str()))),
        stale: Some(stale(client_id)),
        audit: Audit::Compared {
            event,
            row: Row::Client(client_id.to_string()),
            only_if_different: false,
        },
    }
}
