//! Writes of users.

use doorward_model::{
    AuditKind, AuditSubject, IdentityId, Role, Timestamp, User, UserId, UserName,
    secret::HashedPassword,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;

use super::{Audit, Name, Read, Sql, Work, Write, about, nothing, run, trust, upstreams};
use crate::{
    audit::row::Row,
    condition::Condition,
    convert::{self, list_to_text},
    entities::{
        access_token, connect_attempt, connection, identity, invitation, kept_result, passkey,
        recovery_code, totp,
        user::{self, Column as P},
    },
    invalidate::Invalidation,
};

fn stale(user_id: &UserId) -> Invalidation {
    Invalidation::User(user_id.to_string())
}

/// An entry with the difference; none if there is none.
fn changed(user_id: &UserId) -> Audit {
    let event = about(AuditKind::UserChanged, AuditSubject::User, user_id.as_str());
    Audit::Compared { event, row: Row::User(user_id.to_string()), only_if_different: true }
}

pub(super) fn insert(new: &User) -> Write {
    let roles: Vec<&str> = new.roles.iter().map(Role::as_str).collect();
    let detail = json!({"name": new.name.as_str(), "email": new.email, "roles": roles}).to_string();
    Write {
        name: Name::Decides(Condition::InsertUser),
        work: run(user::Entity::insert(convert::user_row(new)).on_conflict(nothing())),
        stale: None,
        audit: Audit::Entry(
            about(AuditKind::UserAdded, AuditSubject::User, new.id.as_str()).detail(detail),
        ),
    }
}

pub(super) fn set_password(user_id: &UserId, password: Option<&HashedPassword>) -> Write {
    let hash = password.map(|hash| hash.as_str().to_owned());
    Write {
        name: Name::Decides(Condition::SetPassword),
        work: run(user::Entity::update_many()
            .col_expr(P::Password, Expr::value(hash))
            .col_expr(P::PasswordTemporary, Expr::value(false))
            .filter(P::Id.eq(user_id.as_str()))),
        stale: Some(stale(user_id)),
        audit: Audit::Entry(about(
            AuditKind::PasswordChanged,
            AuditSubject::User,
            user_id.as_str(),
        )),
    }
}

pub(super) fn rehash_password(
    user_id: &UserId,
    old: &HashedPassword,
    new: &HashedPassword,
) -> Write {
    let same = Where::all().add(P::Id.eq(user_id.as_str())).add(P::Password.eq(old.as_str()));
    Write {
        name: Name::Decides(Condition::RehashPassword),
        work: run(user::Entity::update_many()
            .col_expr(P::Password, Expr::value(new.as_str()))
            .filter(same)),
        stale: Some(stale(user_id)),
        // The password is the same.
        audit: Audit::Silent,
    }
}

pub(super) fn set_roles(user_id: &UserId, roles: &[Role]) -> Write {
    let roles = list_to_text(roles.iter().map(Role::as_str));
    Write {
        name: Name::Decides(Condition::SetRoles),
        work: run(user::Entity::update_many()
            .col_expr(P::Roles, Expr::value(roles))
            .filter(P::Id.eq(user_id.as_str()))),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(super) fn set_disabled(user_id: &UserId, disabled_at: Option<Timestamp>) -> Write {
    let at = disabled_at.map(|at| at.0);
    let update = user::Entity::update_many()
        .col_expr(P::DisabledAt, Expr::value(at))
        .filter(P::Id.eq(user_id.as_str()));
    // Links to set a password that were made before do not count again when the user is enabled.
    let update =
        if at.is_some() { update.col_expr(P::LinksAfter, Expr::value(at)) } else { update };
    Write {
        name: Name::Decides(Condition::SetUserDisabled),
        work: run(update),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(super) fn set_profile(
    user_id: &UserId,
    email: Option<String>,
    display_name: Option<String>,
) -> Write {
    let mut update = user::Entity::update_many().filter(P::Id.eq(user_id.as_str()));
    let tells = email.is_some() || display_name.is_some();
    if email.is_some() {
        // An administrator's decision: no provider revokes it.
        update = update.col_expr(P::EmailBy, Expr::value(Option::<String>::None));
    }
    for (column, value) in [(P::Email, email), (P::DisplayName, display_name)] {
        if let Some(value) = value {
            update = update.col_expr(column, Expr::value(value));
        }
    }
    Write {
        name: Name::Always("set_profile"),
        work: Work::Statements(if tells { vec![update.into()] } else { Vec::new() }),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(super) fn follow_address(
    user_id: &UserId,
    identity: &IdentityId,
    email: Option<String>,
) -> Write {
    let by = email.as_ref().map(|_| identity.as_str().to_owned());
    let mut which = Where::all().add(P::Id.eq(user_id.as_str()));
    if email.is_none() {
        which = which.add(P::EmailBy.eq(identity.as_str()));
    }
    let update = user::Entity::update_many()
        .col_expr(P::Email, Expr::value(email))
        .col_expr(P::EmailBy, Expr::value(by))
        .filter(which);
    Write {
        name: Name::Always("follow_address"),
        work: run(update),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(super) fn rename(user_id: &UserId, name: &UserName) -> Write {
    let taken = user::Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(P::Name.eq(name.as_str()))
        .into_query();
    let free = Where::all().add(P::Id.eq(user_id.as_str())).add(Expr::exists(taken).not());
    Write {
        name: Name::Decides(Condition::RenameUser),
        work: run(user::Entity::update_many()
            .col_expr(P::Name, Expr::value(name.as_str()))
            .filter(free)),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(super) fn collect_provider_roles(user_id: UserId) -> Write {
    Write {
        name: Name::Decides(Condition::CollectProviderRoles),
        stale: Some(stale(&user_id)),
        audit: changed(&user_id),
        work: Work::Read(Read::CollectRoles(user_id)),
    }
}

/// Deletes a user with everything that belongs to them alone.
pub(super) fn delete(user_id: &UserId) -> Write {
    let id = user_id.as_str();
    let connections = Where::all().add(connection::Column::UserId.eq(id));
    let mut statements: Vec<Sql> =
        trust::end_connections(&connections, None, upstreams::AT_ONCE).into();
    statements.extend([
        passkey::Entity::delete_many().filter(passkey::Column::UserId.eq(id)).into(),
        totp::Entity::delete_many().filter(totp::Column::UserId.eq(id)).into(),
        recovery_code::Entity::delete_many().filter(recovery_code::Column::UserId.eq(id)).into(),
        identity::Entity::delete_many().filter(identity::Column::UserId.eq(id)).into(),
        invitation::Entity::delete_many().filter(invitation::Column::UserId.eq(id)).into(),
        connect_attempt::Entity::delete_many()
            .filter(connect_attempt::Column::UserId.eq(id))
            .into(),
        kept_result::Entity::delete_many().filter(kept_result::Column::UserId.eq(id)).into(),
        access_token::Entity::delete_many().filter(access_token::Column::UserId.eq(id)).into(),
        user::Entity::delete_many().filter(P::Id.eq(id)).into(),
    ]);
    let event = about(AuditKind::UserDeleted, AuditSubject::User, id);
    Write {
        name: Name::Decides(Condition::DeleteUser),
        work: Work::Statements(statements),
        stale: Some(stale(user_id)),
        audit: Audit::Compared { event, row: Row::User(id.to_owned()), only_if_different: false },
    }
}
