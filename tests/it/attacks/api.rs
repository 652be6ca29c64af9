//! Attacks on the administration API: requests that differ in one place from what its document
//! describes, tokens that reach less than an operation needs, and names of states that are not the
//! present one. The document is read from the server: a new operation is attacked as well.

use doorward_accounts::{Authority, NewAccessToken};
use doorward_model::{ScopeSet, User};
use doorward_testkit::{Browser, OAuthClient, Page, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

/// An operation as the document describes it.
struct Described<'d> {
    id: &'d str,
    method: Method,
    path: String,
    whole: &'d Value,
}

struct Document(Value);

impl Document {
    async fn of(server: &TestServer) -> Self {
        let url = server.at("/api/admin/openapi.json");
        Self(Browser::new().get(&url).await.expect(200).json())
    }

    fn operations(&self) -> Vec<Described<'_>> {
        let mut all = Vec::new();
        for (path, methods) in self.0["paths"].as_object().unwrap() {
            let path: Vec<&str> = path
                .split('/')
                .map(|part| if part.starts_with('{') { "x" } else { part })
                .collect();
            for (method, whole) in methods.as_object().unwrap() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let id = whole["operationId"].as_str().unwrap();
                all.push(Described { id, method, path: path.join("/"), whole });
            }
        }
        assert!(all.len() > 95, "only {} operations", all.len());
        all
    }

    /// A schema without its reference, and without null among alternatives.
    fn resolved<'d>(&'d self, schema: &'d Value) -> &'d Value {
        if let Some(path) = schema["$ref"].as_str() {
            return self.resolved(self.0.pointer(path.trim_start_matches('#')).unwrap());
        }
        let alternatives = schema["anyOf"].as_array().into_iter().flatten();
        let other = alternatives.into_iter().find(|one| one["type"] != "null");
        other.map_or(schema, |other| self.resolved(other))
    }

    /// A value of a schema, where the example has none.
    fn sample(&self, schema: &Value) -> Value {
        let schema = self.resolved(schema);
        let kind = schema["type"].as_array().map_or(&schema["type"], |kinds| &kinds[0]);
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        match kind.as_str() {
            Some("integer") => schema["minimum"].as_i64().unwrap_or(1).into(),
            Some("boolean") => true.into(),
            Some("array") => json!([self.sample(&schema["items"])]),
            Some("object") => json!({}),
            _ => "abc".into(),
        }
    }

    /// Values that are wrong in one place, in the place of one that is right.
    fn wrong(&self, schema: &Value, right: &Value) -> Vec<Value> {
        let schema = self.resolved(schema);
        let count =
            |name: &str| schema[name].as_u64().map(|number| usize::try_from(number).unwrap());
        let mut wrong = Vec::new();
        if schema.get("enum").is_some() || schema.get("oneOf").is_some() {
            wrong.push("no such value".into());
        }
        match right {
            Value::String(_) => {
                wrong.extend([json!({"a": "b"}), json!(7), json!(["abc"])]);
                wrong.extend(count("minLength").map(|least| "a".repeat(least - 1).into()));
                wrong.extend(count("maxLength").map(|most| "a".repeat(most + 1).into()));
                if schema.get("pattern").is_some() {
                    wrong.extend([json!("É\u{1}"), json!("abc\n"), json!(" abc")]);
                }
                wrong.push("nul\u{0}".into());
            }
            Value::Number(_) => {
                wrong.extend([json!("7"), json!(1.5), json!(true)]);
                wrong.extend(schema["minimum"].as_i64().map(|least| json!(least - 1)));
                wrong.extend(schema["maximum"].as_i64().map(|most| json!(most + 1)));
            }
            Value::Array(items) => {
                wrong.extend([json!("abc"), json!({})]);
                let item = items.first().cloned().unwrap_or_else(|| self.sample(&schema["items"]));
                wrong.extend(count("minItems").map(|least| vec![item.clone(); least - 1].into()));
                wrong.extend(count("maxItems").map(|most| vec![item.clone(); most + 1].into()));
                let inner = self.wrong(&schema["items"], &item);
                wrong.extend(inner.into_iter().map(|one| json!([one])));
            }
            Value::Object(members) => {
                wrong.push(json!([]));
                for (name, described) in schema["properties"].as_object().into_iter().flatten() {
                    let sample = self.sample(described);
                    for one in self.wrong(described, members.get(name).unwrap_or(&sample)) {
                        let mut all = right.clone();
                        all[name] = one;
                        wrong.push(all);
                    }
                }
                for name in schema["required"].as_array().into_iter().flatten() {
                    let mut all = members.clone();
                    all.remove(name.as_str().unwrap());
                    wrong.push(all.into());
                }
                if schema["additionalProperties"] == false {
                    let mut all = right.clone();
                    all["no_such_member"] = "x".into();
                    wrong.push(all);
                }
            }
            Value::Bool(_) => wrong.extend([json!("true"), json!(1)]),
            Value::Null => {}
        }
        wrong
    }
}

