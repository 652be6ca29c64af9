//! Members that a sign-in does not use, with values of every type: in token responses, in ID tokens
//! and userinfo, and in discovery documents. None decides anything.

use doorward_federation::CheckSubject;
use doorward_testkit::{Browser, FakeProvider, TestServer};
use serde_json::{Map, Value, json};

use super::{arrive, habits::plain, name_of, server_with, signed_in};

/// Values of every type.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(3599.5),
        json!(""),
        json!("x"),
        json!("2026-01-02T03:04:05.678Z"),
        json!([]),
        json!([7, null, {}]),
        json!(["x"]),
        json!({}),
        json!({"a": [1]}),
    ]
}

/// Three of them, others for each place in a list.
fn some(at: usize) -> Vec<Value> {
    let all = values();
    (0..3).map(|turn| all[(at + 5 * turn) % all.len()].clone()).collect()
}

/// The fault of a sign-in, if it has one.
async fn fault(server: &TestServer, provider: &FakeProvider, about: &str) -> Option<String> {
    // The number of sign-ins from one network within a minute is bounded.
    server.clock.advance(10);
    let browser = Browser::new();
    let page = arrive(server, provider, &browser).await;
    let arrived = page.status == 303 && page.location() == server.at("/account");
    let name = name_of(server, &browser).await;
    (!arrived || name.is_none())
        .then(|| format!("{about}: {} as {name:?}: {}", page.status, page.body))
}

