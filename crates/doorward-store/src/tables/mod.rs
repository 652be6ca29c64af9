//! The tables: one file each, with the columns as in the newest migration (a sea-orm entity), the
//! conversion of its rows to and from the records of `doorward-model`, its reads, and its writes.
//! A write that changes several tables is with the one whose row decides it.
#![expect(unreachable_pub, reason = "the derive macros require public items")]
#![allow(missing_docs, reason = "columns are named and described by the records in doorward-model")]

pub mod access_grant;
pub mod access_token;
pub mod audit;
pub mod audit_record;
pub mod authorization_code;
pub mod chat;
pub mod client;
pub mod connect_attempt;
pub mod connect_step;
pub mod connection;
pub mod device_authorization;
pub mod external_resource;
pub mod identity;
pub mod invitation;
pub mod kept_result;
pub mod login_failure;
pub mod one_time_link;
pub mod passkey;
pub mod policy_version;
pub mod provider;
pub mod pushed_request;
pub mod recovery_code;
pub mod refresh_token;
pub mod relying_session;
pub mod session;
pub mod setting;
pub mod sign_in;
pub mod signing_key;
pub mod spent_value;
pub mod token_revocation;
pub mod totp;
pub mod upstream;
pub mod upstream_registration;
pub mod upstream_tool;
pub mod upstream_trust;
pub mod usage_hour;
pub mod user;

use chat::{link as chat_link, post as chat_post};
use doorward_model::Timestamp;
use sea_orm::{Condition, EntityTrait, IntoActiveModel};

use crate::StoreError;

/// The rules of a table for the work that concerns all tables: copies and housekeeping.
pub trait Table:
    EntityTrait<Model: IntoActiveModel<Self::ActiveModel> + Send + Sync, ActiveModel: Send>
{
    /// The copies that have its rows.
    const COPIED: Copied;

    /// The rows that no longer matter at `now`. Housekeeping deletes them in small steps, by their
    /// key, which has one column. `None` where other tables decide, or the rows stay.
    fn expired(now: Timestamp) -> Option<Condition>;
}

/// The copies that have the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// All: a move to another database, and a backup that is restored.
    Always,
    /// All, but a restored backup must not begin with them: sessions, and what was under way.
    NotRestored,
    /// None: the rows explain one server, and their numbers come from its database.
    Never,
}

/// Work on every table.
pub(crate) trait EachTable {
    /// The work on one table.
    fn table<T: Table>(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

macro_rules! tables {
    ($($name:ident),* $(,)?) => {
        /// Does work on every table, in order.
        pub(crate) async fn each(work: &mut (impl EachTable + Send)) -> Result<(), StoreError> {
            // On the heap, one after the other: together they would make a future of many
            // kilobytes.
            $(Box::pin(work.table::<$name::Entity>()).await?;)*
            Ok(())
        }
    };
}

tables!(
    user,
    client,
    session,
    relying_session,
    pushed_request,
    authorization_code,
    access_grant,
    refresh_token,
    one_time_link,
    spent_value,
    signing_key,
    setting,
    policy_version,
    login_failure,
    provider,
    identity,
    invitation,
    sign_in,
    passkey,
    totp,
    recovery_code,
    upstream,
    device_authorization,
    external_resource,
    upstream_tool,
    upstream_registration,
    upstream_trust,
    token_revocation,
    connection,
    connect_attempt,
    connect_step,
    kept_result,
    access_token,
    audit,
    audit_record,
    usage_hour,
    chat_link,
    chat_post,
);
