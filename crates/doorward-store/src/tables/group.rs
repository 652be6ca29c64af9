//! Table `user_group`: groups. The roles that a user has by groups are computed here alone, into the
//! user's row.

use std::collections::{BTreeMap, BTreeSet};

use doorward_model::{
    AuditKind, AuditSubject, Group, GroupChange, GroupName, Role, Timestamp, UserId,
};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition as Where, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, SelectStatement},
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
        Copied, Table,
        group_member::{self as member, Column as M},
        identity::{self, Column as I},
        user::{self, Column as U},
    },
    writes::{Audit, Name, Read, Work, Write, about, expect, if_new, run},
};
use row::Column as G;

/// Maximum number of users whose roles one statement sets.
const AT_ONCE: usize = 500;

/// Table `user_group`.
#[expect(unreachable_pub, reason = "the derive macro makes public items of it")]
pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_group")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub description: String,
        pub roles: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Table for row::Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        None
    }
}

pub(crate) fn from_row(row: row::Model) -> Result<Group, StoreError> {
    Ok(Group {
        roles: roles("user_group", &row.name, &row.roles)?,
        name: GroupName::from_stored(row.name),
        description: row.description,
        created_at: Timestamp(row.created_at),
    })
}

fn to_row(group: &Group) -> row::ActiveModel {
    row::ActiveModel {
        name: Set(group.name.to_string()),
        description: Set(group.description.clone()),
        roles: Set(roles_to_text(&group.roles)),
        created_at: Set(group.created_at.0),
    }
}

/// Names of groups have no slash.
fn key(group: &GroupName, user_id: &UserId) -> String {
    format!("{group}/{user_id}")
}

/// A list of roles, as it is stored, that has the role of this group.
fn has_role<C: ColumnTrait>(column: C, group: &GroupName) -> Expr {
    column.like(format!("%\"{}\"%", group.role()))
}

/// The users who are, or were, members of a group, from whichever source.
fn concerned(group: &GroupName) -> Where {
    let members = member::Entity::find()
        .select_only()
        .column(M::UserId)
        .filter(M::GroupName.eq(group.as_str()));
    let claimed =
        identity::Entity::find().select_only().column(I::UserId).filter(has_role(I::Roles, group));
    Where::any()
        .add(U::Id.in_subquery(members.into_query()))
        .add(U::Id.in_subquery(claimed.into_query()))
        .add(has_role(U::GroupRoles, group))
}

/// The write of a change to groups.
pub(crate) fn of(change: GroupChange) -> Write {
    match change {
        GroupChange::Insert(group) => {
            let names: Vec<_> = group.roles.iter().map(Role::as_str).collect();
            let detail = json!({"description": group.description, "roles": names}).to_string();
            let event = about(AuditKind::GroupAdded, AuditSubject::Group, group.name.as_str());
            Write {
                name: Name::Decides(Condition::Free("insert_group")),
                work: run(if_new(to_row(&group))),
                stale: None,
                audit: Audit::Entry(event.detail(detail)),
            }
        }
        GroupChange::Update(group) => {
            let mut row = to_row(&group);
            (row.name, row.created_at) = (NotSet, NotSet);
            let update = row::Entity::update_many().set(row);
            Write {
                name: Name::Decides(Condition::Row("update_group")),
                work: run(update.filter(G::Name.eq(group.name.as_str()))),
                stale: None,
                audit: compared(AuditKind::GroupChanged, &group.name, true),
            }
        }
        GroupChange::Delete(name) => {
            let members =
                member::Entity::delete_many().filter(M::GroupName.eq(name.as_str())).into();
            let row = row::Entity::delete_many().filter(G::Name.eq(name.as_str())).into();
            Write {
                name: Name::Decides(Condition::Row("delete_group")),
                work: Work::Statements(vec![members, row]),
                stale: None,
                audit: compared(AuditKind::GroupDeleted, &name, false),
            }
        }
        GroupChange::Join { group, user_id, at } => {
            let row = member::ActiveModel {
                id: Set(key(&group, &user_id)),
                group_name: Set(group.to_string()),
                user_id: Set(user_id.to_string()),
                since: Set(at.0),
            };
            Write {
                name: Name::Decides(Condition::JoinGroup),
                work: run(if_new(row)),
                stale: None,
                audit: of_member(AuditKind::GroupJoined, &group, &user_id),
            }
        }
        GroupChange::Leave { group, user_id } => {
            let row = member::Entity::delete_many().filter(M::Id.eq(key(&group, &user_id)));
            Write {
                name: Name::Decides(Condition::LeaveGroup),
                work: run(row),
                stale: None,
                audit: of_member(AuditKind::GroupLeft, &group, &user_id),
            }
        }
        GroupChange::Collect(name) => Write {
            name: Name::Always("collect_group_roles"),
            work: Work::Read(Read::CollectGroup(name)),
            stale: Some(Invalidation::Users),
            // The change before it has the entry.
            audit: Audit::Silent,
        },
        GroupChange::Expect { group, etag } => expect(Compared(group), etag),
        GroupChange::ExpectAdministrator => Write {
            name: Name::Decides(Condition::ExpectOtherAdministrator),
            work: Work::Read(Read::AnyAdministrator),
            stale: None,
            // It only reads.
            audit: Audit::Silent,
        },
    }
}

