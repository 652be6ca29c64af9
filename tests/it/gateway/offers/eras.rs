//! Parts of the protocol that only one of the two eras can read.

use doorward_testkit::FakeUpstream;
use serde_json::{Value, json};

use super::{legacy, modern};
use crate::gateway::{gateway_user, with};

#[tokio::test]
async fn results_that_are_no_objects_reach_older_clients_as_text() {
    for (schema, value) in [
        (json!({"type": "array", "items": {"type": "number"}}), json!([1, 2])),
        (json!({"type": ["object", "null"]}), json!(null)),
        (json!({"anyOf": [{"type": "string"}, {"type": "object"}]}), json!("plain")),
        (json!({"type": "number"}), json!(1.5)),
    ] {
        let wiki = FakeUpstream::start().await;
        wiki.state().modern = true;
        wiki.state().tools = vec![json!({
            "name": "rows", "inputSchema": {"type": "object"}, "outputSchema": schema,
            "annotations": {"readOnlyHint": true},
        })];
        let text = value.to_string();
        wiki.state().result = Some(json!({
            "resultType": "complete", "structuredContent": value,
            "content": [{"type": "text", "text": text}],
        }));
        let server = with(&[("wiki", &wiki, "none")]).await;
        let alice = gateway_user(&server, "alice").await;
        let of = |listed: Value| {
            let tools = listed["result"]["tools"].as_array().unwrap().clone();
            tools.into_iter().find(|tool| tool["name"] == "wiki_rows").unwrap()
        };
        let path = "/mcp?surface=direct";
        let listed = legacy(&server, path, &alice.token, "tools/list", &json!({})).await;
        assert_eq!(of(listed.expect(200).json()).get("outputSchema"), None, "{schema}");
        let listed = modern(&server, path, &alice.token, "tools/list", &json!({})).await;
        assert_eq!(of(listed.expect(200).json())["outputSchema"], schema);
        let call = json!({"name": "wiki_rows", "arguments": {}});
        let older = legacy(&server, path, &alice.token, "tools/call", &call).await;
        let older = older.expect(200).json();
        assert_eq!(older["result"].get("structuredContent"), None, "{older}");
        assert_eq!(older["result"]["content"][0]["text"], text);
        let newer = modern(&server, path, &alice.token, "tools/call", &call).await;
        let newer = newer.expect(200).json();
        assert_eq!(newer["result"]["structuredContent"], value, "{newer}");
    }
}