impl Described<'_> {
    fn example(&self) -> Value {
        let content = &self.whole["requestBody"]["content"]["application/json"];
        content.get("example").cloned().unwrap_or_default()
    }

    /// Sends it with a body and a query, and the name of a state unless none is demanded.
    async fn send(&self, server: &TestServer, key: &str, query: &str, body: &Value) -> Page {
        let browser = Browser::new();
        let url = server.at(&format!("{}{query}", self.path));
        let mut request = browser.raw(self.method.clone(), &url).header("if-match", "\"x\"");
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        browser.send(request).await
    }
}

async fn stage() -> (TestServer, User) {
    let server = TestServer::start_with(|config| {
        config.server.refused_burst_per_address = 1_000_000;
        config.server.refused_per_minute_per_address = 1_000_000;
    })
    .await;
    let root = server.user_with("root", &["admin"]).await;
    (server, root)
}

#[tokio::test]
async fn a_body_or_query_that_is_not_as_described_is_refused_at_every_operation() {
    let (server, root) = stage().await;
    let key = crate::admin::key(&server, &root, "admin").await;
    let document = Document::of(&server).await;
    let before = server.app.store.audit_head().await.unwrap().seq;
    let (mut bodies, mut queries) = (0, 0);
    for operation in document.operations() {
        let example = operation.example();
        let schema = &operation.whole["requestBody"]["content"]["application/json"]["schema"];
        let wrong = if example.is_null() { Vec::new() } else { document.wrong(schema, &example) };
        for body in wrong {
            let page = operation.send(&server, &key, "", &body).await;
            let told = format!("{}: {body:.400}", operation.id);
            assert_eq!(page.status, 400, "{told}: {}", page.body);
            let code = page.json()["error"].as_str().unwrap().to_owned();
            assert!(code.starts_with("invalid_"), "{told}: {}", page.body);
            bodies += 1;
        }
        for parameter in operation.whole["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "query" {
                continue;
            }
            let schema = document.resolved(&parameter["schema"]);
            let name = parameter["name"].as_str().unwrap();
            let mut wrong = vec![format!("{name}=%00"), format!("{name}=1&{name}=1")];
            wrong.extend(
                schema["maxLength"].as_u64().map(|most| {
                    format!("{name}={}", "a".repeat(usize::try_from(most).unwrap() + 1))
                }),
            );
            wrong.extend(schema["minimum"].as_i64().map(|least| format!("{name}={}", least - 1)));
            wrong.extend(schema["maximum"].as_i64().map(|most| format!("{name}={}", most + 1)));
            if schema["type"] == "integer" {
                wrong.extend(
                    ["1.5", "0x10", "1e2", "%2B1", "x"].map(|text| format!("{name}={text}")),
                );
            }
            if schema.get("enum").is_some() || schema.get("oneOf").is_some() {
                wrong.push(format!("{name}=no-such"));
            }
            for query in wrong {
                let page = operation.send(&server, &key, &format!("?{query}"), &example).await;
                assert_eq!(page.status, 400, "{} {query:.200}: {}", operation.id, page.body);
                queries += 1;
            }
        }
    }
    assert!(bodies > 650 && queries > 300, "{bodies} bodies and {queries} queries");
    assert_eq!(server.app.store.audit_head().await.unwrap().seq, before, "nothing was changed");
}

