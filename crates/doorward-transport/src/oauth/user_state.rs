//! Refusals of a user, or of what was presented for them, that a server states in words alone.
//!
//! The codes of RFC 6749 §5.2 include none for an account that was blocked, disabled or deleted,
//! and many servers say `invalid_request` of a code or token that does not count. Where a server has
//! a code of its own for that, or one that says something else, its description tells a refusal of
//! this user from a fault of this server's settings: the former ends the access of one user, the
//! latter is the operator's.

use serde_json::{Map, Value};

/// The members in which servers describe an error.
const MEMBERS: &[&str] = &[
    "error_description",
    "error",
    "error_code",
    "errorCode",
    "code",
    "error_message",
    "errorSummary",
    "message",
    "error_msg",
    "errmsg",
    "msg",
    "detail",
    "title",
    "reason",
];
/// Longer texts are no description of one error.
const LONGEST: usize = 500;
/// The words for the user.
const NOUNS: &[&str] =
    &["user", "account", "login", "member", "identity", "principal", "employee", "owner"];
/// Words before such a noun that make another thing of it: a service account, a client's login.
const OTHERS_BEFORE: &[&str] =
    &["service", "client", "application", "app", "oauth", "api", "storage", "billing"];
/// Words behind it that do so: a user pool, an account server.
const OTHERS_BEHIND: &[&str] = &[
    "pool",
    "pools",
    "agent",
    "agents",
    "directory",
    "store",
    "flow",
    "interface",
    "server",
    "service",
    "provider",
    "info",
    "profile",
    "endpoint",
    "name",
    "password",
    "credentials",
];
/// The states of an account without access.
const STATES: &[&str] = &[
    "blocked",
    "disabled",
    "suspended",
    "deactivated",
    "inactive",
    "locked",
    "deleted",
    "removed",
    "banned",
    "terminated",
    "archived",
    "revoked",
    "expired",
    "closed",
    "frozen",
    "unknown",
    "nonexistent",
];
/// The words of which `not` makes such a state.
const NEGATED: &[&str] = &[
    "found",
    "active",
    "exist",
    "exists",
    "enabled",
    "assigned",
    "known",
    "activated",
    "registered",
    "available",
];
/// Maximum number of words between the noun and the state.
const BETWEEN: usize = 4;
/// The words for what is presented to a token endpoint.
const GRANTS: &[&str] = &["code", "token", "grant"];
/// Words before such a noun that make another thing of it: a client's assertion, `response_type`.
const OTHER_GRANTS_BEFORE: &[&str] =
    &["client", "assertion", "jwt", "type", "response", "error", "status", "challenge", "csrf"];
/// Words behind it that do so: `code_verifier`, `grant_type`, the token endpoint.
const OTHER_GRANTS_BEHIND: &[&str] = &[
    "verifier",
    "challenge",
    "type",
    "types",
    "endpoint",
    "method",
    "request",
    "flow",
    "auth",
    "url",
    "uri",
    "exchange",
    "introspection",
];
/// Words between a state and such a noun: `invalid or expired refresh token`.
const BESIDE_GRANTS: &[&str] = &[
    "authorization",
    "authorisation",
    "auth",
    "oauth",
    "verification",
    "refresh",
    "access",
    "or",
    "and",
    "the",
    "this",
    "provided",
    "given",
    "presented",
    "supplied",
];
/// The states of a code or token that does not count.
const GRANT_STATES: &[&str] = &[
    "invalid",
    "expired",
    "revoked",
    "used",
    "redeemed",
    "consumed",
    "unknown",
    "malformed",
    "incorrect",
    "wrong",
    "bad",
    "nonexistent",
    "inactive",
];
/// The words of which `not` makes such a state.
const GRANT_NEGATED: &[&str] =
    &["found", "valid", "exist", "exists", "known", "active", "recognized", "recognised"];

/// The words for this server as a client.
const CLIENTS: &[&str] = &["client", "app", "application"];
/// The states of a client that is not accepted.
const CLIENT_STATES: &[&str] = &[
    "invalid",
    "unknown",
    "incorrect",
    "wrong",
    "bad",
    "missing",
    "disabled",
    "suspended",
    "deleted",
    "inactive",
    "blocked",
    "unauthorized",
    "unauthorised",
    "unregistered",
    "mismatch",
    "failed",
];
/// The words of which `not` makes such a state.
const CLIENT_NEGATED: &[&str] = &[
    "found",
    "valid",
    "exist",
    "exists",
    "known",
    "registered",
    "authorized",
    "authorised",
    "authenticated",
    "active",
    "match",
    "recognized",
    "recognised",
];

