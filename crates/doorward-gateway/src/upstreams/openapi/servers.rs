//! The base URL of an operation's calls: its own servers precede those of its path, and those
//! precede the document's (OpenAPI 3.1 §4.8.1, §4.8.9, §4.8.10). A configured `url` precedes all,
//! and a server is used only if the operator named its origin.

use serde_json::Value;
use url::Url;

use super::api::DocumentSettings;

/// Maximum number of characters of a server's URL.
const MOST_URL: usize = 4096;

/// Reason for which no server of a list is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoServer {
    /// They are on origins that the operator did not name; the first of them.
    Origin(String),
    /// They cannot be used, for this reason.
    Unusable(&'static str),
}

impl std::fmt::Display for NoServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Origin(origin) => write!(
                f,
                "it states that the API is at {origin}, which is not the document's own origin; \
                 set url to the API's URL, or list {origin} in origins"
            ),
            Self::Unusable(why) => write!(f, "{why}; set url"),
        }
    }
}

/// The base URL of an operation: of the first server in the closest list that may be used.
pub(super) fn base(
    lists: [Option<&Value>; 3],
    wanted: &DocumentSettings<'_>,
) -> Result<Url, NoServer> {
    if let Some(url) = &wanted.configured {
        return Ok(url.clone());
    }
    let closest =
        lists.into_iter().flatten().filter_map(Value::as_array).find(|servers| !servers.is_empty());
    let Some(servers) = closest else { return at(&Value::Null, wanted) };
    // An element without a URL says nothing while another one has one.
    let names_url = |server: &&Value| server.get("url").is_some_and(Value::is_string);
    let mut named = servers.iter().filter(names_url).peekable();
    if named.peek().is_none() {
        return at(&Value::Null, wanted);
    }
    let mut first = None;
    for server in named {
        match at(server, wanted) {
            Ok(url) => return Ok(url),
            Err(why) => {
                first.get_or_insert(why);
            }
        }
    }
    Err(first.unwrap_or(NoServer::Unusable("it does not state the URL of the API")))
}

/// The URL of one server, if it may be used.
fn at(server: &Value, wanted: &DocumentSettings<'_>) -> Result<Url, NoServer> {
    let text = filled(server)?;
    let url = match &wanted.at {
        Some(document) => document
            .join(&text)
            .map_err(|_| NoServer::Unusable("its server has no URL that can be read"))?,
        None => Url::parse(&text)
            .map_err(|_| NoServer::Unusable("it does not state the URL of the API"))?,
    };
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(NoServer::Unusable("its server has no https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NoServer::Unusable("its server's URL contains a user or password"));
    }
    if !wanted.origins.allow(&url) {
        return Err(NoServer::Origin(url.origin().ascii_serialization()));
    }
    Ok(url)
}

/// The URL of a server with its variables put in, each once: a value names no further variable.
fn filled(server: &Value) -> Result<String, NoServer> {
    // An empty URL means the origin, not the document itself.
    let template = server.get("url").and_then(Value::as_str).map(str::trim);
    let template = template.filter(|url| !url.is_empty()).unwrap_or("/");
    let (mut made, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let variable = |name: &str| {
            let variable = server.get("variables")?.get(name)?;
            let values = variable.get("enum").and_then(Value::as_array);
            let value = variable.get("default").or_else(|| values?.first())?;
            match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(flag) => Some(flag.to_string()),
                _ => None,
            }
        };
        let filled = after.split_once('}').and_then(|(name, rest)| Some((variable(name)?, rest)));
        let Some((value, after)) = filled else {
            return Err(NoServer::Unusable("its server has a variable without a default"));
        };
        made.push_str(before);
        made.push_str(&value);
        rest = after;
        if made.len() > MOST_URL {
            return Err(NoServer::Unusable("the URL of its server is too long"));
        }
    }
    made.push_str(rest);
    Ok(made)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::upstream::Origins;

    fn base_of(lists: &[Value; 3], origins: &[&str], at: Option<&str>) -> Result<String, NoServer> {
        let at = at.map(|url| Url::parse(url).unwrap());
        let more = origins.iter().map(|url| Url::parse(url).unwrap().origin()).collect();
        let origins = Origins::new(at.as_ref().map(Url::origin), more);
        let wanted = DocumentSettings {
            configured: None,
            at,
            origins: &origins,
            offers: &|_| true,
            pinned: &|_| None,
        };
        base([Some(&lists[0]), Some(&lists[1]), Some(&lists[2])], &wanted)
            .map(|url| url.to_string())
    }

    #[test]
    fn the_closest_list_counts_and_an_empty_one_is_none() {
        let server = |path: &str| json!([{"url": format!("https://api.example{path}")}]);
        let at = Some("https://api.example/docs/openapi.json");
        for (lists, wanted) in [
            ([server("/op"), server("/path"), server("/all")], "https://api.example/op"),
            ([json!([]), server("/path"), server("/all")], "https://api.example/path"),
            ([Value::Null, json!("x"), server("/all")], "https://api.example/all"),
            ([Value::Null, Value::Null, json!([])], "https://api.example/"),
            ([json!([{"url": "../v2"}]), Value::Null, Value::Null], "https://api.example/v2"),
            ([json!([{}]), Value::Null, server("/all")], "https://api.example/"),
            ([json!([{"url": " "}]), Value::Null, server("/all")], "https://api.example/"),
        ] {
            assert_eq!(base_of(&lists, &[], at).unwrap(), wanted);
        }
    }

    #[test]
    fn a_server_elsewhere_is_used_only_where_the_operator_named_its_origin() {
        let lists = || {
            [
                json!([{"url": "https://evil.example"}, {"url": "https://b.example/x"}]),
                Value::Null,
                Value::Null,
            ]
        };
        let at = Some("https://api.example/openapi.json");
        let refused = base_of(&lists(), &[], at).unwrap_err();
        assert_eq!(refused, NoServer::Origin("https://evil.example".to_owned()));
        assert_eq!(base_of(&lists(), &["https://b.example"], at).unwrap(), "https://b.example/x");
        assert_eq!(
            base_of(&lists(), &[], None).unwrap(),
            "https://evil.example/",
            "a file counts as the operator's configuration"
        );
        for bad in ["https://user:pw@api.example/", "ftp://api.example/", "https://"] {
            let lists = [json!([{"url": bad}]), Value::Null, Value::Null];
            assert!(matches!(base_of(&lists, &[], at), Err(NoServer::Unusable(_))), "{bad}");
        }
    }

    #[test]
    fn variables_are_filled_once_from_their_defaults() {
        let server = |url: &str, variables: Value| {
            [json!([{"url": url, "variables": variables}]), Value::Null, Value::Null]
        };
        for (lists, wanted) in [
            (
                server(
                    "https://{r}.x.example:{p}/{v}",
                    json!({"r": {"default": "eu"}, "p": {"default": 8443}, "v": {"enum": ["v1", "v2"]}}),
                ),
                Some("https://eu.x.example:8443/v1"),
            ),
            (
                server(
                    "https://x.example/{a}",
                    json!({"a": {"default": "{b}"}, "b": {"default": "evil"}}),
                ),
                Some("https://x.example/%7Bb%7D"),
            ),
            (server("https://{r}.x.example", json!({})), None),
            (server("https://{r.x.example", json!({"r": {"default": "eu"}})), None),
        ] {
            assert_eq!(base_of(&lists, &[], None).ok().as_deref(), wanted);
        }
    }
}
