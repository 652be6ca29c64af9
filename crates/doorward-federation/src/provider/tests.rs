//! Tests of the settings of providers.

mod refusals;

use super::*;

fn config(kind: &str) -> ProviderConfig {
    ProviderConfig {
        kind: kind.to_owned(),
        client_id: "id".to_owned(),
        client_secret: "secret".into(),
        ..ProviderConfig::default()
    }
}

#[test]
fn presets_need_only_an_id_and_a_secret_and_an_issuer_url_where_each_installation_has_one() {
    for kind in ["google", "gitlab", "github"] {
        let invited = ProviderConfig { sign_up: "invited".to_owned(), ..config(kind) };
        check("p", &invited).unwrap();
    }
    for (kind, key) in [
        ("oidc", "issuer"),
        ("okta", "issuer"),
        ("keycloak", "issuer"),
        ("mattermost", "issuer"),
        ("entra", "tenants"),
        ("oauth2", "claim_subject"),
        ("ldap", "kind"),
    ] {
        assert_eq!(check("p", &config(kind)).unwrap_err().key, key, "{kind}");
    }
    for kind in kinds::KINDS {
        assert!(kind.needs.iter().all(|key| {
            [
                "issuer",
                "client_secret",
                "tenants",
                "authorize_url",
                "token_url",
                "userinfo_url",
                "claim_subject",
            ]
            .contains(key)
        }));
    }
}

#[test]
fn wrong_settings_name_the_key() {
    let change = |change: fn(&mut ProviderConfig)| {
        let mut config = config("google");
        "invited".clone_into(&mut config.sign_up);
        change(&mut config);
        check("p", &config).unwrap_err().key
    };
    assert_eq!(change(|config| config.client_id.clear()), "client_id");
    assert_eq!(
        change(|config| config.client_secret = doorward_model::SecretSetting::default()),
        "client_secret"
    );
    assert_eq!(change(|config| config.sign_up = "maybe".to_owned()), "sign_up");
    assert_eq!(change(|config| config.response_mode = "fragment".to_owned()), "response_mode");
    assert_eq!(change(|config| config.roles = vec!["groups".to_owned()]), "roles");
    assert_eq!(
        change(|config| config.allowed_domains = vec!["@example".to_owned()]),
        "allowed_domains"
    );
    assert_eq!(change(|config| config.networks = vec!["intranet".to_owned()]), "networks");
    assert_eq!(change(|config| config.ca_file = "/nonexistent.pem".to_owned()), "ca_file");
    assert_eq!(change(|config| config.refresh_seconds = 1), "refresh_seconds");
    let http = ProviderConfig { issuer: "http://login.example.com".to_owned(), ..config("oidc") };
    assert_eq!(check("p", &http).unwrap_err().key, "issuer");
    assert!(
        check(
            "p",
            &ProviderConfig { issuer: "http://127.0.0.1:7401".to_owned(), ..config("oidc") }
        )
        .is_ok()
    );
    assert_eq!(check("P", &config("google")).unwrap_err().key, "name");
}

#[test]
fn parameters_of_the_authorization_request_are_added_and_never_replaced() {
    let told = |kind: &str, params: &[&str]| {
        let mut config = config(kind);
        config.allowed_domains = vec!["corp.example".to_owned()];
        config.authorize_params = params.iter().map(|text| (*text).to_owned()).collect();
        check("p", &config).map_err(|error| format!("{}: {}", error.key, error.message))
    };
    for params in [
        &["audience=https://api.example/?a=b", "domain_hint = corp.example", "x="][..],
        &["prompt=select_account consent"],
        &["access_type=offline", "hd=corp.example"],
    ] {
        told("google", params).unwrap();
    }
    for name in [
        "state",
        "redirect_uri",
        "client_id",
        "response_type",
        "code_challenge",
        "Nonce",
        "code_challenge_method",
        "request_uri",
        "login_hint",
        "max_age",
        "client_secret",
    ] {
        let why = told("google", &[&format!("{name}=x")]).unwrap_err();
        assert!(why.starts_with("authorize_params: ") && why.contains(name), "{why}");
    }
    for (param, word) in [
        ("scope=x", "use scopes"),
        ("acr_values=x", "use acr_values"),
        ("response_mode=query", "use response_mode"),
        ("access_type=online", "for this kind, to offline"),
        ("prompt=none", "no user"),
        ("novalue", "NAME=VALUE"),
        ("=x", "NAME=VALUE"),
        ("a b=x", "NAME=VALUE"),
        ("a=b\nc", "control character"),
    ] {
        let why = told("google", &[param]).unwrap_err();
        assert!(why.contains(word), "{param}: {why}");
    }
    assert!(told("google", &["a=1", "a=2"]).unwrap_err().contains("twice"));
    // PKCE is a client's only protection where it has no secret.
    let open = ProviderConfig {
        pkce: false,
        token_auth_method: "none".to_owned(),
        client_secret: doorward_model::SecretSetting::default(),
        ..config("google")
    };
    assert_eq!(check("p", &open).unwrap_err().key, "pkce");
    let invited = ProviderConfig { sign_up: "invited".to_owned(), ..config("google") };
    check("p", &ProviderConfig { pkce: false, ..invited }).unwrap();
}

