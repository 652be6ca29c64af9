//! Signed tokens of other issuers, as clients present them (RFC 7523 §3).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{
    Client, GrantType, KeyThumbprint, OAuthErrorCode, PlainToken, Reason, SignatureRefusal,
    SignedToken, Timestamp, TrustRule, TrustedIssuer, trust_rule::Mismatch,
};
use doorward_transport::{ClientAddress, Params};
use futures_util::future::BoxFuture;
use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::{Failure, Issuer};

/// The type of an identity provider's assertion about a user, in lower case.
pub(crate) const ABOUT_USER: &str = "oauth-id-jag+jwt";
/// The types of a workload's token, in lower case.
const OF_WORKLOAD: [&str; 2] = ["jwt", "jose"];
/// By how many seconds the end of a token may be over, for clocks that differ.
pub(crate) const OVER: i64 = 30;
/// By how many seconds a token may be from the future.
const EARLY: i64 = 60;
/// The longest that a token may still live, in seconds. Longer ones are credentials that a workload
/// keeps, such as the default tokens of Kubernetes, which last a year.
const LONGEST: i64 = 24 * 3600;
/// Maximum number of clients with a trust rule for one issuer that are compared.
const RULES: u64 = 200;
/// Maximum number of characters of a claim in the timeline and in the audit.
const SHOWN: usize = 300;

/// Verifies tokens of other issuers. `doorward` connects the federation crate here, so that this
/// one does not depend on it.
pub trait Verifier: Send + Sync + 'static {
    /// Verifies the signature of a token with the keys of its issuer. Its claims are for the caller
    /// to judge.
    fn verify<'a>(
        &'a self,
        issuer: &'a TrustedIssuer,
        token: &'a str,
    ) -> BoxFuture<'a, Result<SignedToken, SignatureRefusal>>;
}

/// A verified token of a workload that fits its rule.
#[derive(Debug)]
pub(crate) struct VerifiedAssertion {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// Its name among spent values.
    pub(crate) spent: String,
    /// Until when it must be remembered.
    pub(crate) until: Timestamp,
    pub(crate) jti: Option<String>,
}

pub(crate) fn refused(reason: Reason, why: impl Into<String>) -> Failure {
    Failure::new(OAuthErrorCode::InvalidGrant, why).because(reason)
}

/// The parameter by which a client presents a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presented {
    /// `assertion` (RFC 7523 §2.1).
    Assertion,
    /// `subject_token` (RFC 8693 §2.1).
    SubjectToken,
}

impl Presented {
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Assertion => "the assertion",
            Self::SubjectToken => "the subject_token",
        }
    }

    /// The error code of a refusal.
    pub(crate) const fn code(self) -> OAuthErrorCode {
        match self {
            Self::Assertion => OAuthErrorCode::InvalidGrant,
            // RFC 8693 §2.2.2.
            Self::SubjectToken => OAuthErrorCode::InvalidRequest,
        }
    }

    /// The refusal of the token. `predicate` follows the noun.
    pub(crate) fn refused(self, reason: Reason, predicate: &str) -> Failure {
        Failure::new(self.code(), format!("{} {predicate}", self.noun())).because(reason)
    }
}

/// A part of a foreign claim, for the timeline and the audit.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect()
}

/// The claims of a token before its signature is verified: they only choose the rule by which it is
/// judged.
pub(crate) fn claimed(token: &str) -> Result<Value, Failure> {
    let malformed = || refused(Reason::AssertionInvalid, "the assertion is not a signed JWT");
    let payload = token.split('.').nth(1).ok_or_else(malformed)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).map_err(|_| malformed())?;
    let claims: Value = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
    if claims.is_object() { Ok(claims) } else { Err(malformed()) }
}

/// The header of a token before its signature is verified.
pub(crate) fn header_of(token: &str) -> Option<Value> {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    serde_json::from_slice(&header).ok()
}

