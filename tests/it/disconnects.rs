//! Requests with a client that goes away at a random moment. Every write has its entry, every entry
//! its write, refusals are counted, and the resources of the requests are released.

mod checks;
mod routes_of_forms;
mod routes_of_groups;
mod routes_of_pages;
mod routes_of_programs;
mod routes_of_toolsets;
mod stage;

use std::{
    collections::BTreeSet,
    pin::Pin,
    time::{Duration, Instant},
};

use doorward_model::routes;
use doorward_testkit::{Browser, DoorwardProcess, TestServer, form_value};
use reqwest::Method;
use serde_json::Value;

use stage::{FORM, Stage, cookies, drop_all, encode, request, send_one};

/// The requests of a route: a function that prepares their data and returns them as bytes.
type Build = for<'a> fn(&'a Stage) -> Requests<'a>;
type Requests<'a> = Pin<Box<dyn Future<Output = Vec<Vec<u8>>> + 'a>>;

/// The declaration of a test's routes.
macro_rules! driven {
    ($($method:ident $route:ident = $module:ident::$build:ident;)*) => {
        &[$((stringify!($method), routes::$route, |stage| Box::pin($module::$build(stage)))),*]
    };
}

/// The writing routes with requests that are dropped here, in this order. Those that end the
/// preconditions of others are last.
const DRIVEN: &[(&str, &str, Build)] = driven! {
    POST REGISTER = routes_of_programs::register;
    GET AUTHORIZE = routes_of_pages::authorize;
    POST AUTHORIZE = routes_of_pages::authorize_by_form;
    POST LOGIN = routes_of_pages::login;
    POST CONSENT = routes_of_pages::consent;
    POST DEVICE_AUTHORIZATION = routes_of_programs::device_authorization;
    POST PUSHED_REQUEST = routes_of_programs::pushed_request;
    PUT REGISTRATION = routes_of_programs::registration_change;
    DELETE REGISTRATION = routes_of_programs::registration_delete;
    POST DEVICE = routes_of_pages::device;
    POST TOKEN = routes_of_programs::token;
    POST MCP = routes_of_programs::mcp;
    POST MCP_UPSTREAM = routes_of_programs::mcp_upstream;
    POST MCP_KEY = routes_of_programs::mcp_key;
    POST MCP_KEY_UPSTREAM = routes_of_programs::mcp_key_upstream;
    POST MCP_MESSAGES = routes_of_programs::mcp_messages;
    POST CONFIRM = routes_of_pages::confirm;
    POST REVOKE = routes_of_programs::revoke;
    POST ACCOUNT_TOKENS = routes_of_pages::account_tokens;
    POST ACCOUNT_NARROW = routes_of_pages::account_narrow;
    POST ACCOUNT_REVOKE = routes_of_pages::account_revoke;
    POST ADMIN_USERS = routes_of_pages::admin_users;
    POST ADMIN_USER = routes_of_pages::admin_user;
    POST ADMIN_CLIENTS = routes_of_pages::admin_clients;
    POST ADMIN_CLIENT = routes_of_pages::admin_client;
    POST ADMIN_CLIENT = routes_of_forms::client;
    POST ADMIN_PROVIDERS = routes_of_forms::providers;
    POST ADMIN_UPSTREAMS = routes_of_forms::upstreams;
    POST ADMIN_KEYS = routes_of_pages::admin_keys;
    POST ADMIN_NOTICE = routes_of_pages::admin_notice;
    POST ADMIN_MCP = routes_of_pages::admin_mcp;
    POST API_USERS = routes_of_programs::api_users;
    PATCH API_USER = routes_of_programs::api_user_change;
    DELETE API_USER = routes_of_programs::api_user_delete;
    POST API_USER_SIGN_OUT = routes_of_programs::api_user_sign_out;
    POST API_USER_PASSWORD = routes_of_programs::api_user_password;
    DELETE API_USER_FACTORS = routes_of_programs::api_user_factors;
    POST API_CLIENTS = routes_of_programs::api_clients;
    POST API_CLIENT_DECISION = routes_of_programs::api_client_decision;
    PATCH API_CLIENT = routes_of_programs::api_client_change;
    DELETE API_CLIENT = routes_of_programs::api_client_delete;
    POST API_CLIENTS_CLEAN = routes_of_programs::api_clients_clean;
    POST API_GROUPS = routes_of_groups::add;
    PATCH API_GROUP = routes_of_groups::change;
    DELETE API_GROUP = routes_of_groups::delete;
    POST API_GROUP_MEMBERS = routes_of_groups::members;
    POST API_USERS_IMPORT = routes_of_groups::import;
    POST API_TOKENS = routes_of_programs::api_tokens;
    DELETE API_TOKEN = routes_of_programs::api_token_delete;
    POST API_TRUST = routes_of_programs::api_trust;
    PATCH API_TRUST_RULE = routes_of_programs::api_trust_change;
    DELETE API_TRUST_RULE = routes_of_programs::api_trust_delete;
    POST API_RESOURCES = routes_of_programs::api_resources;
    PATCH API_RESOURCE = routes_of_programs::api_resource_change;
    DELETE API_RESOURCE = routes_of_programs::api_resource_delete;
    POST API_RESOURCE_SECRET = routes_of_programs::api_resource_secret;
    POST API_TOOLSETS = routes_of_toolsets::add;
    PATCH API_TOOLSET = routes_of_toolsets::change;
    DELETE API_TOOLSET = routes_of_toolsets::remove;
    POST MCP_TOOLSET = routes_of_toolsets::mcp;
    POST MCP_KEY_TOOLSET = routes_of_toolsets::mcp_key;
    POST API_KEYS_ROTATE = routes_of_programs::api_keys_rotate;
    PUT API_SETTINGS = routes_of_programs::api_settings;
    PUT API_TOOL = routes_of_programs::api_tool;
    DELETE API_USER_SESSION = routes_of_programs::api_user_session;
    DELETE API_USER_APP = routes_of_programs::api_user_app;
    POST ACCOUNT_END_SESSION = routes_of_pages::account_end_session;
    POST LOGOUT = routes_of_pages::logout;
    POST ACCOUNT_PASSWORD = routes_of_pages::account_password;
};

