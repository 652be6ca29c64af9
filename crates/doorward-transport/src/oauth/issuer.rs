//! The issuer that a metadata document names.

/// The tenants of Microsoft's authorization servers that are no single organisation: tokens of
/// their users name another issuer, that of the user's own tenant.
const SEVERAL: [&str; 3] = ["common", "organizations", "consumers"];

/// Relation of the issuer in a document to the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedIssuer {
    /// The expected one.
    Same,
    /// One of several tenants, for which the document has a placeholder, as Microsoft's documents
    /// have `{tenantid}`; the expected one is that of a single tenant.
    Tenant,
    /// One of several tenants; so is the expected one, which no token names.
    Several,
    /// Another one.
    Other,
}

/// Compares the issuer that a document names with the expected one. A placeholder is a whole part
/// of the path, never a part of the host.
pub fn named_issuer(told: &str, expected: &str) -> NamedIssuer {
    if told == expected {
        let placeholder = tenant_within(told).is_some();
        return if placeholder { NamedIssuer::Several } else { NamedIssuer::Same };
    }
    let Some((before, behind)) = tenant_within(told) else { return NamedIssuer::Other };
    let tenant = expected.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    match tenant {
        Some(tenant) if SEVERAL.iter().any(|name| tenant.eq_ignore_ascii_case(name)) => {
            NamedIssuer::Several
        }
        Some(tenant) if is_tenant(tenant) => NamedIssuer::Tenant,
        Some(_) | None => NamedIssuer::Other,
    }
}

/// The texts before and behind the placeholder of an issuer; `None` where it has none.
fn tenant_within(issuer: &str) -> Option<(&str, &str)> {
    let (before, rest) = issuer.split_once('{')?;
    let (name, behind) = rest.split_once('}')?;
    let (_, place) = before.split_once("://")?;
    let in_path = place.contains('/') && place.ends_with('/') && !place.contains(['?', '#']);
    let ends = behind.is_empty() || behind.starts_with('/');
    let named = ["tenantid", "tenant_id", "tenant"].iter().any(|it| name.eq_ignore_ascii_case(it));
    (in_path && ends && named && !behind.contains('{')).then_some((before, behind))
}

/// Reports a text that is the identifier or the domain of one tenant.
fn is_tenant(text: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    !text.is_empty() && text.chars().all(is_part) && text.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_several_tenants_is_that_of_each_one_and_of_no_other_issuer() {
        const ONE: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
        let at = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
        for (told, expected, named) in [
            (at(ONE), at(ONE), NamedIssuer::Same),
            (at("{tenantid}"), at(ONE), NamedIssuer::Tenant),
            (at("{tenantId}"), at(ONE), NamedIssuer::Tenant),
            (at("{tenant}"), at("corp.example"), NamedIssuer::Tenant),
            (at("{tenantid}"), at("common"), NamedIssuer::Several),
            (at("{tenantid}"), at("Organizations"), NamedIssuer::Several),
            (at("{tenantid}"), at("consumers"), NamedIssuer::Several),
            (at("{tenantid}"), at("{tenantid}"), NamedIssuer::Several),
            (
                "https://sts.example/{tenantid}/".into(),
                format!("https://sts.example/{ONE}/"),
                NamedIssuer::Tenant,
            ),
            (
                "https://sts.example/{tenantid}".into(),
                format!("https://sts.example/{ONE}"),
                NamedIssuer::Tenant,
            ),
            (at("{tenantid}"), at(""), NamedIssuer::Other),
            (at("{tenantid}"), at("a/b"), NamedIssuer::Other),
            (at("{tenantid}"), at("a?b"), NamedIssuer::Other),
            (at("{tenantid}"), at(".."), NamedIssuer::Other),
            (at("{tenantid}"), format!("https://login.example/{ONE}"), NamedIssuer::Other),
            (at("{tenantid}"), format!("https://evil.example/{ONE}/v2.0"), NamedIssuer::Other),
            (at("{realm}"), at(ONE), NamedIssuer::Other),
            (at(ONE), at("common"), NamedIssuer::Other),
            (
                "https://{tenantid}.example/v2.0".into(),
                format!("https://{ONE}.example/v2.0"),
                NamedIssuer::Other,
            ),
            (
                "https://{tenantid}/v2.0".into(),
                "https://evil.example/v2.0".into(),
                NamedIssuer::Other,
            ),
            ("{tenantid}".into(), "https://evil.example".into(), NamedIssuer::Other),
            (
                "https://a.example/{tenantid}{tenantid}".into(),
                "https://a.example/bb".into(),
                NamedIssuer::Other,
            ),
            (
                "https://a.example/?t={tenantid}".into(),
                "https://a.example/?t=x".into(),
                NamedIssuer::Other,
            ),
            (
                "https://a.example/t-{tenantid}".into(),
                "https://a.example/t-x".into(),
                NamedIssuer::Other,
            ),
            (String::new(), String::new(), NamedIssuer::Same),
            (String::new(), at(ONE), NamedIssuer::Other),
        ] {
            assert_eq!(named_issuer(&told, &expected), named, "{told} {expected}");
        }
    }
}
