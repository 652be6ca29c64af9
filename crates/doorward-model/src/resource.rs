//! Protected resources (RFC 8707, RFC 9728): the MCP endpoints of this server and the external
//! resource servers that a token may be for.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use url::Url;

use crate::{
    ExternalResource, Toolset, ToolsetName,
    id::{ResourceId, UpstreamId},
    public_url::{self, PublicUrl},
    routes,
    upstream::UpstreamName,
};

/// The canonical identifier of one MCP endpoint of this server, or of its API: its public URL
/// without a trailing slash. Of an external resource server, its URL as the administrator wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource(String);

impl Resource {
    /// The aggregate endpoint `/mcp`.
    pub fn mcp(public_url: &PublicUrl) -> Self {
        Self(public_url.at(routes::MCP))
    }
    /// One upstream alone, `/mcp/{upstream}`: an audience of its own.
    pub fn of_upstream(public_url: &PublicUrl, upstream: UpstreamName) -> Self {
        Self(public_url.at(&routes::of_upstream(routes::MCP_UPSTREAM, upstream)))
    }
    /// One toolset, `/mcp/set/{toolset}`: an audience of its own.
    pub fn of_toolset(public_url: &PublicUrl, toolset: ToolsetName) -> Self {
        Self(public_url.at(&routes::of_toolset(routes::MCP_TOOLSET, toolset)))
    }
    /// The administrators' API, `/api/admin`.
    pub fn admin(public_url: &PublicUrl) -> Self {
        Self(public_url.at(routes::API_ADMIN))
    }
    /// The userinfo endpoint: the audience of tokens with which a relying party reads claims, and
    /// of nothing else. It is no resource that requests can name.
    pub fn userinfo(public_url: &PublicUrl) -> Self {
        Self(public_url.at(routes::USERINFO))
    }
    /// The sessions of users at applications of the operator, `/api/session`: the audience of their
    /// tokens, and of nothing else. It is no resource that requests can name.
    pub fn session(public_url: &PublicUrl) -> Self {
        Self(public_url.at(routes::API_SESSION))
    }
    /// The upstream of this resource.
    pub fn upstream(&self, public_url: &PublicUrl) -> Option<UpstreamName> {
        let rest = self.0.strip_prefix(Self::mcp(public_url).as_str())?.strip_prefix('/')?;
        UpstreamName::parse(rest).ok()
    }
    /// True if it is the URL of a toolset, also of one that was removed.
    pub fn is_of_toolset(&self, public_url: &PublicUrl) -> bool {
        let before = public_url.at(&routes::MCP_TOOLSET.replace("{toolset}", ""));
        self.0.starts_with(&before)
    }
    /// A resource as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
    /// The identifier: the value of `resource` in metadata and `aud` in tokens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Finds the known resource that a client's `resource` parameter means. Scheme and host are
    /// compared without case and one trailing slash is dropped, because clients add both;
    /// everything else must be equal. The origin alone, which some clients send for `…/mcp`, means
    /// the aggregate endpoint. Where the host of the resources is `localhost`, 127.0.0.1 and ::1
    /// are equivalent to it; for other hosts they are not.
    pub fn find(known: &[Self], presented: &str) -> Option<Self> {
        if let Some(same) = known.iter().find(|resource| resource.0 == presented) {
            return Some(same.clone());
        }
        let url = Url::parse(presented).ok()?;
        if url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
        {
            return None;
        }
        // The parser lower-cases scheme and host and drops the default port; dot segments must not
        // have been resolved.
        if presented.contains("/.")
            || presented.contains("%2e")
            || presented.contains("%2E")
            || presented.contains('\\')
        {
            return None;
        }
        Self::spelled(known, &url)
            .or_else(|| Self::spelled(known, &public_url::by_name(&url)?))
            .cloned()
    }
    fn spelled<'a>(known: &'a [Self], url: &Url) -> Option<&'a Self> {
        let canonical = without_slash(url.as_str());
        let is = |text: &str| known.iter().find(|resource| without_slash(&resource.0) == text);
        is(canonical).or_else(|| is(&format!("{canonical}{}", routes::MCP)))
    }
}

