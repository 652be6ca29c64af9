//! An OAuth client that behaves correctly, and lets a test change one thing.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::id::random_text;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Browser, Page, TestServer, browser::form_value};

/// A PKCE pair.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// The secret.
    pub verifier: String,
    /// Its SHA-256.
    pub challenge: String,
}

impl Default for Pkce {
    fn default() -> Self {
        let verifier = random_text(&doorward_keys::SystemEntropy, 32);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        Self { verifier, challenge }
    }
}

/// Tokens as the token endpoint answers them.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token, if there is one.
    pub refresh: String,
    /// The whole answer.
    pub answer: Value,
}

impl Tokens {
    /// Reads a successful answer.
    #[track_caller]
    pub fn read(page: Page) -> Self {
        let answer = page.expect(200).json();
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), answer }
    }
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    /// Its id.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<String>,
    /// True if the secret goes into an HTTP Basic header, as registered (RFC 6749 §2.3.1), rather
    /// than into the body.
    pub basic: bool,
    /// The redirect URI that it uses.
    pub redirect_uri: String,
    base: String,
}

impl OAuthClient {
    /// Registers a public client.
    pub async fn register(server: &TestServer) -> Self {
        Self::register_at(&server.url).await
    }

    /// Registers a public client at a server that runs anywhere.
    pub async fn register_at(base: &str) -> Self {
        Self::introduce(base, json!({"token_endpoint_auth_method": "none"})).await
    }

    /// Registers a client with these members of metadata besides a name and a redirect URI.
    pub async fn register_with(server: &TestServer, members: Value) -> Self {
        Self::introduce(&server.url, members).await
    }

    async fn introduce(base: &str, members: Value) -> Self {
        let mut metadata = json!({"client_name": "Test client", "redirect_uris": ["http://127.0.0.1:7777/callback"]});
        for (name, value) in members.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let answer = Browser::new()
            .post_json(&format!("{base}/oauth/register"), &metadata)
            .await
            .expect(201)
            .json();
        Self {
            id: answer["client_id"].as_str().unwrap().to_owned(),
            secret: answer["client_secret"].as_str().map(str::to_owned),
            basic: answer["token_endpoint_auth_method"] == "client_secret_basic",
            redirect_uri: metadata["redirect_uris"][0].as_str().unwrap().to_owned(),
            base: base.to_owned(),
        }
    }

    /// A client that is known by other means.
    pub fn known(server: &TestServer, id: &str, redirect_uri: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: None,
            basic: false,
            redirect_uri: redirect_uri.to_owned(),
            base: server.url.clone(),
        }
    }

    /// The parameters of an authorization request, with changes: an empty value removes a
    /// parameter.
    pub fn authorize_params(&self, pkce: &Pkce, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut params = BTreeMap::from([
            ("response_type", "code".to_owned()),
            ("client_id", self.id.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("code_challenge", pkce.challenge.clone()),
            ("code_challenge_method", "S256".to_owned()),
            ("state", "st-123".to_owned()),
            ("scope", "mcp:read".to_owned()),
            ("resource", format!("{}/mcp", self.base)),
        ]);
        for (name, value) in changes {
            params.insert(name, (*value).to_owned());
        }
        params
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The URL of an authorization request.
    pub fn authorize_url(&self, pkce: &Pkce, changes: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.authorize_params(pkce, changes))
            .finish();
        format!("{}/oauth/authorize?{query}", self.base)
    }

    /// Opens the consent page in a browser that is signed in.
    pub async fn consent_page(
        &self,
        browser: &Browser,
        pkce: &Pkce,
        changes: &[(&str, &str)],
    ) -> Page {
        let to = browser.get(&self.authorize_url(pkce, changes)).await.expect(303);
        assert!(to.location().contains("/consent?request="), "{}", to.location());
        browser.get(&to.location()).await.expect(200)
    }

    /// Presses "Allow" on a consent page, leaving all boxes as they are.
    pub async fn allow(&self, browser: &Browser, page: &Page) -> Page {
        let boxes =
            page.body.split("name=\"scope-").skip(1).filter_map(|rest| rest.split('"').next());
        self.decide(browser, page, "allow", &boxes.collect::<Vec<_>>()).await
    }

    /// Decides on a consent page, with these scopes checked if the page offers them.
    pub async fn decide(
        &self,
        browser: &Browser,
        page: &Page,
        decision: &str,
        scopes: &[&str],
    ) -> Page {
        // The first form of the page signs out; the consent form is the one with the request.
        let at = page.body.find("/consent\"").unwrap();
        let form = &page.body[at..];
        let (csrf, request) =
            (form_value(form, "csrf").unwrap(), form_value(form, "request").unwrap());
        let names: Vec<String> = scopes
            .iter()
            .map(|scope| format!("scope-{scope}"))
            .filter(|name| form.contains(&format!("name=\"{name}\"")))
            .collect();
        let mut fields =
            vec![("csrf", csrf.as_str()), ("request", request.as_str()), ("decision", decision)];
        fields.extend(names.iter().map(|name| (name.as_str(), "on")));
        browser.post(&format!("{}/consent", self.base), &fields).await
    }

    /// Gets a code: authorization request, consent, redirect.
    pub async fn code(&self, browser: &Browser, pkce: &Pkce, changes: &[(&str, &str)]) -> String {
        let page = self.consent_page(browser, pkce, changes).await;
        let back = self.allow(browser, &page).await.expect(303);
        back.location_param("code").unwrap_or_else(|| panic!("no code in {}", back.location()))
    }

    /// Posts to the token endpoint. An empty value removes a parameter.
    pub async fn token(&self, params: &[(&str, &str)]) -> Page {
        self.post("/oauth/token", params, &[]).await
    }

    /// The same with headers.
    pub async fn token_with(&self, params: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        self.post("/oauth/token", params, headers).await
    }

    /// Posts to an endpoint at which the client authenticates.
    pub async fn post(
        &self,
        path: &str,
        params: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let mut all = BTreeMap::from([("client_id", self.id.as_str())]);
        if let Some(secret) = self.secret.as_deref().filter(|_| !self.basic) {
            all.insert("client_secret", secret);
        }
        all.extend(params.iter().copied());
        let all: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let browser = Browser::new();
        let url = format!("{}{path}", self.base);
        let mut request = browser.raw(reqwest::Method::POST, &url).form(&all);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match self.secret.as_deref().filter(|_| self.basic) {
            Some(secret) => request.basic_auth(&self.id, Some(secret)),
            None => request,
        };
        browser.send(request).await
    }

    /// Pushes an authorization request, with changes: an empty value removes a parameter.
    pub async fn push(&self, pkce: &Pkce, changes: &[(&str, &str)]) -> Page {
        let all = self.authorize_params(pkce, changes);
        let all: Vec<_> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post("/oauth/par", &all, &[]).await
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str, pkce: &Pkce, changes: &[(&str, &str)]) -> Page {
        let mut params = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", &pkce.verifier),
            ("redirect_uri", &self.redirect_uri),
        ];
        params.extend(changes.iter().copied());
        self.token(&params).await
    }

    /// Refreshes.
    pub async fn refresh(&self, token: &str, changes: &[(&str, &str)]) -> Page {
        let mut params = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        params.extend(changes.iter().copied());
        self.token(&params).await
    }

    /// The whole way to tokens.
    pub async fn tokens(&self, browser: &Browser, changes: &[(&str, &str)]) -> Tokens {
        let pkce = Pkce::default();
        let code = self.code(browser, &pkce, changes).await;
        Tokens::read(self.redeem(&code, &pkce, &[]).await)
    }
}
