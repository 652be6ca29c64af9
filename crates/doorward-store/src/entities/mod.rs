//! sea-orm entities: one file a table, columns as in the newest migration. They never leave this
//! crate.
#![expect(unreachable_pub, reason = "the derive macros require public items")]
#![allow(missing_docs, reason = "columns are named and described by the records in doorward-model")]

pub mod access_grant;
pub mod access_token;
pub mod audit;
pub mod audit_record;
pub mod authorization_code;
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
