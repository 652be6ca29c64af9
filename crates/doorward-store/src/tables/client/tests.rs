//! Rows of clients: of this release, of the previous one and of the next, and damaged ones.

use super::*;

fn row(grant_types: Option<&str>, refresh_tokens: bool) -> Model {
    Model {
        id: "c_1".to_owned(),
        source: "registration".to_owned(),
        name: "Client".to_owned(),
        redirect_uris: "[]".to_owned(),
        auth_method: "none".to_owned(),
        secret: None,
        refresh_tokens,
        grant_types: grant_types.map(str::to_owned),
        scopes: "mcp:read".to_owned(),
        service: None,
        trust: None,
        trust_issuer: None,
        openid: None,
        client_uri: None,
        jwks: None,
        jwks_uri: None,
        metadata: String::new(),
        created_at: 0,
        authorized_at: None,
        disabled_at: None,
        fresh_until: None,
        approved_at: None,
        pinned_at: None,
        exchange: None,
        rules: None,
        registration_token: None,
    }
}

#[test]
fn grant_types_are_read_from_rows_of_this_release_of_the_previous_and_of_the_next() {
    let names = |grant_types, refresh_tokens| {
        from_row(row(grant_types, refresh_tokens))
            .map(|client| client.grant_types.names().collect::<Vec<_>>())
            .ok()
    };
    let (code, both) = (vec!["authorization_code"], vec!["authorization_code", "refresh_token"]);
    assert_eq!(names(Some(r#"["authorization_code"]"#), true).as_ref(), Some(&code));
    let list = r#"["authorization_code","refresh_token"]"#;
    assert_eq!(names(Some(list), true).as_ref(), Some(&both));
    assert_eq!(names(None, true).as_ref(), Some(&both));
    assert_eq!(names(None, false).as_ref(), Some(&code));
    let newer = r#"["authorization_code","urn:of:a:later:release"]"#;
    assert_eq!(names(Some(newer), false).as_ref(), Some(&code));
    assert_eq!(names(Some("not a list"), true), None, "damage is reported");
}

#[test]
fn a_trust_rule_that_cannot_be_read_is_damage_and_no_client_without_a_rule() {
    for text in ["", "{}", "null", "not json"] {
        let trust = Model { trust: Some(text.to_owned()), ..row(None, true) };
        assert!(from_row(trust).is_err(), "{text}");
    }
}

#[test]
fn settings_as_a_relying_party_that_cannot_be_read_are_damage() {
    for text in ["", "null", "not json"] {
        let row = Model { openid: Some(text.to_owned()), ..row(None, true) };
        assert!(from_row(row).is_err(), "{text}");
    }
}

#[test]
fn a_stored_client_tells_servers_of_the_previous_release_of_its_refresh_tokens() {
    for (grant_types, refresh_tokens) in
        [(r#"["authorization_code"]"#, false), (r#"["authorization_code","refresh_token"]"#, true)]
    {
        let stored = to_row(&from_row(row(Some(grant_types), !refresh_tokens)).unwrap());
        assert_eq!(stored.refresh_tokens, Set(refresh_tokens));
        assert_eq!(stored.grant_types, Set(Some(grant_types.to_owned())));
    }
}
