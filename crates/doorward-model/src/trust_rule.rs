//! Trust rules: the signed tokens of other issuers with which a workload gets the tokens of a
//! service (RFC 7523 §2.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Pattern, routes};

/// Issuers that sign for the projects of all its users, with the words by which a subject or a claim names
/// one: every other text of a subject may be that of a stranger's project too.
const SHARED: &[(&str, &[&str])] = &[
    (
        "https://token.actions.githubusercontent.com",
        &[
            "repo",
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "enterprise",
            "enterprise_id",
        ],
    ),
    ("https://gitlab.com", &["project_path", "project_id", "namespace_path", "namespace_id"]),
    (
        "https://agent.buildkite.com",
        &["organization", "organization_slug", "organization_id", "pipeline_id"],
    ),
    (
        "https://app.terraform.io",
        &["organization", "terraform_organization_name", "terraform_organization_id"],
    ),
];

/// The issuer of signed tokens, and the source of its public keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrustedIssuer {
    /// The issuer, as the claim `iss` names it.
    pub issuer: String,
    /// The URL of its key set, where its discovery document does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Its key set itself, a JWK Set in JSON, where this server cannot fetch it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<String>,
}

/// A rule by which a workload acts as the service of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustRule {
    /// The issuer of the workload's tokens.
    #[serde(flatten)]
    pub issuer: TrustedIssuer,
    /// The audience that tokens must be for, and no other. The URL of an authorization server
    /// means its token endpoint too (RFC 7523 §3).
    pub audience: String,
    /// The pattern of the subject.
    pub subject: String,
    /// The patterns of further claims, by the name of the claim, or by a JSON pointer that begins
    /// with a slash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// A token may be presented again until it expires. Otherwise each counts once.
    #[serde(default)]
    pub reusable: bool,
}

/// A claim that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// `iss`.
    Issuer,
    /// `aud`: it is missing, another one, or not the only one.
    Audience,
    /// `sub`.
    Subject,
    /// A claim by its name.
    Claim(String),
}

/// The texts of a claim: of a list, those of its elements.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Array(values) => {
            values.iter().filter(|value| !value.is_array()).flat_map(texts).collect()
        }
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// A claim by its name, or by a JSON pointer.
fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

impl TrustRule {
    /// Compares a token's claims with the rule.
    pub fn fits(&self, claims: &Value) -> Result<(), Mismatch> {
        if claims.get("iss").and_then(Value::as_str) != Some(self.issuer.issuer.as_str()) {
            return Err(Mismatch::Issuer);
        }
        // Another audience of the same token could present it here.
        let is_meant = match claims.get("aud") {
            Some(Value::String(audience)) => self.is_audience(audience),
            Some(Value::Array(audiences)) => {
                matches!(audiences.as_slice(), [Value::String(only)] if self.is_audience(only))
            }
            _ => false,
        };
        if !is_meant {
            return Err(Mismatch::Audience);
        }
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        if subject.is_empty() || !Pattern::new(self.subject.as_str()).matches(subject) {
            return Err(Mismatch::Subject);
        }
        for (name, pattern) in &self.claims {
            let pattern = Pattern::new(pattern.as_str());
            let told = claim(claims, name).map(texts).unwrap_or_default();
            if !told.iter().any(|text| pattern.matches(text)) {
                return Err(Mismatch::Claim(name.clone()));
            }
        }
        Ok(())
    }

    fn is_audience(&self, told: &str) -> bool {
        told == self.audience || told.strip_suffix(routes::TOKEN) == Some(&self.audience)
    }

    /// True if the rule names a workload: its subject begins with a fixed text, or one claim has a
    /// fixed value. Otherwise every token of the issuer would fit, also those of strangers.
    pub fn is_narrow(&self) -> bool {
        !self.subject.starts_with('*') || self.claims.values().any(|value| !value.contains('*'))
    }

