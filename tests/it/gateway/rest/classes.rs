//! Classes of operations by the settings of their upstream.

use doorward_gateway::{Decision, UpstreamConfig};
use doorward_model::{ToolClass, UpstreamName};
use doorward_testkit::FakeApi;
use serde_json::{Value, json};

use super::{
    super::{gateway_user, tools, with_config},
    document,
};

#[tokio::test]
async fn the_class_of_a_setting_counts_and_is_the_one_that_administrators_see() {
    let api = FakeApi::start().await;
    let operation = |id: &str| -> Value {
        json!({"operationId": id, "responses": {"200": {"description": ""}}})
    };
    api.describe(&document(
        json!({"/a": {"delete": operation("build")}, "/b": {"get": operation("list")}}),
        json!({}),
    ));
    let classes = vec!["bui* = read".to_owned(), "list = destructive".to_owned()];
    let server = with_config(&[], |all| {
        all.policy.rules = vec!["deny class=destructive".to_owned()];
        let settings = UpstreamConfig { classes, ..api.config() };
        all.upstreams.insert("api".to_owned(), settings);
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let offered = async |tool: &str| tools(&server, &alice.token).await.contains(&tool.to_owned());
    assert!(offered("api_build").await && !offered("api_list").await);
    let name = UpstreamName::parse("api").unwrap();
    let seen = async |tool: &str| {
        let reviewed = server.app.gateway.review(name).await.unwrap();
        let found = reviewed.into_iter().find(|one| one.pin.tool == tool).unwrap();
        (found.class().as_str(), found.pin)
    };
    assert_eq!(seen("build").await.0, "read");
    let (class, pin) = seen("list").await;
    assert_eq!(class, "destructive");
    // The decision of an administrator comes before the setting.
    let decision = Decision::Classify(Some(ToolClass::Write));
    server.app.gateway.decide(&pin, decision, "root").await.unwrap();
    assert_eq!(seen("list").await.0, "write");
    assert!(offered("api_list").await);
}
