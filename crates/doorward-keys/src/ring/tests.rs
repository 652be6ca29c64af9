use doorward_model::SigningAlgorithm;

use super::*;
use crate::{Audience, generate, signing::encoding_key};

const NOW: Timestamp = Timestamp(1_800_000_000);

fn claims() -> AccessClaims {
    AccessClaims {
        iss: "https://i".into(),
        sub: "u".into(),
        aud: Audience::One("https://i/mcp".into()),
        exp: NOW.0 + 600,
        iat: NOW.0,
        jti: "j".into(),
        client_id: "c".into(),
        scope: "mcp:read".into(),
        auth_time: NOW.0,
        acr: String::new(),
        amr: Vec::new(),
        grant: "g".into(),
        act: None,
        cnf: None,
        upstream: None,
    }
}

fn ring(algorithm: SigningAlgorithm) -> (KeyRing, SigningKey) {
    let master = Arc::new(MasterKey::from_bytes(&[1; 32]).unwrap());
    let key = generate(algorithm, &master, NOW, NOW).unwrap();
    let ring = KeyRing::new(master);
    ring.follow(&Arc::new(vec![key.clone()])).unwrap();
    (ring, key)
}

fn resign(header: &serde_json::Value, payload: &str, key: &SigningKey) -> String {
    // Signs any header and payload with the real key, to prove that a valid signature alone is
    // not enough.
    let master = MasterKey::from_bytes(&[1; 32]).unwrap();
    let pkcs8 = master.open(&place(&key.kid), &key.private).unwrap();
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = jsonwebtoken::crypto::sign(
        message.as_bytes(),
        &encoding_key(key.algorithm, &pkcs8).unwrap(),
        jose(key.algorithm),
    )
    .unwrap();
    format!("{message}.{signature}")
}

#[test]
fn ax10_every_algorithm_signs_what_it_verifies() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa] {
        let (ring, _) = ring(algorithm);
        let token = ring.sign(&claims(), NOW).unwrap();
        assert_eq!(ring.verify(&token, "https://i", NOW).unwrap().claims.sub, "u");
        let header: serde_json::Value = serde_json::from_slice(
            &URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap(),
        )
        .unwrap();
        assert_eq!(header["typ"], "at+jwt");
        let jwks = ring.jwks(NOW);
        assert_eq!(jwks["keys"][0]["kid"], header["kid"]);
        assert!(jwks["keys"][0].get("d").is_none());
    }
}

#[test]
fn a_token_that_is_known_is_refused_like_any_other_when_its_key_or_its_time_is_over() {
    let master = Arc::new(MasterKey::from_bytes(&[1; 32]).unwrap());
    let mut key = generate(SigningAlgorithm::Es256, &master, NOW, NOW).unwrap();
    key.retires_at = Some(NOW.plus(300));
    let signer = KeyRing::new(Arc::clone(&master));
    signer.follow(&Arc::new(vec![key.clone()])).unwrap();
    let token = signer.sign(&claims(), NOW).unwrap();
    let verifier = KeyRing::new(master);
    verifier.follow(&Arc::new(vec![key])).unwrap();
    assert!(verifier.verify(&token, "https://i", NOW).is_ok());
    // One has it in memory because it signed it, the other because it verified it.
    for ring in [&signer, &verifier] {
        assert_eq!(ring.known.len(), 1);
        assert_eq!(ring.verify(&token, "https://i", NOW).unwrap().claims.sub, "u");
        assert_eq!(ring.verify(&token, "https://j", NOW).err(), Some(TokenRefusal::Issuer));
        assert_eq!(
            ring.verify(&token, "https://i", NOW.plus(300)).err(),
            Some(TokenRefusal::UnknownKey)
        );
        let forged = format!("{}A", &token[..token.len() - 1]);
        assert!(ring.verify(&forged, "https://i", NOW).is_err() || token.ends_with('A'));
        assert_eq!(ring.known.len(), 1);
        ring.follow(&Arc::default()).unwrap();
        assert_eq!(ring.verify(&token, "https://i", NOW).err(), Some(TokenRefusal::UnknownKey));
    }
}

