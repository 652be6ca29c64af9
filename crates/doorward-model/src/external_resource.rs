//! External resource servers: MCP servers and APIs of the operator that accept this server's access
//! tokens, and are served by other programs.

use std::fmt;

use url::{Position, Url};

pub use crate::id::ResourceId;
use crate::{
    HashedToken, PublicUrl, Resource, Role, Scope, ScopeSet, Timestamp, User, foreign, public_url,
    reading, routes,
};

/// The name of a scope of an external resource server (RFC 6749 §3.3). It is as cheap to copy as a
/// number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeName {
    bytes: [u8; Self::MAX],
    length: u8,
}

/// A text that cannot name a scope of an external resource server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope has 1 to 48 printable ASCII characters without spaces, quotation marks and backslashes, and is none of this server's own or of OpenID Connect"
)]
pub struct ScopeNameError;

impl ScopeName {
    /// The longest name, in bytes.
    pub const MAX: usize = 48;
    /// Names with a meaning at every authorization server (OpenID Connect Core §5.4, §11).
    const RESERVED: [&str; 7] =
        ["openid", "profile", "email", "address", "phone", "groups", "offline_access"];
    /// The first words of this server's own scopes.
    const OWN: [&str; 2] = ["mcp", "admin"];

    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, ScopeNameError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        let first = text.split(':').next().unwrap_or_default();
        let mut bytes = [0; Self::MAX];
        let (Some(place), Ok(length)) = (bytes.get_mut(..text.len()), u8::try_from(text.len()))
        else {
            return Err(ScopeNameError);
        };
        let reserved = Self::RESERVED.contains(&text) || Self::OWN.contains(&first);
        if text.is_empty() || !plain || reserved {
            return Err(ScopeNameError);
        }
        place.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length })
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An external resource server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalResource {
    /// Its identifier, with which it authenticates for introspection.
    pub id: ResourceId,
    /// Its URL: the value of `resource` in requests and of `aud` in tokens.
    pub url: Resource,
    /// The name that the consent page shows.
    pub name: String,
    /// The scopes that tokens for it may have, at least one; the first is the default.
    pub scopes: Vec<Scope>,
    /// The roles of which a user must have one to let a client use it; none means all users.
    pub roles: Vec<Role>,
    /// The hash of its secret.
    pub secret: HashedToken,
    /// The time at which it was added.
    pub created_at: Timestamp,
}

/// A value of an external resource server that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// Not a URL.
    #[error("{0:?} is not a URL; write it like https://other.example.com/mcp")]
    NotAUrl(String),
    /// http to another machine, or another scheme.
    #[error("the URL must be https, or http on this machine")]
    Insecure,
    /// User info, a query or a fragment.
    #[error("the URL has no user name, query or fragment")]
    Extras,
    /// Not the canonical spelling, which programs compare byte for byte.
    #[error("write the URL in its canonical form: {0}")]
    NotCanonical(String),
    /// A URL of this server.
    #[error("the URL is one of this server's own: add an upstream instead")]
    Own,
    /// Too long.
    #[error("the URL has at most {0} characters")]
    Long(usize),
    /// A scope that cannot be one.
    #[error("{0:?} cannot be a scope of a resource server: {1}")]
    Scope(String, ScopeNameError),
    /// No scope, or too many.
    #[error("name 1 to {0} scopes, each once")]
    Scopes(usize),
    /// The name is empty, too long, or has hidden characters.
    #[error("a name is one line of 1 to {0} visible characters")]
    Name(usize),
}

/// A path that programs read in different ways, as one of different resource servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("programs read the path in different ways, as one of different resource servers")]
pub struct AmbiguousPath;

impl ExternalResource {
    /// Maximum number of scopes of one.
    pub const MOST_SCOPES: usize = 32;
    /// The longest name, in characters.
    pub const LONGEST_NAME: usize = 80;
    /// The longest URL, in characters.
    pub const LONGEST_URL: usize = 500;

