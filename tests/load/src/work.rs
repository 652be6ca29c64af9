//! The operations that are measured.

use std::rc::Rc;

use aws_lc_rs::{digest, rand};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::{
    http::{Agent, Outcome, encoded, hidden, parameter},
    prepared::{Client, Prepared},
    server::{PASSWORD, Server},
};

pub(crate) const CALLBACK: &str = "http://127.0.0.1:1/callback";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Discovery,
    Keys,
    Registration,
    Flow,
    FlowAndCall,
    Refresh,
    Service,
    Workload,
    Exchange,
    Device,
    Introspection,
    Call,
    ModernCall,
    Hop,
    SignIn,
}

/// All operations, with the word by which each is chosen, and its description.
pub(crate) const ALL: &[(Work, &str, &str)] = &[
    (Work::Discovery, "discovery", "GET of the metadata of the authorization server"),
    (Work::Keys, "keys", "GET of the JWKS"),
    (Work::Registration, "registration", "dynamic registration of a public client"),
    (Work::Flow, "flow", "authorization request, consent page, decision, code for tokens"),
    (Work::FlowAndCall, "flow-and-call", "the same and a call of a tool with the new token"),
    (Work::Refresh, "refresh", "refresh token for tokens, with rotation"),
    (Work::Service, "client-credentials", "token of a service by its secret"),
    (
        Work::Workload,
        "jwt-bearer",
        "token of a workload by a signed token, each of which counts once",
    ),
    (Work::Exchange, "exchange", "exchange of a user's token for a narrower one"),
    (Work::Device, "device", "device code, the user's page and decision, tokens"),
    (Work::Introspection, "introspection", "introspection of an active token"),
    (Work::Call, "call", "`tools/call` of `whoami`, revision 2025-11-25"),
    (Work::ModernCall, "modern-call", "`tools/call` of `whoami`, revision 2026-07-28"),
    (Work::Hop, "hop", "`tools/call` of a tool of an upstream, revision 2025-11-25"),
    (Work::SignIn, "sign-in", "sign-in with a password, and a flow"),
];

/// A user with a browser, a client and its tokens.
pub(crate) struct User {
    pub(crate) agent: Agent,
    base: String,
    name: String,
    prepared: Rc<Prepared>,
    client: Client,
    access: String,
    refresh: String,
}

fn random() -> Outcome<String> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

pub(crate) fn member(body: &Value, name: &str) -> Outcome<String> {
    body[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} in {body}"))
}

impl User {
    /// A user who is ready for an operation: with a client, and signed in if it needs that.
    pub(crate) async fn ready(server: &Server, number: usize, work: Work) -> Outcome<Self> {
        let (agent, base) = (Agent::new(&server.host), format!("http://{}", server.host));
        let ([access, refresh], client) = ([const { String::new() }; 2], Client::default());
        let (name, prepared) = (format!("user{number}"), Rc::clone(&server.prepared));
        let mut user = Self { agent, base, name, prepared, client, access, refresh };
        match work {
            Work::Discovery | Work::Keys | Work::Registration | Work::Service | Work::Workload => {
                return Ok(user);
            }
            Work::Exchange => user.client = user.prepared.app.clone(),
            Work::Device => {
                let grants = json!({"grant_types": [DEVICE, "refresh_token"]});
                user.register("none", grants).await?;
            }
            Work::Introspection => user.register("client_secret_basic", json!({})).await?,
            _ => user.register("none", json!({})).await?,
        }
        if work != Work::SignIn {
            user.sign_in().await?;
        }
        if !matches!(work, Work::SignIn | Work::Device) {
            user.flow().await?;
        }
        Ok(user)
    }

    /// Does the operation once.
    pub(crate) async fn run(&mut self, work: Work) -> Outcome<()> {
        match work {
            Work::Discovery => {
                let path = "/.well-known/oauth-authorization-server";
                self.agent.get(path).await?.expect(200).map(drop)
            }
            Work::Keys => self.agent.get("/oauth/jwks").await?.expect(200).map(drop),
            Work::Registration => self.register("none", json!({})).await,
            Work::Flow => self.flow().await,
            Work::FlowAndCall => {
                self.flow().await?;
                self.call(LEGACY, "whoami").await
            }
            Work::Refresh => self.refresh().await,
            Work::Service => self.service().await,
            Work::Workload => self.workload().await,
            Work::Exchange => self.exchange().await,
            Work::Device => self.device().await,
            Work::Introspection => self.introspect().await,
            Work::Call => self.call(LEGACY, "whoami").await,
            Work::ModernCall => self.call(MODERN, "whoami").await,
            Work::Hop => self.call(LEGACY, "stub_echo").await,
            Work::SignIn => {
                self.agent.forget();
                self.sign_in().await?;
                self.flow().await
            }
        }
    }

    /// Registers a client with this way of authentication, and further metadata.
    async fn register(&mut self, method: &str, more: Value) -> Outcome<()> {
        let mut metadata = json!({
            "client_name": "Load", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": method,
        });
        if let (Value::Object(metadata), Value::Object(more)) = (&mut metadata, more) {
            metadata.extend(more);
        }
        let headers = [("content-type", "application/json")];
        let body = metadata.to_string();
        let sent = self.agent.send("POST", "/oauth/register", &headers, body.as_bytes()).await?;
        let made = sent.expect(201)?.json()?;
        let secret = made["client_secret"].as_str().unwrap_or_default().to_owned();
        self.client = Client { id: member(&made, "client_id")?, secret };
        Ok(())
    }

