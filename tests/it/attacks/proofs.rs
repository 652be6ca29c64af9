//! Proofs of possession (DPoP, RFC 9449) that differ from a good one in one member.

use doorward_model::Clock;
use doorward_testkit::{PlatformKey, TestServer, Tokens, call_with, signed_with_secret};
use serde_json::{Value, json};

use super::Stage;

/// The header and the claims of a good proof for the token endpoint.
fn good_proof(server: &TestServer, key: &PlatformKey, jti: &str) -> (Value, Value) {
    let mut jwk = key.jwk();
    jwk.as_object_mut()
        .unwrap()
        .retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    let now = server.clock.now().0;
    let htu = server.at("/oauth/token");
    (header, json!({"jti": jti, "htm": "POST", "htu": htu, "iat": now}))
}

/// A value with these members in place of its own.
fn over(base: &Value, change: &Value) -> Value {
    let mut all = base.clone();
    for (name, value) in change.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// Members of the header of a proof in whose place they make it none.
fn wrong_headers(of_key: &Value, of_other: &Value) -> Vec<Value> {
    let with = |change: Value| over(of_key, &change);
    vec![
        json!({"typ": "JWT"}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "dpop+jwt "}),
        json!({"typ": ["dpop+jwt"]}),
        json!({"typ": null}),
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "es256"}),
        json!({"alg": "ES384"}),
        json!({"alg": "RS256"}),
        json!({"alg": ["ES256"]}),
        json!({"jwk": null, "kid": "k"}),
        json!({"jwk": null, "jku": "https://evil.example/jwks"}),
        json!({"jwk": [of_key]}),
        json!({"jwk": of_key.to_string()}),
        json!({"jwk": of_other}),
        json!({"jwk": with(json!({"d": "AA"}))}),
        json!({"jwk": with(json!({"kty": "oct", "k": "AA"}))}),
        json!({"jwk": with(json!({"crv": "P-384"}))}),
        json!({"jwk": with(json!({"y": of_key["x"]}))}),
        json!({"crit": ["exp"]}),
        json!({"b64": false}),
    ]
}

/// The same of its claims.
fn wrong_claims(server: &TestServer) -> Vec<Value> {
    let (right, now) = (server.at("/oauth/token"), server.clock.now().0);
    let port = server.url.rsplit_once(':').unwrap().1;
    let at = |url: &str| json!({"htu": url});
    vec![
        json!({"htm": "post"}),
        json!({"htm": "POST "}),
        json!({"htm": ["POST"]}),
        json!({"htm": "GET"}),
        at("/oauth/token"),
        at(&format!("//127.0.0.1:{port}/oauth/token")),
        at(&server.at("/oauth/token/")),
        at(&server.at("/oauth/Token")),
        at(&server.at("/oauth%2ftoken")),
        at(&server.at("//oauth/token")),
        at(&server.at("/oauth/tok\u{435}n")),
        at(&right.replace("://", "://user@")),
        at(&right.replace(port, "1")),
        at(&right.replace("http:", "ftp:")),
        at(&server.at("/mcp")),
        json!({"htu": [right]}),
        json!({"iat": now.to_string()}),
        json!({"iat": now - 301}),
        json!({"iat": now + 301}),
        json!({"iat": 1e300}),
        json!({"iat": null}),
        json!({"jti": 7}),
        json!({"jti": ""}),
        json!({"jti": null}),
        json!({"jti": "j".repeat(513)}),
    ]
}

#[tokio::test]
async fn a_proof_that_is_almost_right_is_none_and_uses_up_no_code() {
    let stage = Stage::new().await;
    let (server, client) = (&stage.server, &stage.client);
    let (key, other) = (PlatformKey::new("k"), PlatformKey::new("k"));
    let (header, claims) = good_proof(server, &key, "j");
    let of_other = good_proof(server, &other, "").0;
    let code = client.code(&stage.browser, &stage.pkce, &[]).await;
    let good = key.signed(&header, &claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let public = header["jwk"].to_string();
    let more = [
        signed_with_secret(&over(&header, &json!({"alg": "HS256"})), &claims, &public),
        format!("{message}."),
        message.to_owned(),
        format!("{good}.x"),
        format!("{good}="),
        format!("{message}.{signature}{signature}"),
        good.replacen('.', "..", 1),
    ];
    let headers = wrong_headers(&header["jwk"], &of_other["jwk"]);
    let proofs = headers.iter().map(|change| key.signed(&over(&header, change), &claims));
    let bodies = wrong_claims(server);
    let bodies = bodies.iter().map(|change| key.signed(&header, &over(&claims, change)));
    let redeeming = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", stage.pkce.verifier.as_str()),
    ];
    for proof in proofs.chain(bodies).chain(more) {
        let page = client.token_with(&redeeming, &[("dpop", &proof)]).await.expect(400);
        assert_eq!(page.json()["error"], "invalid_dpop_proof", "{proof}");
    }
    let tokens = Tokens::read(client.token_with(&redeeming, &[("dpop", &good)]).await);
    assert_eq!(tokens.answer["token_type"], "DPoP");
    // The good proof counted once, and for the token endpoint only.
    let params = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    client.token_with(&params, &[("dpop", &good)]).await.expect(400);
    call_with(server, ("DPoP", &tokens.access), &[&good]).await.expect(401);
    // A thief of the refresh token has neither the key nor the choice to do without.
    let (header, claims) = good_proof(server, &other, "thief");
    let thief = other.signed(&header, &claims);
    client.token_with(&params, &[("dpop", &thief)]).await.expect(400);
    client.token(&params).await.expect(400);
    let (header, claims) = good_proof(server, &key, "next");
    let next = key.signed(&header, &claims);
    client.token_with(&params, &[("dpop", &next)]).await.expect(200);
}