/// A group as the audit compares it, with the number of its members by an administrator's decision.
#[derive(Debug)]
struct Compared(GroupName);

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let Some(row) = db.by_id::<row::Entity>(self.0.as_str()).await? else {
                return Ok(None);
            };
            let members = member::Entity::find().filter(M::GroupName.eq(self.0.as_str()));
            Ok(Some(json!({
                "description": row.description, "roles": list(&row.roles),
                "members": db.count(members).await?,
            })))
        })
    }
}

impl Tagged for Compared {
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>> {
        etag_of::<row::Entity>(db, self.0.as_str(), |row| from_row(row).map(|group| group.etag()))
    }
}

fn compared(kind: AuditKind, name: &GroupName, only_if_different: bool) -> Audit {
    let event = about(kind, AuditSubject::Group, name.as_str());
    Audit::Compared { event, row: Box::new(Compared(name.clone())), only_if_different }
}

fn of_member(kind: AuditKind, group: &GroupName, user_id: &UserId) -> Audit {
    let event = about(kind, AuditSubject::User, user_id.as_str());
    Audit::Entry(event.detail(json!({"group": group.as_str()}).to_string()))
}

/// Computes the roles of all whom a change of a group concerns.
pub(crate) async fn collect_of(db: Db<'_>, group: &GroupName) -> Result<(), DbErr> {
    collect(db, &concerned(group)).await.map(|_| ())
}

/// Computes the roles that these users have by rules of their identity providers and by groups:
/// the only place where they come together. Touches the rows first, which makes concurrent
/// transactions wait, so that the state that is read still holds at the commit. Returns the number
/// of users.
pub(crate) async fn collect(db: Db<'_>, which: &Where) -> Result<usize, DbErr> {
    let chosen = user::Entity::find().select_only().column(U::Id).filter(which.clone());
    let ids = db.texts(chosen).await?;
    for part in ids.chunks(AT_ONCE) {
        let touch = user::Entity::update_many()
            .col_expr(U::GroupRoles, Expr::col(U::GroupRoles))
            .filter(U::Id.is_in(part))
            .into_query();
        db.run(&touch).await?;
        collect_part(db, part).await?;
    }
    Ok(ids.len())
}

