//! Tables `chat_link` and `chat_post`: links of accounts at chat servers with users, and posts that
//! are answered once.

use doorward_model::{
    AuditKind, AuditSubject, ChatChange, ChatLink, ChatLinkId, ChatPost, GrantId, Timestamp, UserId,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, SelectStatement},
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{
        Copied, Table,
        access_grant::{self, Column as G},
    },
    writes::{Audit, Name, Sql, Work, Write, about, nothing, run},
};
use link::Column as L;
use post::Column as P;

/// Maximum number of links that a list has.
const MOST_LISTED: u64 = 1000;

/// Table `chat_link`.
#[expect(unreachable_pub, reason = "the derive macro makes public items of it")]
pub(crate) mod link {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chat_link")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub server: String,
        pub account: String,
        pub name: String,
        pub user_id: String,
        pub grant_id: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Table `chat_post`.
#[expect(unreachable_pub, reason = "the derive macro makes public items of it")]
pub(crate) mod post {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chat_post")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub connector: String,
        pub post: String,
        pub channel: String,
        pub root: String,
        pub claimed_at: i64,
        pub answered_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Table for link::Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Where::all().add(L::GrantId.not_in_subquery(in_force(now))))
    }
}

/// For how many seconds it is known that a post was answered: longer than connectors look back.
const POSTS_KEPT: i64 = 7 * 86_400;

impl Table for post::Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Where::all().add(P::ClaimedAt.lt(now.plus(-POSTS_KEPT).0)))
    }
}

fn link_of(row: link::Model) -> ChatLink {
    ChatLink {
        id: ChatLinkId::from_text(row.id),
        server: row.server,
        account: row.account,
        name: row.name,
        user_id: UserId::from_text(row.user_id),
        grant_id: GrantId::from_text(row.grant_id),
        created_at: Timestamp(row.created_at),
    }
}

fn link_row(link: &ChatLink) -> link::ActiveModel {
    link::ActiveModel {
        id: Set(link.id.to_string()),
        server: Set(link.server.clone()),
        account: Set(link.account.clone()),
        name: Set(link.name.clone()),
        user_id: Set(link.user_id.to_string()),
        grant_id: Set(link.grant_id.to_string()),
        created_at: Set(link.created_at.0),
    }
}

fn post_of(row: post::Model) -> ChatPost {
    ChatPost {
        connector: row.connector,
        post: row.post,
        channel: row.channel,
        root: row.root,
        claimed_at: Timestamp(row.claimed_at),
    }
}

/// The key of a post: connectors have names without a slash.
fn key(connector: &str, post: &str) -> String {
    format!("{connector}/{post}")
}

/// The identifiers of the grants that are in force.
fn in_force(now: Timestamp) -> SelectStatement {
    access_grant::Entity::find()
        .select_only()
        .column(G::Id)
        .filter(G::RevokedAt.is_null())
        .filter(G::ExpiresAt.gt(now.0))
        .into_query()
}

/// The write of a change to chats.
pub(crate) fn of(change: ChatChange) -> Write {
    match change {
        ChatChange::Link { link, now } => insert(&link, now),
        ChatChange::Unlink { id, user_id } => unlink(&id, &user_id),
        ChatChange::Claim(post) => silent(
            Name::Decides(Condition::ClaimPost),
            post::Entity::insert(post::ActiveModel {
                id: Set(key(&post.connector, &post.post)),
                connector: Set(post.connector),
                post: Set(post.post),
                channel: Set(post.channel),
                root: Set(post.root),
                claimed_at: Set(post.claimed_at.0),
                answered_at: Set(None),
            })
            .on_conflict(nothing()),
        ),
        ChatChange::TakeOver { post, now } => silent(
            Name::Decides(Condition::TakePost),
            post::Entity::update_many()
                .col_expr(P::ClaimedAt, Expr::value(now.0))
                .filter(P::Id.eq(key(&post.connector, &post.post)))
                .filter(P::ClaimedAt.eq(post.claimed_at.0))
                .filter(P::AnsweredAt.is_null()),
        ),
        ChatChange::Answered { connector, post, at } => silent(
            Name::Always("answer_post"),
            post::Entity::update_many()
                .col_expr(P::AnsweredAt, Expr::value(at.0))
                .filter(P::Id.eq(key(&connector, &post))),
        ),
    }
}

