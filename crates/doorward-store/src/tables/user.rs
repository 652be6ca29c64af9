//! Users.

use std::sync::Arc;

use doorward_model::{
    AuditKind, AuditSubject, IdentityId, Role, Timestamp, User, UserId, UserName, foreign,
    secret::HashedPassword,
};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition as Where, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Func},
};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    audit::row::{Row, Tagged, etag_of, list},
    condition::Condition,
    convert::{list_to_text, roles, roles_to_text},
    db::Db,
    invalidate::Invalidation,
    tables::{
        Copied, Table, access_token, agent::conversation, connect_attempt, connection,
        group_member, identity, invitation, kept_result, passkey, recovery_code, totp,
    },
    writes::{Audit, Name, Read, Sql, Work, Write, about, expect, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub email_by: Option<String>,
    pub password: Option<String>,
    pub password_temporary: bool,
    pub roles: String,
    pub provider_roles: String,
    pub group_roles: String,
    pub display_name: Option<String>,
    pub created_at: i64,
    pub disabled_at: Option<i64>,
    pub links_after: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        None
    }
}

pub(crate) fn from_row(row: Model) -> Result<User, StoreError> {
    Ok(User {
        roles: roles("user", &row.id, &row.roles)?,
        provider_roles: roles("user", &row.id, &row.provider_roles)?,
        group_roles: roles("user", &row.id, &row.group_roles)?,
        // Rows of older versions hold the provider's original text.
        display_name: row
            .display_name
            .map(|name| foreign::line(&name, 100).into_owned())
            .filter(|name| !name.is_empty()),
        id: UserId::from_text(row.id),
        name: UserName::from_stored(row.name),
        email: row.email,
        email_by: row.email_by.map(IdentityId::from_stored),
        password: row.password.map(HashedPassword::from_phc),
        password_temporary: row.password_temporary,
        created_at: Timestamp(row.created_at),
        disabled_at: row.disabled_at.map(Timestamp),
        links_after: row.links_after.map(Timestamp),
    })
}

pub(crate) fn to_row(user: &User) -> ActiveModel {
    ActiveModel {
        id: Set(user.id.as_str().to_owned()),
        name: Set(user.name.as_str().to_owned()),
        email: Set(user.email.clone()),
        email_by: Set(user.email_by.as_ref().map(|id| id.as_str().to_owned())),
        password: Set(user.password.as_ref().map(|hash| hash.as_str().to_owned())),
        password_temporary: Set(user.password_temporary),
        roles: Set(roles_to_text(&user.roles)),
        provider_roles: Set(roles_to_text(&user.provider_roles)),
        group_roles: Set(roles_to_text(&user.group_roles)),
        display_name: Set(user.display_name.clone()),
        created_at: Set(user.created_at.0),
        disabled_at: Set(user.disabled_at.map(|at| at.0)),
        links_after: Set(user.links_after.map(|at| at.0)),
    }
}

impl Store {
    /// The user with this id.
    pub async fn user(&self, id: &UserId) -> Result<Option<Arc<User>>, StoreError> {
        let read = || async move {
            self.point().by_id::<Entity>(id.as_str()).await?.map(from_row).transpose()
        };
        self.caches.users.get(&id.as_str().to_owned(), read).await
    }

    /// The user with this sign-in name, straight from the database.
    pub async fn user_named(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        self.point()
            .one(Entity::find().filter(Column::Name.eq(name.as_str())))
            .await?
            .map(from_row)
            .transpose()
    }

    /// The user that an administrator names: by identifier, or else by sign-in name.
    pub async fn user_by(&self, text: &str) -> Result<Option<Arc<User>>, StoreError> {
        if let Some(user) = self.user(&UserId::from_text(text)).await? {
            return Ok(Some(user));
        }
        match UserName::parse(text) {
            Ok(name) => Ok(self.user_named(&name).await?.map(Arc::new)),
            Err(_) => Ok(None),
        }
    }

