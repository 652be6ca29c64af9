//! The set-up of an external resource server, so that it accepts the tokens of this server: its
//! metadata document, and the code for common libraries.

use doorward_model::{ExternalResource, PublicUrl, routes};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The values that a resource server is set up with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Guide {
    /// The issuer of tokens.
    pub issuer: String,
    /// The URL of the keys that verify them.
    pub jwks_uri: String,
    /// The introspection endpoint.
    pub introspection_endpoint: String,
    /// The URL of its metadata document.
    pub metadata_url: String,
    /// The metadata document to serve there (RFC 9728).
    pub metadata: Value,
    /// Code for common libraries.
    pub snippets: Vec<Snippet>,
}

/// The code for one library.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ResourceSnippet")]
pub struct Snippet {
    /// The library.
    pub title: &'static str,
    /// The code.
    pub code: String,
}

/// The texts that take the place of words in a snippet.
struct Values<'a> {
    url: &'a str,
    issuer: &'a str,
    jwks: &'a str,
    introspect: &'a str,
    metadata_url: &'a str,
    id: &'a str,
    /// As a list of strings, `"a", "b"`.
    scopes: String,
    first: String,
    origin: &'a str,
}

impl Values<'_> {
    fn fill(&self, template: &str) -> String {
        [
            ("{METADATA_URL}", self.metadata_url),
            ("{INTROSPECT}", self.introspect),
            ("{ISSUER}", self.issuer),
            ("{ORIGIN}", self.origin),
            ("{SCOPES}", &self.scopes),
            ("{FIRST}", &self.first),
            ("{JWKS}", self.jwks),
            ("{URL}", self.url),
            ("{ID}", self.id),
        ]
        .iter()
        .fold(template.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

const FASTMCP: &str = include_str!("snippets/fastmcp.py");
const TYPESCRIPT: &str = include_str!("snippets/typescript.mjs");
const GO: &str = include_str!("snippets/go.txt");
const SPRING: &str = include_str!("snippets/spring.txt");

impl Guide {
    pub(super) fn new(public_url: &PublicUrl, resource: &ExternalResource) -> Self {
        let url = resource.url.as_str();
        let scopes: Vec<_> = resource.scopes.iter().map(|scope| scope.name()).collect();
        let metadata_url = resource.metadata_url();
        let (jwks, introspect) = (public_url.at(routes::JWKS), public_url.at(routes::INTROSPECT));
        let values = Values {
            url,
            issuer: public_url.as_str(),
            jwks: &jwks,
            introspect: &introspect,
            metadata_url: &metadata_url,
            id: resource.id.as_str(),
            scopes: scopes.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "),
            first: scopes.first().map(ToString::to_string).unwrap_or_default(),
            origin: resource.origin(),
        };
        let snippet = |title, template| Snippet { title, code: values.fill(template) };
        let snippets = vec![
            snippet("FastMCP (Python)", FASTMCP),
            snippet("MCP TypeScript SDK", TYPESCRIPT),
            snippet("MCP Go SDK", GO),
            snippet("Spring", SPRING),
        ];
        Self {
            metadata: resource.metadata(public_url),
            issuer: public_url.as_str().to_owned(),
            snippets,
            metadata_url,
            jwks_uri: jwks,
            introspection_endpoint: introspect,
        }
    }
}
