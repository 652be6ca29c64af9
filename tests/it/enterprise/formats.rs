//! Assertions as identity providers issue them.

use doorward_federation::ProviderConfig;
use doorward_model::Clock;
use serde_json::{Value, json};

use super::{Stage, header, present};
use crate::workload::{access_token, over};

const TENANT: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";

/// A provider's settings, and its differences from plain claims.
type Format = (fn(&mut ProviderConfig), fn(&str) -> Value);

#[tokio::test]
async fn okta_entra_keycloak_and_auth0_assert_a_user_in_their_own_forms() {
    let okta: Format = (
        |corp| "okta".clone_into(&mut corp.kind),
        |url| json!({"iss": url, "sub": "00u1abc", "auth_time": null, "amr": null, "name": null}),
    );
    let entra: Format = (
        |corp| {
            "entra".clone_into(&mut corp.kind);
            corp.tenants = vec![TENANT.to_owned()];
        },
        |url| {
            json!({
                "iss": format!("{url}/{TENANT}/v2.0"), "tid": TENANT, "oid": "9f3c", "sub": "pair",
                "ver": "2.0", "scope": null, "scp": "mcp:read", "email_verified": null,
            })
        },
    );
    let keycloak: Format = (
        |corp| {
            "keycloak".clone_into(&mut corp.kind);
            corp.issuer = format!("{}/realms/corp", corp.issuer);
        },
        |url| json!({"iss": format!("{url}/realms/corp"), "sub": "f:1:ada", "typ": "ID-JAG", "azp": "agent"}),
    );
    let auth0: Format = (
        |corp| corp.issuer = format!("{}/", corp.issuer),
        |url| json!({"iss": format!("{url}/"), "sub": "auth0|64", "resource": null}),
    );
    for (name, (settings, claims)) in
        [("okta", okta), ("entra", entra), ("keycloak", keycloak), ("auth0", auth0)]
    {
        let stage = Stage::with(settings).await;
        let mut all = over(&stage.claims("1"), &claims(&stage.provider.url));
        // Auth0 lists resources.
        if name == "auth0" {
            all["resource"] = json!([stage.server.at("/mcp")]);
            all["aud"] = json!([format!("{}/", stage.server.url)]);
        }
        let typ =
            if name == "keycloak" { "application/oauth-id-jag+JWT" } else { "oauth-id-jag+jwt" };
        let token = stage.key.signed(&header(typ), &all);
        let page = present(&stage.server, &stage.client, &token, &[]).await;
        assert_eq!(page.status, 200, "{name}: {}", page.body);
        assert!(stage.server.calls(&access_token(page)).await, "{name}");
        assert_eq!(stage.server.app.store.users().await.unwrap().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_linked_user_keeps_the_roles_of_the_last_sign_in_where_the_assertion_tells_no_groups() {
    let stage = Stage::with(|corp| {
        corp.roles = vec!["groups = staff -> staff".to_owned()];
        corp.allowed_groups = vec!["staff".to_owned()];
    })
    .await;
    let roles = async || {
        let store = &stage.server.app.store;
        let all = store.users().await.unwrap();
        all[0].provider_roles.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    // Of a stranger too little is known without groups.
    stage.present(&stage.claims("1")).await.expect(400);
    let told = |jti: &str, groups: Value| over(&stage.claims(jti), &json!({"groups": groups}));
    stage.present(&told("2", json!(["staff"]))).await.expect(200);
    assert_eq!(roles().await, ["staff"]);
    stage.present(&stage.claims("3")).await.expect(200);
    assert_eq!(roles().await, ["staff"]);
    // Groups that are told count.
    stage.present(&told("4", json!(["guests"]))).await.expect(400);
    stage.present(&told("5", json!([]))).await.expect(400);
    // After the provider refused the user, only a complete assertion brings them back.
    let store = &stage.server.app.store;
    let ada = store.users().await.unwrap().remove(0);
    let known = store.identities_of(&ada.id).await.unwrap().remove(0);
    let now = stage.server.clock.now();
    let ended = doorward_model::LinkedIdentity { ended_at: Some(now), ..known };
    store.apply(doorward_model::Change::UpdateIdentity(Box::new(ended))).await.unwrap();
    stage.present(&stage.claims("6")).await.expect(400);
    stage.present(&told("7", json!(["staff"]))).await.expect(200);
}
