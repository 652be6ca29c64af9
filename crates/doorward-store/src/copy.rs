//! Copies everything from one database to another, for the move from SQLite to PostgreSQL.

use sea_orm::{EntityTrait, IntoActiveModel, PaginatorTrait, TransactionTrait};

use crate::{
    Store, StoreError,
    entities::{
        access_grant, access_token, audit, audit_record, authorization_code, client, connect_attempt, connection, identity, invitation, kept_result,
        login_failure, one_time_link, passkey, person, provider, recovery_code, refresh_token, session, setting, sign_in, signing_key, spent_value, totp,
        upstream, upstream_registration, upstream_tool,
    },
};

/// Rows a statement: SQLite takes at most 32,766 parameters, and the widest table has 22 columns.
const ROWS: u64 = 500;

macro_rules! copy_tables {
    ($source:expr, $target:expr, $($table:ident),*) => {{
        let mut total = 0_u64;
        // On the heap, one after the other: together they would make a future of many kilobytes.
        $(Box::pin(async {
            let mut pages = $table::Entity::find().paginate($source, ROWS);
            while let Some(rows) = pages.fetch_and_next().await? {
                total += u64::try_from(rows.len()).unwrap_or(0);
                if !rows.is_empty() {
                    $table::Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model)).exec_without_returning($target).await?;
                }
            }
            Ok::<_, StoreError>(())
        })
        .await?;)*
        total
    }};
}

impl Store {
    /// Copies all rows into `target`, which must hold none, in one transaction. Nothing may write here meanwhile.
    pub async fn copy_to(&self, target: &Self) -> Result<u64, StoreError> {
        let empty = person::Entity::find().count(&target.reader).await? == 0
            && client::Entity::find().count(&target.reader).await? == 0
            && setting::Entity::find().count(&target.reader).await? == 0;
        if !empty {
            return Err(StoreError::NotEmpty);
        }
        let transaction = target.sweeper.begin().await?;
        let rows = copy_tables!(
            &self.reader,
            &transaction,
            person,
            client,
            session,
            authorization_code,
            access_grant,
            refresh_token,
            one_time_link,
            spent_value,
            signing_key,
            setting,
            login_failure,
            provider,
            identity,
            invitation,
            sign_in,
            passkey,
            totp,
            recovery_code,
            upstream,
            upstream_tool,
            upstream_registration,
            connection,
            connect_attempt,
            kept_result,
            access_token,
            audit,
            audit_record
        );
        transaction.commit().await?;
        target.forget_cached();
        Ok(rows)
    }
}