#[tokio::test]
async fn a_token_that_reaches_less_is_refused_at_every_operation_before_anything_else() {
    let (server, root) = stage().await;
    let document = Document::of(&server).await;
    let eve = server.user_with("eve", &["auditor"]).await;
    server.user("alice").await;
    let proved = Authority::operator_states_second_factor();
    let own = async |user: &User, scopes: &str, upstreams: &[&str]| {
        let access = doorward_model::AccessPolicy::default();
        let upstreams = upstreams.iter().map(|name| doorward_model::UpstreamName::parse(name));
        let new = NewAccessToken {
            name: "narrow".to_owned(),
            scopes: ScopeSet::parse_known(scopes),
            upstreams: upstreams.collect::<Result<_, _>>().unwrap(),
            days: 30,
        };
        let added = server.app.accounts.add_access_token(&proved, user, &access, new).await;
        added.unwrap().value.reveal().to_owned()
    };
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("root").await;
    let mcp = client.tokens(&browser, &[]).await;
    let of_root = crate::admin::key(&server, &root, "admin").await;
    let gone = server.user_with("gone", &["admin"]).await;
    let of_gone = crate::admin::key(&server, &gone, "admin").await;
    server.app.accounts.disable(&gone, None).await.unwrap();
    let lesser = server.user_with("lesser", &["admin"]).await;
    let of_lesser = crate::admin::key(&server, &lesser, "admin").await;
    let change = doorward_admin::UserChange { roles: Some(Vec::new()), ..Default::default() };
    let users = &server.app.admin.users;
    users.change(&Authority::operator(), &lesser, change, None).await.unwrap();
    let session = browser.cookies();
    let keys = [
        // The name of the caller, the token, and the scope that counts for it.
        ("no token", String::new(), None),
        ("a token for tools", mcp.access.clone(), None),
        ("a refresh token", mcp.refresh.clone(), None),
        ("an administrator's token for tools", own(&root, "mcp:read mcp:write", &[]).await, None),
        ("a token of one upstream", own(&root, "admin", &["wiki"]).await, None),
        ("a disabled administrator's", of_gone, None),
        ("a former administrator's", of_lesser, None),
        ("the cookies of a session", session, None),
        ("an auditor's", own(&eve, "admin:read", &[]).await, Some("auditor")),
        ("a reader's", own(&root, "admin:read", &[]).await, Some("admin:read")),
        ("one for upstreams", own(&root, "admin:upstreams", &[]).await, Some("admin:upstreams")),
    ];
    let mut admitted = std::collections::BTreeMap::<&str, usize>::new();
    for operation in document.operations() {
        let security = operation.whole["security"].as_array().unwrap();
        let holds = |scope: &str| security.iter().any(|one| one["token"][0] == scope);
        for (who, key, counts) in &keys {
            let allowed = match *counts {
                None => false,
                Some("auditor") => ["showUsage", "showUnused"].contains(&operation.id),
                Some(scope) => holds(scope),
            };
            // With an unreadable body and an unknown parameter: refused before either is read.
            let (query, body) =
                if allowed { ("", operation.example()) } else { ("?x=y", json!("x")) };
            let page = operation.send(&server, key, query, &body).await;
            let refused = [401, 403].contains(&page.status);
            assert_eq!(refused, !allowed, "{who} at {}: {}", operation.id, page.status);
            *admitted.entry(who).or_default() += usize::from(allowed);
        }
    }
    let count = |who: &str| admitted[who];
    assert_eq!(count("an auditor's"), 2);
    assert!(count("a reader's") > 35 && count("one for upstreams") > 8, "{admitted:?}");
    // The full token still counts, and is not accepted in any other place than the header.
    let url = server.at("/api/admin/users");
    let ask =
        |request: reqwest::RequestBuilder| async { Browser::new().send(request).await.status };
    let raw = |url: &str| Browser::new().raw(Method::GET, url);
    assert_eq!(ask(raw(&url).bearer_auth(&of_root)).await, 200);
    assert_eq!(ask(raw(&format!("{url}?access_token={of_root}"))).await, 401);
    assert_eq!(ask(raw(&url).header("x-authorization", format!("Bearer {of_root}"))).await, 401);
    assert_eq!(ask(raw(&url).header("authorization", format!("DPoP {of_root}"))).await, 401);
    let twice = raw(&url).bearer_auth(&of_root).header("authorization", "Bearer x");
    assert_ne!(ask(twice).await, 200);
}