    /// True if the rule names a project of an issuer that signs for strangers' projects too, whole:
    /// `repo:acme*` would also fit `repo:acme-evil/tools`.
    pub fn names_project(&self) -> bool {
        let issuer = self.issuer.issuer.trim_end_matches('/');
        let Some((_, words)) = SHARED.iter().find(|(shared, _)| *shared == issuer) else {
            return true;
        };
        let in_subject = self.subject.split_once(':').is_some_and(|(word, rest)| {
            let (fixed, is_whole) = match rest.split_once('*') {
                None => (rest, true),
                Some((fixed, _)) => (fixed, false),
            };
            let end = fixed.find(['/', ':']).or(is_whole.then_some(fixed.len()));
            words.contains(&word) && end.is_some_and(|end| end > 0)
        });
        let in_claim = |(name, value): (&String, &String)| {
            let is_fixed = !value.is_empty() && !value.contains('*');
            words.contains(&name.trim_start_matches('/')) && is_fixed
        };
        in_subject || self.claims.iter().any(in_claim)
    }

    /// The stored form.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the stored form.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(subject: &str, claims: &[(&str, &str)]) -> TrustRule {
        TrustRule {
            issuer: TrustedIssuer {
                issuer: "https://ci.example".to_owned(),
                jwks_uri: None,
                jwks: None,
            },
            audience: "https://mcp.example".to_owned(),
            subject: subject.to_owned(),
            claims: claims
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            reusable: false,
        }
    }

    fn token(over: &Value) -> Value {
        let mut claims = json!({
            "iss": "https://ci.example", "aud": "https://mcp.example",
            "sub": "repo:acme/tools:ref:refs/heads/main", "repository_id": 17, "actor": "ada",
            "groups": ["build", "deploy"], "fork": false,
            "kubernetes.io": {"namespace": "jobs", "serviceaccount": {"name": "nightly"}},
        });
        for (name, value) in over.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    #[test]
    fn a_rule_fits_the_tokens_that_it_names_and_no_others() {
        let exact = rule("repo:acme/tools:ref:refs/heads/main", &[]);
        assert_eq!(exact.fits(&token(&json!({}))), Ok(()));
        assert_eq!(exact.fits(&token(&json!({"aud": ["https://mcp.example"]}))), Ok(()));
        let endpoint = token(&json!({"aud": "https://mcp.example/oauth/token"}));
        assert_eq!(exact.fits(&endpoint), Ok(()));
        for (over, why) in [
            (json!({"iss": "https://ci.example/"}), Mismatch::Issuer),
            (json!({"iss": null}), Mismatch::Issuer),
            (json!({"aud": "https://other.example"}), Mismatch::Audience),
            (json!({"aud": ["https://mcp.example", "https://other.example"]}), Mismatch::Audience),
            (json!({"aud": []}), Mismatch::Audience),
            (json!({"aud": "/oauth/token"}), Mismatch::Audience),
            (json!({"aud": null}), Mismatch::Audience),
            (json!({"sub": "repo:acme/tools:ref:refs/heads/main2"}), Mismatch::Subject),
            (json!({"sub": "repo:ACME/tools:ref:refs/heads/main"}), Mismatch::Subject),
            (json!({"sub": ["repo:acme/tools:ref:refs/heads/main"]}), Mismatch::Subject),
            (json!({"sub": ""}), Mismatch::Subject),
        ] {
            assert_eq!(exact.fits(&token(&over)), Err(why), "{over}");
        }
        assert_eq!(rule("*", &[]).fits(&token(&json!({"sub": ""}))), Err(Mismatch::Subject));
        assert_eq!(rule("repo:acme/*", &[]).fits(&token(&json!({}))), Ok(()));
        let other = token(&json!({"sub": "repo:acme-evil/tools:ref:refs/heads/main"}));
        assert_eq!(rule("repo:acme/*", &[]).fits(&other), Err(Mismatch::Subject));
    }

    #[test]
    fn claims_are_compared_by_name_or_pointer_as_texts_and_lists_by_their_elements() {
        for (name, pattern) in [
            ("repository_id", "17"),
            ("fork", "false"),
            ("groups", "deploy"),
            ("/kubernetes.io/namespace", "jobs"),
            ("/kubernetes.io/serviceaccount/name", "night*"),
        ] {
            assert_eq!(rule("repo:*", &[(name, pattern)]).fits(&token(&json!({}))), Ok(()));
        }
        for (name, pattern) in [
            ("repository_id", "18"),
            ("missing", "*"),
            ("groups", "build,deploy"),
            ("kubernetes.io", "*"),
            ("kubernetes.io/namespace", "jobs"),
            ("/kubernetes.io/namespace", "job"),
        ] {
            let fits = rule("repo:*", &[(name, pattern)]).fits(&token(&json!({})));
            assert_eq!(fits, Err(Mismatch::Claim(name.to_owned())), "{name}");
        }
        // All of them must fit.
        let both = rule("repo:*", &[("actor", "ada"), ("fork", "true")]);
        assert_eq!(both.fits(&token(&json!({}))), Err(Mismatch::Claim("fork".to_owned())));
        let nested = token(&json!({"groups": [["deploy"]]}));
        assert!(rule("repo:*", &[("groups", "deploy")]).fits(&nested).is_err());
    }

    #[test]
    fn a_rule_for_every_token_of_an_issuer_is_not_narrow() {
        for (subject, claims, narrow) in [
            ("repo:acme/tools:*", vec![], true),
            ("*", vec![], false),
            ("*:ref:refs/heads/main", vec![], false),
            ("*", vec![("repository_id", "17")], true),
            ("*", vec![("repository", "acme/*")], false),
        ] {
            assert_eq!(rule(subject, &claims).is_narrow(), narrow, "{subject} {claims:?}");
        }
    }

    #[test]
    fn a_rule_about_an_issuer_of_strangers_names_a_project_whole() {
        let github = "https://token.actions.githubusercontent.com";
        for (issuer, subject, claims, named) in [
            (github, "repo:acme/tools:ref:refs/heads/main", vec![], true),
            (github, "repo:acme/*", vec![], true),
            (github, "repository_owner_id:65:*", vec![], true),
            (github, "repo:acme*", vec![], false),
            (github, "repo:*", vec![], false),
            (github, "repo:/*", vec![], false),
            (github, "r*", vec![], false),
            (github, "environment:production", vec![], false),
            (github, "environment:production", vec![("repository_owner_id", "65")], true),
            (github, "*", vec![("/repository", "acme/tools")], true),
            (github, "*", vec![("ref", "refs/heads/main")], false),
            (github, "repo:*", vec![("repository_owner", "acme*")], false),
            (github, "*", vec![("job_workflow_ref", "acme/w/.github/workflows/a.yml@v1")], false),
            ("https://token.actions.githubusercontent.com/", "repo:acme*", vec![], false),
            ("https://gitlab.com", "project_path:acme/*", vec![], true),
            ("https://gitlab.com", "project_path:acme*", vec![], false),
            ("https://gitlab.com", "project_path:acme", vec![], true),
            ("https://agent.buildkite.com", "organization:acme:pipeline:*", vec![], true),
            ("https://app.terraform.io", "organization:acme*", vec![], false),
            ("https://gitlab.example.com", "project_path:acme*", vec![], true),
        ] {
            let mut rule = rule(subject, &claims);
            rule.issuer.issuer = issuer.to_owned();
            assert_eq!(rule.names_project(), named, "{issuer} {subject} {claims:?}");
        }
    }

    #[test]
    fn a_stored_rule_is_read_back() {
        for claims in [&[][..], &[("actor", "ada")][..]] {
            let rule = rule("repo:*", claims);
            assert_eq!(TrustRule::from_text(&rule.to_text()), Some(rule));
        }
        assert_eq!(TrustRule::from_text("{}"), None);
    }
}
