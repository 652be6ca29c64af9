//! Examples of request bodies in the OpenAPI document, by the identifier of the operation.

use serde_json::{Value, json};

/// The example of an operation's body; `None` if there is none with this identifier.
pub(super) fn body(operation: &str) -> Option<Value> {
    Some(match operation {
        "addUser" => json!({"name": "ada", "email": "ada@example.com", "roles": ["staff"]}),
        "changeUser" => json!({"display_name": "Ada Lovelace", "roles": ["staff", "reviewer"]}),
        "setPassword" => json!({"password": "correct horse battery staple"}),
        "signUserOut" => json!({"apps": true}),
        "importUsers" => json!({"csv": "name,email,roles\nada,ada@example.com,staff\n"}),
        "addGroup" => {
            json!({"name": "engineers", "description": "Writes the software", "roles": ["staff"]})
        }
        "changeGroup" => json!({"roles": ["staff", "reviewer"]}),
        "changeGroupMembers" => json!({"add": ["ada", "grace"], "remove": ["joan"]}),
        "addClient" => json!({
            "name": "Nightly export", "service": "exporter", "scopes": ["mcp:read"],
            "token_endpoint_auth_method": "client_secret_basic",
        }),
        "changeClient" => json!({"redirect_uris": ["https://app.example.com/callback"]}),
        "decideClient" | "decideTool" => json!({"decision": "approve"}),
        "cleanClients" => json!({"unused_days": 90}),
        "permitExchange" => json!({"scopes": ["mcp:read"]}),
        "addTrustRule" => json!({
            "name": "ci", "service": "exporter", "scopes": ["mcp:read"],
            "issuer": "https://token.actions.githubusercontent.com",
            "subject": "repo:example/export:ref:refs/heads/main",
        }),
        "changeTrustRule" => json!({"scopes": ["mcp:read", "mcp:write"]}),
        "addProvider" => json!({
            "name": "company", "kind": "oidc", "issuer": "https://id.example.com",
            "client_id": "doorward", "client_secret": "…",
        }),
        "changeProvider" => json!({"name": "Company sign-in"}),
        "addUpstream" => {
            json!({"name": "wiki", "kind": "http", "url": "https://wiki.example.com/mcp"})
        }
        "changeUpstream" => json!({"title": "Company wiki", "roles": ["staff"]}),
        "acceptAuthorizationServer" => json!({"issuer": "https://auth.example.com"}),
        "decideTools" => json!({"decisions": [{
            "upstream": "wiki", "tool": "search_pages", "etag": "…", "decision": "approve",
        }]}),
        "addResource" => json!({
            "url": "https://notes.example.com/mcp", "name": "Notes",
            "scopes": ["notes:read", "notes:write"],
        }),
        "changeResource" => json!({"roles": ["staff"]}),
        "addToolset" => json!({
            "name": "support", "title": "Support desk",
            "description": "Reads the wiki and works on tickets.",
            "selection": ["upstream=wiki class=read", "upstream=tickets"], "roles": ["support"],
        }),
        "changeToolset" => json!({"title": "First-level support"}),
        "savePolicy" => {
            json!({"default": "allow", "rules": ["deny role=guest class=write,destructive"]})
        }
        "tryPolicy" => {
            json!({"default": "allow", "rules": ["confirm class=destructive"], "days": 30})
        }
        "testPolicy" => json!({"cases": [{
            "name": "guests only read", "roles": ["guest"], "upstream": "wiki",
            "tool": "delete_page", "class": "destructive", "expect": "deny",
        }]}),
        "saveRules" => json!({"settings": {"tool_roles": ["wiki_delete_* = editor"]}}),
        "tryRules" => json!({"settings": {"tool_roles": ["wiki_delete_* = editor"]}, "days": 30}),
        "addServiceToken" => {
            json!({"service": "exporter", "name": "Nightly", "scopes": ["mcp:read"], "days": 90})
        }
        "changeSettings" => json!({"notice": "Maintenance on Saturday from 8:00 to 9:00 UTC."}),
        "sendTestMail" => json!({"email": "ada@example.com"}),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_has_an_example_that_is_read() {
        let mut examined = 0;
        for operation in crate::api::operations() {
            let (Some(_), id) = (operation.body, operation.id) else {
                assert!(body(operation.id).is_none(), "{} has no body", operation.id);
                continue;
            };
            let example = body(id).unwrap_or_else(|| panic!("{id} has no example"));
            let read = operation.fits.expect("a body is read by its type")(&example);
            assert_eq!(read, Ok(()), "{id}");
            examined += 1;
        }
        assert!(examined > 30, "only {examined}");
    }
}
