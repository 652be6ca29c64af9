//! Administrators' pages and their API: people, clients, keys, settings; stale states, foreign ids,
//! missing rights.

use doorward_accounts::{Authority, NewAccessToken};
use doorward_model::{Person, ScopeSet};
use doorward_testkit::{Browser, OAuthClient, PASSWORD, Page, Pkce, TestServer, form_value};
use reqwest::Method;
use serde_json::{Value, json};

/// An administrator's own token for the API.
pub(crate) async fn key(server: &TestServer, person: &Person, scopes: &str) -> String {
    let proved = Authority::operator_states_second_factor();
    let access = doorward_model::AccessPolicy::default();
    let new = NewAccessToken {
        name: "ci".to_owned(),
        scopes: ScopeSet::parse_known(scopes),
        upstreams: Vec::new(),
        days: 30,
    };
    server
        .app
        .accounts
        .add_access_token(&proved, person, &access, new)
        .await
        .unwrap()
        .value
        .reveal()
        .to_owned()
}

struct Api<'a> {
    server: &'a TestServer,
    key: String,
}

impl Api<'_> {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        etag: Option<&str>,
    ) -> Page {
        let browser = Browser::new();
        let mut request = browser
            .raw(method, &self.server.at(&format!("/api/admin{path}")))
            .bearer_auth(&self.key);
        if let Some(etag) = etag {
            request = request.header("if-match", format!("\"{etag}\""));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        browser.send(request).await
    }
    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None, None).await.expect(200).json()
    }
}

async fn stage() -> (TestServer, Person) {
    let server = TestServer::start().await;
    let root = server.person_with("root", &["admin"]).await;
    (server, root)
}