    /// Reads the URL of an external resource server. It is not one of this server's, whose public
    /// URL is `own`.
    pub fn url(text: &str, own: &PublicUrl) -> Result<Resource, ResourceError> {
        let url = Url::parse(text).map_err(|_| ResourceError::NotAUrl(text.to_owned()))?;
        if text.len() > Self::LONGEST_URL {
            return Err(ResourceError::Long(Self::LONGEST_URL));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(ResourceError::Extras);
        }
        if url.scheme() != "https" && !(url.scheme() == "http" && public_url::is_loopback(&url)) {
            return Err(ResourceError::Insecure);
        }
        // `https://host` and `https://host/` are both in use as identifiers: each counts as
        // written.
        let canonical = url.as_str();
        let bare = canonical.strip_suffix('/').filter(|_| url.path() == "/");
        if text != canonical && Some(text) != bare {
            return Err(ResourceError::NotCanonical(bare.unwrap_or(canonical).to_owned()));
        }
        if own.contains(text) {
            return Err(ResourceError::Own);
        }
        Ok(Resource::from_stored(text.to_owned()))
    }

    /// Reads its scopes, in order.
    pub fn scopes(names: &[String]) -> Result<Vec<Scope>, ResourceError> {
        let scopes = names.iter().map(|name| Self::scope(name)).collect::<Result<Vec<_>, _>>()?;
        let each_once: ScopeSet = scopes.iter().copied().collect();
        if scopes.is_empty()
            || scopes.len() > Self::MOST_SCOPES
            || each_once.iter().count() != scopes.len()
        {
            return Err(ResourceError::Scopes(Self::MOST_SCOPES));
        }
        Ok(scopes)
    }

    /// A scope of a resource server: one of its own, or one of the three of MCP tools, under the
    /// same rules as here.
    fn scope(name: &str) -> Result<Scope, ResourceError> {
        match Scope::named(name) {
            Some(scope @ (Scope::Read | Scope::Write | Scope::Destructive)) => Ok(scope),
            Some(_) => Err(ResourceError::Scope(name.to_owned(), ScopeNameError)),
            None => ScopeName::parse(name)
                .map(Scope::External)
                .map_err(|error| ResourceError::Scope(name.to_owned(), error)),
        }
    }

    /// Reads its name.
    pub fn name(text: &str) -> Result<String, ResourceError> {
        let text = text.trim();
        let long = text.chars().count() > Self::LONGEST_NAME;
        if text.is_empty() || long || foreign::has_hidden(text) || text.contains('\n') {
            return Err(ResourceError::Name(Self::LONGEST_NAME));
        }
        Ok(text.to_owned())
    }

    /// The scopes of a request for it: of those that it names, the ones that exist here. A client
    /// that names none gets the first, as does one that knows only the scopes of this server.
    pub fn requested(&self, asked: Option<&str>) -> ScopeSet {
        let own: ScopeSet = self.scopes.iter().copied().collect();
        let Some(asked) = asked else { return self.scopes.first().copied().into_iter().collect() };
        let names = ScopeSet::from_stored(asked);
        let found: ScopeSet = own.iter().filter(|scope| names.allows(*scope)).collect();
        let own_names = ScopeSet::parse_known(asked);
        if found.is_empty() && own_names.iter().any(|scope| !scope.is_identity()) {
            return self.requested(None);
        }
        let refresh = names.iter().filter(|scope| *scope == Scope::OfflineAccess);
        if found.is_empty() { found } else { found.iter().chain(refresh).collect() }
    }

    /// The part of `scopes` that a token for it may have at this moment. Scopes that include others
    /// are listed with them: resource servers compare names.
    pub fn part_of(&self, scopes: &ScopeSet) -> ScopeSet {
        let of_it = |scope: &Scope| self.scopes.contains(scope) || *scope == Scope::OfflineAccess;
        scopes.closure().iter().filter(of_it).collect()
    }

    /// Scheme, host and port of its URL, and the rest.
    fn halves(&self) -> (&str, &str) {
        let url = self.url.as_str();
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let rest = url.get(after_scheme..).unwrap_or_default();
        let host = rest.find('/').map_or(url.len(), |at| after_scheme + at);
        url.split_at_checked(host).unwrap_or((url, ""))
    }

    /// Scheme, host and port of its URL.
    pub fn origin(&self) -> &str {
        self.halves().0
    }

    /// The URL of its metadata document (RFC 9728 §3.1).
    pub fn metadata_url(&self) -> String {
        let (origin, path) = self.halves();
        let path = if path == "/" { "" } else { path };
        format!("{origin}{}{path}", routes::PROTECTED_RESOURCE_METADATA)
    }