#[test]
fn a_setting_that_a_kind_does_not_use_is_refused() {
    let with = |kind: &str, change: fn(&mut ProviderConfig)| {
        let mut config = ProviderConfig { issuer: "https://a.example".to_owned(), ..config(kind) };
        change(&mut config);
        check("p", &config).map_err(|error| error.key)
    };
    for kind in ["github", "mattermost"] {
        assert_eq!(
            with(kind, |c| c.userinfo_url = "https://a.example/x".into()),
            Err("userinfo_url")
        );
        assert_eq!(with(kind, |c| c.jwks_url = "https://a.example/x".into()), Err("jwks_url"));
        assert_eq!(
            with(kind, |c| c.discovery_url = "https://a.example/x".into()),
            Err("discovery_url")
        );
        assert_eq!(with(kind, |c| c.token_url = "https://a.example/x".into()), Ok(()));
    }
    for key in ["authorize_url", "token_url", "jwks_url", "end_session_url", "discovery_url"] {
        let wrong = with(
            "oidc",
            match key {
                "authorize_url" => |c| c.authorize_url = "http://a.example/".into(),
                "token_url" => |c| c.token_url = "ftp://a.example/".into(),
                "jwks_url" => |c| c.jwks_url = "nonsense".into(),
                "end_session_url" => |c| c.end_session_url = "javascript:alert(1)".into(),
                _ => |c: &mut ProviderConfig| c.discovery_url = "https://u:p@a.example/".into(),
            },
        );
        assert_eq!(wrong, Err(key));
    }
}

fn decide(config: &ProviderConfig) -> NewUsers {
    let kind = kinds::named(&config.kind).unwrap();
    sign_up::new_users(kind, config, &Policy::read(config).unwrap()).unwrap()
}

#[test]
fn a_provider_with_accounts_for_anyone_needs_a_limit_or_a_word() {
    let personal = vec!["9188040D-6c67-4c5b-b112-36a304b66dad".to_owned()];
    let tenant = "11111111-1111-1111-1111-111111111111".to_owned();
    let issuer =
        |kind: &str, issuer: &str| ProviderConfig { issuer: issuer.to_owned(), ..config(kind) };
    let oauth2 = ProviderConfig {
        authorize_url: "https://discord.com/oauth2/authorize".to_owned(),
        token_url: "https://discord.com/api/oauth2/token".to_owned(),
        userinfo_url: "https://discord.com/api/users/@me".to_owned(),
        claim_subject: "id".to_owned(),
        ..config("oauth2")
    };
    let public = [
        config("google"),
        config("github"),
        issuer("github", "https://github.com"),
        config("gitlab"),
        issuer("gitlab", "https://gitlab.com"),
        issuer("oidc", "https://accounts.google.com"),
        issuer("oidc", "https://login.microsoftonline.com/common/v2.0"),
        issuer("okta", "https://gitlab.com"),
        oauth2,
        ProviderConfig { tenants: personal.clone(), ..config("entra") },
        ProviderConfig { tenants: [personal, vec![tenant.clone()]].concat(), ..config("entra") },
    ];
    for config in public {
        let told = |change: fn(&mut ProviderConfig)| {
            let mut config = config.clone();
            change(&mut config);
            check("p", &config).map_err(|error| error.key)
        };
        let name = (&config.kind, &config.issuer);
        let error = check("p", &config).unwrap_err();
        assert_eq!(error.key, "sign_up", "{name:?}");
        for word in ["\"open\"", "\"invited\"", "allowed_domains", "anyone"] {
            assert!(error.message.contains(word), "{name:?}: {}", error.message);
        }
        for no_limit in [
            (|c| c.allowed_groups = vec!["*".into()]) as fn(&mut ProviderConfig),
            |c| c.allowed_groups = vec!["acme".into(), "*/*".into()],
            |c| c.required_claims = vec!["email = *@*".into()],
            |c| c.required_claims = vec!["email_verified = true".into()],
            |c| c.authoritative_domains = vec!["corp.example".into()],
            |c| c.home_domains = vec!["corp.example".into()],
            |c| c.roles = vec!["groups = acme -> admin".into()],
        ] {
            assert_eq!(told(no_limit), Err("sign_up"), "{name:?}");
        }
        for limit in [
            (|c| c.sign_up = "open".into()) as fn(&mut ProviderConfig),
            |c| c.sign_up = "invited".into(),
            |c| c.allowed_domains = vec!["corp.example".into()],
            |c| c.allowed_groups = vec!["acme".into()],
            |c| c.required_claims = vec!["email = *@corp.example".into()],
            |c| c.enabled = false,
        ] {
            assert_eq!(told(limit), Ok(()), "{name:?}");
        }
    }
    for own in [
        issuer("oidc", "https://sso.corp.example"),
        issuer("github", "https://github.corp.example"),
        issuer("gitlab", "https://gitlab.corp.example"),
        issuer("keycloak", "https://sso.corp.example/realms/a"),
        ProviderConfig { tenants: vec![tenant], ..config("entra") },
    ] {
        check("p", &own).unwrap();
        assert_eq!(decide(&own), NewUsers::Open, "{}", own.kind);
    }
}