/// The kind that the `typ` of a token names. One without any is a JWT (RFC 7519 §5.1).
fn kind(typ: Option<&str>) -> String {
    let typ = typ.unwrap_or("jwt").to_ascii_lowercase();
    typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
}

/// True if a token says that it is an assertion about a user.
pub(crate) fn claims_to_be_about_user(token: &str) -> bool {
    let typ = header_of(token).and_then(|header| Some(header.get("typ")?.as_str()?.to_owned()));
    kind(typ.as_deref()) == ABOUT_USER
}

/// Refuses a token that its issuer signed for another purpose than one of `kinds`, or that is bound
/// to another key than `key`, which the request proved.
pub(crate) fn judge_purpose(
    signed: &SignedToken,
    kinds: &[&str],
    key: Option<&KeyThumbprint>,
    presented: Presented,
) -> Result<(), Failure> {
    let found = kind(signed.typ.as_deref());
    // Logout tokens are signed by the same keys, for the same audience; older ones say what they
    // are by this claim alone.
    if !kinds.contains(&found.as_str()) || signed.claims.get("events").is_some() {
        let why = "is not accepted: it is another kind of token";
        return Err(presented.refused(Reason::AssertionInvalid, why).about(shown(&found)));
    }
    // A token that is bound to a key is worth nothing without the key, also from its own client.
    let bound = signed.claims.get("cnf").filter(|bound| !bound.is_null());
    if bound.is_some_and(|bound| key.is_none_or(|key| *bound != json!({"jkt": key.as_str()}))) {
        let why = "is bound to a key, of which there is no proof";
        return Err(presented.refused(Reason::KeyProof, why));
    }
    Ok(())
}

/// A token request that names no client: the assertion is all that it presents.
pub(crate) fn alone<'a>(headers: &HeaderMap, params: &'a Params) -> Option<&'a str> {
    let names_grant =
        params.get("grant_type").and_then(GrantType::parse) == Some(GrantType::JwtBearer);
    let names_client = headers.contains_key(header::AUTHORIZATION)
        || ["client_id", "client_secret", "client_assertion"]
            .into_iter()
            .any(|name| params.get(name).is_some());
    let assertion = params.get("assertion").filter(|_| names_grant && !names_client);
    // An assertion about a user is for a client that authenticates.
    assertion.filter(|token| !claims_to_be_about_user(token))
}

/// The refusal of a token that does not fit its rule.
fn mismatch(rule: &TrustRule, claims: &Value, mismatch: Mismatch) -> Failure {
    let told = |name: &str| claims.get(name).map(|value| shown(&value.to_string()));
    let (why, detail) = match mismatch {
        Mismatch::Issuer => ("its issuer is not the one of the trust rule", told("iss")),
        Mismatch::Audience => {
            let why = "its audience is not the one of the trust rule, or not the only one";
            let told = told("aud").unwrap_or_default();
            (why, Some(format!("aud {told}, expected {}", rule.audience)))
        }
        Mismatch::Subject => {
            let told = told("sub").unwrap_or_default();
            let why = "its subject does not fit the trust rule";
            (why, Some(format!("sub {told}, expected {}", rule.subject)))
        }
        Mismatch::Claim(name) => {
            let why = "one of its claims does not fit the trust rule";
            let expected = rule.claims.get(&name).cloned().unwrap_or_default();
            (why, Some(format!("{name}, expected {expected}")))
        }
    };
    refused(Reason::TrustMismatch, format!("the assertion is not accepted: {why}"))
        .about(detail.unwrap_or_default())
}

/// A claim in seconds. Some issuers write fractions.
fn seconds(claims: &Value, name: &str, presented: Presented) -> Result<Option<i64>, Failure> {
    let Some(value) = claims.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "bounded, and a second has no parts here")]
    let whole = |number: f64| (0.0..1e12).contains(&number).then_some(number as i64);
    let read = value.as_i64().or_else(|| value.as_f64().and_then(whole));
    read.map(Some).ok_or_else(|| {
        presented.refused(Reason::AssertionInvalid, &format!("has no time as its {name}"))
    })
}

