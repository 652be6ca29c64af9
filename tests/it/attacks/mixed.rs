//! Attacks that mix the parts of two standards, of two issuers, of two replicas, or of two moments.

use std::sync::Arc;

use doorward_accounts::Authority;
use doorward_admin::{NewTrust, TrustChange};
use doorward_model::Clock;
use doorward_testkit::{
    Browser, HttpsServer, OAuthClient, Pkce, PlatformKey, Prover, TestServer, Tokens, form_value,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{BEARER, DEVICE, EXCHANGE, Stage, confidential, text};

fn query(server: &TestServer, pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    server.at(&format!("/oauth/authorize?{}", query.extend_pairs(pairs).finish()))
}

#[tokio::test]
async fn a_pushed_request_a_proof_and_a_code_are_each_for_one_key_one_place_and_one_use() {
    let stage = Stage::new().await;
    let (server, client, browser) = (&stage.server, &stage.client, &stage.browser);
    let (mine, thief) = (Prover::default(), Prover::default());
    let pkce = Pkce::default();
    let params = client.authorize_params(&pkce, &[]);
    let params: Vec<_> =
        params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let push = async |proof: &str, more: &[(&str, &str)]| {
        client.post("/oauth/par", &[&params[..], more].concat(), &[("dpop", proof)]).await
    };
    let at = |key: &Prover, path: &str| key.proof(server, ("POST", path), Value::Null);
    let proof = at(&mine, "/oauth/par");
    let pushed = text(&push(&proof, &[]).await.expect(201).json(), "request_uri");
    // The proof is used up, here and at every other place; one for another place is none here.
    assert_eq!(push(&proof, &[]).await.expect(400).json()["error"], "invalid_dpop_proof");
    let code = [("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "y")];
    client.token_with(&code, &[("dpop", &proof)]).await.expect(400);
    for path in ["/oauth/token", "/oauth/authorize", "/mcp", "/oauth/par/", "/oauth/device"] {
        assert_eq!(
            push(&at(&mine, path), &[]).await.expect(400).json()["error"],
            "invalid_dpop_proof"
        );
    }
    // Another key in the parameters than the one that is proved.
    let other = thief.thumbprint();
    push(&at(&mine, "/oauth/par"), &[("dpop_jkt", &other)]).await.expect(400);
    // Beside the reference, a key of the thief's changes nothing.
    let named = [
        ("client_id", client.id.as_str()),
        ("request_uri", pushed.as_str()),
        ("dpop_jkt", other.as_str()),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("prompt", "none"),
    ];
    let to = browser.get(&query(server, &named)).await.expect(303);
    let shown = browser.get(&to.location()).await.expect(200);
    // The reference is used up although nothing is decided yet, and the page still counts.
    browser.get(&query(server, &named[..2])).await.expect(400);
    let back = client.allow(browser, &shown).await.expect(303);
    let code = back.location_param("code").unwrap();
    // The form decides once.
    let again = client.allow(browser, &shown).await;
    assert!(again.location_param("code").is_none(), "{}", again.location());
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", pkce.verifier.as_str()),
    ];
    // Without a proof, with another key's, with a used one, with two, and in the place of the code.
    client.token(&fields).await.expect(400);
    thief.token(server, client, &fields).await.expect(400);
    client.token_with(&fields, &[("dpop", &proof)]).await.expect(400);
    let (one, two) = (at(&mine, "/oauth/token"), at(&mine, "/oauth/token"));
    client.token_with(&fields, &[("dpop", &one), ("dpop", &two)]).await.expect(400);
    client.token_with(&fields, &[("dpop", &format!("{one}, {two}"))]).await.expect(400);
    let uri = [("grant_type", "authorization_code"), ("code", pushed.as_str()), fields[2]];
    mine.token(server, client, &uri).await.expect(400);
    // None of it used the code up; its tokens are for the key alone.
    let tokens = Tokens::read(mine.token(server, client, &fields).await);
    assert_eq!(tokens.answer["token_type"], "DPoP");
    mine.call(server, &tokens.access).await.expect(200);
    assert!(!server.calls(&tokens.access).await);
    thief.call(server, &tokens.access).await.expect(401);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    client.token(&refresh).await.expect(400);
    thief.token(server, client, &refresh).await.expect(400);
    // A thief's attempts end nothing.
    let next = Tokens::read(mine.token(server, client, &refresh).await);
    mine.call(server, &next.access).await.expect(200);
    // A reference is no reference elsewhere, nor inside of another one.
    for (path, more) in [
        ("/oauth/device", vec![("request_uri", pushed.as_str()), ("scope", "mcp:read")]),
        ("/oauth/par", vec![("request_uri", pushed.as_str())]),
    ] {
        let page = client.post(path, &more, &[]).await;
        assert!(!page.body.contains("request_uri:"), "{path}: {}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_at_one_replica_while_the_access_ends_at_another_leaves_nothing_alive() {
    let one = TestServer::start().await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = TestServer::start_on(config, one.data_dir.clone()).await;
    let client = super::public(&one).await;
    let there = OAuthClient::known(&other, &client.id, &client.redirect_uri);
    for round in 0..6 {
        let name = format!("user-{round}");
        let user = one.user(&name).await;
        let browser = one.signed_in(&name).await;
        let first = client.tokens(&browser, &[]).await;
        let clients = [Arc::new(client.clone()), Arc::new(there.clone())];
        let refreshing: Vec<_> = (0..12)
            .map(|index| {
                let client = Arc::clone(&clients[index % 2]);
                let token = first.refresh.clone();
                tokio::spawn(async move { client.refresh(&token, &[]).await })
            })
            .collect();
        match round % 3 {
            0 => drop(client.post("/oauth/revoke", &[("token", &first.refresh)], &[]).await),
            1 => one.app.accounts.disable(&user, None).await.unwrap(),
            _ => {
                let id = doorward_model::ClientId::from_text(client.id.as_str());
                one.app.issuer.revoke_access(&user.id, Some(id)).await.unwrap();
            }
        }
        let mut held = vec![first.refresh.clone()];
        let mut access = vec![first.access.clone()];
        for task in refreshing {
            let page = task.await.unwrap();
            if page.status == 200 {
                let tokens = Tokens::read(page);
                held.push(tokens.refresh);
                access.push(tokens.access);
            } else {
                assert_eq!(page.status, 400, "{}", page.body);
            }
        }
        for (server, client) in [(&one, &client), (&other, &there)] {
            for token in &held {
                client.refresh(token, &[]).await.expect(400);
            }
            server.clock.advance(60);
            for token in &access {
                assert!(!server.calls(token).await, "round {round}");
            }
        }
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a list of attacks on one state")]
async fn one_issuers_token_is_none_of_another_one_however_similar_their_names_are() {
    let good = HttpsServer::start().await;
    let evil = HttpsServer::start().await;
    let (key, theirs) = (PlatformKey::new("k1"), PlatformKey::new("k1"));
    let server = TestServer::start_with(|config| {
        config.outbound.extra_ca_files =
            [&good, &evil].map(|one| one.ca_file.to_str().unwrap().to_owned()).to_vec();
        config.outbound.allow_networks = vec!["127.0.0.0/8".into(), "::1/128".into()];
    })
    .await;
    for (at, key) in [(&good, &key), (&evil, &theirs)] {
        let document = json!({
            "issuer": at.url, "jwks_uri": format!("{}/keys", at.url),
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        at.json("/.well-known/openid-configuration", &document, "");
        at.json("/keys", &key.jwks(), "");
        let new = NewTrust {
            name: at.url.clone(),
            service: if at.url == good.url { "release" } else { "lesser" }.to_owned(),
            scopes: vec!["mcp:read".to_owned()],
            issuer: at.url.clone(),
            more: TrustChange { subject: Some("job:*".to_owned()), ..TrustChange::default() },
        };
        server.app.admin.trusts.add(&Authority::operator(), new).await.unwrap();
    }
    let now = server.clock.now().0;
    let base = json!({
        "iss": good.url, "sub": "job:1", "aud": server.url, "jti": "1", "iat": now, "exp": now + 60,
    });
    let over = |change: Value| crate::workload::over(&base, &change);
    let present = async |token: &str, more: &[(&str, &str)]| {
        crate::workload::present(&server, token, more).await
    };
    // The other issuer's key under this issuer's name, and the names of keys and types that differ.
    present(&theirs.token(&base), &[]).await.expect(400);
    for iss in [
        format!("{}/", good.url),
        good.url.to_uppercase(),
        good.url.replace("https", "HTTPS"),
        good.url.replace("localhost", "127.0.0.1"),
        format!("{} ", good.url),
        format!("{}\0", good.url),
        format!("{}?", good.url),
        format!("{}#", good.url),
        format!("{}/.", good.url),
        good.url.replace("localhost", "localhost."),
        good.url.replace("localhost", "loc\u{200b}alhost"),
    ] {
        let page = present(&key.token(&over(json!({"iss": iss}))), &[]).await;
        assert_eq!(page.status, 400, "{iss}: {}", page.body);
    }
    for change in [
        json!({"iss": [good.url]}),
        json!({"iss": {"a": good.url}}),
        json!({"sub": "job"}),
        json!({"sub": "JOB:1"}),
        json!({"sub": ["job:1"]}),
        json!({"sub": "x job:1"}),
        json!({"sub": "\njob:1"}),
        json!({"aud": server.url.to_uppercase()}),
        json!({"aud": format!("{}/", server.url)}),
        json!({"aud": format!(" {}", server.url)}),
        json!({"aud": [[server.url]]}),
        json!({"aud": [server.url, server.url]}),
        json!({"aud": []}),
        json!({"aud": {"a": server.url}}),
        json!({"exp": now.to_string()}),
        json!({"exp": [now + 60]}),
        json!({"exp": -1}),
        json!({"exp": true}),
        json!({"iat": "now"}),
        json!({"nbf": {}}),
        json!({"jti": ["1"]}),
        json!({"jti": ""}),
        json!({"cnf": []}),
        json!({"events": null, "cnf": {"jwk": {}}}),
    ] {
        let page = present(&key.token(&over(change.clone())), &[]).await;
        assert_eq!(page.status, 400, "{change}: {}", page.body);
    }
    // Of claims that are given twice in one token, the last counts in each reading of it (RFC 7519
    // §4): none chooses the rule by the first and is judged by the last, or the other way about.
    let names = ["iss", "sub", "aud"];
    for name in names {
        for first in [true, false] {
            let (right, wrong) =
                (base[name].to_string(), json!("https://evil.example").to_string());
            let (a, b) = if first { (right, wrong) } else { (wrong, right) };
            let others = names.iter().filter(|other| **other != name);
            let others: Vec<String> =
                others.map(|other| format!("\"{other}\":{}", base[*other])).collect();
            let claims = format!(
                "{{\"{name}\":{a},\"{name}\":{b},{},\"jti\":\"d-{name}-{first}\",\"iat\":{now},\"exp\":{}}}",
                others.join(","),
                now + 60
            );
            let header = json!({"alg": "ES256", "typ": "JWT", "kid": "k1"}).to_string();
            let token = key.signed_text(&header, &claims);
            let page = present(&token, &[]).await;
            let expected = if first { 400 } else { 200 };
            assert_eq!(page.status, expected, "{claims}: {}", page.body);
        }
    }
    // A client of another rule, a public client, and a client that authenticates, beside it.
    let client = super::public(&server).await;
    let good_token = key.token(&base);
    let trusts = server.app.admin.trusts.all().await.unwrap();
    let lesser = trusts.iter().find(|rule| rule.name == evil.url).unwrap();
    present(&good_token, &[("client_id", lesser.id.as_str())]).await.expect(400);
    present(&good_token, &[("client_id", &client.id)]).await.expect(400);
    let agent = confidential(&server, None).await;
    agent.token(&[("grant_type", BEARER), ("assertion", &good_token)]).await.expect(400);
    let exchange = [
        ("grant_type", EXCHANGE),
        ("subject_token", good_token.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
    ];
    agent.token(&exchange).await.expect(400);
    // It was not used up by any of this, and names its own service.
    let access = crate::workload::access_token(present(&good_token, &[]).await);
    let me = server.call(&access, "whoami", json!({})).await.expect(200).body;
    assert!(me.contains("release") && !me.contains("lesser"), "{me}");
    present(&good_token, &[]).await.expect(400);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a list of attacks on one state")]
async fn a_device_is_allowed_by_the_form_of_the_user_alone_and_for_what_they_saw() {
    let stage = Stage::new().await;
    let (server, client, browser) = (&stage.server, &stage.client, &stage.browser);
    let ask = async |scope: &str| {
        let fields = [("client_id", client.id.as_str()), ("scope", scope)];
        Browser::new().post(&server.at("/oauth/device"), &fields).await.expect(200).json()
    };
    let begun = ask("mcp:read").await;
    let (device, code) = (text(&begun, "device_code"), text(&begun, "user_code"));
    let poll = async |device: &str| {
        server.clock.advance(10);
        client.token(&[("grant_type", DEVICE), ("device_code", device)]).await
    };
    let csrf = async || {
        let page = browser.get(&server.at("/device")).await.expect(200);
        let at = page.body.find("/device\"").unwrap();
        form_value(&page.body[at..], "csrf").unwrap()
    };
    // A link that decides: by its query, whatever it contains, and by other methods.
    for link in [
        format!("/device?user_code={code}&do=allow&scope-mcp:read=on"),
        format!("/device?user_code={code}&do=allow&scope-mcp:read=on&csrf={}", csrf().await),
        format!("/device?user_code={code}&_method=POST&do=allow"),
    ] {
        let page = browser.get(&server.at(&link)).await;
        assert!(!page.body.contains("scope-mcp:read"), "{link}: the code is not looked up");
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD] {
        let request =
            browser.raw(method.clone(), &server.at(&format!("/device?user_code={code}&do=allow")));
        assert_ne!(browser.send(request).await.status, 500, "{method}");
    }
    // A form from another site, without the token, with the token of another form, or of JSON.
    let forms = [
        vec![("user_code", code.as_str()), ("do", "allow"), ("scope-mcp:read", "on")],
        vec![("csrf", ""), ("user_code", code.as_str()), ("do", "allow"), ("scope-mcp:read", "on")],
        vec![
            ("csrf", "x"),
            ("user_code", code.as_str()),
            ("do", "allow"),
            ("scope-mcp:read", "on"),
        ],
    ];
    for form in &forms {
        let page = browser.post(&server.at("/device"), form).await;
        assert!(page.status >= 400, "{form:?}: {}", page.status);
    }
    let page = browser.get(&server.at("/account")).await.expect(200);
    let of_account = form_value(&page.body, "csrf").unwrap();
    let fields = [
        ("csrf", of_account.as_str()),
        ("user_code", code.as_str()),
        ("do", "allow"),
        ("scope-mcp:read", "on"),
    ];
    let page = browser.post(&server.at("/device"), &fields).await;
    assert!(page.status >= 400, "{}", page.status);
    let token = csrf().await;
    let object = json!({"csrf": token, "user_code": code, "do": "allow", "scope-mcp:read": "on"});
    let page = browser.post_json(&server.at("/device"), &object).await;
    assert!(page.status >= 400, "{}", page.status);
    // Codes that are almost this one.
    for odd in [
        format!("{code}0"),
        code[1..].to_owned(),
        format!("{code}\0"),
        code.replace('-', "\u{2010}\u{2010}") + "x",
        code.chars().rev().collect(),
        device.clone(),
        String::new(),
    ] {
        let fields = [
            ("csrf", token.as_str()),
            ("user_code", &odd),
            ("do", "allow"),
            ("scope-mcp:read", "on"),
        ];
        let page = browser.post(&server.at("/device"), &fields).await;
        assert!(!page.body.contains("You can"), "{odd}");
        server.clock.advance(60);
    }
    let pending = poll(&device).await.expect(400);
    assert_eq!(pending.json()["error"], "authorization_pending", "nothing of it decided");
    // Allowed, and then the user, the client or the access ends before the device asks.
    let allow = async |code: &str| {
        let token = csrf().await;
        let fields = [
            ("csrf", token.as_str()),
            ("user_code", code),
            ("do", "allow"),
            ("scope-mcp:read", "on"),
        ];
        browser.post(&server.at("/device"), &fields).await.expect(200);
    };
    let begun = ask("mcp:read").await;
    allow(&text(&begun, "user_code")).await;
    let id = doorward_model::ClientId::from_text(client.id.as_str());
    server.app.registration.set_disabled(&id, true).await.unwrap();
    let page = poll(&text(&begun, "device_code")).await;
    assert!([400, 401].contains(&page.status), "{}", page.body);
    server.app.registration.set_disabled(&id, false).await.unwrap();
    let page = poll(&text(&begun, "device_code")).await;
    assert_ne!(page.status, 200, "blocking a client ended what was allowed before: {}", page.body);
}
