//! The words in which each kind of provider refuses a user, or this server.

use doorward_transport::{
    Fetched,
    oauth::{Answer, Failure, RequestSubject},
};

use super::{ProviderConfig, config, kinds};

/// Kind, place, status, meaning and body of a response.
const RESPONSES: &str = r#"
# Auth0, and others of no kind of their own
oidc token 401 refused {"error":"unauthorized","error_description":"user is blocked"}
oidc token 403 refused {"error":"unauthorized","error_description":"user is blocked"}
oidc token 403 refused {"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}
oidc token 403 refused {"error":"access_denied","error_description":"Unauthorized"}
oidc token 401 client {"error":"access_denied","error_description":"Unauthorized"}
oidc token 401 refused {"error":"access_denied","error_description":"user is blocked"}
oidc token 401 client {"error":"unauthorized","error_description":"Bad credentials"}
oidc token 401 refused {"error":"unauthorized","error_description":"User is disabled"}
oidc token 401 client {"error":"invalid_client","error_description":"User is disabled"}
oidc token 400 silent {"error":"server_error","error_description":"Errors.User.NotActive"}
oidc token 500 silent {"error":"unexpected","error_description":"user not found"}
oidc token 403 refused {"error":"mfa_required","error_description":"Multifactor authentication required"}
oidc userinfo 404 refused {"message":"User not found"}
oauth2 token 401 refused {"message":"The user account is locked"}
oauth2 token 401 refused Your account has been suspended
oauth2 token 401 client {"message":"service account disabled"}
oauth2 userinfo 404 nonsense {"message":"the endpoint does not exist"}
oidc token 403 wait {"message":"Rate limit exceeded, try again later"}
oidc token 400 wait {"error":"error","error_description":"Too many requests for this account"}
oidc userinfo 403 wait Rate Limit Exceeded
oidc userinfo 403 wait {"title":"request was throttled","status":403}
oidc token 403 refused {"error":"access_denied","error_description":"your rate of success is low"}
oidc token 400 refused {"error":"invalid_grant","error_description":"Too many requests"}
oauth2 userinfo 403 wait {"error":{"message":"(#4) Application request limit reached","code":4}}
oauth2 userinfo 403 refused {"message":"the limit of your plan does not include this"}
oauth2 userinfo 410 nonsense {"message":"rate limits moved"}
# Okta
okta token 400 refused {"error":"invalid_grant","error_description":"The refresh token is invalid or expired."}
okta token 400 refused {"error":"access_denied","error_description":"User is not assigned to the client application."}
okta token 401 client {"error":"invalid_client","error_description":"The client secret supplied for a confidential client is invalid."}
okta userinfo 403 refused {"errorCode":"E0000038","errorSummary":"This operation is not allowed in the user's current status."}
okta token 400 refused {"error":"unknown_code","error_description":"User account is suspended"}
# Entra: the number decides, of whichever code
entra token 400 refused {"error":"invalid_grant","error_codes":[50057],"error_description":"AADSTS50057: words. Trace ID: x"}
entra token 401 refused {"error":"invalid_client","error_codes":[50057],"error_description":"AADSTS50057: words. Trace ID: x"}
entra token 400 refused {"error":"invalid_request","error_codes":[50020],"error_description":"AADSTS50020: words. Trace ID: x"}
entra token 400 refused {"error":"unauthorized_client","error_codes":[50105],"error_description":"AADSTS50105: words. Trace ID: x"}
entra token 400 refused {"error":"interaction_required","error_codes":[50105],"error_description":"AADSTS50105: words. Trace ID: x"}
entra token 400 refused {"error":"invalid_grant","error_codes":[70043],"error_description":"AADSTS70043: words. Trace ID: x"}
entra token 400 refused {"error":"invalid_grant","error_codes":[700082],"error_description":"AADSTS700082: words. Trace ID: x"}
entra token 400 refused {"error":"invalid_request","error_codes":[90072],"error_description":"AADSTS90072: words. Trace ID: x"}
entra token 400 wait {"error":"invalid_grant","error_codes":[50196],"error_description":"AADSTS50196: words. Trace ID: x"}
entra token 400 wait {"error":"invalid_request","error_codes":[90033],"error_description":"AADSTS90033: words. Trace ID: x"}
entra token 401 client {"error":"invalid_client","error_codes":[7000215],"error_description":"AADSTS7000215: words. Trace ID: x"}
entra token 401 client {"error":"invalid_client","error_codes":[7000222],"error_description":"AADSTS7000222: words. Trace ID: x"}
entra token 400 client {"error":"invalid_grant","error_codes":[7000112],"error_description":"AADSTS7000112: words. Trace ID: x"}
entra token 400 refused {"error":"invalid_grant","error_codes":[999],"error_description":"AADSTS999: words. Trace ID: x"}
entra token 503 silent {"error":"temporarily_unavailable","error_codes":[50057],"error_description":"AADSTS50057: words. Trace ID: x"}
entra token 400 refused {"error":"invalid_request","error_description":"AADSTS50034: words."}
entra token 400 client {"error":"unauthorized_client","error_description":"AADSTS700016: words."}
# Google
google token 400 refused {"error":"invalid_grant","error_description":"Token has been expired or revoked."}
google token 400 refused {"error":"invalid_grant","error_description":"Account has been deleted"}
google token 400 refused {"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}
google token 400 refused {"error":"admin_policy_enforced","error_description":"Access to your account data is restricted"}
google token 401 client {"error":"deleted_client","error_description":"The OAuth client was deleted."}
google token 401 client {"error":"disabled_client","error_description":"The OAuth client was disabled."}
google token 400 silent {"error":"internal_failure","error_description":"try again"}
# GitLab
gitlab token 400 refused {"error":"invalid_grant","error_description":"The provided authorization grant is invalid"}
gitlab token 401 refused {"error":"invalid_request","message":"Your account is deactivated"}
gitlab userinfo 403 refused {"message":"403 Forbidden - Your account has been blocked."}
gitlab userinfo 401 refused {"error":"invalid_token","error_description":"Token was revoked."}
# GitHub
github userinfo 403 refused {"message":"Sorry. Your account was suspended","documentation_url":"https://docs.github.com/rest"}
github userinfo 403 wait {"message":"You have exceeded a secondary rate limit","documentation_url":"https://docs.github.com/rest/rate-limits"}
github userinfo 401 refused {"message":"Bad credentials"}
github userinfo 403 wait {"message":"API rate limit exceeded for user ID 1."}
github userinfo 403 wait {"message":"You have triggered an abuse detection mechanism."}
github userinfo 403 refused {"message":"Resource protected by organization SAML enforcement."}
github userinfo 502 silent {"message":"Server Error"}
github token 200 refused {"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired."}
github token 200 client {"error":"application_suspended","error_description":"Your application has been suspended."}
github token 200 client {"error":"incorrect_client_credentials","error_description":"x"}
# Mattermost
mattermost token 401 refused {"id":"api.user.login.inactive.app_error","message":"m","status_code":401}
mattermost token 401 refused {"id":"api.user.login.client_side_cert.app_error","message":"m","status_code":401}
mattermost token 404 refused {"id":"api.oauth.get_access_token.internal_user.app_error","message":"m","status_code":404}
mattermost token 401 client {"id":"api.oauth.get_access_token.credentials.app_error","message":"m","status_code":401}
mattermost token 501 silent {"id":"api.oauth.disabled.app_error","message":"m","status_code":501}
mattermost userinfo 401 refused {"id":"api.context.session_expired.app_error","message":"m","status_code":401}
mattermost userinfo 401 refused {"message":"Your account has been deactivated"}
mattermost userinfo 403 refused {"id":"api.context.permissions.app_error","message":"m","status_code":403}
mattermost token 400 refused {"id":"api.oauth.get_access_token.refresh_token.app_error","message":"m","status_code":400}
mattermost token 500 silent {"id":"api.oauth.get_access_token.internal.app_error","message":"m","status_code":500}
# Keycloak, also before 20
keycloak token 400 refused {"error":"invalid_grant","error_description":"User disabled"}
keycloak token 400 refused {"error":"invalid_grant","error_description":"Session not active"}
keycloak token 401 client {"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}
keycloak userinfo 400 refused {"error":"invalid_request","error_description":"User disabled"}
keycloak userinfo 400 refused {"error":"invalid_request","error_description":"User not found"}
"#;

/// The settings of a provider of this kind.
fn configured(kind: &str) -> ProviderConfig {
    let at = |path: &str| format!("https://sso.example{path}");
    ProviderConfig {
        issuer: at(""),
        tenants: vec!["8eaef023-2b34-4da1-9baa-8bc8c9d6a490".to_owned()],
        authorize_url: at("/authorize"),
        token_url: at("/token"),
        userinfo_url: if kind == "oauth2" { at("/me") } else { String::new() },
        claim_subject: "id".to_owned(),
        ..config(kind)
    }
}

#[test]
fn a_refusal_of_one_user_is_told_from_one_of_this_server_in_the_words_of_each_kind() {
    let rows = RESPONSES.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    for row in rows {
        let parts: Vec<&str> = row.splitn(5, ' ').collect();
        let [kind, place, status, expected, body] = parts.as_slice() else { panic!("{row}") };
        let asked =
            if *place == "token" { RequestSubject::Tokens } else { RequestSubject::Resource };
        let settings = (kinds::named(kind).unwrap().prepare)(&configured(kind)).unwrap();
        let status = status.parse().unwrap();
        let fetched =
            Fetched { status, headers: http::HeaderMap::new(), body: body.as_bytes().to_vec() };
        let answer = Answer::of(&fetched, None);
        let told = (settings.interpret)(&answer, asked).unwrap_or_else(|| answer.failure(asked));
        let meaning = match told {
            Failure::Refused(_) => "refused",
            Failure::Client(_) => "client",
            Failure::Wait { .. } => "wait",
            Failure::Silent(_) => "silent",
            Failure::Nonsense(_) => "nonsense",
        };
        assert_eq!(meaning, *expected, "{row}");
    }
}