/// The words, one after the other, for more requests than a server accepts.
const TOO_MANY: &[&[&str]] = &[
    &["rate", "limit"],
    &["rate", "limits"],
    &["rate", "limited"],
    &["rate", "limiting"],
    &["ratelimit"],
    &["ratelimited"],
    &["too", "many", "requests"],
    &["request", "limit"],
    &["request", "was", "throttled"],
    &["requests", "are", "throttled"],
    &["quota", "exceeded"],
    &["exceeded", "your", "quota"],
    &["abuse", "detection"],
];

/// The text among the members of an answer, or the answer itself, that states that an account has no
/// access; of an answer to a request for tokens also one that states that the code or token that
/// was presented does not count.
pub(super) fn stated<'a>(
    members: Option<&'a Map<String, Value>>,
    text: Option<&'a str>,
    of_tokens: bool,
) -> Option<&'a str> {
    let is_stated = |text: &str| is_about_user(text) || (of_tokens && is_about_grant(text));
    descriptions(members, text).find(|text| is_stated(text))
}

/// The text among the members of an answer, or the answer itself, that states that this server is
/// not accepted as a client: servers without a code for that say it in words alone.
pub(super) fn stated_of_client<'a>(
    members: Option<&'a Map<String, Value>>,
    text: Option<&'a str>,
) -> Option<&'a str> {
    descriptions(members, text).find(|text| is_about_client(text))
}

/// Reports an answer that states that there were too many requests.
pub(super) fn is_about_rate(members: Option<&Map<String, Value>>, text: Option<&str>) -> bool {
    descriptions(members, text).any(|text| {
        let words = words(text);
        let follow = |wanted: &[&str]| {
            words.windows(wanted.len()).any(|found| found.iter().zip(wanted).all(|(a, b)| a == b))
        };
        TOO_MANY.iter().any(|wanted| follow(wanted))
    })
}

/// The texts of an answer that describe its error.
fn descriptions<'a>(
    members: Option<&'a Map<String, Value>>,
    text: Option<&'a str>,
) -> impl Iterator<Item = &'a str> {
    let inner = members.and_then(|members| members.get("error")?.as_object());
    let named = [members, inner]
        .into_iter()
        .flatten()
        .flat_map(|members| MEMBERS.iter().filter_map(move |name| members.get(*name)?.as_str()));
    named.chain(text).filter(|text| text.len() <= LONGEST)
}

