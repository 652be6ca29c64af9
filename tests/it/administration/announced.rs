//! Settings for what servers do not announce: set in the file, on the page, by the API and by
//! command, each reaches the authorization server or identity provider in the same form.

use std::collections::HashMap;

use doorward_federation::ProviderConfig;
use doorward_gateway::UpstreamConfig;
use doorward_testkit::{Browser, FakeProvider, FakeUpstream, Place, TestServer, form_value};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{Asked, Stage, Via};

/// A way to set something: the file, or a front end.
const WAYS: [Option<Via>; 4] = [None, Some(Via::Page), Some(Via::Api), Some(Via::Command)];

/// Settings in the form of each front end. `secret` is given apart, as commands demand.
struct Settings {
    all: Map<String, Value>,
    secret: &'static str,
}

impl Settings {
    fn of(all: &Value, secret: &'static str) -> Self {
        Self { all: all.as_object().unwrap().clone(), secret }
    }

    fn lines(value: &Value) -> Vec<String> {
        match value {
            Value::Array(all) => all.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
            Value::String(text) => vec![text.clone()],
            other => vec![other.to_string()],
        }
    }

    /// The fields of a form.
    fn fields(&self) -> Vec<(String, String)> {
        let field =
            |(key, value): (&String, &Value)| (format!("set-{key}"), Self::lines(value).join("\n"));
        let mut fields: Vec<_> = self.all.iter().map(field).collect();
        if !self.secret.is_empty() {
            fields.push(("set-client_secret".to_owned(), self.secret.to_owned()));
        }
        fields
    }

    fn body(&self, name: &str) -> Value {
        let mut body = self.all.clone();
        body.insert("name".to_owned(), json!(name));
        if !self.secret.is_empty() {
            body.insert("client_secret".to_owned(), json!(self.secret));
        }
        body.into()
    }

    /// The words of a command for all settings but these.
    fn words(&self, but: &[&str]) -> Vec<String> {
        let kept = self.all.iter().filter(|(key, _)| !but.contains(&key.as_str()));
        kept.flat_map(|(key, value)| {
            let set = move |line: String| ["--set".to_owned(), format!("{key}={line}")];
            Self::lines(value).into_iter().flat_map(set)
        })
        .collect()
    }

    /// Adds the object in one way at a running server.
    async fn add(&self, stage: &Stage, via: Via, family: &str, name: &str) {
        let path = format!("/{family}s");
        let page = format!("/admin{path}?add=1 > /admin{path}");
        let fields = self.fields();
        let mut form = vec![("do", "create"), ("name", name)];
        form.extend(fields.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let kind = self.all["kind"].as_str().unwrap();
        let words = self.words(&["kind", "client_id"]);
        let mut command = vec![family, "add", name, "--kind", kind];
        let client_id = self.all.get("client_id").and_then(Value::as_str).unwrap_or_default();
        let set = format!("client_id={client_id}");
        match (family, client_id.is_empty()) {
            ("provider", _) => command.extend(["--client-id", client_id]),
            (_, false) => command.extend(["--set", &set]),
            (_, true) => {}
        }
        command.extend(words.iter().map(String::as_str));
        // A command reads the settings of the server, and this one is started with others.
        command.extend(["--set", "networks=127.0.0.0/8"]);
        let secret = match (family, self.secret) {
            (_, "") => String::new(),
            ("provider", secret) => {
                command.push("--client-secret-stdin");
                secret.to_owned()
            }
            (_, secret) => {
                command.push("--secret-stdin");
                format!("client_secret={secret}")
            }
        };
        let asked = Asked {
            page: (&page, form),
            api: (Method::POST, &path, self.body(name)),
            command: (command, &secret),
        };
        let outcome = stage.ask(via, &asked, &[]).await;
        assert_eq!(outcome.code, None, "{name} by {via:?}: {}", outcome.answer);
    }
}

/// A page that a command leads to within a moment.
async fn soon(browser: &Browser, url: &str, status: u16) -> doorward_testkit::Page {
    for _ in 0..80 {
        let page = browser.get(url).await;
        if page.status == status {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{url}: {}", browser.get(url).await.body);
}

async fn stage(change: impl FnOnce(&mut doorward::config::Config)) -> Stage {
    let server = TestServer::start_with(|config| {
        config.outbound.administered_networks = vec!["127.0.0.0/8".to_owned()];
        config.outbound.allow_networks = vec!["127.0.0.0/8".to_owned()];
        change(config);
    })
    .await;
    Stage::on(server).await
}

type Sent = HashMap<String, String>;

/// Connects a user to an upstream with these settings, and returns the authorization request and
/// the form that redeemed its code.
async fn connected(
    way: Option<Via>,
    settings: &dyn Fn(&FakeUpstream) -> Settings,
) -> (Sent, Sent, String) {
    let wiki = FakeUpstream::protected().await;
    let settings = settings(&wiki);
    let name = "wiki";
    let mut body = settings.body("");
    body.as_object_mut().unwrap().remove("name");
    let filed: UpstreamConfig = serde_json::from_value(body).unwrap();
    let stage = stage(|config| {
        if way.is_none() {
            config.upstreams.insert(name.to_owned(), filed);
        }
    })
    .await;
    if let Some(via) = way {
        settings.add(&stage, via, "upstream", name).await;
    }
    let server = &stage.server;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let address = server.at("/connect/wiki");
    let page = soon(&browser, &address, 200).await;
    let form = &page.body[page.body.find("/connect/wiki\"").unwrap()..];
    let csrf = form_value(form, "csrf").unwrap();
    let away = browser.post(&address, &[("csrf", &csrf)]).await.expect(303).location();
    let back = Browser::new().get(&away).await.expect(302).location();
    let done = browser.get(&back).await.expect(303).location();
    assert!(browser.get(&done).await.expect(200).body.contains("is connected"), "{way:?}");
    let seen = wiki.state();
    (seen.authorizes[0].clone(), seen.redeemed[0].clone(), wiki.origin.clone())
}

/// Settings of an upstream, with the parameters that the authorization request and the token request
/// have to have.
type UpstreamCase =
    (fn(&FakeUpstream) -> Settings, &'static [&'static str], &'static [&'static str]);
/// Settings of a provider, with the parameters that the authorization request has to have.
type ProviderCase<'a> = (&'a dyn Fn(&FakeProvider) -> Settings, &'a [&'a str]);

