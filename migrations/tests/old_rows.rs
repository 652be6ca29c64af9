//! Rows that the version before wrote, migrated up: on SQLite, and on PostgreSQL where
//! `DOORWARD_TEST_DATABASE` names a server.
#![allow(
    unused_crate_dependencies,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is a test"
)]

use migrations::Migrator;
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement},
};

/// The databases to run on, each empty.
async fn databases(name: &str) -> Vec<DatabaseConnection> {
    let mut memory = ConnectOptions::new("sqlite::memory:");
    memory.max_connections(1);
    let mut all = vec![Database::connect(memory).await.unwrap()];
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by the environment which database to run on"
    )]
    if let Ok(cluster) = std::env::var("DOORWARD_TEST_DATABASE") {
        let server = Database::connect(&cluster).await.unwrap();
        let name = format!("m{}_{name}", std::process::id());
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, _) = cluster.rsplit_once('/').unwrap();
        all.push(Database::connect(format!("{base}/{name}")).await.unwrap());
    }
    all
}

/// Brings an empty database to the version before a migration.
async fn before(database: &DatabaseConnection, migration: &str) {
    let all = Migrator::migrations();
    let steps = all.iter().position(|known| known.name() == migration).unwrap();
    Migrator::up(database, Some(steps.try_into().unwrap())).await.unwrap();
}

/// The texts of the columns of a query, row by row; `-` means null.
async fn rows(database: &DatabaseConnection, sql: &str, columns: usize) -> Vec<String> {
    let query = Statement::from_string(database.get_database_backend(), sql.to_owned());
    let found = database.query_all_raw(query).await.unwrap();
    let text = |row: &sea_orm_migration::sea_orm::QueryResult, index: usize| {
        row.try_get_by_index::<Option<String>>(index).unwrap().unwrap_or_else(|| "-".to_owned())
    };
    found
        .iter()
        .map(|row| (0..columns).map(|index| text(row, index)).collect::<Vec<_>>().join(" "))
        .collect()
}

async fn run(database: &DatabaseConnection, sql: &str) {
    database.execute_unprepared(sql).await.unwrap();
}

#[tokio::test]
async fn connections_and_registrations_stay_and_name_no_resource_yet() {
    for database in databases("trust").await {
        before(&database, "m20261126_000007_upstream_trust").await;
        run(&database, "INSERT INTO connection (user_id, upstream, issuer, scopes, tokens, expires_at, ends_at, created_at, version, refreshing_until, problem, account) VALUES ('u_a', 'wiki', 'https://login.example', 'all', 'v1.sealed', 100, 200, 1, 3, NULL, NULL, 'ada'), ('u_b', 'wiki', 'https://login.example', '', NULL, NULL, 200, 1, 1, NULL, 'the upstream refused the access', NULL)").await;
        run(&database, "INSERT INTO upstream_registration (upstream, issuer, credentials, expires_at, created_at) VALUES ('wiki', 'https://login.example', 'v1.client', NULL, 1)").await;
        run(&database, "INSERT INTO upstream (name, settings, secrets, created_at) VALUES ('wiki', '{}', NULL, 1)").await;
        Migrator::up(&database, None).await.unwrap();
        assert_eq!(
            rows(&database, "SELECT user_id, upstream, issuer, tokens, account, problem, resource FROM connection ORDER BY user_id", 7).await,
            [
                "u_a wiki https://login.example v1.sealed ada - -",
                "u_b wiki https://login.example - - call_refused -",
            ]
        );
        assert_eq!(
            rows(&database, "SELECT issuer, credentials, resource FROM upstream_registration", 3)
                .await,
            ["https://login.example v1.client -"]
        );
        // The server gives identities when it starts; nothing waits to be revoked.
        for table in ["upstream_trust", "token_revocation"] {
            assert!(rows(&database, &format!("SELECT upstream FROM {table}"), 1).await.is_empty());
        }
        // The server's next writes fit beside the old rows.
        run(&database, "INSERT INTO upstream_trust (upstream, id, location, since) VALUES ('wiki', 'up_1', 'https://wiki.example/mcp', 2)").await;
        run(
            &database,
            "UPDATE connection SET resource = 'https://wiki.example/mcp' WHERE user_id = 'u_a'",
        )
        .await;
        run(&database, "INSERT INTO token_revocation (id, upstream, user_id, issuer, tokens, tries, due_at) SELECT upstream || '/' || user_id, upstream, user_id, issuer, tokens, 0, 0 FROM connection WHERE tokens IS NOT NULL").await;
        assert_eq!(
            rows(&database, "SELECT id, registration, access FROM token_revocation", 3).await,
            ["wiki/u_a - -"]
        );
    }
}

