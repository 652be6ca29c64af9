//! Writes of passkeys, authenticator apps and recovery codes.

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, HashedToken, Passkey, Timestamp, Totp, UserId,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr,
};
use serde_json::json;

use super::{Audit, Name, Sql, Work, Write, about, nothing, run};
use crate::{
    condition::Condition,
    entities::{
        passkey::{self, Column as P},
        recovery_code::{self, Column as R},
        totp::{self, Column as T},
    },
};

fn factor(kind: AuditKind, user_id: &UserId, which: &str) -> AuditEvent {
    about(kind, AuditSubject::User, user_id.as_str()).detail(json!({"factor": which}).to_string())
}

pub(super) fn insert_passkey(new: Passkey) -> Write {
    let event = factor(AuditKind::FactorAdded, &new.user_id, "passkey");
    let row = passkey::Model {
        id: new.id,
        user_id: new.user_id.as_str().to_owned(),
        name: new.name,
        credential: new.credential,
        created_at: new.created_at.0,
        last_used_at: None,
    };
    Write {
        name: Name::Decides(Condition::InsertPasskey),
        work: run(passkey::Entity::insert(row.into_active_model()).on_conflict(nothing())),
        stale: None,
        audit: Audit::Entry(event),
    }
}

pub(super) fn use_passkey(id: &str, credential: &str, at: Timestamp) -> Write {
    let update = passkey::Entity::update_many()
        .col_expr(P::Credential, Expr::value(credential))
        .col_expr(P::LastUsedAt, Expr::value(at.0));
    Write {
        name: Name::Decides(Condition::UsePasskey),
        work: run(update.filter(P::Id.eq(id))),
        stale: None,
        // The session that it opens has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn delete_passkey(user_id: &UserId, id: &str) -> Write {
    let theirs = Where::all().add(P::Id.eq(id)).add(P::UserId.eq(user_id.as_str()));
    Write {
        name: Name::Decides(Condition::DeletePasskey),
        work: run(passkey::Entity::delete_many().filter(theirs)),
        stale: None,
        audit: Audit::Entry(factor(AuditKind::FactorRemoved, user_id, "passkey")),
    }
}

pub(super) fn put_totp(new: &Totp) -> Write {
    let unconfirmed =
        Where::all().add(T::UserId.eq(new.user_id.as_str())).add(T::ConfirmedAt.is_null());
    let row = totp::Model {
        user_id: new.user_id.as_str().to_owned(),
        secret: new.secret.as_str().to_owned(),
        created_at: new.created_at.0,
        confirmed_at: None,
        last_step: new.last_step,
    };
    let insert = totp::Entity::insert(row.into_active_model()).on_conflict(nothing());
    Write {
        name: Name::Decides(Condition::PutTotp),
        work: Work::Statements(vec![
            totp::Entity::delete_many().filter(unconfirmed).into(),
            insert.into(),
        ]),
        stale: None,
        // It proves nothing until its first code confirms it.
        audit: Audit::Silent,
    }
}

pub(super) fn confirm_totp(user_id: &UserId, step: i64, at: Timestamp) -> Write {
    let waiting = Where::all()
        .add(T::UserId.eq(user_id.as_str()))
        .add(T::ConfirmedAt.is_null())
        .add(T::LastStep.lt(step));
    let update = totp::Entity::update_many()
        .col_expr(T::ConfirmedAt, Expr::value(at.0))
        .col_expr(T::LastStep, Expr::value(step));
    Write {
        name: Name::Decides(Condition::ConfirmTotp),
        work: run(update.filter(waiting)),
        stale: None,
        audit: Audit::Entry(factor(AuditKind::FactorAdded, user_id, "authenticator app")),
    }
}

pub(super) fn use_totp(user_id: &UserId, step: i64) -> Write {
    let later = Where::all()
        .add(T::UserId.eq(user_id.as_str()))
        .add(T::ConfirmedAt.is_not_null())
        .add(T::LastStep.lt(step));
    Write {
        name: Name::Decides(Condition::UseTotp),
        work: run(totp::Entity::update_many()
            .col_expr(T::LastStep, Expr::value(step))
            .filter(later)),
        stale: None,
        // The session that it completes has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn delete_totp(user_id: &UserId) -> Write {
    Write {
        name: Name::Always("delete_totp"),
        work: run(totp::Entity::delete_many().filter(T::UserId.eq(user_id.as_str()))),
        stale: None,
        audit: Audit::Entry(factor(AuditKind::FactorRemoved, user_id, "authenticator app")),
    }
}

pub(super) fn replace_recovery_codes(user_id: &UserId, codes: &[HashedToken]) -> Write {
    let mut statements: Vec<Sql> =
        vec![recovery_code::Entity::delete_many().filter(R::UserId.eq(user_id.as_str())).into()];
    let row = |code: &HashedToken| recovery_code::Model {
        code: code.as_str().to_owned(),
        user_id: user_id.as_str().to_owned(),
    };
    if !codes.is_empty() {
        statements.push(
            recovery_code::Entity::insert_many(
                codes.iter().map(|code| row(code).into_active_model()),
            )
            .into(),
        );
    }
    let kind = if codes.is_empty() { AuditKind::FactorRemoved } else { AuditKind::FactorAdded };
    Write {
        name: Name::Always("replace_recovery_codes"),
        work: Work::Statements(statements),
        stale: None,
        audit: Audit::Entry(factor(kind, user_id, "recovery codes")),
    }
}

pub(super) fn use_recovery_code(user_id: &UserId, code: &HashedToken) -> Write {
    let theirs = Where::all().add(R::Code.eq(code.as_str())).add(R::UserId.eq(user_id.as_str()));
    Write {
        name: Name::Decides(Condition::UseRecoveryCode),
        work: run(recovery_code::Entity::delete_many().filter(theirs)),
        stale: None,
        audit: Audit::Entry(factor(AuditKind::FactorRemoved, user_id, "one recovery code, used")),
    }
}