/// The requests without what is different each time.
fn comparable((mut asked, mut redeemed, origin): (Sent, Sent, String)) -> Vec<String> {
    for own in ["state", "code_challenge", "redirect_uri", "client_id"] {
        asked.remove(own);
    }
    for own in ["code", "code_verifier", "redirect_uri"] {
        redeemed.remove(own);
    }
    let told = |sent: Sent| {
        sent.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    let mut all = told(asked);
    all.extend(told(redeemed).into_iter().map(|one| format!("redeemed {one}")));
    all.sort();
    all.into_iter().map(|one| one.replace(&origin, "ORIGIN")).collect()
}

fn basics(wiki: &FakeUpstream, more: &Value, secret: &'static str) -> Settings {
    let mut all = json!({"kind": "http", "url": wiki.url, "auth": "oauth", "http_on_loopback": true, "list_wait_ms": 2000});
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    Settings::of(&all, secret)
}

fn parameters(wiki: &FakeUpstream) -> Settings {
    wiki.state().metadata.insert("scopes_supported", json!(["wiki.read", "offline_access"]));
    let params = [
        "access_type=offline",
        "prompt=select_account",
        "audience=https://a.example/?b=c",
        "domain_hint=corp.example",
    ];
    let more = json!({"authorize_params": params, "scopes": ["wiki.read", "wiki.write"], "offline_prompt": false, "send_resource": false});
    basics(wiki, &more, "")
}

fn unannounced(wiki: &FakeUpstream) -> Settings {
    let issuer = "https://login.corp.example/tenant";
    wiki.state().metadata.insert("issuer", json!(issuer));
    wiki.state().metadata.insert("code_challenge_methods_supported", json!(null));
    wiki.state().iss = Some(issuer.to_owned());
    wiki.state().places.insert("/internal".to_owned(), Place::Server);
    let more = json!({"issuer": issuer, "discovery_url": format!("{}/internal", wiki.origin), "trust_pkce": true, "client_id": "doorward", "token_auth_method": "client_secret_post"});
    basics(wiki, &more, "s3cret")
}

fn by_hand(wiki: &FakeUpstream) -> Settings {
    let at = |path: &str| format!("{}{path}", wiki.origin);
    wiki.state().iss = Some(String::new());
    for path in
        ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"]
    {
        wiki.state().places.insert(path.to_owned(), Place::status(404));
    }
    let more = json!({"issuer": "https://login.corp.example", "authorize_url": at("/authorize?tenant=1"), "token_url": at("/token"), "registration_url": at("/register"), "revocation_url": at("/revoke"), "client_id": "doorward", "trust_pkce": true, "scopes": ["one"]});
    basics(wiki, &more, "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_sets_for_an_upstream_is_sent_alike_however_it_was_set() {
    let cases: [UpstreamCase; 3] = [
        (
            parameters,
            &[
                "access_type=offline",
                "prompt=select_account",
                "audience=https://a.example/?b=c",
                "domain_hint=corp.example",
                "scope=wiki.read wiki.write offline_access",
            ],
            &["resource="],
        ),
        (
            unannounced,
            &[
                "code_challenge_method=S256",
                "redeemed client_id=doorward",
                "redeemed client_secret=s3cret",
            ],
            &[],
        ),
        (by_hand, &["tenant=1", "scope=one", "redeemed client_id=doorward"], &["client_secret="]),
    ];
    for (settings, sent, never) in cases {
        let mut first = None;
        for way in WAYS {
            let found = comparable(connected(way, &settings).await);
            for one in sent {
                assert!(found.contains(&(*one).to_owned()), "{way:?}: {one} in {found:?}");
            }
            for one in never {
                assert!(
                    !found.iter().any(|all| all.starts_with(one)),
                    "{way:?}: {one} in {found:?}"
                );
            }
            let first = first.get_or_insert_with(|| found.clone());
            assert_eq!(*first, found, "{way:?}");
        }
    }
}

/// Signs a user in through a provider with these settings: the authorization request, and the form
/// that redeemed the code.
async fn signed_in(way: Option<Via>, more: &dyn Fn(&FakeProvider) -> Settings) -> Vec<String> {
    let provider = FakeProvider::start().await;
    let settings = more(&provider);
    let mut body = settings.body("");
    body.as_object_mut().unwrap().remove("name");
    let filed: ProviderConfig = serde_json::from_value(body).unwrap();
    let stage = stage(|config| {
        if way.is_none() {
            config.providers.insert("corp".to_owned(), filed);
        }
    })
    .await;
    if let Some(via) = way {
        settings.add(&stage, via, "provider", "corp").await;
    }
    let server = &stage.server;
    provider.follow(&server.clock);
    let browser = Browser::new();
    let away = soon(&browser, &server.at("/login/corp"), 303).await.location();
    browser.get(&provider.sign_in(&away)).await.expect(303);
    let request = url::Url::parse(&away).unwrap();
    let mut sent: Vec<String> = request
        .query_pairs()
        .filter(|(name, _)| {
            !["state", "nonce", "code_challenge", "redirect_uri"].contains(&name.as_ref())
        })
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let posted = provider.seen().into_iter().find(|(_, path, _)| path.starts_with("/token"));
    let posted = posted.unwrap().2;
    for part in ["code_verifier=", "client_secret=", "authorization: Basic"] {
        let has = posted.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
        sent.push(format!("redeemed {part} {has}"));
    }
    sent.sort();
    sent.into_iter().map(|one| one.replace(&provider.issuer, "ORIGIN")).collect()
}

fn provider(provider: &FakeProvider, more: &Value) -> Settings {
    let mut all = json!({"kind": "oidc", "issuer": provider.issuer, "client_id": doorward_testkit::CLIENT_ID, "sign_up": "open"});
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    Settings::of(&all, doorward_testkit::CLIENT_SECRET)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_sets_for_a_provider_is_sent_alike_however_it_was_set() {
    let params = |fake: &FakeProvider| {
        let params = ["audience=https://a.example/?b=c", "prompt=select_account", "domain_hint=x"];
        let more = json!({"authorize_params": params, "scopes": ["openid", "offline_access"], "offline_prompt": false, "pkce": false, "token_auth_method": "client_secret_post"});
        provider(fake, &more)
    };
    let urls = |fake: &FakeProvider| {
        let at = |path: &str| format!("{}{path}", fake.issuer);
        let more = json!({"authorize_url": at("/authorize?policy=b2c"), "token_url": at("/token?at=1"), "jwks_url": at("/jwks"), "userinfo_url": at("/userinfo"), "end_session_url": at("/bye")});
        provider(fake, &more)
    };
    let elsewhere = |fake: &FakeProvider| {
        let document = json!({"issuer": fake.issuer, "authorization_endpoint": format!("{}/authorize", fake.issuer), "token_endpoint": format!("{}/token", fake.issuer), "jwks_uri": format!("{}/jwks", fake.issuer)});
        let answer = |status, body: String| {
            doorward_testkit::Answer::Raw(status, "application/json", body, String::new())
        };
        fake.answer("/internal", answer(200, document.to_string()));
        fake.answer("/.well-known/openid-configuration", answer(404, String::new()));
        provider(fake, &json!({"discovery_url": format!("{}/internal", fake.issuer)}))
    };
    let cases: [ProviderCase<'_>; 3] = [
        (
            &params,
            &[
                "audience=https://a.example/?b=c",
                "prompt=select_account",
                "domain_hint=x",
                "scope=openid offline_access",
                "redeemed code_verifier= false",
                "redeemed client_secret= true",
            ],
        ),
        (
            &urls,
            &["policy=b2c", "redeemed code_verifier= true", "redeemed authorization: Basic true"],
        ),
        (&elsewhere, &["code_challenge_method=S256"]),
    ];
    for (settings, sent) in cases {
        let mut first = None;
        for way in WAYS {
            let found = signed_in(way, settings).await;
            for one in sent {
                assert!(found.contains(&(*one).to_owned()), "{way:?}: {one} in {found:?}");
            }
            let first = first.get_or_insert_with(|| found.clone());
            assert_eq!(*first, found, "{way:?}");
        }
    }
}
