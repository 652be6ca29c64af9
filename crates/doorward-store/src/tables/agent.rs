//! Tables `conversation` and `used_tokens`: conversations of users with the agent, and the tokens of
//! the model that each user used on a day.

use doorward_model::{AgentChange, Conversation, ConversationId, Sealed, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, IntoCondition, OnConflict},
};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Work, Write, run},
};
use conversation::Column as C;
use used_tokens::Column as T;

/// For how many days the used tokens are known.
const DAYS_KEPT: i64 = 2;
/// The most conversations that are listed: as many as are kept of one user.
const MOST_LISTED: u64 = 200;
/// The seconds of a day.
const DAY: i64 = 86_400;

/// Table `conversation`.
#[expect(unreachable_pub, reason = "the derive macro makes public items of it")]
pub(crate) mod conversation {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "conversation")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub user_id: String,
        pub program: String,
        pub origin: String,
        pub body: String,
        pub updated_at: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Table `used_tokens`.
#[expect(unreachable_pub, reason = "the derive macro makes public items of it")]
pub(crate) mod used_tokens {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "used_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub user_id: String,
        pub day: i64,
        pub tokens: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Table for conversation::Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(C::ExpiresAt.lt(now.0).into_condition())
    }
}

impl Table for used_tokens::Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(T::Day.lt(now.0 / DAY - DAYS_KEPT).into_condition())
    }
}

fn from_row(row: conversation::Model) -> Conversation {
    Conversation {
        id: ConversationId::from_text(row.id),
        user_id: UserId::from_text(row.user_id),
        program: row.program,
        origin: row.origin,
        body: Sealed::from_stored(row.body),
        updated_at: Timestamp(row.updated_at),
        expires_at: Timestamp(row.expires_at),
    }
}

/// The key of a user's day.
fn key(user_id: &UserId, day: i64) -> String {
    format!("{user_id}/{day}")
}

/// The write of a change to what the agent keeps. What is done for a user has entries of its own.
pub(crate) fn of(change: AgentChange) -> Write {
    let (name, work) = match change {
        AgentChange::Reserve { user_id, day, tokens, most } => {
            let held = || Expr::col((used_tokens::Entity, T::Tokens));
            let mut again = OnConflict::column(T::Id);
            again.value(T::Tokens, held().add(tokens)).action_cond_where(held().lt(most));
            let row = used_tokens::ActiveModel {
                id: Set(key(&user_id, day)),
                user_id: Set(user_id.to_string()),
                day: Set(day),
                tokens: Set(tokens),
            };
            let insert = used_tokens::Entity::insert(row).on_conflict(again);
            (Name::Decides(Condition::ReserveTokens), run(insert))
        }
        AgentChange::Settle { user_id, day, difference } => {
            let update = used_tokens::Entity::update_many()
                .col_expr(T::Tokens, Expr::col(T::Tokens).add(difference))
                .filter(T::Id.eq(key(&user_id, day)));
            (Name::Always("settle_tokens"), run(update))
        }
        AgentChange::Keep { conversation, most } => {
            (Name::Decides(Condition::KeepConversation), keep(&conversation, most))
        }
        AgentChange::GoOn(conversation) => {
            let update = conversation::Entity::update_many()
                .col_expr(C::Body, Expr::value(conversation.body.as_str()))
                .col_expr(C::UpdatedAt, Expr::value(conversation.updated_at.0))
                .col_expr(C::ExpiresAt, Expr::value(conversation.expires_at.0))
                .filter(C::Id.eq(conversation.id.as_str()))
                .filter(C::UserId.eq(conversation.user_id.as_str()));
            (Name::Decides(Condition::GoOnConversation), run(update))
        }
        AgentChange::Forget { user_id, id } => {
            let theirs = conversation::Entity::delete_many()
                .filter(C::Id.eq(id.as_str()))
                .filter(C::UserId.eq(user_id.as_str()));
            (Name::Decides(Condition::ForgetConversation), run(theirs))
        }
        AgentChange::ForgetAll(user_id) => {
            let theirs = conversation::Entity::delete_many().filter(C::UserId.eq(user_id.as_str()));
            (Name::Always("forget_conversations"), run(theirs))
        }
    };
    Write { name, work, stale: None, audit: Audit::Silent }
}

fn keep(kept: &Conversation, most: u64) -> Work {
    let theirs = || C::UserId.eq(kept.user_id.as_str());
    let newest = conversation::Entity::find()
        .select_only()
        .column(C::Id)
        .filter(theirs())
        .order_by_desc(C::UpdatedAt)
        .order_by_desc(C::Id)
        .limit(most);
    let old = Where::all().add(theirs()).add(C::Id.not_in_subquery(newest.into_query()));
    let mut again = OnConflict::column(C::Id);
    again
        .update_columns([C::Program, C::Origin, C::Body, C::UpdatedAt, C::ExpiresAt])
        .action_cond_where(Expr::col((conversation::Entity, C::UserId)).eq(kept.user_id.as_str()));
    let row = conversation::ActiveModel {
        id: Set(kept.id.to_string()),
        user_id: Set(kept.user_id.to_string()),
        program: Set(kept.program.clone()),
        origin: Set(kept.origin.clone()),
        body: Set(kept.body.as_str().to_owned()),
        updated_at: Set(kept.updated_at.0),
        expires_at: Set(kept.expires_at.0),
    };
    // The last statement decides.
    Work::Statements(vec![
        conversation::Entity::delete_many().filter(old).into(),
        conversation::Entity::insert(row).on_conflict(again).into(),
    ])
}

impl Store {
    /// A conversation of this user that has not expired at `now`. Another user's does not exist.
    pub async fn conversation(
        &self,
        user_id: &UserId,
        id: &ConversationId,
        now: Timestamp,
    ) -> Result<Option<Conversation>, StoreError> {
        let theirs = conversation::Entity::find_by_id(id.as_str())
            .filter(C::UserId.eq(user_id.as_str()))
            .filter(C::ExpiresAt.gt(now.0));
        Ok(self.point().one(theirs).await?.map(from_row))
    }

    /// The conversations of a user that have not expired at `now`, the newest first.
    pub async fn conversations(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<Conversation>, StoreError> {
        let theirs = conversation::Entity::find()
            .filter(C::UserId.eq(user_id.as_str()))
            .filter(C::ExpiresAt.gt(now.0))
            .order_by_desc(C::UpdatedAt)
            .order_by_desc(C::Id)
            .limit(MOST_LISTED);
        Ok(theirs.all(&self.reader).await?.into_iter().map(from_row).collect())
    }

    /// The tokens of the model that a user used on a day.
    pub async fn used_tokens(&self, user_id: &UserId, day: i64) -> Result<i64, StoreError> {
        let row = used_tokens::Entity::find_by_id(key(user_id, day));
        Ok(self.point().one(row).await?.map_or(0, |row| row.tokens))
    }
}