/// A write about a post: what is done for its author has entries of its own.
fn silent(name: Name, sql: impl Into<Sql>) -> Write {
    Write { name, work: run(sql), stale: None, audit: Audit::Silent }
}

fn insert(link: &ChatLink, now: Timestamp) -> Write {
    let ended = Where::all()
        .add(L::Server.eq(&link.server))
        .add(L::Account.eq(&link.account))
        .add(L::GrantId.not_in_subquery(in_force(now)));
    let event = about(AuditKind::ChatLinked, AuditSubject::User, link.user_id.as_str());
    let detail =
        json!({"server": link.server, "account": link.account, "name": link.name}).to_string();
    Write {
        name: Name::Decides(Condition::LinkChat),
        work: Work::Statements(vec![
            link::Entity::delete_many().filter(ended).into(),
            link::Entity::insert(link_row(link)).on_conflict(nothing()).into(),
        ]),
        stale: None,
        audit: Audit::Entry(event.detail(detail)),
    }
}

fn unlink(id: &ChatLinkId, user_id: &UserId) -> Write {
    let which = Where::all().add(L::Id.eq(id.as_str())).add(L::UserId.eq(user_id.as_str()));
    let event = about(AuditKind::ChatUnlinked, AuditSubject::User, user_id.as_str());
    Write {
        name: Name::Decides(Condition::UnlinkChat),
        work: run(link::Entity::delete_many().filter(which)),
        stale: None,
        audit: Audit::Entry(event.detail(json!({"link": id.as_str()}).to_string())),
    }
}

impl Store {
    /// The link of an account at a chat server, in force or not.
    pub async fn chat_link_of(
        &self,
        server: &str,
        account: &str,
    ) -> Result<Option<ChatLink>, StoreError> {
        let found =
            link::Entity::find().filter(L::Account.eq(account)).filter(L::Server.eq(server));
        Ok(self.point().one(found).await?.map(link_of))
    }

    /// The links in force, the newest first: of one user, or of all.
    pub async fn chat_links(
        &self,
        user_id: Option<&UserId>,
        now: Timestamp,
    ) -> Result<Vec<ChatLink>, StoreError> {
        let mut found = link::Entity::find().filter(L::GrantId.in_subquery(in_force(now)));
        if let Some(user_id) = user_id {
            found = found.filter(L::UserId.eq(user_id.as_str()));
        }
        let found = found.order_by_desc(L::CreatedAt).order_by_asc(L::Id).limit(MOST_LISTED);
        Ok(found.all(&self.reader).await?.into_iter().map(link_of).collect())
    }

    /// The link with this handle, in force or not.
    pub async fn chat_link(&self, id: &ChatLinkId) -> Result<Option<ChatLink>, StoreError> {
        let row = self.point().by_id::<link::Entity>(id.as_str()).await?;
        Ok(row.map(link_of))
    }

    /// Posts of a connector that were taken on before `before` and are not answered.
    pub async fn unanswered_posts(
        &self,
        connector: &str,
        before: Timestamp,
    ) -> Result<Vec<ChatPost>, StoreError> {
        let found = post::Entity::find()
            .filter(P::Connector.eq(connector))
            .filter(P::AnsweredAt.is_null())
            .filter(P::ClaimedAt.lt(before.0))
            .order_by_asc(P::ClaimedAt)
            .limit(20);
        Ok(found.all(&self.reader).await?.into_iter().map(post_of).collect())
    }
}