    async fn sign_in(&mut self) -> Outcome<()> {
        let page = self.agent.get("/login").await?.expect(200)?.text();
        let csrf = hidden(&page, "/login\" class", "csrf")?;
        let fields =
            format!("csrf={}&name={}&password={}", encoded(&csrf), self.name, encoded(PASSWORD));
        self.agent.form("/login", &[], &fields).await?.expect(303).map(drop)
    }

    async fn flow(&mut self) -> Outcome<()> {
        let verifier = random()?;
        let challenge =
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let path = format!(
            "/oauth/authorize?response_type=code&client_id={}&redirect_uri={}&code_challenge={challenge}&code_challenge_method=S256&state=s&scope=mcp%3Aread&resource={}",
            encoded(&self.client.id),
            encoded(CALLBACK),
            encoded(&format!("{}/mcp", self.base)),
        );
        let asked = self.agent.get(&path).await?.expect(303)?;
        let consent = asked.header("location").ok_or("no page was named")?;
        let consent = consent.strip_prefix(&self.base).unwrap_or(consent).to_owned();
        let page = self.agent.get(&consent).await?.expect(200)?.text();
        let field = |name| hidden(&page, "/consent\"", name);
        let mut fields = format!(
            "csrf={}&request={}&decision=allow",
            encoded(&field("csrf")?),
            encoded(&field("request")?)
        );
        for scope in page.split("name=\"scope-").skip(1) {
            let scope = scope.split('"').next().unwrap_or_default();
            fields.push_str(&format!("&scope-{}=on", encoded(scope)));
        }
        let decided = self.agent.form("/consent", &[], &fields).await?.expect(303)?;
        let back = decided.header("location").ok_or("no answer to the client")?;
        let code = parameter(back, "code").ok_or_else(|| format!("no code in {back}"))?;
        let fields = format!(
            "grant_type=authorization_code&code={code}&code_verifier={verifier}&redirect_uri={}",
            encoded(CALLBACK)
        );
        self.tokens(fields).await
    }

    async fn refresh(&mut self) -> Outcome<()> {
        let fields = format!("grant_type=refresh_token&refresh_token={}", encoded(&self.refresh));
        self.tokens(fields).await
    }

    async fn service(&mut self) -> Outcome<()> {
        let job = self.prepared.job.clone();
        self.given(&job, "grant_type=client_credentials".to_owned()).await.map(drop)
    }

    async fn workload(&mut self) -> Outcome<()> {
        let token = self.prepared.workload.token(&random()?)?;
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let fields = format!("grant_type={}&assertion={token}", encoded(grant));
        let sent = self.agent.form("/oauth/token", &[], &fields).await?.expect(200)?;
        member(&sent.json()?, "access_token").map(drop)
    }

    async fn exchange(&mut self) -> Outcome<()> {
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

    async fn device(&mut self) -> Outcome<()> {
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

    fn basic(client: &Client) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", client.id, client.secret)))
    }

    async fn tokens(&mut self, fields: String) -> Outcome<()> {
        let client = self.client.clone();
        let given = self.given(&client, fields).await?;
        self.access = member(&given, "access_token")?;
        self.refresh = member(&given, "refresh_token")?;
        Ok(())
    }

    /// The answer to a token request of a client.
    async fn given(&mut self, client: &Client, mut fields: String) -> Outcome<Value> {
        let basic = Self::basic(client);
        let mut headers = Vec::new();
        if client.secret.is_empty() {
            fields.push_str(&format!("&client_id={}", encoded(&client.id)));
        } else {
            headers.push(("authorization", basic.as_str()));
        }
        let sent = self.agent.form("/oauth/token", &headers, &fields).await?;
        let given = sent.expect(200)?.json()?;
        member(&given, "access_token")?;
        Ok(given)
    }

    async fn introspect(&mut self) -> Outcome<()> {
        let basic = Self::basic(&self.client);
        let fields = format!("token={}", encoded(&self.access));
        let headers = [("authorization", basic.as_str())];
        let told = self.agent.form("/oauth/introspect", &headers, &fields).await?.expect(200)?;
        if told.json()?["active"] == true { Ok(()) } else { Err(told.text()) }
    }

    async fn call(&mut self, revision: &str, tool: &str) -> Outcome<()> {
        let bearer = format!("Bearer {}", self.access);
        let mut headers = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", revision),
        ];
        let mut params = json!({"name": tool, "arguments": {}});
        if revision == MODERN {
            headers.extend([("mcp-method", "tools/call"), ("mcp-name", tool)]);
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": revision,
                "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
            .to_string();
        let sent = self.agent.send("POST", "/mcp", &headers, message.as_bytes()).await?;
        let text = sent.expect(200)?.text();
        let is_good = text.contains("\"result\"") && !text.contains("\"isError\":true");
        if is_good { Ok(()) } else { Err(text) }
    }
}