#[tokio::test]
async fn a_change_for_another_state_than_the_present_one_is_refused_in_every_spelling_of_its_name()
{
    let (server, root) = stage().await;
    let key = crate::admin::key(&server, &root, "admin").await;
    let send = async |method: Method, path: &str, etag: Option<&str>, body: Value| {
        let browser = Browser::new();
        let mut request = browser.raw(method, &server.at(path)).bearer_auth(&key);
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        browser.send(request).await
    };
    let wiki = json!({"name": "wiki", "kind": "http", "url": "https://wiki.example/mcp"});
    let other = json!({"name": "other", "kind": "http", "url": "https://wiki.example/mcp"});
    for new in [&wiki, &other] {
        send(Method::POST, "/api/admin/upstreams", None, new.clone()).await.expect(201);
    }
    let corp = json!({"name": "corp", "kind": "oidc", "issuer": "https://id.example", "client_id": "d", "client_secret": "s"});
    send(Method::POST, "/api/admin/providers", None, corp).await.expect(201);
    for (path, change) in [
        ("/api/admin/upstreams/wiki", json!({"title": "Wiki"})),
        ("/api/admin/providers/corp", json!({"name": "Corp"})),
    ] {
        let read =
            async || send(Method::GET, path, None, Value::Null).await.expect(200).header("etag");
        let first = read().await;
        // A trial names the state without changing it.
        let trial = format!("{path}?dry_run=true");
        let tried = send(Method::PATCH, &trial, Some(&first), change.clone()).await.expect(200);
        assert_eq!(tried.header("etag"), first);
        send(Method::PATCH, path, Some(&first), change.clone()).await.expect(200);
        let second = read().await;
        assert_ne!(first, second);
        let weak = format!("W/{second}");
        let long = format!("{second}x");
        let lower = second.to_lowercase();
        let upper = second.to_uppercase();
        let of_another = send(Method::GET, "/api/admin/settings", None, Value::Null).await;
        let of_another = of_another.header("etag");
        let wrong = [
            first.as_str(),
            "*",
            "\"*\"",
            "\"\"",
            "",
            "\"x\"",
            &weak,
            &long,
            &lower,
            &upper,
            &of_another,
            "\"\u{e9}\"",
        ];
        for etag in wrong {
            for method in [Method::DELETE, Method::PATCH] {
                let body = if method == Method::DELETE { Value::Null } else { change.clone() };
                let page = send(method.clone(), path, Some(etag), body).await;
                assert_eq!(page.status, 412, "{method} {path} {etag}: {}", page.body);
            }
        }
        send(Method::PATCH, path, None, change.clone()).await.expect(428);
        assert_eq!(read().await, second);
        send(Method::DELETE, path, Some(&second), Value::Null).await.expect_any(&[200, 204]);
        send(Method::DELETE, path, Some(&second), Value::Null).await.expect(404);
        send(Method::GET, path, None, Value::Null).await.expect(404);
    }
    // Every operation that demands the name of a state is refused without one.
    let document = Document::of(&server).await;
    let mut demanding = 0;
    for operation in document.operations() {
        let parameters = operation.whole["parameters"].as_array().unwrap();
        let named = parameters.iter().find(|one| one["name"] == "If-Match");
        if named.is_some_and(|one| one["required"] == true) {
            let (method, body) = (operation.method.clone(), operation.example());
            let page = send(method, &operation.path, None, body).await;
            assert_eq!(page.status, 428, "{}: {}", operation.id, page.body);
            demanding += 1;
        }
    }
    assert!(demanding > 15, "{demanding}");
}

#[tokio::test]
async fn a_deletion_for_a_state_that_another_replica_replaced_a_moment_ago_deletes_nothing() {
    let (one, root) = stage().await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = TestServer::start_on(config, one.data_dir.clone()).await;
    let key = crate::admin::key(&one, &root, "admin").await;
    let send = async |server: &TestServer, method: Method, path: &str, etag: &str, body: Value| {
        let browser = Browser::new();
        let mut request = browser.raw(method, &server.at(path)).bearer_auth(&key);
        if !etag.is_empty() {
            request = request.header("if-match", etag);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        browser.send(request).await
    };
    let (upstreams, providers) = ("/api/admin/upstreams", "/api/admin/providers");
    for round in 0..5 {
        let wiki = json!({"name": "wiki", "kind": "http", "url": "https://wiki.example/mcp"});
        let corp = json!({"name": "corp", "kind": "oidc", "issuer": "https://id.example", "client_id": "d", "client_secret": "s"});
        for (list, new, path) in [
            (upstreams, wiki, "/api/admin/upstreams/wiki"),
            (providers, corp, "/api/admin/providers/corp"),
        ] {
            send(&one, Method::POST, list, "", new).await.expect(201);
            let read =
                async |server: &TestServer| send(server, Method::GET, path, "", Value::Null).await;
            let seen = read(&one).await.expect(200).header("etag");
            // The other replica may not have heard of it yet.
            let member = if list == upstreams { "title" } else { "name" };
            let change = json!({ (member): format!("Round {round}") });
            let mut changed = send(&other, Method::PATCH, path, &seen, change.clone()).await;
            while changed.status == 404 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                changed = send(&other, Method::PATCH, path, &seen, change.clone()).await;
            }
            let present = changed.expect(200).header("etag");
            let deleted = send(&one, Method::DELETE, path, &seen, Value::Null).await;
            assert_eq!(deleted.status, 412, "{path}: {}", deleted.body);
            assert_eq!(read(&other).await.expect(200).header("etag"), present);
            let mut deleted = send(&one, Method::DELETE, path, &present, Value::Null).await;
            while deleted.status == 412 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                deleted = send(&one, Method::DELETE, path, &present, Value::Null).await;
            }
            deleted.expect_any(&[200, 204]);
            while read(&other).await.status != 404 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
}
