//! Writes of identity providers, linked accounts, sign-ins under way and invitations.

use doorward_model::{
    AuditKind, AuditSubject, HashedToken, IdentityId, Invitation, LinkedIdentity, ProviderId,
    Sealed, SignInAttempt, Statement, StoredProvider, Timestamp, UserId,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, NotSet, QueryFilter, Set,
    sea_query::{Expr, OnConflict},
};
use serde_json::json;

use super::{Audit, Dependents, Name, Read, Sql, Work, Write, about, nothing, run};
use crate::{
    audit::row::Row,
    condition::Condition,
    convert,
    entities::{
        identity::{self, Column as I},
        invitation, provider,
        sign_in::{self, Column as A},
        user::{self, Column as P},
    },
    invalidate::Invalidation,
};

pub(super) fn insert_provider(new: &StoredProvider) -> Write {
    Write {
        name: Name::Decides(Condition::InsertProvider),
        work: run(provider::Entity::insert(convert::provider_row(new)).on_conflict(nothing())),
        stale: Some(Invalidation::Providers),
        audit: Audit::Entry(about(
            AuditKind::ProviderAdded,
            AuditSubject::Provider,
            new.id.as_str(),
        )),
    }
}

pub(super) fn update_provider(
    new: &StoredProvider,
    seen: &str,
    seen_secret: Option<&Sealed>,
    changed: &[String],
) -> Write {
    use provider::Column as S;
    let secret =
        seen_secret.map_or_else(|| S::Secret.is_null(), |sealed| S::Secret.eq(sealed.as_str()));
    let as_seen = Where::all().add(S::Id.eq(new.id.as_str())).add(S::Settings.eq(seen)).add(secret);
    let sealed = new.secret.as_ref().map(|sealed| sealed.as_str().to_owned());
    let event = about(AuditKind::ProviderChanged, AuditSubject::Provider, new.id.as_str());
    Write {
        name: Name::Decides(Condition::UpdateProvider),
        work: run(provider::Entity::update_many()
            .col_expr(S::Settings, Expr::value(new.settings.as_str()))
            .col_expr(S::Secret, Expr::value(sealed))
            .filter(as_seen)),
        stale: Some(Invalidation::Providers),
        audit: Audit::Entry(event.detail(json!({ "changed": changed }).to_string())),
    }
}

pub(super) fn delete_provider(id: ProviderId, at: Timestamp, passwords: bool) -> Write {
    Write {
        name: Name::Decides(Condition::DeleteProvider),
        // Users, sessions, grants and tokens of many.
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(AuditKind::ProviderDeleted, AuditSubject::Provider, id.as_str()),
            row: Row::Provider(id.to_string(), passwords),
            only_if_different: false,
        },
        work: Work::Read(Read::EndProvider(Dependents {
            provider: id,
            kept_issuers: None,
            at,
            passwords,
        })),
    }
}

pub(super) fn retire_accounts(
    provider: ProviderId,
    issuers: Vec<String>,
    at: Timestamp,
    passwords: bool,
) -> Write {
    Write {
        name: Name::Always("retire_accounts"),
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(AuditKind::SessionEnded, AuditSubject::Provider, provider.as_str()),
            row: Row::Provider(provider.to_string(), passwords),
            only_if_different: false,
        },
        work: Work::Read(Read::EndProvider(Dependents {
            provider,
            kept_issuers: Some(issuers),
            at,
            passwords,
        })),
    }
}