    /// Its metadata document (RFC 9728 §2).
    pub fn metadata(&self, issuer: &PublicUrl) -> serde_json::Value {
        serde_json::json!({
            "resource": self.url.as_str(),
            "authorization_servers": [issuer.as_str()],
            "scopes_supported": self.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
            "bearer_methods_supported": ["header"],
            "resource_name": self.name,
        })
    }

    /// The resource server, of all of them, that a URL belongs to; of several, the most specific.
    pub fn of_url<'a>(all: &'a [Self], url: &Url) -> Result<Option<&'a Self>, AmbiguousPath> {
        let covering = all.iter().filter(|resource| resource.covers(url));
        let found = covering.max_by_key(|resource| resource.url.as_str().len());
        let read = reading::lenient(url.path());
        let origin = &url[..Position::BeforePath];
        let depth = |resource: &Self| {
            let (own, path) = resource.halves();
            let path = reading::lenient(path);
            (own == origin && read.starts_with(&path)).then_some(path.len())
        };
        let deepest = all.iter().filter_map(depth).max();
        if found.map(depth) == deepest.map(Some) { Ok(found) } else { Err(AmbiguousPath) }
    }

    /// Reports a URL of it: its own, or one below.
    pub fn covers(&self, url: &Url) -> bool {
        let own = self.url.as_str();
        let base = own.strip_suffix('/').unwrap_or(own);
        let mut plain = url.clone();
        plain.set_query(None);
        plain.set_fragment(None);
        plain
            .as_str()
            .strip_prefix(base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// True if the user may give clients access to it.
    pub fn admits(&self, user: &User) -> bool {
        self.roles.is_empty() || user.has_any(&self.roles)
    }

    /// Identifies the state that an administrator saw.
    pub fn etag(&self) -> String {
        let scopes: Vec<_> = self.scopes.iter().map(|scope| scope.name()).collect();
        let roles: Vec<_> = self.roles.iter().map(Role::as_str).collect();
        crate::id::etag(&[
            self.id.as_str(),
            self.url.as_str(),
            &self.name,
            &scopes.join(" "),
            &roles.join(" "),
            self.secret.as_str(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> PublicUrl {
        PublicUrl::parse("https://mcp.example.com").unwrap()
    }

    fn resource(scopes: &[&str]) -> ExternalResource {
        let scopes: Vec<String> = scopes.iter().map(|name| (*name).to_owned()).collect();
        ExternalResource {
            id: ResourceId::from_text("rs_1"),
            url: ExternalResource::url("https://notes.example.com/mcp", &own()).unwrap(),
            name: "Notes".to_owned(),
            scopes: ExternalResource::scopes(&scopes).unwrap(),
            roles: Vec::new(),
            secret: HashedToken::from_stored(String::new()),
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn a_url_is_taken_as_it_is_written_and_only_in_one_spelling() {
        for good in [
            "https://notes.example.com/mcp",
            "https://notes.example.com",
            "https://notes.example.com/",
            "https://notes.example.com/mcp/",
            "https://notes.example.com:8443/a/b",
            "http://localhost:9000/mcp",
            "http://127.0.0.1:9000/mcp",
            "https://mcp.example.com.evil.example/mcp",
            "https://mcp.example.com:8443/mcp",
        ] {
            assert_eq!(ExternalResource::url(good, &own()).unwrap().as_str(), good);
        }
        for (bad, canonical) in [
            ("https://NOTES.example.com/mcp", "https://notes.example.com/mcp"),
            ("https://notes.example.com:443", "https://notes.example.com"),
            ("https://notes.example.com/a/../mcp", "https://notes.example.com/mcp"),
        ] {
            let refused = ExternalResource::url(bad, &own()).unwrap_err();
            assert_eq!(refused, ResourceError::NotCanonical(canonical.to_owned()));
        }
        for (bad, error) in [
            ("http://notes.example.com/mcp", ResourceError::Insecure),
            ("ftp://notes.example.com/mcp", ResourceError::Insecure),
            ("https://notes.example.com/mcp?a=b", ResourceError::Extras),
            ("https://notes.example.com/mcp#a", ResourceError::Extras),
            ("https://a@notes.example.com/mcp", ResourceError::Extras),
            ("notes", ResourceError::NotAUrl("notes".to_owned())),
            ("https://mcp.example.com", ResourceError::Own),
            ("https://mcp.example.com/", ResourceError::Own),
            ("https://mcp.example.com/mcp", ResourceError::Own),
            ("https://mcp.example.com/other", ResourceError::Own),
        ] {
            assert_eq!(ExternalResource::url(bad, &own()), Err(error), "{bad}");
        }
        let below = PublicUrl::parse("https://example.com/doorward").unwrap();
        assert!(ExternalResource::url("https://example.com/notes", &below).is_ok());
        assert!(ExternalResource::url("https://example.com/doorward/x", &below).is_err());
        let local = PublicUrl::parse("http://localhost:8400").unwrap();
        assert!(ExternalResource::url("http://127.0.0.1:8400/mcp", &local).is_err());
        assert!(ExternalResource::url("http://127.0.0.1:8401/mcp", &local).is_ok());
    }

    #[test]
    fn no_scope_of_a_resource_server_has_a_meaning_here_or_in_openid_connect() {
        for good in ["notes:read", "https://notes.example.com/read", "user.read", "mcp:read"] {
            assert!(ExternalResource::scopes(&[good.to_owned()]).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a\"",
            "a\\",
            "é",
            "admin",
            "admin:read",
            "admin:other",
            "mcp:other",
            "mcp:read:wiki",
            "openid",
            "offline_access",
            &"a".repeat(49),
        ] {
            assert!(ExternalResource::scopes(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(ExternalResource::scopes(&[]).is_err());
        assert!(ExternalResource::scopes(&["a".to_owned(), "a".to_owned()]).is_err());
    }

    #[test]
    fn a_request_gets_what_it_names_and_exists_there() {
        let notes = resource(&["notes:read", "notes:write"]);
        let text = |asked: Option<&str>| notes.requested(asked).to_string();
        assert_eq!(text(None), "notes:read");
        assert_eq!(text(Some("notes:write openid")), "notes:write");
        assert_eq!(
            text(Some("notes:read offline_access notes:write")),
            "notes:read notes:write offline_access"
        );
        // A client that took the scopes from the metadata of this server.
        assert_eq!(text(Some("mcp:read mcp:write offline_access")), "notes:read");
        assert_eq!(text(Some("others:read")), "");
        let tools = resource(&["mcp:read", "mcp:write"]);
        assert_eq!(tools.requested(Some("mcp:write")).to_string(), "mcp:read mcp:write");
        let granted = ScopeSet::parse_known("mcp:write");
        assert_eq!(tools.part_of(&granted).to_string(), "mcp:read mcp:write");
        assert_eq!(notes.part_of(&granted).to_string(), "");
    }

    #[test]
    fn a_resource_covers_its_own_paths_and_no_neighbour() {
        let notes = resource(&["a"]);
        let covers = |url: &str| notes.covers(&Url::parse(url).unwrap());
        for url in ["", "/", "/x/y", "?a=b", "/x?a=https://evil.example#c"] {
            assert!(covers(&format!("https://notes.example.com/mcp{url}")), "{url}");
        }
        for url in [
            "https://notes.example.com/",
            "https://notes.example.com/mcpx",
            "https://notes.example.com/mcp/../admin",
            "https://notes.example.com:8443/mcp",
            "http://notes.example.com/mcp",
            "https://evil.example/mcp?https://notes.example.com/mcp",
        ] {
            assert!(!covers(url), "{url}");
        }
        assert_eq!(
            notes.metadata_url(),
            "https://notes.example.com/.well-known/oauth-protected-resource/mcp"
        );
        let bare = ExternalResource {
            url: ExternalResource::url("http://localhost:9000/", &own()).unwrap(),
            ..notes
        };
        assert_eq!(
            bare.metadata_url(),
            "http://localhost:9000/.well-known/oauth-protected-resource"
        );
        assert!(bare.covers(&Url::parse("http://localhost:9000/any/page?x").unwrap()));
        assert!(!bare.covers(&Url::parse("http://localhost:9001/").unwrap()));
    }

    #[test]
    fn a_name_is_one_visible_line() {
        assert_eq!(ExternalResource::name(" Notes ").as_deref(), Ok("Notes"));
        for bad in ["", "  ", "a\nb", "a\u{202e}b", &"a".repeat(81)] {
            assert!(ExternalResource::name(bad).is_err(), "{bad:?}");
        }
    }
}