/// Judges the times of a token. Returns its end.
pub(crate) fn judge_times(
    claims: &Value,
    now: Timestamp,
    presented: Presented,
) -> Result<Timestamp, Failure> {
    let late = |why: &str, name: &str, at: i64| {
        let detail = format!("{name} {at}, here {now}", now = now.0);
        presented.refused(Reason::AssertionTime, why).about(detail)
    };
    let end = seconds(claims, "exp", presented)?
        .ok_or_else(|| presented.refused(Reason::AssertionTime, "has no exp"))?;
    if now.0 >= end.saturating_add(OVER) {
        return Err(late("has expired", "exp", end));
    }
    if end > now.plus(LONGEST).0 {
        return Err(late("is valid for more than 24 hours", "exp", end));
    }
    for name in ["nbf", "iat"] {
        if let Some(at) = seconds(claims, name, presented)?.filter(|at| *at > now.plus(EARLY).0) {
            return Err(late("is not valid yet", name, at));
        }
    }
    Ok(Timestamp(end))
}

/// The name of a token among spent values, and its `jti`. A token without one is named by the bytes
/// that its signature covers: the signature itself can be written in several ways.
pub(crate) fn name_of(
    token: &str,
    claims: &Value,
    issuer: &str,
) -> Result<(String, Option<String>), Failure> {
    let jti = match claims.get("jti") {
        None | Some(Value::Null) => None,
        Some(Value::String(jti)) if !jti.is_empty() && jti.len() <= 512 => Some(jti.clone()),
        Some(_) => {
            return Err(refused(Reason::AssertionInvalid, "jti of the assertion cannot be used"));
        }
    };
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    let name = match &jti {
        Some(jti) => format!("jti {issuer} {jti}"),
        None => format!("token {issuer} {signed}"),
    };
    Ok((format!("presented:{}", PlainToken::presented(&name).hashed().as_str()), jti))
}

impl Issuer {
    /// The client of the one trust rule that an assertion fits, for a request that names none. Its
    /// signature is not verified yet.
    pub(crate) async fn client_of_assertion(
        &self,
        assertion: &str,
        address: ClientAddress,
    ) -> Result<Arc<Client>, Failure> {
        let claims = claimed(assertion)?;
        let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        let issuer = doorward_model::id::without_nul(issuer.to_owned());
        let trusting = self.services.store.trusting_clients(Some(&issuer), RULES).await?;
        let (mut fitting, mut first) = (Vec::new(), None);
        for client in trusting {
            let Some(rule) = &client.trust else { continue };
            match rule.fits(&claims) {
                Ok(()) => fitting.push(client.id),
                Err(why) => {
                    first.get_or_insert_with(|| mismatch(rule, &claims, why));
                }
            }
        }
        match (fitting.as_slice(), first) {
            ([id], _) => Ok(self.ports.clients.find(id, address).await?),
            ([], Some(mismatch)) => Err(mismatch),
            ([], None) => {
                let why = "no trust rule is about the issuer of the assertion";
                Err(refused(Reason::TrustUnknown, why).about(shown(&issuer)))
            }
            _ => {
                let why =
                    "several trust rules fit the assertion; name one of their clients in client_id";
                Err(Failure::new(OAuthErrorCode::InvalidRequest, why)
                    .because(Reason::TrustMismatch))
            }
        }
    }