/// The words of a text in lower case. `User.NotActive` and `account_disabled` are several.
fn words(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut before = ' ';
    for letter in text.chars() {
        let begins = letter.is_uppercase() && before.is_lowercase();
        if begins || !letter.is_alphanumeric() {
            all.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = all.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    all.retain(|word| !word.is_empty());
    all
}

/// Reports a text that states that an account has no access: `user is blocked`, `Account disabled`,
/// `no such user`.
fn is_about_user(text: &str) -> bool {
    let words = words(text);
    let is = |at: Option<usize>, among: &[&str]| {
        at.and_then(|at| words.get(at)).is_some_and(|word| among.contains(&word.as_str()))
    };
    words.iter().enumerate().any(|(at, word)| {
        let noun = word.strip_suffix('s').unwrap_or(word);
        let before = at.checked_sub(1);
        if !NOUNS.contains(&noun) || is(before, OTHERS_BEFORE) || is(Some(at + 1), OTHERS_BEHIND) {
            return false;
        }
        let no_such = is(before, &["such"]) && is(at.checked_sub(2), &["no"]);
        let behind = (at + 1..=at + BETWEEN).any(|next| {
            let negated = is(Some(next), &["not", "longer", "t"])
                && (next + 1..=next + 2).any(|next| is(Some(next), NEGATED));
            is(Some(next), STATES) || negated
        });
        no_such || is(before, STATES) || behind
    })
}

/// Reports a text that states that a code or token does not count: `invalid authorization code`,
/// `the refresh token has expired`.
fn is_about_grant(text: &str) -> bool {
    let words = words(text);
    let is = |at: Option<usize>, among: &[&str]| {
        at.and_then(|at| words.get(at)).is_some_and(|word| among.contains(&word.as_str()))
    };
    words.iter().enumerate().any(|(at, word)| {
        let noun = word.strip_suffix('s').unwrap_or(word);
        if !GRANTS.contains(&noun)
            || is(at.checked_sub(1), OTHER_GRANTS_BEFORE)
            || is(Some(at + 1), OTHER_GRANTS_BEHIND)
        {
            return false;
        }
        let mut before = at.checked_sub(1);
        while is(before, BESIDE_GRANTS) {
            before = before.and_then(|at| at.checked_sub(1));
        }
        let behind = (at + 1..=at + BETWEEN).any(|next| {
            let negated = is(Some(next), &["not", "longer", "t"])
                && (next + 1..=next + 2).any(|next| is(Some(next), GRANT_NEGATED));
            is(Some(next), GRANT_STATES) || negated
        });
        is(before, GRANT_STATES) || behind
    })
}

/// Reports a text that states that this server is not accepted as a client: `invalid client secret`,
/// `unknown application`.
fn is_about_client(text: &str) -> bool {
    let words = words(text);
    let is = |at: Option<usize>, among: &[&str]| {
        at.and_then(|at| words.get(at)).is_some_and(|word| among.contains(&word.as_str()))
    };
    words.iter().enumerate().any(|(at, word)| {
        let behind = (at + 1..=at + BETWEEN).any(|next| {
            let negated = is(Some(next), &["not", "t"])
                && (next + 1..=next + 2).any(|next| is(Some(next), CLIENT_NEGATED));
            is(Some(next), CLIENT_STATES) || negated
        });
        CLIENTS.contains(&word.as_str()) && (is(at.checked_sub(1), CLIENT_STATES) || behind)
    })
}

#[cfg(test)]
mod tests {
    use super::{is_about_client, is_about_grant, is_about_user};

    #[test]
    fn a_description_of_a_client_that_is_not_accepted_is_told_from_other_descriptions() {
        for text in [
            "invalid client",
            "invalid client secret",
            "missing or unknown client id",
            "BAD_CLIENT_ID",
            "Unknown application",
            "client authentication failed",
            "The client was not found",
            "client_secret is incorrect",
            "clientIdMismatch",
            "The app is suspended",
            "client credentials are not valid",
            "client secret doesn't match",
        ] {
            assert!(is_about_client(text), "{text}");
        }
        for text in [
            "",
            "Bad Request",
            "Unauthorized",
            "the client sent too many requests",
            "application error",
            "The client must wait",
            "invalid request",
            "code was issued to another client",
            "invalid authorization code",
            "server does not know this host",
        ] {
            assert!(!is_about_client(text), "{text}");
        }
    }

    #[test]
    fn a_description_of_a_code_or_token_that_does_not_count_is_told_from_other_descriptions() {
        for text in [
            "Invalid authorization code",
            "Invalid \"code\" in request.",
            "Value passed for the authorization code was invalid.",
            "Value passed for the token was invalid.",
            "Invalid or expired refresh token",
            "the refresh token has expired",
            "Code has expired",
            "authorization code not found",
            "Authorization code is no longer valid",
            "The provided authorization code was already used",
            "Unable to retrieve access token: appid/redirect uri/code verifier does not match \
             authorization code. Or authorization code expired.",
            "code_not_found",
            "refreshTokenExpired",
            "bad verification code",
            "grant not found",
        ] {
            assert!(is_about_grant(text), "{text}");
        }
        for text in [
            "",
            "Missing required parameter: code",
            "code is required",
            "invalid code_verifier",
            "invalid code challenge",
            "invalid grant_type",
            "grant type not valid",
            "invalid client token",
            "the JWT token has expired",
            "invalid redirect_uri",
            "The token endpoint is not known",
            "invalid response_type: code",
            "Refresh token not allowed for this client",
            "unsupported token exchange",
        ] {
            assert!(!is_about_grant(text), "{text}");
        }
    }

    #[test]
    fn a_description_of_a_user_s_state_is_told_from_other_descriptions() {
        for text in [
            "user is blocked",
            "User is disabled",
            "Account disabled",
            "Your account was suspended",
            "Sorry. Your account was suspended.",
            "403 Forbidden - Your account has been blocked.",
            "The user account is locked",
            "User account has expired",
            "Errors.User.NotActive",
            "user_not_found",
            "accountDisabled",
            "no such user",
            "Inactive user",
            "Login failed because your account has been deactivated",
            "The user does not exist in the directory",
            "User is not assigned to the client application.",
            "user no longer exists",
            "this user isn't active",
        ] {
            assert!(is_about_user(text), "{text}");
        }
        for text in [
            "",
            "Unauthorized",
            "Bad credentials",
            "User pool client abc does not exist.",
            "service account disabled",
            "The client account is disabled",
            "application is disabled",
            "The userinfo endpoint was not found",
            "user agent is blocked",
            "invalid user name or password",
            "client authentication failed for user",
            "The OAuth client was deleted.",
        ] {
            assert!(!is_about_user(text), "{text}");
        }
    }
}
