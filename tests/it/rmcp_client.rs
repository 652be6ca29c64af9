//! The stock `rmcp` client, unmodified, against the program.

use std::time::Duration;

use doorward_testkit::{Browser, DoorwardProcess, form_value, run_command};
use rmcp::{
    ServiceExt,
    model::{CallToolRequestParams, ClientConfig},
    transport::{
        AuthClient, AuthorizationManager, AuthorizationSession, StreamableHttpClientTransport,
        auth::{AuthorizationCallback, AuthorizationRequest},
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::json;

const CALLBACK: &str = "http://127.0.0.1:7906/callback";
const PASSWORD: &str = "a long password";

/// Follows an authorization URL through the pages; returns the URL of the client's callback.
async fn authorize(base: &str, browser: &Browser, url: &str) -> String {
    let mut page = browser.get(url).await;
    for _ in 0..10 {
        let location = page.location();
        if location.starts_with(CALLBACK) {
            return location;
        }
        if !location.is_empty() {
            page = browser.get(&location).await;
        } else if let Some(at) = page.body.find("action=\"/login\"") {
            let form = &page.body[at..];
            let fields = [
                ("csrf", form_value(form, "csrf").unwrap()),
                ("request", form_value(form, "request").unwrap()),
                ("name", "alice".into()),
                ("password", PASSWORD.into()),
            ];
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            page = browser.post(&format!("{base}/login"), &fields).await;
        } else {
            let form = &page.body[page.body.find("action=\"/consent\"").unwrap()..];
            let (csrf, request) =
                (form_value(form, "csrf").unwrap(), form_value(form, "request").unwrap());
            let fields = [
                ("csrf", csrf.as_str()),
                ("request", request.as_str()),
                ("decision", "allow"),
                ("scope-mcp:read", "on"),
                ("scope-mcp:write", "on"),
            ];
            page = browser.post(&format!("{base}/consent"), &fields).await;
        }
    }
    panic!("the pages lead in a circle");
}

/// Authorises with these scopes and answers a manager that holds the tokens.
async fn authorised(
    base: &str,
    browser: &Browser,
    scopes: Option<&[&str]>,
) -> AuthorizationManager {
    let mut manager = AuthorizationManager::new(format!("{base}/mcp").as_str()).await.unwrap();
    let found = manager.resolve_metadata().await.unwrap();
    assert!(found.source.is_discovered());
    manager.set_metadata(found.metadata);
    let request = AuthorizationRequest::new(CALLBACK).with_client_name("rmcp client");
    let request = match scopes {
        Some(scopes) => request.with_scopes(scopes.iter().copied()),
        None => request.with_initial_scope_selection(),
    };
    let session =
        AuthorizationSession::new(manager, request).await.map_err(|(_, error)| error).unwrap();
    let back = authorize(base, browser, session.get_authorization_url()).await;
    let callback = AuthorizationCallback::from_redirect_url(&back).unwrap();
    assert_eq!(callback.issuer.as_deref(), Some(base));
    session
        .handle_callback_with_issuer(
            &callback.code,
            &callback.csrf_token,
            callback.issuer.as_deref(),
        )
        .await
        .unwrap();
    session.auth_manager
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca2_the_rmcp_client_completes_the_flow() {
    let data = std::env::temp_dir().join(format!("doorward-rmcp-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&data);
    let server = DoorwardProcess::start(
        &data,
        "127.0.0.1:0",
        &[("DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS", "2")],
    )
    .await;
    let base = server.url.clone();
    let (folder, add) = (data.to_str().unwrap(), ["user", "add", "alice"]);
    let password = ["--password-stdin", "--keep-password"];
    run_command(&[&["--data-dir", folder][..], &add, &password].concat(), &[], PASSWORD).await;
    let browser = Browser::new();
    #[expect(clippy::disallowed_methods, reason = "a test's client is the other side of the guard")]
    let http = reqwest::Client::new();
    let connect = async |manager| {
        let config = StreamableHttpClientTransportConfig::with_uri(format!("{base}/mcp"));
        let transport = StreamableHttpClientTransport::with_client(
            AuthClient::new(http.clone(), manager),
            config,
        );
        ClientConfig::default().serve(transport).await.unwrap()
    };
    let client = connect(authorised(&base, &browser, None).await).await;
    let tools: Vec<_> = client
        .list_all_tools()
        .await
        .unwrap()
        .into_iter()
        .map(|tool| tool.name.to_string())
        .collect();
    assert_eq!(
        tools,
        ["list_connected_apps", "revoke_connected_app", "server_info", "wait", "whoami"]
    );
    let name = async |client: &rmcp::service::RunningService<rmcp::RoleClient, ClientConfig>| {
        let me = client.call_tool(CallToolRequestParams::new("whoami")).await?;
        Ok::<_, rmcp::ServiceError>(me.structured_content.unwrap()["name"].clone())
    };
    assert_eq!(name(&client).await.unwrap(), "alice");
    // The access token has expired: the client refreshes by itself.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(name(&client).await.unwrap(), "alice");
    let write = CallToolRequestParams::new("revoke_connected_app")
        .with_arguments(json!({"client_id": "c_unknown"}).as_object().unwrap().clone());
    let refused = client.call_tool(write.clone()).await.unwrap_err();
    assert!(format!("{refused:?}").contains("mcp:write"), "{refused:?}");
    let stepped_up = connect(authorised(&base, &browser, Some(&["mcp:write"])).await).await;
    assert_eq!(stepped_up.call_tool(write).await.unwrap().is_error, Some(true));
    let page = browser.get(&format!("{base}/account")).await.expect(200).body;
    let form = &page[page.find("action=\"/account/revoke\"").unwrap()..];
    let (csrf, id) = (form_value(form, "csrf").unwrap(), form_value(form, "client_id").unwrap());
    browser
        .post(&format!("{base}/account/revoke"), &[("csrf", &csrf), ("client_id", &id)])
        .await
        .expect(303);
    let page = browser.get(&format!("{base}/account")).await.expect(200).body;
    if let Some(at) = page.find("action=\"/account/revoke\"") {
        // The second authorisation registered a client of its own.
        let (csrf, id) = (
            form_value(&page[at..], "csrf").unwrap(),
            form_value(&page[at..], "client_id").unwrap(),
        );
        browser
            .post(&format!("{base}/account/revoke"), &[("csrf", &csrf), ("client_id", &id)])
            .await
            .expect(303);
    }
    assert!(
        name(&client).await.is_err() && name(&stepped_up).await.is_err(),
        "revoked access still works"
    );
    server.kill().await;
}