    /// All users by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        Entity::find()
            .order_by_asc(Column::Name)
            .all(&self.reader)
            .await?
            .into_iter()
            .map(from_row)
            .collect()
    }

    /// Counts the users.
    pub async fn count_users(&self) -> Result<u64, StoreError> {
        Ok(Entity::find().count(&self.reader).await?)
    }

    /// Users with this e-mail address, compared without case, straight from the database.
    pub async fn users_with_email(&self, email: &str) -> Result<Vec<User>, StoreError> {
        let same = Expr::expr(Func::lower(Expr::col(Column::Email))).eq(email.to_lowercase());
        let rows = Entity::find().filter(same).limit(10).all(&self.reader).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The number of users who sign in here with a password and have neither a passkey nor an
    /// authenticator app.
    pub async fn count_without_second_factor(&self) -> Result<u64, StoreError> {
        let own = || Expr::col((Entity, Column::Id));
        let passkeys = passkey::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(own().equals((passkey::Entity, passkey::Column::UserId)))
            .into_query();
        let apps = totp::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(own().equals((totp::Entity, totp::Column::UserId)))
            .filter(totp::Column::ConfirmedAt.is_not_null())
            .into_query();
        let service = format!("%\"{}\"%", Role::service());
        Ok(Entity::find()
            .filter(Column::DisabledAt.is_null())
            .filter(Column::Password.is_not_null())
            .filter(Column::Roles.not_like(service))
            .filter(Expr::exists(passkeys).not())
            .filter(Expr::exists(apps).not())
            .count(&self.reader)
            .await?)
    }
}

/// Removes e-mail addresses that a provider vouched for.
pub(crate) fn forget_address(which: Where) -> Sql {
    let nothing = || Expr::value(Option::<String>::None);
    Entity::update_many()
        .col_expr(Column::Email, nothing())
        .col_expr(Column::EmailBy, nothing())
        .filter(which)
        .into()
}

pub(crate) fn unlink(user_id: &UserId, id: &IdentityId) -> Write {
    let theirs = Where::all()
        .add(identity::Column::Id.eq(id.as_str()))
        .add(identity::Column::UserId.eq(user_id.as_str()));
    let event = about(AuditKind::IdentityUnlinked, AuditSubject::User, user_id.as_str());
    Write {
        name: Name::Decides(Condition::DeleteIdentity),
        work: Work::Statements(vec![
            forget_address(Where::all().add(Column::EmailBy.eq(id.as_str()))),
            identity::Entity::delete_many().filter(theirs).into(),
        ]),
        stale: Some(Invalidation::User(user_id.to_string())),
        audit: Audit::Entry(event.detail(json!({"identity": id.as_str()}).to_string())),
    }
}

fn stale(user_id: &UserId) -> Invalidation {
    Invalidation::User(user_id.to_string())
}

/// A user as the audit compares them.
#[derive(Debug)]
struct Compared(String);

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let row = db.by_id::<Entity>(self.0.as_str()).await?;
            Ok(row.map(|row| {
                json!({
                    "name": row.name, "email": row.email, "display_name": row.display_name,
                    "roles": list(&row.roles), "provider_roles": list(&row.provider_roles),
                    "group_roles": list(&row.group_roles), "disabled": row.disabled_at.is_some(),
                })
            }))
        })
    }
}

impl Tagged for Compared {
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>> {
        etag_of::<Entity>(db, self.0.as_str(), |row| from_row(row).map(|user| user.etag()))
    }
}

/// Demands that a user is as it was read.
pub(crate) fn expect_seen(user_id: &UserId, etag: String) -> Write {
    expect(Compared(user_id.to_string()), etag)
}

/// An entry with the difference; none if there is none.
fn changed(user_id: &UserId) -> Audit {
    let event = about(AuditKind::UserChanged, AuditSubject::User, user_id.as_str());
    Audit::Compared { event, row: Box::new(Compared(user_id.to_string())), only_if_different: true }
}

pub(crate) fn insert(new: &User) -> Write {
    let roles: Vec<&str> = new.roles.iter().map(Role::as_str).collect();
    let detail = json!({"name": new.name.as_str(), "email": new.email, "roles": roles}).to_string();
    Write {
        name: Name::Decides(Condition::InsertUser),
        work: run(Entity::insert(to_row(new)).on_conflict(nothing())),
        stale: None,
        audit: Audit::Entry(
            about(AuditKind::UserAdded, AuditSubject::User, new.id.as_str()).detail(detail),
        ),
    }
}

pub(crate) fn set_password(user_id: &UserId, password: Option<&HashedPassword>) -> Write {
    let hash = password.map(|hash| hash.as_str().to_owned());
    Write {
        name: Name::Decides(Condition::Row("set_password")),
        work: run(Entity::update_many()
            .col_expr(Column::Password, Expr::value(hash))
            .col_expr(Column::PasswordTemporary, Expr::value(false))
            .filter(Column::Id.eq(user_id.as_str()))),
        stale: Some(stale(user_id)),
        audit: Audit::Entry(about(
            AuditKind::PasswordChanged,
            AuditSubject::User,
            user_id.as_str(),
        )),
    }
}

