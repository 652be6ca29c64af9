//! The history of the schema, one DSL for SQLite and PostgreSQL. A migration is never edited once
//! released: expand first, contract in a later release.
//!
//! Times are whole seconds since 1970 in 64-bit integers, lists are JSON text, secrets are hashed
//! or sealed.

use sea_orm_migration::prelude::*;

mod columns;
mod m20261120_000001_initial;
mod m20261121_000001_federation;
mod m20261122_000001_upstreams;
mod m20261123_000001_audit;
mod m20261124_000001_account_there;
mod m20261126_000001_attempts;
mod m20261126_000003_whole_pins;
mod m20261126_000005_token_level;
mod m20261126_000006_addresses;
mod m20261126_000007_upstream_trust;
mod m20261126_000010_grant_types;
mod m20261126_000020_client_service;
mod m20261126_000021_connection_problem;
mod m20261126_000022_grants_by_client;
mod m20261126_000023_live_grants;
mod m20261126_000024_first_password;
mod m20261126_000025_users;
mod m20261126_000026_trust_rules;
mod m20261126_000027_sign_up;
mod m20261126_000028_statement;
mod m20261126_000029_external_resources;
mod m20261126_000030_usage;
mod m20261126_000031_device_authorizations;
mod m20261126_000032_token_exchange;
mod m20261126_000033_relying_parties;
mod m20261126_000034_list_order;
mod m20261126_000035_logout_notices;
mod m20261126_000038_policy_versions;
mod m20261126_000041_fewer_indexes;
mod m20261126_000055_chats;
mod m20261127_000042_pushed_requests;
mod m20261127_000043_bound_tokens;
mod m20261127_000044_notices_of_removed_clients;
mod m20261127_000060_groups;
mod m20261127_000061_reserved_accounts;
mod m20261127_000063_rule_versions;
mod m20261127_000065_agent;
mod m20261128_000066_toolsets;
mod m20261128_000075_conversations;
mod m20261128_000076_audit_searches;

/// Applies the history in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_000001_initial::Migration),
            Box::new(m20261121_000001_federation::Migration),
            Box::new(m20261122_000001_upstreams::Migration),
            Box::new(m20261123_000001_audit::Migration),
            Box::new(m20261124_000001_account_there::Migration),
            Box::new(m20261126_000001_attempts::Migration),
            Box::new(m20261126_000003_whole_pins::Migration),
            Box::new(m20261126_000005_token_level::Migration),
            Box::new(m20261126_000006_addresses::Migration),
            Box::new(m20261126_000007_upstream_trust::Migration),
            Box::new(m20261126_000010_grant_types::Migration),
            Box::new(m20261126_000020_client_service::Migration),
            Box::new(m20261126_000021_connection_problem::Migration),
            Box::new(m20261126_000022_grants_by_client::Migration),
            Box::new(m20261126_000023_live_grants::Migration),
            Box::new(m20261126_000024_first_password::Migration),
            Box::new(m20261126_000025_users::Migration),
            Box::new(m20261126_000026_trust_rules::Migration),
            Box::new(m20261126_000027_sign_up::Migration),
            Box::new(m20261126_000028_statement::Migration),
            Box::new(m20261126_000029_external_resources::Migration),
            Box::new(m20261126_000030_usage::Migration),
            Box::new(m20261126_000031_device_authorizations::Migration),
            Box::new(m20261126_000032_token_exchange::Migration),
            Box::new(m20261126_000033_relying_parties::Migration),
            Box::new(m20261126_000034_list_order::Migration),
            Box::new(m20261126_000035_logout_notices::Migration),
            Box::new(m20261126_000038_policy_versions::Migration),
            Box::new(m20261126_000041_fewer_indexes::Migration),
            Box::new(m20261126_000055_chats::Migration),
            Box::new(m20261127_000042_pushed_requests::Migration),
            Box::new(m20261127_000043_bound_tokens::Migration),
            Box::new(m20261127_000044_notices_of_removed_clients::Migration),
            Box::new(m20261127_000060_groups::Migration),
            Box::new(m20261127_000061_reserved_accounts::Migration),
            Box::new(m20261127_000063_rule_versions::Migration),
            Box::new(m20261127_000065_agent::Migration),
            Box::new(m20261128_000066_toolsets::Migration),
            Box::new(m20261128_000075_conversations::Migration),
            Box::new(m20261128_000076_audit_searches::Migration),
        ]
    }
}