#[tokio::test]
async fn grant_types_of_clients_follow_from_what_the_version_before_knew_of_them() {
    for database in databases("grants").await {
        before(&database, "m20261126_000010_grant_types").await;
        let insert = |id: &str, refreshes: bool| {
            format!(
                "INSERT INTO client (id, source, name, redirect_uris, auth_method, refresh_tokens, scopes, metadata, created_at) VALUES ('{id}', 'registered', 'App', '[]', 'none', {refreshes}, '', '{{}}', 1)"
            )
        };
        run(&database, &insert("c_with", true)).await;
        run(&database, &insert("c_without", false)).await;
        Migrator::up(&database, None).await.unwrap();
        // A server of the previous version on the same database writes no set.
        run(&database, &insert("d_later", true)).await;
        assert_eq!(
            rows(&database, "SELECT id, grant_types FROM client ORDER BY id", 2).await,
            [
                r#"c_with ["authorization_code","refresh_token"]"#,
                r#"c_without ["authorization_code"]"#,
                "d_later -",
            ]
        );
    }
}

#[tokio::test]
async fn users_and_the_reasons_that_name_them_follow_the_renamed_table() {
    for database in databases("users").await {
        before(&database, "m20261126_000025_users").await;
        run(
            &database,
            "INSERT INTO person (id, name, roles, created_at) VALUES ('u_a', 'ann', '[]', 1)",
        )
        .await;
        let insert = |id: &str, reason: &str| {
            format!(
                "INSERT INTO access_grant (id, client_id, user_id, scopes, resources, created_at, last_used_at, auth_time, expires_at, revoked_at, revoke_reason) VALUES ('{id}', 'c', 'u_a', '', '[]', 1, 1, 1, 9, 2, '{reason}')"
            )
        };
        for (id, reason) in
            [("g_1", "by_person"), ("g_2", "person_changed"), ("g_3", "client_removed")]
        {
            run(&database, &insert(id, reason)).await;
        }
        Migrator::up(&database, None).await.unwrap();
        assert_eq!(rows(&database, "SELECT id, name FROM users", 2).await, ["u_a ann"]);
        assert_eq!(
            rows(&database, "SELECT id, revoke_reason FROM access_grant ORDER BY id", 2).await,
            ["g_1 by_user", "g_2 user_changed", "g_3 client_removed"]
        );
    }
}

#[tokio::test]
async fn migrating_a_database_that_is_up_to_date_changes_nothing() {
    for database in databases("again").await {
        Migrator::up(&database, None).await.unwrap();
        let applied = "SELECT version FROM seaql_migrations ORDER BY version";
        let first = rows(&database, applied, 1).await;
        Migrator::up(&database, None).await.unwrap();
        assert_eq!(rows(&database, applied, 1).await, first);
        assert_eq!(first.len(), Migrator::migrations().len());
    }
}

#[tokio::test]
async fn providers_of_the_version_before_state_sign_up_only_where_it_was_decided() {
    for database in databases("sign_up").await {
        before(&database, "m20261126_000027_sign_up").await;
        for (id, settings) in [
            ("a", r#"{"kind":"github","name":"\"sign_up\":\"open\"","sign_up":"open","roles":[]}"#),
            ("b", r#"{"kind":"github","sign_up":"invited"}"#),
            ("c", r#"{"kind":"github"}"#),
        ] {
            run(&database, &format!("INSERT INTO provider (id, settings, secret, created_at) VALUES ('{id}', '{settings}', NULL, 1)")).await;
        }
        run(&database, "INSERT INTO identity (id, provider, issuer, subject, user_id, roles, created_at, last_login_at, confirmed_at, next_check_at) VALUES ('i', 'a', 'https://github.com', '1', 'u_a', '[]', 1, 1, 1, 1)").await;
        Migrator::up(&database, None).await.unwrap();
        assert_eq!(
            rows(&database, "SELECT settings FROM provider ORDER BY id", 1).await,
            [
                r#"{"kind":"github","name":"\"sign_up\":\"open\"","sign_up":"","roles":[]}"#,
                r#"{"kind":"github","sign_up":"invited"}"#,
                r#"{"kind":"github"}"#,
            ]
        );
        assert_eq!(rows(&database, "SELECT id, statement FROM identity", 2).await, ["i -"]);
    }
}

#[tokio::test]
async fn versions_of_the_policy_are_versions_of_rules_with_the_same_content() {
    for database in databases("rules").await {
        before(&database, "m20261127_000063_rule_versions").await;
        run(&database, r#"INSERT INTO policy_version (number, rules, fallback, author, created_at, restores) VALUES (1, '["deny role=guest tool=\"x\""]', 'allow', 'ada', 5, NULL), (2, '[]', 'deny', 'ada', 6, 1)"#).await;
        Migrator::up(&database, None).await.unwrap();
        let saved = "SELECT id, set_name, content, author, CAST(number AS TEXT), \
                     CAST(created_at AS TEXT), CAST(restores AS TEXT) FROM rule_version ORDER BY id";
        assert_eq!(
            rows(&database, saved, 7).await,
            [
                r#"policy/1 policy {"rules":["deny role=guest tool=\"x\""],"default":"allow"} ada 1 5 -"#,
                r#"policy/2 policy {"rules":[],"default":"deny"} ada 2 6 1"#,
            ]
        );
    }
}