    /// Verifies a workload's token by the rule of its client.
    pub(crate) async fn present(
        &self,
        rule: &TrustRule,
        token: &str,
        key: Option<&KeyThumbprint>,
        now: Timestamp,
    ) -> Result<VerifiedAssertion, Failure> {
        // Keys are fetched only for a token that would be accepted.
        let told = claimed(token)?;
        rule.fits(&told).map_err(|why| mismatch(rule, &told, why))?;
        let signed = self.verified(&rule.issuer, token).await?;
        judge_purpose(&signed, &OF_WORKLOAD, key, Presented::Assertion)?;
        let claims = &signed.claims;
        rule.fits(claims).map_err(|why| mismatch(rule, claims, why))?;
        let end = judge_times(claims, now, Presented::Assertion)?;
        let issuer = rule.issuer.issuer.clone();
        let (spent, jti) = name_of(token, claims, &issuer)?;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let until = end.plus(2 * OVER);
        Ok(VerifiedAssertion { issuer, subject: shown(subject), spent, until, jti })
    }

    /// Verifies the signature of a token.
    pub(crate) async fn verified(
        &self,
        issuer: &TrustedIssuer,
        token: &str,
    ) -> Result<SignedToken, Failure> {
        self.ports.verifier.verify(issuer, token).await.map_err(|refusal| match refusal {
            SignatureRefusal::Invalid(why) => {
                tracing::info!(issuer = issuer.issuer, why, "an assertion was refused");
                let told = "the assertion is malformed, or its signature is wrong";
                refused(Reason::AssertionInvalid, told).about(shown(&why))
            }
            SignatureRefusal::Unavailable(why) => {
                tracing::warn!(
                    issuer = issuer.issuer,
                    why,
                    "the keys of a trusted issuer are missing"
                );
                let told =
                    "the keys of the issuer of the assertion cannot be fetched; try again shortly";
                Failure::new(OAuthErrorCode::TemporarilyUnavailable, told)
                    .because(Reason::AssertionKeys)
                    .about(shown(&why))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_an_assertion_are_bounded_on_both_sides() {
        let now = Timestamp(1_000_000);
        let judged = |claims: Value| {
            judge_times(&claims, now, Presented::Assertion).map_err(|failure| failure.reason)
        };
        let at = |seconds: i64| now.0 + seconds;
        for good in [
            json!({"exp": at(60)}),
            json!({"exp": at(-29)}),
            json!({"exp": at(24 * 3600)}),
            json!({"exp": at(60), "nbf": at(60), "iat": at(60)}),
            json!({"exp": 1_000_060.75, "iat": 999_999.5, "nbf": null}),
        ] {
            assert!(judged(good.clone()).is_ok(), "{good}");
        }
        for wrong in [
            json!({}),
            json!({"exp": null}),
            json!({"exp": at(-30)}),
            json!({"exp": at(24 * 3600 + 1)}),
            json!({"exp": at(60), "nbf": at(61)}),
            json!({"exp": at(60), "iat": at(61)}),
        ] {
            assert_eq!(judged(wrong.clone()), Err(Reason::AssertionTime), "{wrong}");
        }
        for odd in [
            json!({"exp": "1000060"}),
            json!({"exp": 1e300}),
            json!({"exp": i64::MAX}),
            json!({"exp": at(60), "iat": {}}),
            json!({"exp": -1.5}),
        ] {
            assert!(judged(odd.clone()).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_token_keeps_its_name_whatever_its_signature_is_and_differs_by_issuer() {
        let name = |token: &str, claims: Value, issuer: &str| name_of(token, &claims, issuer);
        let without = name("h.p.s", json!({}), "https://a.example").unwrap();
        assert_eq!(without, name("h.p.other", json!({}), "https://a.example").unwrap());
        assert_ne!(without, name("h.q.s", json!({}), "https://a.example").unwrap());
        let with = name("h.p.s", json!({"jti": "7"}), "https://a.example").unwrap();
        assert_eq!(with, name("x.y.z", json!({"jti": "7"}), "https://a.example").unwrap());
        assert_ne!(with.0, name("h.p.s", json!({"jti": "7"}), "https://b.example").unwrap().0);
        for odd in [json!({"jti": ""}), json!({"jti": 7}), json!({"jti": "x".repeat(513)})] {
            assert!(name("h.p.s", odd, "i").is_err());
        }
    }
}
