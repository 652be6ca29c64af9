//! Requests to the endpoints for clients and resource servers.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{DEVICE, User, member};
use crate::{
    http::{Outcome, encoded, hidden},
    prepared::{Client, NOTES_HOST},
};

const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn basic(client: &Client) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", client.id, client.secret)))
}

impl User {
    pub(super) async fn refresh(&mut self) -> Outcome<()> {
        let fields = format!("grant_type=refresh_token&refresh_token={}", encoded(&self.refresh));
        self.tokens(fields).await
    }

    pub(super) async fn service(&mut self) -> Outcome<()> {
        let job = self.prepared.job.clone();
        self.given(&job, "grant_type=client_credentials".to_owned()).await.map(drop)
    }

    pub(super) async fn signed_service(&mut self) -> Outcome<()> {
        let assertion = self.prepared.client_assertion(&self.base)?;
        let kind = encoded(CLIENT_ASSERTION);
        let fields = format!(
            "grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}"
        );
        self.given_to(&[], &fields).await.map(drop)
    }

    pub(super) async fn workload(&mut self) -> Outcome<()> {
        let token = self.prepared.workload_token()?;
        let fields = format!("grant_type={}&assertion={token}", encoded(BEARER));
        self.given_to(&[], &fields).await.map(drop)
    }

    pub(super) async fn asserted(&mut self) -> Outcome<()> {
        let token = self.prepared.assertion(&format!("corp-{}", self.name), &self.base)?;
        let app = self.prepared.app.clone();
        let fields = format!("grant_type={}&assertion={token}", encoded(BEARER));
        self.given(&app, fields).await.map(drop)
    }

    pub(super) async fn exchange(&mut self) -> Outcome<()> {
        let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
        let kind = "urn:ietf:params:oauth:token-type:access_token";
        let fields = format!(
            "grant_type={}&subject_token={}&subject_token_type={}",
            encoded(grant),
            encoded(&self.access),
            encoded(kind)
        );
        let app = self.client.clone();
        self.given(&app, fields).await.map(drop)
    }

    pub(super) async fn device(&mut self) -> Outcome<()> {
        let begin = format!("client_id={}&scope=mcp%3Aread", encoded(&self.client.id));
        let started = self.agent.form("/oauth/device", &[], &begin).await?.expect(200)?.json()?;
        let page = self.agent.get("/device").await?.expect(200)?.text();
        let fields = format!(
            "csrf={}&user_code={}&do=allow&scope-mcp%3Aread=on",
            encoded(&hidden(&page, "/device\"", "csrf")?),
            encoded(&member(&started, "user_code")?)
        );
        self.agent.form("/device", &[], &fields).await?.expect(200)?;
        let code = encoded(&member(&started, "device_code")?);
        self.tokens(format!("grant_type={}&device_code={code}", encoded(DEVICE))).await
    }

    pub(super) async fn tokens(&mut self, fields: String) -> Outcome<()> {
        let client = self.client.clone();
        let given = self.given(&client, fields).await?;
        self.access = member(&given, "access_token")?;
        // An application that asked for no offline access gets none.
        given["refresh_token"].as_str().unwrap_or_default().clone_into(&mut self.refresh);
        Ok(())
    }

    /// The answer to a token request of a client.
    async fn given(&mut self, client: &Client, mut fields: String) -> Outcome<Value> {
        if client.secret.is_empty() {
            fields.push_str(&format!("&client_id={}", encoded(&client.id)));
            return self.given_to(&[], &fields).await;
        }
        self.given_to(&[("authorization", basic(client).as_str())], &fields).await
    }

    /// The answer to a token request with these headers, and the proof of a key if there is one.
    async fn given_to(&mut self, headers: &[(&str, &str)], fields: &str) -> Outcome<Value> {
        let proof = self.proof("/oauth/token")?;
        let mut headers = headers.to_vec();
        headers.extend(proof.as_deref().map(|proof| ("dpop", proof)));
        let sent = self.agent.form("/oauth/token", &headers, fields).await?;
        let given = sent.expect(200)?.json()?;
        member(&given, "access_token")?;
        Ok(given)
    }

    pub(super) async fn introspect(&mut self) -> Outcome<()> {
        let basic = basic(&self.client);
        let fields = format!("token={}", encoded(&self.access));
        let headers = [("authorization", basic.as_str())];
        let told = self.agent.form("/oauth/introspect", &headers, &fields).await?.expect(200)?;
        if told.json()?["active"] == true { Ok(()) } else { Err(told.text()) }
    }

    pub(super) async fn userinfo(&mut self) -> Outcome<()> {
        let (authorization, _) = self.presented("GET", "/oauth/userinfo")?;
        let headers = [("authorization", authorization.as_str())];
        let told = self.agent.send("GET", "/oauth/userinfo", &headers, b"").await?.expect(200)?;
        member(&told.json()?, "sub").map(drop)
    }

    /// Asks as a reverse proxy does for each request to the program behind it.
    pub(super) async fn check(&mut self) -> Outcome<()> {
        let (authorization, _) = self.presented("GET", "/auth/check")?;
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", NOTES_HOST),
            ("x-forwarded-method", "POST"),
            ("x-forwarded-uri", "/mcp"),
        ];
        let told = self.agent.send("GET", "/auth/check", &headers, b"").await?.expect(200)?;
        if told.header("x-doorward-identity").is_some_and(|identity| !identity.is_empty()) {
            Ok(())
        } else {
            Err("the answer has no signed statement about the user".to_owned())
        }
    }
}