pub(crate) fn rehash_password(
    user_id: &UserId,
    old: &HashedPassword,
    new: &HashedPassword,
) -> Write {
    let same =
        Where::all().add(Column::Id.eq(user_id.as_str())).add(Column::Password.eq(old.as_str()));
    Write {
        name: Name::Decides(Condition::RehashPassword),
        work: run(Entity::update_many()
            .col_expr(Column::Password, Expr::value(new.as_str()))
            .filter(same)),
        stale: Some(stale(user_id)),
        // The password is the same.
        audit: Audit::Silent,
    }
}

pub(crate) fn set_roles(user_id: &UserId, roles: &[Role]) -> Write {
    let roles = list_to_text(roles.iter().map(Role::as_str));
    Write {
        name: Name::Decides(Condition::Row("set_roles")),
        work: run(Entity::update_many()
            .col_expr(Column::Roles, Expr::value(roles))
            .filter(Column::Id.eq(user_id.as_str()))),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(crate) fn set_disabled(user_id: &UserId, disabled_at: Option<Timestamp>) -> Write {
    let at = disabled_at.map(|at| at.0);
    let update = Entity::update_many()
        .col_expr(Column::DisabledAt, Expr::value(at))
        .filter(Column::Id.eq(user_id.as_str()));
    // Links to set a password that were made before do not count again when the user is enabled.
    let update =
        if at.is_some() { update.col_expr(Column::LinksAfter, Expr::value(at)) } else { update };
    Write {
        name: Name::Decides(Condition::Row("set_user_disabled")),
        work: run(update),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(crate) fn set_profile(
    user_id: &UserId,
    email: Option<String>,
    display_name: Option<String>,
) -> Write {
    let mut update = Entity::update_many().filter(Column::Id.eq(user_id.as_str()));
    let tells = email.is_some() || display_name.is_some();
    if email.is_some() {
        // An administrator's decision: no provider revokes it.
        update = update.col_expr(Column::EmailBy, Expr::value(Option::<String>::None));
    }
    for (column, value) in [(Column::Email, email), (Column::DisplayName, display_name)] {
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

pub(crate) fn follow_address(
    user_id: &UserId,
    identity: &IdentityId,
    email: Option<String>,
) -> Write {
    let by = email.as_ref().map(|_| identity.as_str().to_owned());
    let mut which = Where::all().add(Column::Id.eq(user_id.as_str()));
    if email.is_none() {
        which = which.add(Column::EmailBy.eq(identity.as_str()));
    }
    let update = Entity::update_many()
        .col_expr(Column::Email, Expr::value(email))
        .col_expr(Column::EmailBy, Expr::value(by))
        .filter(which);
    Write {
        name: Name::Always("follow_address"),
        work: run(update),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(crate) fn rename(user_id: &UserId, name: &UserName) -> Write {
    let taken = Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(Column::Name.eq(name.as_str()))
        .into_query();
    let free = Where::all().add(Column::Id.eq(user_id.as_str())).add(Expr::exists(taken).not());
    Write {
        name: Name::Decides(Condition::RenameUser),
        work: run(Entity::update_many()
            .col_expr(Column::Name, Expr::value(name.as_str()))
            .filter(free)),
        stale: Some(stale(user_id)),
        audit: changed(user_id),
    }
}

pub(crate) fn collect_provider_roles(user_id: UserId) -> Write {
    Write {
        name: Name::Decides(Condition::CollectProviderRoles),
        stale: Some(stale(&user_id)),
        audit: changed(&user_id),
        work: Work::Read(Read::CollectRoles(user_id)),
    }
}

/// Deletes a user with everything that belongs to them alone.
pub(crate) fn delete(user_id: &UserId) -> Write {
    let id = user_id.as_str();
    let connections = Where::all().add(connection::Column::UserId.eq(id));
    let mut statements: Vec<Sql> = connection::end(&connections, None, connection::AT_ONCE).into();
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
        conversation::Entity::delete_many().filter(conversation::Column::UserId.eq(id)).into(),
        group_member::Entity::delete_many().filter(group_member::Column::UserId.eq(id)).into(),
        Entity::delete_many().filter(Column::Id.eq(id)).into(),
    ]);
    let event = about(AuditKind::UserDeleted, AuditSubject::User, id);
    Write {
        name: Name::Decides(Condition::Row("delete_user")),
        work: Work::Statements(statements),
        stale: Some(stale(user_id)),
        audit: Audit::Compared {
            event,
            row: Box::new(Compared(id.to_owned())),
            only_if_different: false,
        },
    }
}