#[test]
fn jwt_12_13_14_cw4_a_valid_signature_is_not_enough() {
    let (ring, key) = ring(SigningAlgorithm::Es256);
    let good = serde_json::json!({"typ": "at+jwt", "alg": "ES256", "kid": key.kid});
    let payload = serde_json::to_string(&claims()).unwrap();
    assert!(ring.verify(&resign(&good, &payload, &key), "https://i", NOW).is_ok());
    for (name, value) in [
        ("crit", serde_json::json!(["b64"])),
        ("b64", false.into()),
        ("zip", "DEF".into()),
        ("jku", "https://e".into()),
        ("jwk", serde_json::json!({})),
        ("x5u", "https://e".into()),
    ] {
        let mut header = good.clone();
        header[name] = value;
        assert_eq!(
            ring.verify(&resign(&header, &payload, &key), "https://i", NOW).err(),
            Some(TokenRefusal::Malformed),
            "{name}"
        );
    }
    for (name, value) in
        [("typ", "JWT"), ("alg", "none"), ("alg", "HS256"), ("alg", "RS256"), ("kid", "other")]
    {
        let mut header = good.clone();
        header[name] = value.into();
        assert!(
            ring.verify(&resign(&header, &payload, &key), "https://i", NOW).is_err(),
            "{name}={value}"
        );
    }
    for (name, value) in [
        ("exp", serde_json::json!("1900000000")),
        ("exp", serde_json::json!(1_900_000_000.5)),
        ("exp", serde_json::Value::Null),
        ("iat", serde_json::json!("x")),
        ("aud", serde_json::json!(7)),
        ("sub", serde_json::json!([])),
    ] {
        let mut payload = serde_json::to_value(claims()).unwrap();
        payload[name] = value;
        assert_eq!(
            ring.verify(&resign(&good, &payload.to_string(), &key), "https://i", NOW).err(),
            Some(TokenRefusal::Invalid),
            "{name}"
        );
    }
    for name in ["exp", "iat", "aud", "iss", "sub", "grant", "client_id", "scope"] {
        let mut payload = serde_json::to_value(claims()).unwrap();
        payload.as_object_mut().unwrap().remove(name);
        assert!(
            ring.verify(&resign(&good, &payload.to_string(), &key), "https://i", NOW).is_err(),
            "without {name}"
        );
    }
    let twice = payload.replacen('{', "{\"sub\":\"admin\",", 1);
    assert_eq!(
        ring.verify(&resign(&good, &twice, &key), "https://i", NOW).err(),
        Some(TokenRefusal::Invalid),
        "duplicate claim"
    );
    let token = ring.sign(&claims(), NOW).unwrap();
    assert_eq!(ring.verify(&token, "https://j", NOW).err(), Some(TokenRefusal::Issuer));
    assert_eq!(ring.verify(&token, "https://i", NOW.plus(600)).err(), Some(TokenRefusal::Time));
    assert_eq!(ring.verify(&token, "https://i", NOW.plus(-61)).err(), Some(TokenRefusal::Time));
    let (head, signature) = token.rsplit_once('.').unwrap();
    assert!(ring.verify(head, "https://i", NOW).is_err());
    assert!(ring.verify(&format!("{head}."), "https://i", NOW).is_err());
    assert!(
        ring.verify(&format!("{head}.{}A", &signature[..signature.len() - 1]), "https://i", NOW)
            .is_err()
            || signature.ends_with('A')
    );
}

#[test]
fn p5_a_rotated_key_verifies_until_it_retires_and_a_new_one_is_published_before_it_signs() {
    let master = Arc::new(MasterKey::from_bytes(&[1; 32]).unwrap());
    let mut old = generate(SigningAlgorithm::Es256, &master, NOW, NOW).unwrap();
    let new = generate(SigningAlgorithm::EdDsa, &master, NOW.plus(100), NOW.plus(200)).unwrap();
    old.retires_at = Some(NOW.plus(1000));
    let ring = KeyRing::new(master);
    ring.follow(&Arc::new(vec![old.clone(), new.clone()])).unwrap();
    let kid = |token: &str| -> String {
        let header: serde_json::Value = serde_json::from_slice(
            &URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap(),
        )
        .unwrap();
        header["kid"].as_str().unwrap().to_owned()
    };
    let before = ring.sign(&claims(), NOW.plus(150)).unwrap();
    assert_eq!(kid(&before), old.kid);
    assert_eq!(ring.jwks(NOW.plus(150))["keys"].as_array().unwrap().len(), 2);
    assert_eq!(kid(&ring.sign(&claims(), NOW.plus(200)).unwrap()), new.kid);
    assert!(ring.verify(&before, "https://i", NOW.plus(300)).is_ok());
    assert_eq!(ring.jwks(NOW.plus(1000))["keys"].as_array().unwrap().len(), 1);
}