#[tokio::test]
async fn a_member_of_a_token_response_that_is_not_used_may_be_of_any_type() {
    let mut wrong = Vec::new();
    for (kind, settings) in
        [("oidc", FakeProvider::config as fn(&FakeProvider) -> _), ("oauth2", plain)]
    {
        let provider = FakeProvider::start().await;
        let config = settings(&provider);
        let server = server_with(&provider, |corp, _| *corp = config).await;
        provider.userinfo(&json!({"preferred_username": "ada"}));
        signed_in(&server, &provider).await;
        for (at, name) in [
            "expires_in",
            "ext_expires_in",
            "expires_on",
            "refresh_expires_in",
            "refresh_token",
            "scope",
            "not-before-policy",
            "session_state",
            "issued_token_type",
            "user",
            "team",
            "authorization_details",
            "error_description",
            "error_uri",
            "https://a.example/x",
            "",
        ]
        .into_iter()
        .enumerate()
        {
            for value in some(at) {
                provider.token_members(json!({ name: value }));
                wrong.extend(fault(&server, &provider, &format!("{kind} {name}={value}")).await);
            }
        }
        // Some name no type, or one of their own form; and an error that is none.
        for (name, value) in [
            ("token_type", json!(null)),
            ("token_type", json!("")),
            ("token_type", json!(" bearer ")),
            ("token_type", json!(7)),
            ("token_type", json!(["Bearer"])),
            ("token_type", json!({})),
            ("error", json!(null)),
            ("error", json!("")),
            ("error", json!(false)),
            ("error", json!(0)),
            ("error", json!([])),
            ("error", json!({})),
            ("errors", json!([])),
            ("ok", json!(true)),
            ("status", json!("ok")),
            ("success", json!("true")),
            ("message", json!("ok")),
            ("code", json!(0)),
            ("error_code", json!(null)),
            ("access_token_type", json!(7)),
            ("errmsg", json!("ok")),
        ] {
            provider.token_members(json!({ name: value }));
            wrong.extend(fault(&server, &provider, &format!("{kind} {name}={value}")).await);
        }
        // All at once.
        let all =
            ["expires_in", "scope", "refresh_token", "ext_expires_in", "user", "session_state"];
        for value in values() {
            let members: Map<String, Value> =
                all.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
            provider.token_members(members.into());
            wrong.extend(fault(&server, &provider, &format!("{kind} all {value}")).await);
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Claims that a sign-in does not use, or that it can do without.
const CLAIMS: &[&str] = &[
    "acr",
    "amr",
    "auth_time",
    "c_hash",
    "s_hash",
    "sid",
    "jti",
    "tid",
    "oid",
    "ver",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
    "groups",
    "roles",
    "realm_access",
    "cnf",
    "act",
    "entitlements",
    "name#de",
    "https://a.example/roles",
    "at_use_nbr",
];

#[tokio::test]
async fn a_claim_that_is_not_used_may_be_of_any_type_in_id_tokens_and_in_userinfo() {
    let provider = FakeProvider::start().await;
    let mut wrong = Vec::new();
    let claims: Vec<(usize, &&str)> = CLAIMS.iter().enumerate().collect();
    // The number of sign-ins from one network within a minute is bounded: each server takes some.
    for some_claims in claims.chunks(10) {
        let server = server_with(&provider, |_, _| {}).await;
        signed_in(&server, &provider).await;
        for (at, name) in some_claims {
            for value in some(*at).into_iter().filter(|value| !value.is_null()) {
                let odd = json!({ **name: value });
                provider.claims(&odd);
                wrong.extend(fault(&server, &provider, &format!("ID token {odd}")).await);
                provider.forget_claim(name);
            }
        }
    }
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    // In userinfo, all at once: with one value each, and with values that differ.
    for (turn, value) in values().into_iter().enumerate() {
        for mixed in [false, true] {
            let all: Map<String, Value> = CLAIMS
                .iter()
                .enumerate()
                .map(|(at, name)| {
                    let other = values()[(at + turn) % values().len()].clone();
                    ((*name).to_owned(), if mixed { other } else { value.clone() })
                })
                .collect();
            provider.userinfo(&all.clone().into());
            wrong.extend(fault(&server, &provider, &format!("userinfo {value} {mixed}")).await);
            let none: Map<String, Value> =
                all.into_iter().map(|(name, _)| (name, Value::Null)).collect();
            provider.userinfo(&none.into());
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_member_of_a_discovery_document_that_is_not_used_may_be_of_any_type() {
    let members = [
        "registration_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "end_session_endpoint",
        "check_session_iframe",
        "device_authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "mtls_endpoint_aliases",
        "scopes_supported",
        "claims_supported",
        "claim_types_supported",
        "response_types_supported",
        "response_modes_supported",
        "grant_types_supported",
        "acr_values_supported",
        "subject_types_supported",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "code_challenge_methods_supported",
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "require_request_uri_registration",
        "require_pushed_authorization_requests",
        "authorization_response_iss_parameter_supported",
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "frontchannel_logout_supported",
        "tls_client_certificate_bound_access_tokens",
        "dpop_signing_alg_values_supported",
        "service_documentation",
        "op_policy_uri",
        "signed_metadata",
        "ui_locales_supported",
        "kerberos_endpoint",
        "x",
    ];
    // Demands of the provider that are meant, and would have to be met.
    let meant = |name: &str, value: &Value| match name {
        "require_pushed_authorization_requests"
        | "authorization_response_iss_parameter_supported" => value == &json!(true),
        "code_challenge_methods_supported" | "token_endpoint_auth_methods_supported" => {
            value == &json!(["x"]) || value.is_string()
        }
        _ => false,
    };
    let mut wrong = Vec::new();
    for value in values() {
        let provider = FakeProvider::start().await;
        let all: Map<String, Value> = members
            .iter()
            .filter(|name| !meant(name, &value))
            .map(|name| ((*name).to_owned(), value.clone()))
            .collect();
        provider.discovery(&all.into());
        // Algorithms that name none which is known here are a demand; what is no list is none.
        if !matches!(&value, Value::String(_)) && value != json!(["x"]) {
            provider.discovery(&json!({"id_token_signing_alg_values_supported": value}));
        }
        let server = server_with(&provider, |_, _| {}).await;
        wrong.extend(fault(&server, &provider, &value.to_string()).await);
        let corp = server.app.federation.named("corp").await.unwrap();
        let found = server.app.federation.test(&corp).await;
        for finding in &found {
            let of_document =
                matches!(finding.subject, CheckSubject::Discovery | CheckSubject::Keys);
            if let (true, Err(why)) = (of_document, &finding.result) {
                wrong.push(format!("{value}: {:?}: {why}", finding.subject));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