async fn collect_part(db: Db<'_>, ids: &[String]) -> Result<(), DbErr> {
    let words = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap_or_default();
    let of_groups: BTreeMap<String, Vec<String>> = db
        .all(row::Entity::find())
        .await?
        .into_iter()
        .map(|row| (row.name, words(&row.roles)))
        .collect();
    let mut claimed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in db.all(identity::Entity::find().filter(I::UserId.is_in(ids))).await? {
        for role in words(&row.roles) {
            match Role::named(&role).ok().as_ref().and_then(Role::group) {
                Some(name) => {
                    groups.entry(row.user_id.clone()).or_default().insert(name.to_owned())
                }
                None => claimed.entry(row.user_id.clone()).or_default().insert(role),
            };
        }
    }
    for row in db.all(member::Entity::find().filter(M::UserId.is_in(ids))).await? {
        groups.entry(row.user_id).or_default().insert(row.group_name);
    }
    // Users with the same result share a statement.
    let mut same: BTreeMap<(String, String), Vec<&String>> = BTreeMap::new();
    for id in ids {
        let mut given: BTreeSet<String> = BTreeSet::new();
        for name in groups.get(id).into_iter().flatten() {
            // A group that a rule names, but that there is not, has no members.
            let Some(roles) = of_groups.get(name) else { continue };
            given.insert(GroupName::from_stored(name.clone()).role().to_string());
            given.extend(roles.iter().cloned());
        }
        let claimed = claimed.get(id).into_iter().flatten().map(String::as_str);
        let texts = (list_to_text(claimed), list_to_text(given.iter().map(String::as_str)));
        same.entry(texts).or_default().push(id);
    }
    for ((claimed, given), ids) in same {
        let update = user::Entity::update_many()
            .col_expr(U::ProviderRoles, Expr::value(claimed))
            .col_expr(U::GroupRoles, Expr::value(given))
            .filter(U::Id.is_in(ids))
            .into_query();
        db.run(&update).await?;
    }
    Ok(())
}

/// The users who are members by an administrator's decision.
fn local(group: &GroupName) -> SelectStatement {
    let members = member::Entity::find().select_only().column(M::UserId);
    members.filter(M::GroupName.eq(group.as_str())).into_query()
}

impl Store {
    /// All groups, by name: at most `limit`.
    pub async fn groups(&self, limit: u64) -> Result<Vec<Group>, StoreError> {
        let rows = row::Entity::find().order_by_asc(G::Name).limit(limit);
        rows.all(&self.reader).await?.into_iter().map(from_row).collect()
    }

    /// The group with this name.
    pub async fn group(&self, name: &GroupName) -> Result<Option<Group>, StoreError> {
        let row = self.point().by_id::<row::Entity>(name.as_str()).await?;
        row.map(from_row).transpose()
    }

    /// The number of members of each group that has any, from whichever source.
    pub async fn count_members(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let held = user::Entity::find()
            .select_only()
            .column(U::GroupRoles)
            .column_as(U::Id.count(), "users")
            .filter(U::GroupRoles.ne("[]"))
            .group_by(U::GroupRoles)
            .into_tuple::<(String, i64)>();
        let mut counted = BTreeMap::new();
        for (text, users) in held.all(&self.reader).await? {
            for role in roles("users", "", &text)? {
                if let Some(name) = role.group() {
                    *counted.entry(name.to_owned()).or_default() +=
                        u64::try_from(users).unwrap_or_default();
                }
            }
        }
        Ok(counted)
    }

    /// Those of `ids` who are members of a group by an administrator's decision.
    pub async fn local_members(
        &self,
        group: &GroupName,
        ids: &[String],
    ) -> Result<BTreeSet<String>, StoreError> {
        let chosen = user::Entity::find()
            .select_only()
            .column(U::Id)
            .filter(U::Id.in_subquery(local(group)))
            .filter(U::Id.is_in(ids))
            .into_tuple::<String>();
        Ok(chosen.all(&self.reader).await?.into_iter().collect())
    }

    /// The groups of which a user is a member by an administrator's decision.
    pub async fn local_groups_of(&self, user_id: &UserId) -> Result<Vec<String>, StoreError> {
        let rows = member::Entity::find()
            .select_only()
            .column(M::GroupName)
            .filter(M::UserId.eq(user_id.as_str()))
            .order_by_asc(M::GroupName)
            .into_tuple::<String>();
        Ok(rows.all(&self.reader).await?)
    }
}
