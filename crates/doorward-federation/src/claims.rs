//! Claims of a provider about a user, and the rules that read them.

use doorward_model::{Pattern, Role};
use serde_json::Value;

use crate::config::SettingError;

/// Finds a claim: a name, or a JSON pointer (RFC 6901) if it begins with `/`.
pub(crate) fn find<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    let found = if path.starts_with('/') { claims.pointer(path) } else { claims.get(path) };
    found.filter(|value| !value.is_null())
}

/// Reports a claim that is present, be it null or empty.
pub(crate) fn is_told(claims: &Value, path: &str) -> bool {
    if path.starts_with('/') { claims.pointer(path).is_some() } else { claims.get(path).is_some() }
}

/// A claim that names a user or a session: a text, or a whole number in decimal. A number with a
/// fraction, or with more digits than are read exactly, names none: two such numbers may read the
/// same.
pub(crate) fn identifier(claims: &Value, path: &str) -> Option<String> {
    find(claims, path).and_then(identifier_in)
}

/// The same of the value of such a claim.
pub(crate) fn identifier_in(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if !(number.is_i64() || number.is_u64()) => None,
        value => text_in(value),
    }
}

/// The form of a claim that names no user, in the words of a message.
pub(crate) fn unfit(value: Option<&Value>) -> &'static str {
    match value {
        None | Some(Value::Null) => "is missing",
        Some(Value::Number(_)) => {
            "is a number that is not whole, or too long to be read exactly; have the provider send \
             it as a text"
        }
        Some(Value::Bool(_)) => "is true or false; it must be a text or a whole number",
        Some(Value::Array(_)) => "is a list; it must be a text or a whole number",
        Some(Value::Object(_)) => "is an object; it must be a text or a whole number",
        Some(Value::String(_)) => "is a text that is empty, too long or cannot be read",
    }
}

/// A claim as text: a string as it is, a number in decimal. Nothing else is read as a text, nor is
/// one of which a character could not be read: two such texts may read the same.
pub(crate) fn text(claims: &Value, path: &str) -> Option<String> {
    find(claims, path).and_then(text_in)
}

fn text_in(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let unread = |letter: char| letter.is_control() || letter == char::REPLACEMENT_CHARACTER;
    (!text.is_empty() && text.len() <= 1024 && !text.chars().any(unread)).then_some(text)
}

/// A point in time in a claim, in whole seconds. Some write fractions, or a text.
pub(crate) fn seconds(claims: &Value, name: &str) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second is no matter here")]
    claims
        .get(name)
        .and_then(|at| match at {
            Value::String(text) => text.trim().parse::<f64>().ok().filter(|at| at.is_finite()),
            other => other.as_f64(),
        })
        .map(|at| at as i64)
}

/// A claim as `true` or not.
pub(crate) fn flag(claims: &Value, path: &str) -> Option<bool> {
    match find(claims, path)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => Some(text.trim().eq_ignore_ascii_case("true")),
        // Some write 1 and 0; any other number is ignored.
        Value::Number(number) if number.as_i64() == Some(1) => Some(true),
        Value::Number(number) if number.as_i64() == Some(0) => Some(false),
        _ => None,
    }
}

/// A claim as a list: of texts, of numbers, of objects with a `name`; or the words of one text.
pub(crate) fn list(claims: &Value, path: &str) -> Vec<String> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Object(members) => members.get("name").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    match find(claims, path) {
        // Two thousand groups are more than any provider puts into a token.
        Some(Value::Array(items)) => items.iter().take(2000).filter_map(one).collect(),
        Some(Value::String(text)) => {
            text.split_whitespace().take(2000).map(str::to_owned).collect()
        }
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Names of the claims that are used, which differ between kinds of provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimNames {
    pub(crate) subject: String,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) email_verified: String,
    pub(crate) name: String,
    pub(crate) groups: String,
}

impl ClaimNames {
    /// The names of OpenID Connect Core §5.1.
    pub(crate) fn standard() -> Self {
        let name = str::to_owned;
        Self {
            subject: name("sub"),
            username: name("preferred_username"),
            email: name("email"),
            email_verified: name("email_verified"),
            name: name("name"),
            groups: name("groups"),
        }
    }
}

/// `CLAIM = PATTERN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    path: String,
    pattern: Pattern,
}

impl Condition {
    pub(crate) fn parse(key: &'static str, text: &str) -> Result<Self, SettingError> {
        let (path, pattern) = text
            .split_once('=')
            .ok_or_else(|| SettingError::new(key, format!("{text:?} must read CLAIM = PATTERN")))?;
        if path.trim().is_empty() || pattern.trim().is_empty() {
            return Err(SettingError::new(key, format!("{text:?} must read CLAIM = PATTERN")));
        }
        Ok(Self { path: path.trim().to_owned(), pattern: Pattern::new(pattern.trim()) })
    }