fn without_slash(text: &str) -> &str {
    text.strip_suffix('/').unwrap_or(text)
}

/// The resources that tokens may be for at this moment: the aggregate first, then one for each
/// upstream and each toolset, then the administrators' API, then external resource servers. Shared
/// by all requests.
#[derive(Clone, Debug)]
pub struct ResourceTable {
    public_url: PublicUrl,
    now: Arc<RwLock<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    resources: Arc<[Resource]>,
    upstreams: Arc<[(UpstreamName, UpstreamId)]>,
    toolsets: Arc<Vec<Arc<Toolset>>>,
    external: Arc<Vec<ExternalResource>>,
}

impl Known {
    /// The same with the resources that follow from its other members.
    fn collected(self, public_url: &PublicUrl) -> Self {
        let resources = std::iter::once(Resource::mcp(public_url))
            .chain(self.upstreams.iter().map(|(name, _)| Resource::of_upstream(public_url, *name)))
            .chain(self.toolsets.iter().map(|toolset| toolset.resource(public_url)))
            .chain(std::iter::once(Resource::admin(public_url)))
            .chain(self.external.iter().map(|resource| resource.url.clone()))
            .collect();
        Self { resources, ..self }
    }
}

impl ResourceTable {
    /// The aggregate and the administrators' API.
    pub fn new(public_url: &PublicUrl) -> Self {
        let none = Known {
            resources: Arc::new([]),
            upstreams: Arc::new([]),
            toolsets: Arc::default(),
            external: Arc::default(),
        };
        let known = none.collected(public_url);
        Self { public_url: public_url.clone(), now: Arc::new(RwLock::new(known)) }
    }
    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let mut known = now.clone();
        change(&mut known);
        *now = known.collected(&self.public_url);
    }
    /// Replaces the upstreams.
    pub fn set_upstreams(&self, upstreams: impl Iterator<Item = (UpstreamName, UpstreamId)>) {
        let upstreams = upstreams.collect();
        self.change(|known| known.upstreams = upstreams);
    }
    /// Replaces the external resource servers, unless they are the same list.
    pub fn follow(&self, external: &Arc<Vec<ExternalResource>>) {
        if !Arc::ptr_eq(&self.known().external, external) {
            self.change(|known| known.external = Arc::clone(external));
        }
    }
    /// Replaces the toolsets, unless they are the same list. Reports a change.
    pub fn follow_toolsets(&self, toolsets: &Arc<Vec<Arc<Toolset>>>) -> bool {
        let before = self.known().toolsets;
        if Arc::ptr_eq(&before, toolsets) {
            return false;
        }
        self.change(|known| known.toolsets = Arc::clone(toolsets));
        // The same ones may have been read again.
        before != *toolsets
    }
    /// The toolsets, by name.
    pub fn toolsets(&self) -> Arc<Vec<Arc<Toolset>>> {
        self.known().toolsets
    }
    /// The toolset of this name.
    pub fn toolset(&self, name: ToolsetName) -> Option<Arc<Toolset>> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.toolsets.iter().find(|toolset| toolset.name == name).cloned()
    }
    /// The toolset at this URL.
    pub fn toolset_at(&self, url: &Resource) -> Option<Arc<Toolset>> {
        let known = self.known();
        let found = known.toolsets.iter().find(|one| one.resource(&self.public_url) == *url);
        found.cloned()
    }
    /// The external resource server of this URL.
    pub fn external(&self, url: &Resource) -> Option<ExternalResource> {
        self.known().external.iter().find(|resource| resource.url == *url).cloned()
    }
    /// The external resource server of this identifier.
    pub fn external_of_id(&self, id: &ResourceId) -> Option<ExternalResource> {
        self.known().external.iter().find(|resource| resource.id == *id).cloned()
    }
    /// Reports a resource that is not this server's own.
    pub fn is_external(&self, resource: &Resource) -> bool {
        !self.public_url.contains(resource.as_str())
    }
    fn known(&self) -> Known {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// The resources of this moment.
    pub fn snapshot(&self) -> Arc<[Resource]> {
        self.known().resources
    }
    /// The upstreams among them.
    pub fn upstreams(&self) -> Vec<UpstreamName> {
        self.known().upstreams.iter().map(|(name, _)| *name).collect()
    }
    /// The identity of an upstream of this name, if there is one at this moment.
    pub fn upstream_id(&self, upstream: UpstreamName) -> Option<UpstreamId> {
        let known = self.known();
        known.upstreams.iter().find(|(name, _)| *name == upstream).map(|(_, id)| id.clone())
    }
    /// Reports an upstream of this name.
    pub fn has_upstream(&self, upstream: UpstreamName) -> bool {
        self.known().upstreams.iter().any(|(name, _)| *name == upstream)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i2_a28_slash_and_case_are_forgiven_and_nothing_else() {
        let known = [Resource::mcp(&PublicUrl::parse("https://mcp.example.com").unwrap())];
        for text in [
            "https://mcp.example.com/mcp",
            "https://mcp.example.com/mcp/",
            "HTTPS://MCP.example.com/mcp",
            "https://mcp.example.com:443/mcp",
            "https://mcp.example.com",
        ] {
            assert_eq!(Resource::find(&known, text).as_ref(), known.first(), "{text}");
        }
        for text in [
            "https://mcp.example.com/mcp//",
            "https://mcp.example.com/MCP",
            "https://mcp.example.com/mcp?x",
            "https://mcp.example.com/mcp#x",
            "http://mcp.example.com/mcp",
            "https://mcp.example.com/a/../mcp",
            "https://mcp.example.com/mcp/other",
            "https://evil.example/mcp",
            "https://mcp.example.com@evil.example/mcp",
            "mcp",
            "",
        ] {
            assert_eq!(Resource::find(&known, text), None, "{text}");
        }
    }

    #[test]
    fn an_external_resource_keeps_its_spelling_and_is_found_by_the_same_rules() {
        let known = ["https://a.example/", "https://b.example/mcp/", "https://c.example/mcp"]
            .map(|text| Resource::from_stored(text.to_owned()));
        for (presented, found) in [
            ("https://a.example", 0),
            ("https://a.example/", 0),
            ("https://b.example/mcp", 1),
            ("https://b.example/mcp/", 1),
            ("https://C.example/mcp/", 2),
            ("https://c.example", 2),
        ] {
            assert_eq!(Resource::find(&known, presented).as_ref(), known.get(found), "{presented}");
        }
        for presented in ["https://a.example/x", "https://c.example/mcp/x", "https://c.example:1"] {
            assert_eq!(Resource::find(&known, presented), None, "{presented}");
        }
    }

    #[test]
    fn the_ip_addresses_of_localhost_mean_it_and_it_does_not_mean_them() {
        let known = [Resource::mcp(&PublicUrl::parse("http://localhost:8400").unwrap())];
        for text in [
            "http://localhost:8400/mcp",
            "http://127.0.0.1:8400/mcp",
            "http://[::1]:8400/mcp/",
            "http://127.0.0.1:8400",
        ] {
            assert_eq!(Resource::find(&known, text).as_ref(), known.first(), "{text}");
        }
        for text in [
            "http://127.0.0.1:8401/mcp",
            "https://127.0.0.1:8400/mcp",
            "http://127.0.0.2:8400/mcp",
            "http://127.0.0.1.evil.example:8400/mcp",
        ] {
            assert_eq!(Resource::find(&known, text), None, "{text}");
        }
        // Another process may answer to the name where the operator chose the number.
        let known = [Resource::mcp(&PublicUrl::parse("http://127.0.0.1:8400").unwrap())];
        assert_eq!(Resource::find(&known, "http://localhost:8400/mcp"), None);
        assert_eq!(Resource::find(&known, "http://[::1]:8400/mcp"), None);
    }
}
