//! Writes of spent values, links, keys and settings, of preconditions of units, and of the audit's
//! own records.

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, ConnectStep, Expected, HashedToken, OneTimeLink, Sealed,
    SigningKey, Timestamp, UserId,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, Set,
    sea_query::{Expr, OnConflict},
};

use super::{Audit, Name, Read, Sql, Work, Write, about, if_new, nothing, run};
use crate::{
    audit::{recover::MARK, row::Row},
    condition::Condition,
    convert,
    entities::{
        audit_record,
        one_time_link::{self, Column as L},
        setting,
        signing_key::{self, Column as K},
        spent_value,
    },
    invalidate::Invalidation,
    rows::Rows,
};

/// Settings with values that the audit records. The others are the program's own.
const SHOWN_SETTINGS: [&str; 3] = ["mcp.", "pages.", "registration."];

pub(super) fn spend_value(key: String, expires_at: Timestamp) -> Write {
    let row = spent_value::ActiveModel { name: Set(key), expires_at: Set(expires_at.0) };
    Write {
        name: Name::Decides(Condition::SpendValue),
        work: run(if_new(row)),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(super) fn insert_link(link: &OneTimeLink) -> Write {
    let row = one_time_link::ActiveModel {
        token: Set(link.token.as_str().to_owned()),
        expires_at: Set(link.expires_at.0),
        consumed_at: Set(None),
    };
    Write {
        name: Name::Always("insert_link"),
        work: run(one_time_link::Entity::insert(row)),
        stale: None,
        audit: Audit::Entry(AuditEvent::new(AuditKind::AdminLinkMade)),
    }
}

pub(super) fn redeem_link(token: &HashedToken, now: Timestamp) -> Write {
    let unused = Where::all()
        .add(L::Token.eq(token.as_str()))
        .add(L::ConsumedAt.is_null())
        .add(L::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemLink),
        work: run(one_time_link::Entity::update_many()
            .col_expr(L::ConsumedAt, Expr::value(now.0))
            .filter(unused)),
        stale: None,
        audit: Audit::Entry(AuditEvent::new(AuditKind::AdminLinkUsed)),
    }
}

pub(super) fn insert_signing_key(key: &SigningKey) -> Write {
    Write {
        name: Name::Decides(Condition::InsertSigningKey),
        work: run(signing_key::Entity::insert(convert::signing_key_row(key)).on_conflict(nothing())),
        stale: Some(Invalidation::SigningKeys),
        audit: Audit::Entry(about(AuditKind::KeyAdded, AuditSubject::Key, &key.kid)),
    }
}

pub(super) fn retire_signing_keys(except: &str, at: Timestamp) -> Write {
    let others = Where::all().add(K::Kid.ne(except)).add(K::RetiresAt.is_null());
    Write {
        name: Name::Always("retire_signing_keys"),
        work: run(signing_key::Entity::update_many()
            .col_expr(K::RetiresAt, Expr::value(at.0))
            .filter(others)),
        stale: Some(Invalidation::SigningKeys),
        // The key that was added has the entry.
        audit: Audit::Silent,
    }
}

/// An entry with the difference of a setting that administrators see.
fn setting_changed(key: &str) -> Audit {
    if !SHOWN_SETTINGS.iter().any(|prefix| key.starts_with(prefix)) {
        return Audit::Silent;
    }
    let event = about(AuditKind::SettingChanged, AuditSubject::Setting, key);
    Audit::Compared { event, row: Row::Setting(key.to_owned()), only_if_different: true }
}

pub(super) fn put(key: String, value: String) -> Write {
    let replace =
        OnConflict::column(setting::Column::Name).update_column(setting::Column::Value).to_owned();
    Write {
        name: Name::Always("put_setting"),
        audit: setting_changed(&key),
        work: run(setting::Entity::insert(setting::ActiveModel {
            name: Set(key),
            value: Set(value),
        })
        .on_conflict(replace)),
        stale: Some(Invalidation::Settings),
    }
}

pub(super) fn mark_journal(journal: &str, seq: u64, at: Timestamp) -> Write {
    let replace =
        OnConflict::column(setting::Column::Name).update_column(setting::Column::Value).to_owned();
    let row = setting::ActiveModel {
        name: Set(format!("{MARK}{journal}")),
        value: Set(format!("{seq} {at}")),
    };
    Write {
        name: Name::Always("mark_journal"),
        work: run(setting::Entity::insert(row).on_conflict(replace)),
        // It is read only when a server starts, and past the cache.
        stale: None,
        // The entries themselves are in the same unit.
        audit: Audit::Silent,
    }
}

pub(super) fn insert(key: String, value: String) -> Write {
    Write {
        name: Name::Decides(Condition::InsertSetting),
        audit: setting_changed(&key),
        work: run(setting::Entity::insert(setting::ActiveModel {
            name: Set(key),
            value: Set(value),
        })
        .on_conflict(nothing())),
        stale: Some(Invalidation::Settings),
    }
}

pub(super) fn expect(object: Expected, etag: String) -> Write {
    Write {
        name: Name::Decides(Condition::Expect),
        work: Work::Read(Read::Expect { object, etag }),
        stale: None,
        // It only reads.
        audit: Audit::Silent,
    }
}

pub(super) fn expect_other_administrator(user_id: UserId) -> Write {
    Write {
        name: Name::Decides(Condition::ExpectOtherAdministrator),
        work: Work::Read(Read::OtherAdministrator(user_id)),
        stale: None,
        // It only reads.
        audit: Audit::Silent,
    }
}

pub(super) fn audit(events: Vec<AuditEvent>) -> Write {
    Write {
        name: Name::Always("audit"),
        work: Work::Statements(Vec::new()),
        stale: None,
        audit: Audit::Entries(events),
    }
}

pub(super) fn insert_record(id: String, at: Timestamp, body: &Sealed) -> Write {
    let row = audit_record::ActiveModel {
        id: Set(id),
        at: Set(at.0),
        body: Set(body.as_str().to_owned()),
    };
    Write {
        name: Name::Always("insert_record"),
        work: run(audit_record::Entity::insert(row)),
        stale: None,
        // The call has the entry, and it refers to the record.
        audit: Audit::Silent,
    }
}

pub(super) fn insert_steps(steps: &[ConnectStep]) -> Write {
    let rows = Rows::many(steps.iter().map(convert::access_tokens::step_row));
    Write {
        name: Name::Always("insert_steps"),
        work: Work::Statements(rows.into_iter().map(Sql::from).collect()),
        stale: None,
        // Steps are a record of their own.
        audit: Audit::Silent,
    }
}
