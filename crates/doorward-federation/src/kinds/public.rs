//! Services at which anyone can have an account, for kinds that are used with servers of any URL.

use url::{Host, Url};

use super::Accounts;

/// Domains of such services, with their names. Subdomains are theirs too.
const SERVICES: &[(&str, &str)] = &[
    ("amazon.com", "Amazon"),
    ("apple.com", "Apple"),
    ("atlassian.com", "Atlassian"),
    ("bitbucket.org", "Bitbucket"),
    ("codeberg.org", "Codeberg"),
    ("discord.com", "Discord"),
    ("discordapp.com", "Discord"),
    ("dropbox.com", "Dropbox"),
    ("dropboxapi.com", "Dropbox"),
    ("facebook.com", "Facebook"),
    ("gitea.com", "Gitea"),
    ("github.com", "GitHub"),
    ("gitlab.com", "GitLab.com"),
    ("google.com", "Google"),
    ("googleapis.com", "Google"),
    ("huggingface.co", "Hugging Face"),
    ("line.me", "LINE"),
    ("linkedin.com", "LinkedIn"),
    ("live.com", "Microsoft"),
    ("notion.com", "Notion"),
    ("orcid.org", "ORCID"),
    ("paypal.com", "PayPal"),
    ("reddit.com", "Reddit"),
    ("slack.com", "Slack"),
    ("spotify.com", "Spotify"),
    ("twitch.tv", "Twitch"),
    ("twitter.com", "X"),
    ("x.com", "X"),
    ("yahoo.com", "Yahoo"),
    ("yandex.com", "Yandex"),
    ("yandex.ru", "Yandex"),
    ("zoom.us", "Zoom"),
];

/// Domains of Microsoft's authorization servers, at which the first part of the path is the tenant.
const MICROSOFT: &[&str] = &[
    "microsoftonline.com",
    "microsoftonline.us",
    "partner.microsoftonline.cn",
    "login.microsoft.com",
    "windows.net",
];

/// The tenant of Microsoft's personal accounts.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Reports the tenant of Microsoft's personal accounts.
pub(super) fn is_personal(tenant: &str) -> bool {
    tenant.eq_ignore_ascii_case(PERSONAL)
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Reports a path of one organisation: its tenant by identifier or by domain. The others are
/// `common`, `organizations`, `consumers` and placeholders.
fn is_one_tenant(url: &Url) -> bool {
    let tenant = url.path_segments().and_then(|mut parts| parts.next()).unwrap_or_default();
    let id =
        tenant.len() == 36 && tenant.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    (id && !is_personal(tenant)) || tenant.contains('.')
}

fn service(text: &str, microsoft: bool) -> Option<&'static str> {
    let url = Url::parse(text).ok()?;
    let Some(Host::Domain(host)) = url.host() else { return None };
    let host = host.trim_end_matches('.');
    if MICROSOFT.iter().any(|domain| is_within(host, domain)) {
        return (microsoft && !is_one_tenant(&url)).then_some("Microsoft");
    }
    SERVICES.iter().find(|(domain, _)| is_within(host, domain)).map(|(_, service)| *service)
}

fn accounts(service: Option<&'static str>) -> Accounts {
    let limit = "allowed_domains = [\"example.com\"]";
    service.map_or(Accounts::Own, |service| Accounts::Public { service, limit })
}

/// The holders of accounts at the servers of these URLs: the public if one of them is a service for
/// anyone.
pub(super) fn at(urls: &[&str]) -> Accounts {
    accounts(urls.iter().find_map(|url| service(url, true)))
}

/// The same for a server that is Microsoft's, or stands in for it, and has its tenants listed.
pub(super) fn at_other_than_microsoft(url: &str) -> Accounts {
    accounts(service(url, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_for_anyone_are_known_by_their_hosts_however_they_are_written() {
        for (url, public) in [
            ("https://accounts.google.com", true),
            ("https://GitLab.com/", true),
            ("https://gitlab.com:443", true),
            ("https://gitlab.com./", true),
            ("https://www.github.com/x", true),
            ("https://api.github.com/user", true),
            ("https://appleid.apple.com", true),
            ("https://login.microsoftonline.com/common/v2.0", true),
            ("https://login.microsoftonline.com/organizations/v2.0", true),
            ("https://login.microsoftonline.com/Consumers/v2.0", true),
            ("https://login.microsoftonline.com/9188040D-6c67-4c5b-b112-36a304b66dad/v2.0", true),
            ("https://login.microsoftonline.com/{tenantid}/v2.0", true),
            ("https://login.microsoftonline.com", true),
            ("https://login.live.com", true),
            ("https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0", false),
            ("https://login.microsoftonline.com/corp.example/v2.0", false),
            ("https://sts.windows.net/11111111-1111-1111-1111-111111111111/", false),
            ("https://gitlab.com.example", false),
            ("https://notgitlab.com", false),
            ("https://gitlab.corp.example/gitlab.com", false),
            ("https://acme.ghe.com", false),
            ("http://127.0.0.1:7401", false),
            ("nonsense", false),
        ] {
            assert_eq!(matches!(at(&[url]), Accounts::Public { .. }), public, "{url}");
        }
        let own = "https://sso.example/token";
        assert!(matches!(at(&[own, own, "https://discord.com/api/me"]), Accounts::Public { .. }));
        assert_eq!(at(&[own, ""]), Accounts::Own);
    }
}