/// Routes that take such a method and are not dropped here, each with the reason.
const OTHERS: &[(&str, &str)] = &[
    (routes::INTROSPECT, "it only reads"),
    (routes::USERINFO, "it only reads"),
    (routes::END_SESSION, "it redirects to itself, and ends a session by the function of /logout"),
    (routes::AUTH_CHECK, "it writes nothing but that a ticket was used"),
    (routes::AUTH_CHECK_PATH, "it is the same as /auth/check"),
    (routes::ADMIN_RESOURCES, "it writes by the functions of the API"),
    (routes::ADMIN_RESOURCE, "it writes by the functions of the API"),
    (routes::ADMIN_TOOLSETS, "it writes by the functions of the API"),
    (routes::ADMIN_TOOLSET, "it writes by the functions of the API"),
    (routes::ADMIN_TRUST, "it writes by the functions of the API"),
    (routes::ADMIN_GROUPS, "it writes by the functions of the API"),
    (routes::ADMIN_GROUP, "it writes by the functions of the API"),
    (routes::ADMIN_USERS_IMPORT, "it writes by the function of the API"),
    (routes::ADMIN_DOCUMENTS, "its work is a task of its own, as that of the API"),
    (routes::API_DOCUMENTS, "its work is a task of its own; tests of uploads kill the process"),
    (routes::ADMIN_TOKENS, "it writes by the functions of the API"),
    (routes::ADMIN_UPSTREAM, "it writes by the functions of the API"),
    (routes::ADMIN_APPROVALS, "it writes by the function of one decision about a tool"),
    (routes::API_APPROVALS, "it writes by the function of one decision about a tool"),
    (routes::ADMIN_POLICY, "it writes one unit by the function of the API"),
    (routes::ADMIN_POLICY_VERSION, "it writes one unit by the function of the API"),
    (routes::API_POLICY, "it writes one unit that holds its entry"),
    (routes::API_POLICY_RESTORE, "it writes the unit that saves a policy"),
    (routes::ADMIN_RULES, "it writes one unit by the function of the API"),
    (routes::ADMIN_RULES_VERSION, "it writes one unit by the function of the API"),
    (routes::API_RULES, "it writes one unit that holds its entry"),
    (routes::API_RULES_RESTORE, "it writes the unit that saves rules"),
    (routes::API_PROVIDER_TEST, "it only asks a provider"),
    (routes::API_UPSTREAM_TEST, "it only asks an upstream"),
    (routes::API_UPSTREAM_REFRESH, "what it stores are pins, which tests of pins drop"),
    (routes::MCP_SSE, "it opens a stream; messages to it are dropped"),
    (routes::LOGIN_PASSKEY, "it needs an authenticator; its counter is that of every guess"),
    (routes::LOGIN_SECOND_FACTOR, "it writes by the functions of /login"),
    (routes::LOGIN_FORGOT, "without mail it writes nothing"),
    (routes::LOGIN_RESET, "it needs a mail; it writes by the function of /account/password"),
    (routes::LOGIN_WELCOME, "it needs a provider, and writes by the function of the callback"),
    (routes::LOGIN_CALLBACK, "its work is a task of its own, which tests of providers drop"),
    (routes::LOGIN_BACKCHANNEL, "the provider sends it again"),
    (routes::ACCOUNT_PASSKEYS, "it needs an authenticator"),
    (routes::ACCOUNT_AUTHENTICATOR, "it needs a code of the moment"),
    (routes::ACCOUNT_RECOVERY, "it needs a second factor"),
    (routes::ACCOUNT_IDENTITIES, "it needs a provider"),
    (routes::ACCOUNT_CONNECTIONS, "it needs an authorization server of an upstream"),
    (routes::CONNECT, "its work is a task of its own, which tests of connections drop"),
    (routes::ADMIN_TEST_MAIL, "without a mail server it writes nothing"),
    (routes::API_TEST_MAIL, "without a mail server it writes nothing"),
    (routes::ACCOUNT_CONVERSATIONS, "it writes one unit, which has no entry"),
    (routes::ACCOUNT_CHAT, "it writes one unit that holds its entry"),
    (routes::ACCOUNT_CHATS, "it writes one unit that holds its entry"),
    (routes::ADMIN_CHATS, "it writes by the function of /account/chats"),
    (routes::API_CHAT, "it writes by the function of /account/chats"),
    (routes::CONNECTOR, "its work is a task of its own, which the chat server does not wait for"),
    (routes::ADMIN_LINK, "its link is for the first administrator"),
    (routes::ADMIN_USER_CONNECT, "its work is that of /connect"),
    (routes::API_USER_CONNECTION, "it writes by the function of /account/connections"),
    (routes::API_SESSION, "it writes one unit that holds its entry"),
    (routes::API_CLIENT_EXCHANGE, "it writes by the function that changes a client"),
    (routes::API_PROVIDERS, "it asks the provider first"),
    (routes::API_PROVIDER, "it needs a provider that was added"),
    (routes::API_UPSTREAMS, "it asks the upstream first"),
    (routes::API_UPSTREAM_SERVER, "it needs an upstream that names another one"),
    (routes::API_UPSTREAM, "it needs an upstream that was added"),
    (routes::API_POLICY_DRY_RUN, "it only reads"),
    (routes::API_POLICY_TEST, "it only reads"),
    (routes::ADMIN_POLICY_DRY_RUN, "it only reads"),
    (routes::API_RULES_DRY_RUN, "it only reads"),
    (routes::ADMIN_RULES_DRY_RUN, "it only reads"),
    (routes::API_USAGE_REBUILD, "it counts the audit; a dropped count goes on at the next"),
];

