//! A browser without a screen: cookies and forms, no redirects unless asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;

/// Sends requests and keeps cookies. Clones share the cookies.
#[derive(Clone)]
pub struct Browser {
    http: reqwest::Client,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Page {
    /// A header's text, or nothing.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }
    /// The target of the redirect.
    pub fn location(&self) -> String {
        self.header("location")
    }
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.body))
    }
    /// A parameter of the redirect's target.
    pub fn location_param(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(&self.location()).ok()?;
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
    /// Insists on one of these statuses.
    #[track_caller]
    pub fn expect_any(self, statuses: &[u16]) -> Self {
        assert!(
            statuses.contains(&self.status),
            "{} {} {}",
            self.status,
            self.location(),
            self.body
        );
        self
    }
    /// Insists on a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.location(), self.body);
        self
    }
}

/// The value of a form's input.
pub fn form_value(html: &str, name: &str) -> Option<String> {
    let at = html.find(&format!("name=\"{name}\" value=\""))?;
    let rest = &html[at..];
    let start = rest.find("value=\"")? + 7;
    let end = rest[start..].find('"')?;
    Some(rest[start..start + end].replace("&amp;", "&").replace("&#38;", "&"))
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl Browser {
    /// A browser that was never used.
    pub fn new() -> Self {
        Self::with(Vec::new())
    }

    /// A browser that trusts the certificates of this PEM file too.
    pub fn trusting(certificates: &std::path::Path) -> Self {
        let pem = std::fs::read(certificates).unwrap();
        Self::with(reqwest::Certificate::from_pem_bundle(&pem).unwrap())
    }

    fn with(certificates: Vec<reqwest::Certificate>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's client is the other side of the guard"
        )]
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only(certificates)
            .build()
            .unwrap();
        Self { http, cookies: Arc::default() }
    }

    /// A request without cookies, to be completed.
    pub fn raw(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request with cookies and keeps those of the answer.
    pub async fn send(&self, request: RequestBuilder) -> Page {
        let cookies = self.cookies();
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies) };
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            let mut jar = self.cookies.lock().unwrap();
            if value.is_empty() || text.contains("Max-Age=0") {
                jar.remove(name)
            } else {
                jar.insert(name.to_owned(), value.to_owned())
            };
        }
        Page {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    /// Fetches a page.
    pub async fn get(&self, url: &str) -> Page {
        self.send(self.raw(Method::GET, url)).await
    }

    /// Submits a form.
    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        self.send(self.raw(Method::POST, url).form(fields)).await
    }

    /// Posts JSON.
    pub async fn post_json(&self, url: &str, body: &Value) -> Page {
        self.send(self.raw(Method::POST, url).json(body)).await
    }

    /// All cookies, as a request sends them.
    pub fn cookies(&self) -> String {
        self.cookies
            .lock()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Sets a cookie, as an attacker or another tab would.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }
}
