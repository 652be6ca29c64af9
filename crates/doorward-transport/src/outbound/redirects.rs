//! Redirects that are followed: those that keep a request as it is (307, 308) and lead to the
//! origin that was asked, to which its credentials belong. Any other is an answer.

use std::time::Duration;

use http::{HeaderMap, header};
use url::Url;

use super::{Fetched, Outbound, OutboundError};

/// Maximum number of redirects of one request.
const MOST: usize = 5;

/// The URL to which a request is sent instead.
fn target(asked: &Url, status: u16, headers: &HeaderMap) -> Option<Url> {
    let told = headers.get(header::LOCATION).filter(|_| matches!(status, 307 | 308))?;
    let to = asked.join(told.to_str().ok()?).ok()?;
    let plain = to.username().is_empty() && to.password().is_none();
    (plain && to.origin() == asked.origin()).then_some(to)
}

/// A response with the URL that it came from.
#[derive(Debug)]
pub struct Located {
    /// The response.
    pub fetched: Fetched,
    /// The URL after all redirects.
    pub url: Option<Url>,
}

impl Outbound {
    /// Fetches a document like [`Outbound::get`], along redirects within its origin.
    pub async fn get_within_origin(
        &self,
        url: &Url,
        accept: &'static str,
        max: usize,
    ) -> Result<Fetched, OutboundError> {
        let mut at = url.clone();
        for _ in 0..MOST {
            let fetched = self.get(&at, accept, max).await?;
            match target(&at, fetched.status, &fetched.headers) {
                Some(to) => at = to,
                None => return Ok(fetched),
            }
        }
        self.get(&at, accept, max).await
    }

    /// Sends a request like [`Outbound::send`], along redirects within its origin.
    pub async fn send_along(
        &self,
        mut request: http::Request<Vec<u8>>,
        max: usize,
    ) -> Result<Fetched, OutboundError> {
        for _ in 0..MOST {
            let at = Url::parse(&request.uri().to_string()).ok();
            let fetched = self.send(request.clone(), max).await?;
            let to = at.and_then(|at| target(&at, fetched.status, &fetched.headers));
            match to.and_then(|to| to.as_str().parse().ok()) {
                Some(to) => *request.uri_mut() = to,
                None => return Ok(fetched),
            }
        }
        self.send(request, max).await
    }

    /// Sends a request like [`Outbound::send_within`], along redirects within its origin.
    pub async fn send_within_origin(
        &self,
        mut request: http::Request<Vec<u8>>,
        max: usize,
        within: Duration,
    ) -> Result<Located, OutboundError> {
        let end = tokio::time::Instant::now() + within;
        for followed in 0..=MOST {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            let at = Url::parse(&request.uri().to_string()).ok();
            let fetched = self.send_within(request.clone(), max, left).await?;
            let to = at.as_ref().and_then(|at| target(at, fetched.status, &fetched.headers));
            match to.and_then(|to| to.as_str().parse().ok()).filter(|_| followed < MOST) {
                Some(to) => *request.uri_mut() = to,
                None => return Ok(Located { fetched, url: at }),
            }
        }
        Err(OutboundError::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_again_as_it_is_and_within_its_origin_alone() {
        let asked = Url::parse("https://api.example/v1/items?page=2").unwrap();
        let to = |status, location: &str| {
            let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
            target(&asked, status, &headers).map(|url| url.to_string())
        };
        for (location, url) in [
            ("/v1/items/", "https://api.example/v1/items/"),
            ("items/", "https://api.example/v1/items/"),
            ("//API.example:443/x", "https://api.example/x"),
            ("https://api.example/x", "https://api.example/x"),
        ] {
            assert_eq!(to(307, location).as_deref(), Some(url), "{location}");
            assert_eq!(to(308, location).as_deref(), Some(url), "{location}");
            for status in [200, 300, 301, 302, 303, 304, 305] {
                assert_eq!(to(status, location), None, "{status}");
            }
        }
        for elsewhere in [
            "http://api.example/",
            "https://api.example:8443/",
            "//evil.example/",
            "https://u:p@api.example/",
            "javascript:x",
        ] {
            assert_eq!(to(307, elsewhere), None, "{elsewhere}");
        }
        assert_eq!(target(&asked, 307, &HeaderMap::new()), None);
    }
}