    /// The claim that it reads, as it is written.
    pub(crate) fn claim(&self) -> &str {
        &self.path
    }

    /// The pattern for it.
    pub(crate) fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    /// Reports that one of the claim's values fits. `groups` means the provider's groups wherever it
    /// keeps them, and `email` counts only when it is verified.
    pub(crate) fn holds(&self, who: &Subject<'_>) -> bool {
        match self.path.as_str() {
            "groups" => who.groups.iter().any(|group| self.pattern.matches(group)),
            "email" => who.verified_email.is_some_and(|email| self.pattern.matches(email)),
            path => {
                list(who.claims, path).iter().any(|value| self.pattern.matches(value))
                    || text(who.claims, path).is_some_and(|value| self.pattern.matches(&value))
            }
        }
    }
}

/// Facts that rules examine.
pub(crate) struct Subject<'a> {
    pub(crate) claims: &'a Value,
    pub(crate) groups: &'a [String],
    pub(crate) verified_email: Option<&'a str>,
}

/// `CLAIM = PATTERN -> ROLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleRule {
    condition: Condition,
    role: Role,
}

impl RoleRule {
    /// The condition for its role.
    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The claim.
    pub(crate) fn claim(&self) -> &str {
        self.condition.claim()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, SettingError> {
        let wrong = |why: String| SettingError::new("roles", format!("{text:?} {why}"));
        let (condition, role) = text
            .rsplit_once("->")
            .ok_or_else(|| wrong("must read CLAIM = PATTERN -> ROLE".to_owned()))?;
        let role = Role::named(role.trim())
            .map_err(|error| wrong(format!("names {:?}, but {error}", role.trim())))?;
        Ok(Self { condition: Condition::parse("roles", condition)?, role })
    }
}

/// The roles that the rules give, each once.
pub(crate) fn roles(rules: &[RoleRule], who: &Subject<'_>) -> Vec<Role> {
    let mut given: Vec<Role> = rules
        .iter()
        .filter(|rule| rule.condition.holds(who))
        .map(|rule| rule.role.clone())
        .collect();
    given.sort();
    given.dedup();
    given
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claims_are_found_by_name_and_by_pointer() {
        let claims = json!({"sub": 7, "https://x.example/groups": ["a"], "realm_access": {"roles": ["r", 1, {"name": "n"}]}, "words": "a b", "none": null, "ctl": "a\u{7}", "cut": "a\u{fffd}"});
        assert_eq!(text(&claims, "sub").as_deref(), Some("7"));
        assert_eq!((text(&claims, "ctl"), text(&claims, "cut")), (None, None));
        let odd: Value = serde_json::from_str(
            r#"{"a": 7, "b": "7", "c": -7, "d": 18446744073709551615, "e": 7.0, "f": 1e3, "g": 18446744073709551616, "h": true, "i": [7], "j": {"id": 7}, "k": " "}"#,
        )
        .unwrap();
        for (name, named) in [("a", "7"), ("b", "7"), ("c", "-7"), ("d", "18446744073709551615")] {
            assert_eq!(identifier(&odd, name).as_deref(), Some(named), "{name}");
        }
        for name in ["e", "f", "g", "h", "i", "j", "k", "missing"] {
            assert_eq!(identifier(&odd, name), None, "{name}");
        }
        assert_eq!(find(&claims, "none"), None);
        assert_eq!(list(&claims, "https://x.example/groups"), ["a"]);
        assert_eq!(list(&claims, "/realm_access/roles"), ["r", "1", "n"]);
        assert_eq!(list(&claims, "words"), ["a", "b"]);
        assert!(list(&claims, "missing").is_empty());
    }

    #[test]
    fn ca40_rules_turn_claims_into_roles() {
        let claims = json!({"department": "research", "groups": ["not these"]});
        let groups = ["engineering-core".to_owned()];
        let rules: Vec<_> = [
            "groups = engineering-* -> developer",
            "department = research -> scientist",
            "email = *@boss.example -> admin",
            "groups = other -> never",
        ]
        .iter()
        .map(|text| RoleRule::parse(text).unwrap())
        .collect();
        let names = |who: &Subject<'_>| {
            roles(&rules, who).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            names(&Subject { claims: &claims, groups: &groups, verified_email: None }),
            ["developer", "scientist"]
        );
        assert_eq!(
            names(&Subject {
                claims: &json!({"email": "a@boss.example"}),
                groups: &[],
                verified_email: None
            }),
            Vec::<String>::new(),
            "an unverified e-mail address gives no role"
        );
        assert_eq!(
            names(&Subject {
                claims: &json!({}),
                groups: &[],
                verified_email: Some("a@boss.example")
            }),
            ["admin"]
        );
        for wrong in ["groups = a", "groups -> a", "= a -> b", "groups = a -> B"] {
            assert!(RoleRule::parse(wrong).is_err(), "{wrong}");
        }
    }
}