#[tokio::test]
async fn each_operation_of_the_api_needs_the_scope_that_its_description_names() {
    let server = TestServer::start().await;
    let root = server.person_with("root", &["admin"]).await;
    let document: Value = serde_json::from_str(
        &Browser::new().get(&server.at("/api/admin/openapi.json")).await.expect(200).body,
    )
    .unwrap();
    let mut keys = Vec::new();
    for scope in ["admin:read", "admin:upstreams", "admin"] {
        keys.push((scope, key(&server, &root, scope).await));
    }
    let mut count = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address = path
            .split('/')
            .map(|part| if part.starts_with('{') { "none-such" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for (method, operation) in methods.as_object().unwrap() {
            let alternatives = operation["security"]
                .as_array()
                .unwrap_or_else(|| panic!("{method} {path} states no scope"));
            let needed: Vec<&str> =
                alternatives.iter().filter_map(|one| one["oauth"][0].as_str()).collect();
            assert!(
                !needed.is_empty() && (method == "get" || !needed.contains(&"admin:read")),
                "{method} {path}: reading alone changes nothing"
            );
            for (scope, key) in &keys {
                // A handler that is reached must not do what would disturb the next question: no
                // body, no state that was seen.
                if *scope == "admin"
                    && (address.ends_with("/rotate")
                        || address.ends_with("/clean-up")
                        || address.ends_with("/export"))
                {
                    continue;
                }
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let page = Browser::new();
                let page = page
                    .send(page.raw(method.clone(), &server.at(&address)).bearer_auth(key))
                    .await;
                let may = *scope == "admin" || needed.contains(scope);
                assert_eq!(
                    page.status != 403,
                    may,
                    "{method} {path} with {scope}: {} {}",
                    page.status,
                    page.body
                );
                count += usize::from(!may);
            }
        }
    }
    assert!(count > 40, "{count}");
}

#[tokio::test]
async fn a_client_for_administration_can_hold_a_part_of_it_and_others_none() {
    let server = TestServer::start().await;
    let root = server.person_with("root", &["admin"]).await;
    for (scopes, path, status) in [
        ("admin:upstreams", "/upstreams", 200),
        ("admin:upstreams", "/people", 403),
        ("admin:read", "/people", 200),
    ] {
        let api = Api { server: &server, key: key(&server, &root, scopes).await };
        assert_eq!(
            api.ask(Method::GET, path, None, None).await.status,
            status,
            "{scopes} at {path}"
        );
    }
    // A client that registered itself gets no part of it, whoever allows it.
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("root").await;
    for part in ["admin", "admin:read", "admin:upstreams"] {
        let scope = format!("mcp:read {part}");
        let page = client.consent_page(&browser, &Pkce::default(), &[("scope", &scope)]).await;
        assert!(
            !["what administrators see", "Manage upstreams", "Administer Doorward"]
                .iter()
                .any(|told| page.body.contains(told)),
            "{part}: {}",
            page.body
        );
    }
}

#[tokio::test]
async fn the_api_is_for_administrators_with_the_scope_and_for_nobody_else() {
    let (server, root) = stage().await;
    let alice = server.person("alice").await;
    for (person, scopes, status) in [(&root, "admin", 200), (&root, "mcp:destructive", 403)] {
        let api = Api { server: &server, key: key(&server, person, scopes).await };
        assert_eq!(api.ask(Method::GET, "/people", None, None).await.status, status, "{scopes}");
    }
    let proved = Authority::operator_states_second_factor();
    let new = NewAccessToken {
        name: "x".to_owned(),
        scopes: ScopeSet::parse_known("admin"),
        upstreams: Vec::new(),
        days: 1,
    };
    assert!(
        server
            .app
            .accounts
            .add_access_token(&proved, &alice, &doorward_model::AccessPolicy::default(), new)
            .await
            .is_err()
    );
    for token in ["", "dw_pat_nothing", "x.y.z"] {
        let api = Api { server: &server, key: token.to_owned() };
        let page = api.ask(Method::GET, "/people", None, None).await;
        assert_eq!(page.status, 401, "{token}");
        assert!(page.header("www-authenticate").contains("resource_metadata"));
    }
    // Administrators who are none any more lose it with the role.
    let second = server.person_with("second", &["admin"]).await;
    let api = Api { server: &server, key: key(&server, &second, "admin").await };
    api.get("/people").await;
    server.app.accounts.set_roles(&Authority::operator(), &second, Vec::new()).await.unwrap();
    assert_eq!(api.ask(Method::GET, "/people", None, None).await.status, 403);
}

#[tokio::test]
async fn people_are_added_changed_and_deleted_by_their_state_and_the_last_administrator_stays() {
    let (server, root) = stage().await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let added = api
        .ask(
            Method::POST,
            "/people",
            Some(json!({"name": "Dora", "email": "dora@example.com", "roles": ["staff"]})),
            None,
        )
        .await
        .expect(201);
    let dora = added.json();
    assert_eq!(
        (dora["name"].as_str(), added.header("etag")),
        (Some("dora"), format!("\"{}\"", dora["etag"].as_str().unwrap()))
    );
    let path = format!("/people/{}", dora["id"].as_str().unwrap());
    let etag = dora["etag"].as_str().unwrap();
    assert_eq!(
        api.ask(Method::POST, "/people", Some(json!({"name": "dora"})), None).await.status,
        409
    );
    let change = Some(json!({"roles": ["lead"], "email": "d@example.org"}));
    assert_eq!(api.ask(Method::PATCH, &path, change.clone(), None).await.status, 428);
    assert_eq!(api.ask(Method::PATCH, &path, change.clone(), Some("stale")).await.status, 412);
    let now = api.ask(Method::PATCH, &path, change.clone(), Some(etag)).await.expect(200).json();
    assert_eq!((&now["roles"], &now["email"]), (&json!(["lead"]), &json!("d@example.org")));
    // Two administrators who looked at the same state: the second learns that it changed.
    assert_eq!(api.ask(Method::PATCH, &path, change, Some(etag)).await.status, 412);
    for (body, status) in [
        (json!({"roles": ["No Role"]}), 400),
        (json!({"email": "nowhere"}), 400),
        (json!({"unknown": 1}), 400),
        (json!([]), 400),
        (json!({"display_name": "a\0b"}), 400),
        (json!({"display_name": "x".repeat(300_000)}), 413),
    ] {
        assert_eq!(
            api.ask(Method::PATCH, &path, Some(body), now["etag"].as_str()).await.status,
            status
        );
    }
    let whole = api.get(&path).await;
    assert!(whole["sessions"].is_array() && whole["tokens"] == 0);
    assert_eq!(api.ask(Method::DELETE, &path, None, None).await.status, 428);
    api.ask(Method::DELETE, &path, None, now["etag"].as_str()).await.expect(204);
    for (method, path) in [
        (Method::GET, path.as_str()),
        (Method::DELETE, "/people/u_nobody/sessions/s_1"),
        (Method::GET, "/people/u_%00"),
    ] {
        assert_eq!(api.ask(method, path, None, None).await.status, 404, "{path}");
    }
    let me = api.get(&format!("/people/{}", root.id)).await;
    let own = format!("/people/{}", root.id);
    for body in [json!({"roles": []}), json!({"disabled": true})] {
        assert_eq!(api.ask(Method::PATCH, &own, Some(body), me["etag"].as_str()).await.status, 409);
    }
    assert_eq!(api.ask(Method::DELETE, &own, None, me["etag"].as_str()).await.status, 409);
    let page = api.get("/people?limit=1").await;
    assert_eq!(page["people"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("/people?after=zzzz").await["people"], json!([]));
    for query in ["limit=0", "limit=501", "limit=x", "nothing=1", "after=%00"] {
        assert_eq!(
            api.ask(Method::GET, &format!("/people?{query}"), None, None).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn two_administrators_cannot_remove_each_other_at_the_same_moment() {
    let (server, root) = stage().await;
    let other = server.person_with("other", &["admin"]).await;
    let accounts = &server.app.accounts;
    let operator = Authority::operator();
    let (one, two) = tokio::join!(
        accounts.set_roles(&operator, &root, Vec::new()),
        accounts.disable(&other, None)
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(
        accounts
            .list()
            .await
            .unwrap()
            .iter()
            .any(|person| person.is_administrator() && person.disabled_at.is_none())
    );
}

#[tokio::test]
async fn ca52_an_administrator_makes_somebody_sign_in_again() {
    let (server, root) = stage().await;
    let alice = server.person("alice").await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[]).await;
    let path = format!("/people/{}/sign-out", alice.id);
    api.ask(Method::POST, &path, Some(json!({})), None).await.expect(204);
    browser.get(&server.at("/account")).await.expect(303);
    assert!(server.calls(&tokens.access).await, "apps stay unless asked otherwise");
    api.ask(Method::POST, &path, Some(json!({"apps": true})), None).await.expect(204);
    assert!(!server.calls(&tokens.access).await);
}

#[tokio::test]
async fn clients_are_approved_blocked_and_cleaned_up() {
    let server = TestServer::start_with(|config| config.registration.approval = true).await;
    let root = server.person_with("root", &["admin"]).await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("root").await;
    let pkce = doorward_testkit::Pkce::default();
    let refused = browser.get(&client.authorize_url(&pkce, &[])).await;
    assert!(
        refused.status >= 400 && refused.body.contains("approval"),
        "{} {}",
        refused.status,
        refused.body
    );
    let path = format!("/clients/{}", client.id);
    let shown = api.get(&path).await;
    assert_eq!((&shown["approved"], &shown["source"]), (&json!(false), &json!("registration")));
    let decide = async |decision: &str, etag: &Value| {
        api.ask(
            Method::POST,
            &format!("{path}/decision"),
            Some(json!({"decision": decision})),
            etag.as_str(),
        )
        .await
    };
    assert_eq!(decide("approve", &json!("stale")).await.status, 412);
    assert_eq!(decide("promote", &shown["etag"]).await.status, 400);
    assert_eq!(decide("pin", &shown["etag"]).await.status, 400, "it has no document");
    let approved = decide("approve", &shown["etag"]).await.expect(200).json();
    let tokens = client.tokens(&browser, &[]).await;
    assert!(server.calls(&tokens.access).await);
    let denied = decide("deny", &approved["etag"]).await.expect(200).json();
    assert!(!server.calls(&tokens.access).await, "what it was given ends with the approval");
    let again = decide("approve", &denied["etag"]).await.expect(200).json();
    let blocked = decide("block", &again["etag"]).await.expect(200).json();
    assert_eq!(blocked["blocked"], json!(true));
    assert_eq!(api.ask(Method::DELETE, &path, None, blocked["etag"].as_str()).await.status, 204);
    assert_eq!(api.ask(Method::GET, &path, None, None).await.status, 404);
    let unused = OAuthClient::register(&server).await;
    server.clock.advance(3 * 86_400);
    let cleaned = api
        .ask(Method::POST, "/clients/clean-up", Some(json!({"unused_days": 1})), None)
        .await
        .expect(200)
        .json();
    assert_eq!(cleaned["deleted"], json!(1));
    assert_eq!(
        api.ask(Method::GET, &format!("/clients/{}", unused.id), None, None).await.status,
        404
    );
    let added = api
        .ask(
            Method::POST,
            "/clients",
            Some(json!({"name": "Portal", "redirect_uris": ["https://portal.example/cb"], "token_endpoint_auth_method": "client_secret_basic"})),
            None,
        )
        .await
        .expect(201)
        .json();
    assert!(added["client_secret"].as_str().unwrap().starts_with("dw_cs_"));
    assert!(!api.get("/clients").await.to_string().contains("dw_cs_"));
    assert_eq!(api.get("/clients?search=PORTAL").await["clients"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("/clients?search=%25").await["clients"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn cs1_cs15_settings_change_by_their_state_and_publishing_is_acknowledged() {
    let (server, root) = stage().await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let etag = async || {
        api.ask(Method::GET, "/settings", None, None)
            .await
            .expect(200)
            .header("etag")
            .trim_matches('"')
            .to_owned()
    };
    let put = async |body: Value, etag: &str| {
        api.ask(Method::PUT, "/settings", Some(body), Some(etag)).await
    };
    let first = etag().await;
    put(json!({"mcp_enabled": false, "notice": "Down at <b>noon</b>"}), &first).await.expect(200);
    assert_eq!(put(json!({"mcp_enabled": true, "acknowledge": true}), &first).await.status, 412);
    let told = put(json!({"mcp_enabled": true}), &etag().await).await.expect(400);
    assert!(told.body.contains("acknowledge"), "{}", told.body);
    Browser::new().post_json(&server.at("/mcp"), &json!({})).await.expect(404);
    let page = Browser::new().get(&server.at("/login")).await.expect(200);
    assert!(page.body.contains("Down at &#60;b&#62;noon"), "{}", page.body);
    put(json!({"mcp_enabled": true, "acknowledge": true}), &etag().await).await.expect(200);
    Browser::new().post_json(&server.at("/mcp"), &json!({})).await.expect(401);
    assert_eq!(put(json!({"notice": "x".repeat(501)}), &etag().await).await.status, 400);
    assert_eq!(api.get("/health").await["ok"], json!(true));
    let keys = api.get("/keys").await["keys"].as_array().unwrap().len();
    api.ask(Method::POST, "/keys/rotate", None, None).await.expect(200);
    assert_eq!(api.get("/keys").await["keys"].as_array().unwrap().len(), keys + 1);
    let explained = api.get("/policy/explain?user=root&tool=whoami").await;
    assert_eq!(explained["answer"], json!("allow"));
    for query in ["user=nobody&tool=whoami", "user=root&tool=nothing"] {
        assert_eq!(
            api.ask(Method::GET, &format!("/policy/explain?{query}"), None, None).await.status,
            404
        );
    }
}

#[tokio::test]
async fn services_get_tokens_of_their_own_and_people_do_not() {
    let (server, root) = stage().await;
    server.person("alice").await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let new = |service: &str| {
        Some(json!({"service": service, "name": "nightly", "scopes": ["mcp:read"], "days": 7}))
    };
    let made = api.ask(Method::POST, "/tokens", new("ci-bot"), None).await.expect(201).json();
    let value = made["value"].as_str().unwrap();
    assert!(server.calls(value).await);
    assert_eq!(api.ask(Method::POST, "/tokens", new("alice"), None).await.status, 409);
    assert!(!api.get("/tokens").await.to_string().contains(value));
    let id = made["id"].as_str().unwrap();
    api.ask(Method::DELETE, &format!("/tokens/{id}"), None, None).await.expect(204);
    assert!(!server.calls(value).await);
    assert_eq!(api.ask(Method::DELETE, &format!("/tokens/{id}"), None, None).await.status, 404);
}

#[tokio::test]
async fn what_the_document_says_is_what_there_is() {
    let (server, root) = stage().await;
    let document =
        Browser::new().get(&server.at("/api/admin/openapi.json")).await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let answers = operation["responses"].as_object().unwrap();
            assert!(
                answers.contains_key("401")
                    && answers.contains_key("403")
                    && answers.contains_key("400"),
                "{method} {path}"
            );
            let real =
                path.trim_start_matches("/api/admin").replace(|letter| "{}".contains(letter), "");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let body = operation.get("requestBody").map(|_| json!({"nonsense": true}));
            let page = api.ask(method.clone(), &real, body, None).await;
            assert!(
                answers.contains_key(&page.status.to_string()),
                "{method} {real}: {} is not documented: {}",
                page.status,
                page.body
            );
            let anonymous = Api { server: &server, key: String::new() };
            assert_eq!(anonymous.ask(method, &real, None, None).await.status, 401, "{real}");
        }
    }
    assert!(operations >= 40, "{operations}");
    assert!(api.ask(Method::TRACE, "/people", None, None).await.status >= 400);
}

async fn form(
    server: &TestServer,
    browser: &Browser,
    path: &str,
    action: &str,
    fields: &[(&str, &str)],
) -> Page {
    let page = browser.get(&server.at(path)).await.expect(200);
    let at = page
        .body
        .find(&format!("value=\"{action}\""))
        .unwrap_or_else(|| panic!("no {action} at {path}"));
    let form = &page.body[page.body[..at].rfind("<form").unwrap()..];
    let mut all: Vec<(String, String)> = ["csrf", "seen", "client_id"]
        .iter()
        .filter_map(|name| {
            Some(((*name).to_owned(), form_value(form.split("</form>").next()?, name)?))
        })
        .collect();
    all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let all: Vec<(&str, &str)> =
        all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let path = path.split('?').next().unwrap();
    browser.post(&server.at(path), &all).await
}

#[tokio::test]
async fn an_administrator_does_the_same_on_pages() {
    let (server, _) = stage().await;
    let browser = server.signed_in("root").await;
    let page = browser.get(&server.at("/admin/people")).await.expect(200);
    let csrf = page
        .body
        .split("/admin/people\" class")
        .nth(1)
        .and_then(|rest| form_value(rest, "csrf"))
        .unwrap();
    let add = |name: &'static str| {
        [
            ("csrf", csrf.clone()),
            ("name", name.to_owned()),
            ("roles", "staff lead".to_owned()),
            ("password", PASSWORD.to_owned()),
        ]
    };
    let fields = add("dora");
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let at = browser.post(&server.at("/admin/people"), &fields).await.expect(303).location();
    let path = at.strip_prefix(&server.url).unwrap().to_owned();
    browser.post(&server.at("/admin/people"), &fields).await.expect(400);
    let dora = server.signed_in("dora").await;
    let stale = browser.get(&server.at(&path)).await;
    let seen = stale
        .body
        .split("name=\"seen\"")
        .nth(1)
        .and_then(|rest| rest.split("value=\"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .unwrap()
        .to_owned();
    assert!(
        form(&server, &browser, &path, "save", &[("do", "save"), ("roles", "lead")])
            .await
            .expect(200)
            .body
            .contains("Saved")
    );
    let csrf =
        form_value(&stale.body[stale.body.find("id=\"profile\"").unwrap()..], "csrf").unwrap();
    let late = browser
        .post(&server.at(&path), &[("csrf", &csrf), ("seen", &seen), ("do", "save"), ("roles", "")])
        .await
        .expect(409);
    assert!(late.body.contains("changed since you looked"), "{}", late.body);
    form(&server, &browser, &path, "delete", &[("do", "delete")]).await.expect(400);
    form(&server, &browser, &path, "disable", &[("do", "disable")]).await.expect(200);
    dora.get(&server.at("/account")).await.expect(303);
    form(&server, &browser, &path, "delete", &[("do", "delete"), ("sure", "1")]).await.expect(303);
    browser.get(&server.at(&path)).await.expect(404);
    let own = server.app.accounts.find("root").await.unwrap();
    let own = format!("/admin/people/{}", own.id);
    let last = form(&server, &browser, &own, "disable", &[("do", "disable")]).await.expect(409);
    assert!(last.body.contains("last administrator"));
    let client = OAuthClient::register(&server).await;
    let one = format!("/admin/clients/one?client_id={}", client.id);
    form(&server, &browser, &one, "block", &[("decision", "block")]).await.expect(303);
    assert!(browser.get(&server.at(&one)).await.body.contains("Unblock"));
    form(&server, &browser, &one, "delete", &[("decision", "delete"), ("sure", "1")])
        .await
        .expect(303);
    browser.get(&server.at(&one)).await.expect(404);
    browser
        .post(&server.at("/admin/keys"), &[("csrf", "wrong"), ("do", "rotate")])
        .await
        .expect(403);
    form(&server, &browser, "/admin/keys", "rotate", &[("do", "rotate")]).await.expect(303);
    let explained =
        browser.get(&server.at("/admin/policy?user=root&tool=whoami")).await.expect(200);
    assert!(explained.body.contains(">allow<"));
}

#[tokio::test]
async fn a_person_lets_an_app_do_less_and_it_may_ask_again() {
    let server = TestServer::start().await;
    server.person("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[("scope", "mcp:write")]).await;
    let scopes = async |token: &str| server.call(token, "whoami", json!({})).await.expect(200).body;
    assert!(scopes(&tokens.access).await.contains("mcp:write"));
    server.app.store.flush().await.unwrap();
    let page = browser.get(&server.at("/account")).await.expect(200);
    assert!(page.body.contains("whoami"), "the last tools are shown");
    let narrow = &page.body[page.body.find("/account/narrow").unwrap()..];
    let csrf = form_value(narrow, "csrf").unwrap();
    browser
        .post(
            &server.at("/account/narrow"),
            &[("csrf", "wrong"), ("client_id", &client.id), ("scope-mcp:read", "1")],
        )
        .await
        .expect(403);
    browser
        .post(
            &server.at("/account/narrow"),
            &[("csrf", &csrf), ("client_id", &client.id), ("scope-mcp:read", "1")],
        )
        .await
        .expect(303);
    let now = scopes(&tokens.access).await;
    assert!(now.contains("mcp:read") && !now.contains("mcp:write"), "{now}");
    let refreshed = client.refresh(&tokens.refresh, &[]).await.expect(200).json();
    assert_eq!(refreshed["scope"], "mcp:read");
    browser
        .post(&server.at("/account/narrow"), &[("csrf", &csrf), ("client_id", &client.id)])
        .await
        .expect(303);
    assert!(!server.calls(&tokens.access).await, "nothing left is the end");
}

#[tokio::test]
async fn settings_that_open_the_guard_of_outbound_requests_are_not_an_administrators_to_choose() {
    let (server, root) = stage().await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let service = format!("{}/mcp", server.url);
    let upstream = |more: Value| {
        let mut new = json!({"name": "inside", "kind": "http", "url": service, "auth": "none"});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        new
    };
    for (path, body, key) in [
        ("/upstreams", upstream(json!({"networks": ["127.0.0.0/8"]})), "networks"),
        ("/upstreams", upstream(json!({"http_on_loopback": true})), "http_on_loopback"),
        ("/upstreams", upstream(json!({"ca_file": "/etc/passwd"})), "ca_file"),
        ("/upstreams", upstream(json!({"kind": "stdio"})), "kind"),
        ("/upstreams", upstream(json!({"command": ["id"]})), "command"),
        (
            "/upstreams",
            upstream(json!({"kind": "openapi", "document": "file:///etc/passwd"})),
            "document",
        ),
        (
            "/providers",
            json!({"name": "inside", "kind": "oidc", "client_id": "x", "client_secret": "y", "issuer": server.url, "networks": ["127.0.0.1"]}),
            "networks",
        ),
        (
            "/providers",
            json!({"name": "inside", "kind": "oidc", "client_id": "x", "issuer": server.url, "private_key_file": "/etc/passwd"}),
            "private_key_file",
        ),
    ] {
        let page = api.ask(Method::POST, path, Some(body), None).await.expect(400);
        assert!(
            page.json()["error_description"].as_str().unwrap().starts_with(&format!("{key}: ")),
            "{}",
            page.body
        );
    }
    // Without them an address of this machine is refused by the guard itself.
    let provider = json!({"name": "inside", "kind": "oidc", "client_id": "x", "client_secret": "y", "issuer": server.url});
    if api.ask(Method::POST, "/providers", Some(provider), None).await.status == 201 {
        let tried = api.ask(Method::POST, "/providers/inside/test", None, None).await.expect(200);
        assert!(
            tried.json()["ok"] == false && !tried.body.contains("authorization_endpoint"),
            "{}",
            tried.body
        );
    }
    api.ask(Method::POST, "/upstreams", Some(upstream(json!({}))), None).await.expect(400);
}