pub(super) fn insert_sign_in(new: &SignInAttempt) -> Write {
    let row = sign_in::Model {
        state: new.state.as_str().to_owned(),
        provider: new.provider.as_str().to_owned(),
        browser: new.browser.as_str().to_owned(),
        payload: new.payload.as_str().to_owned(),
        expires_at: new.expires_at.0,
        consumed_at: None,
    };
    Write {
        name: Name::Always("insert_sign_in"),
        work: run(sign_in::Entity::insert(row.into_active_model())),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(super) fn redeem_sign_in(
    state: &HashedToken,
    provider: &ProviderId,
    browser: &HashedToken,
    now: Timestamp,
) -> Write {
    let awaited = Where::all()
        .add(A::State.eq(state.as_str()))
        .add(A::Provider.eq(provider.as_str()))
        .add(A::Browser.eq(browser.as_str()))
        .add(A::ConsumedAt.is_null())
        .add(A::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemSignIn),
        work: run(sign_in::Entity::update_many()
            .col_expr(A::ConsumedAt, Expr::value(now.0))
            .filter(awaited)),
        stale: None,
        // The session of the same unit has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn insert_identity(new: &LinkedIdentity) -> Write {
    let event = about(AuditKind::IdentityLinked, AuditSubject::User, new.user_id.as_str());
    Write {
        name: Name::Decides(Condition::InsertIdentity),
        work: run(identity::Entity::insert(convert::identity_row(new)).on_conflict(nothing())),
        stale: None,
        audit: Audit::Entry(event.detail(json!({"provider": new.provider.as_str()}).to_string())),
    }
}

/// Replaces the stored state of an account, if it is linked to the same user and `also` holds.
fn update(known: &LinkedIdentity, also: Where) -> Work {
    let same = also.add(I::Id.eq(known.id.as_str())).add(I::UserId.eq(known.user_id.as_str()));
    let mut row = convert::identity_row(known);
    row.id = NotSet;
    row.created_at = NotSet;
    run(identity::Entity::update_many().set(row).filter(same))
}

pub(super) fn update_identity(known: &LinkedIdentity) -> Write {
    Write {
        name: Name::Decides(Condition::UpdateIdentity),
        work: update(known, Where::all()),
        stale: None,
        // Roles and profile that follow from it are writes of their own.
        audit: Audit::Silent,
    }
}

pub(super) fn keep_checked(known: &LinkedIdentity, claimed: Timestamp) -> Write {
    Write {
        name: Name::Decides(Condition::KeepChecked),
        work: update(known, Where::all().add(I::NextCheckAt.eq(claimed.0))),
        stale: None,
        audit: Audit::Silent,
    }
}

/// Removes e-mail addresses that a provider vouched for.
pub(super) fn forget_address(which: Where) -> Sql {
    let nothing = || Expr::value(Option::<String>::None);
    user::Entity::update_many()
        .col_expr(P::Email, nothing())
        .col_expr(P::EmailBy, nothing())
        .filter(which)
        .into()
}

pub(super) fn delete_identity(user_id: &UserId, id: &IdentityId) -> Write {
    let theirs = Where::all().add(I::Id.eq(id.as_str())).add(I::UserId.eq(user_id.as_str()));
    let event = about(AuditKind::IdentityUnlinked, AuditSubject::User, user_id.as_str());
    Write {
        name: Name::Decides(Condition::DeleteIdentity),
        work: Work::Statements(vec![
            forget_address(Where::all().add(P::EmailBy.eq(id.as_str()))),
            identity::Entity::delete_many().filter(theirs).into(),
        ]),
        stale: Some(Invalidation::User(user_id.to_string())),
        audit: Audit::Entry(event.detail(json!({"identity": id.as_str()}).to_string())),
    }
}

pub(super) fn claim_check(id: &IdentityId, due: Timestamp, until: Timestamp) -> Write {
    let still = Where::all().add(I::Id.eq(id.as_str())).add(I::NextCheckAt.eq(due.0));
    Write {
        name: Name::Decides(Condition::ClaimIdentityCheck),
        work: run(identity::Entity::update_many()
            .col_expr(I::NextCheckAt, Expr::value(until.0))
            .filter(still)),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(super) fn keep_credential(id: &IdentityId, replaced: &Sealed, credential: &Sealed) -> Write {
    let same = Where::all().add(I::Id.eq(id.as_str())).add(I::Credential.eq(replaced.as_str()));
    Write {
        name: Name::Decides(Condition::KeepCredential),
        work: run(identity::Entity::update_many()
            .col_expr(I::Credential, Expr::value(credential.as_str()))
            .filter(same)),
        stale: None,
        // The same account, with the same kind of credential.
        audit: Audit::Silent,
    }
}

pub(super) fn keep_statement(id: &IdentityId, statement: &Statement) -> Write {
    let update = identity::Entity::update_many()
        .col_expr(I::Statement, Expr::value(convert::statement_text(statement)));
    Write {
        name: Name::Always("keep_statement"),
        work: run(update.filter(I::Id.eq(id.as_str()))),
        stale: None,
        // The refused sign-in has an entry of its own.
        audit: Audit::Silent,
    }
}

pub(super) fn drop_credential(id: &IdentityId, next_check_at: Timestamp) -> Write {
    let update = identity::Entity::update_many()
        .col_expr(I::Credential, Expr::value(Option::<String>::None))
        .col_expr(I::NextCheckAt, Expr::value(next_check_at.0));
    Write {
        name: Name::Always("drop_credential"),
        work: run(update.filter(I::Id.eq(id.as_str()))),
        stale: None,
        // The end of sessions and grants of the same unit has the entries.
        audit: Audit::Silent,
    }
}

pub(super) fn put_invitation(new: &Invitation) -> Write {
    let row = invitation::ActiveModel {
        id: Set(Invitation::key(&new.provider, &new.email)),
        provider: Set(new.provider.as_str().to_owned()),
        email: Set(new.email.to_lowercase()),
        user_id: Set(new.user_id.as_str().to_owned()),
        created_at: Set(new.created_at.0),
    };
    let replace = OnConflict::column(invitation::Column::Id)
        .update_columns([invitation::Column::UserId, invitation::Column::CreatedAt])
        .to_owned();
    let event = about(AuditKind::UserInvited, AuditSubject::Invitation, &new.email);
    Write {
        name: Name::Always("put_invitation"),
        work: run(invitation::Entity::insert(row).on_conflict(replace)),
        stale: None,
        audit: Audit::Entry(event.detail(json!({"provider": new.provider.as_str()}).to_string())),
    }
}

pub(super) fn redeem_invitation(provider: &ProviderId, email: &str) -> Write {
    Write {
        name: Name::Decides(Condition::RedeemInvitation),
        work: run(invitation::Entity::delete_many()
            .filter(invitation::Column::Id.eq(Invitation::key(provider, email)))),
        stale: None,
        // The link of the same unit has the entry.
        audit: Audit::Silent,
    }
}
