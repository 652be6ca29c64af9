//! The operations that are measured.

mod bound;
mod grants;
mod page;

use std::rc::Rc;

use serde_json::{Value, json};

use crate::{
    http::{Agent, Outcome},
    keys::Key,
    prepared::{Client, NOTES, NOTES_SCOPE, Prepared},
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
    Pushed,
    BoundFlow,
    FlowAndCall,
    OpenId,
    Userinfo,
    Refresh,
    BoundRefresh,
    Service,
    SignedService,
    Workload,
    Asserted,
    Exchange,
    Device,
    Introspection,
    Check,
    Call,
    ModernCall,
    BoundCall,
    Hop,
    SignIn,
}

/// All operations, with the word by which each is chosen, and its description.
pub(crate) const ALL: &[(Work, &str, &str)] = &[
    (Work::Discovery, "discovery", "GET of the metadata of the authorization server"),
    (Work::Keys, "keys", "GET of the JWKS"),
    (Work::Registration, "registration", "dynamic registration of a public client"),
    (Work::Flow, "flow", "authorization request, consent page, decision, code for tokens"),
    (Work::Pushed, "pushed", "the same with a pushed request (PAR)"),
    (Work::BoundFlow, "dpop-flow", "the same with tokens that are bound to a key (DPoP)"),
    (Work::FlowAndCall, "flow-and-call", "the same and a call of a tool with the new token"),
    (Work::OpenId, "openid", "sign-in to an application in a session, code for an ID token"),
    (Work::Userinfo, "userinfo", "userinfo of OpenID Connect"),
    (Work::Refresh, "refresh", "refresh token for tokens, with rotation"),
    (Work::BoundRefresh, "dpop-refresh", "refresh token that is bound to a key, with its proof"),
    (Work::Service, "client-credentials", "token of a service by its secret"),
    (
        Work::SignedService,
        "client-credentials-key",
        "token of a service by an assertion that it signs (`private_key_jwt`)",
    ),
    (
        Work::Workload,
        "jwt-bearer",
        "token of a workload by a signed token, each of which counts once",
    ),
    (Work::Asserted, "id-jag", "token for a user by an assertion of an identity provider (ID-JAG)"),
    (Work::Exchange, "exchange", "exchange of a user's token for a narrower one"),
    (Work::Device, "device", "device code, the user's page and decision, poll for tokens"),
    (Work::Introspection, "introspection", "introspection of an active token"),
    (Work::Check, "forward-auth", "forward authentication of a request with a token"),
    (Work::Call, "call", "`tools/call` of `whoami`, revision 2025-11-25"),
    (Work::ModernCall, "modern-call", "`tools/call` of `whoami`, revision 2026-07-28"),
    (Work::BoundCall, "dpop-call", "`tools/call` of `whoami` with a bound token and its proof"),
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
    /// The scope that the client asks for, and the resource, if it names one.
    scope: &'static str,
    resource: Option<String>,
    /// The key to which the client has its tokens bound.
    key: Option<Key>,
    access: String,
    refresh: String,
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
        let (scope, resource, key) = ("mcp:read", Some(format!("{base}/mcp")), None);
        let mut user =
            Self { agent, base, name, prepared, client, scope, resource, key, access, refresh };
        match work {
            Work::Discovery
            | Work::Keys
            | Work::Registration
            | Work::Service
            | Work::SignedService
            | Work::Workload
            | Work::Asserted => return Ok(user),
            Work::Exchange => user.client = user.prepared.app.clone(),
            Work::OpenId | Work::Userinfo => {
                user.client = user.prepared.portal.clone();
                (user.scope, user.resource) = ("openid profile email groups", None);
            }
            Work::Check => {
                user.register("none", json!({})).await?;
                (user.scope, user.resource) = (NOTES_SCOPE, Some(NOTES.to_owned()));
            }
            Work::Device => {
                let grants = json!({"grant_types": [DEVICE, "refresh_token"]});
                user.register("none", grants).await?;
            }
            Work::Introspection => user.register("client_secret_basic", json!({})).await?,
            _ => user.register("none", json!({})).await?,
        }
        if matches!(work, Work::BoundFlow | Work::BoundRefresh | Work::BoundCall) {
            user.key = Some(Key::new()?);
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
            Work::Flow | Work::BoundFlow | Work::OpenId => self.flow().await,
            Work::Pushed => self.pushed_flow().await,
            Work::FlowAndCall => {
                self.flow().await?;
                self.call(LEGACY, "whoami").await
            }
            Work::Userinfo => self.userinfo().await,
            Work::Refresh | Work::BoundRefresh => self.refresh().await,
            Work::Service => self.service().await,
            Work::SignedService => self.signed_service().await,
            Work::Workload => self.workload().await,
            Work::Asserted => self.asserted().await,
            Work::Exchange => self.exchange().await,
            Work::Device => self.device().await,
            Work::Introspection => self.introspect().await,
            Work::Check => self.check().await,
            Work::Call | Work::BoundCall => self.call(LEGACY, "whoami").await,
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

    async fn call(&mut self, revision: &str, tool: &str) -> Outcome<()> {
        let (authorization, proof) = self.presented("POST", "/mcp")?;
        let mut headers = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("authorization", authorization.as_str()),
            ("mcp-protocol-version", revision),
        ];
        headers.extend(proof.as_deref().map(|proof| ("dpop", proof)));
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