/// The methods by which a route may write.
const WRITING: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

#[tokio::test]
async fn every_route_that_takes_a_writing_method_is_dropped_here_or_named_with_a_reason() {
    let server = TestServer::start().await;
    let document: Value =
        Browser::new().get(&server.at(routes::API_OPENAPI)).await.expect(200).json();
    let driven: BTreeSet<(&str, &str)> =
        DRIVEN.iter().map(|(method, route, _)| (*method, *route)).collect();
    let others: BTreeSet<&str> = OTHERS.iter().map(|(route, _)| *route).collect();
    for route in driven.iter().map(|(_, route)| route).chain(&others) {
        assert!(routes::ALL.iter().any(|(path, _)| path == route), "{route} is no route");
    }
    let (mut writing, mut unknown) = (0, Vec::new());
    for (route, _) in routes::ALL {
        let path: String = route
            .split('/')
            .map(|part| if part.starts_with('{') { "none-such" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for method in WRITING {
            // The API refuses before it reads the method; its document names the methods.
            let takes = if route.starts_with(routes::API_ADMIN) {
                let name = method.as_str().to_lowercase();
                document["paths"].as_object().unwrap().iter().any(|(path, methods)| {
                    route.strip_prefix(routes::API_ADMIN) == path.strip_prefix(routes::API_ADMIN)
                        && methods.get(&name).is_some()
                })
            } else {
                let browser = Browser::new();
                let page = browser.send(browser.raw(method.clone(), &server.at(&path))).await;
                // The guard of the MCP endpoints challenges every method.
                page.status != 405 && !(route.starts_with(routes::MCP) && method != Method::POST)
            };
            if takes {
                writing += 1;
                if !driven.contains(&(method.as_str(), *route)) && !others.contains(route) {
                    unknown.push(format!("{method} {route}"));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "not in the table: {unknown:?}");
    assert!(writing > 50, "only {writing} were found");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_dropped_request_have_entries_and_every_entry_has_its_change() {
    let stage = Stage::new().await;
    for (method, route, build) in DRIVEN {
        let mut requests = build(&stage).await;
        // Some are not dropped: the route does its work, and the comparison below does not depend
        // on the speed of the machine.
        let mut whole = requests.split_off(requests.len() - requests.len() * 2 / 5);
        let last = whole.pop().unwrap_or_else(|| panic!("no request for {method} {route}"));
        drop_all(&stage.address, requests, 10).await;
        // The work begun by the dropped requests ends before the last one is judged.
        tokio::time::sleep(Duration::from_millis(300)).await;
        for request in whole {
            let status = send_one(&stage.address, request).await;
            assert!(status < 500, "{method} {route} answers {status}");
        }
        let status = send_one(&stage.address, last).await;
        // Settings that a dropped request changed are others than those that were read, and keys are
        // not rotated again while a new one waits.
        let changed = match *route {
            routes::API_SETTINGS => status == 412,
            routes::ADMIN_KEYS | routes::API_KEYS_ROTATE => status == 409,
            _ => false,
        };
        assert!((200..400).contains(&status) || changed, "{method} {route} answers {status}");
    }
    // Work that was handed over continues without its request; nothing here waits for more than
    // that.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.server.app.store.flush().await.unwrap();
    checks::all(&stage).await;
    // The resources of the requests are free again: other requests are answered at once.
    let begun = Instant::now();
    let browser = stage.server.signed_in("bob").await;
    let tokens = stage.client.tokens(&browser, &[]).await;
    assert!(stage.server.calls(&tokens.access).await);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_sign_in_returns_its_memory_and_its_turn() {
    let data = std::env::temp_dir().join(format!("doorward-dropped-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&data).unwrap();
    let database = doorward_testkit::fresh_database().await;
    // Two hashes of 19 MiB run at once. The allocator keeps memory that threads freed, so that the
    // bound is wide; a test of the hasher counts exactly.
    let variables = [
        ("DOORWARD_STORE__URL", database.as_str()),
        ("DOORWARD_ACCOUNTS__ARGON2_CONCURRENCY", "2"),
    ];
    let server = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let browser = Browser::new();
    let page = browser.get(&format!("{}/login", server.url)).await.expect(200);
    let csrf = form_value(&page.body, "csrf").unwrap();
    let before = resident(server.id());
    let mut requests = Vec::new();
    for number in 0..200 {
        let body = encode(&[
            ("csrf", &csrf),
            ("name", &format!("ghost{number}")),
            ("password", "wrong password"),
        ]);
        requests.push(request(
            &address,
            "POST",
            "/login",
            &[FORM, ("cookie", &cookies(&browser)), ("origin", &server.url)],
            &body,
        ));
    }
    drop_all(&address, requests, 200).await;
    let after = resident(server.id());
    assert!(after < before + 400, "resident memory grew from {before} to {after} MiB");
    let begun = Instant::now();
    let answer = browser
        .post(
            &format!("{}/login", server.url),
            &[("csrf", &csrf), ("name", "unknown"), ("password", "wrong password")],
        )
        .await;
    assert!(
        answer.status < 500 && begun.elapsed() < Duration::from_secs(10),
        "{} after {:?}",
        answer.status,
        begun.elapsed()
    );
    std::fs::remove_dir_all(data).unwrap();
}
