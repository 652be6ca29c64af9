use doorward_keys::AccessClaims;

use super::*;

fn verified(number: usize) -> Arc<Verified> {
    let claims = AccessClaims {
        iss: "https://a.example".to_owned(),
        sub: "u_1".to_owned(),
        aud: Audience::One("https://a.example/mcp".to_owned()),
        exp: 600,
        iat: 0,
        jti: number.to_string(),
        client_id: "c_1".to_owned(),
        scope: "mcp:read".to_owned(),
        auth_time: 0,
        acr: String::new(),
        amr: Vec::new(),
        grant: "g_1".to_owned(),
        act: None,
        cnf: None,
        upstream: None,
    };
    Arc::new(Verified {
        user_id: UserId::from_text("u_1"),
        client_id: ClientId::from_text("c_1"),
        grant_id: GrantId::from_text("g_1"),
        scopes: ScopeSet::default_request(),
        token: Arc::new(VerifiedToken { kid: "k".to_owned(), claims }),
    })
}

fn digest(number: usize) -> HashedToken {
    PlainToken::presented(&format!("token {number}")).hashed()
}

#[test]
fn cs17_of_a_hundred_thousand_tokens_a_bounded_number_is_kept_and_none_that_ended() {
    let kept = VerifiedTokens::new(1000);
    for number in 0..100_000 {
        kept.0.insert(digest(number).as_str().to_owned(), verified(number));
    }
    assert!(kept.0.len() <= 1000, "{} are kept", kept.0.len());
    kept.0.insert(digest(7).as_str().to_owned(), verified(7));
    assert!(kept.0.get(digest(7).as_str()).is_some());
    assert!(kept.0.get("token 7").is_none(), "no token is a key");
    kept.forget(&digest(7));
    assert!(kept.0.get(digest(7).as_str()).is_none());
}
