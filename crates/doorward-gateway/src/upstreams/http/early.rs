//! Answers to requests that an upstream sends on the stream of the first request to it.

use http::{HeaderMap, HeaderValue, Method};
use rmcp::model::{RequestId, ServerRequest};

use super::{
    client::{Http, SESSION},
    request::Request,
};
use crate::wire::{early, ids};

/// Sends such answers, in the session that the response to the first request begins.
pub(super) struct Early {
    http: Http,
    uri: String,
    headers: HeaderMap,
    /// The number of requests so far.
    count: usize,
}

impl Early {
    /// Answers with the headers of the first request.
    pub(super) fn new(http: &Http, uri: &str, first: &Request, session: Option<&str>) -> Self {
        let mut headers = first.headers.clone();
        if let Some(session) = session.and_then(|session| HeaderValue::from_str(session).ok()) {
            headers.insert(SESSION, session);
        }
        Self { http: http.clone(), uri: uri.to_owned(), headers, count: 0 }
    }

    /// Answers one. Whatever becomes of the answer, nothing waits for it.
    pub(super) fn answer(&mut self, request: ServerRequest, id: RequestId) {
        self.count += 1;
        let body = ids::written(&early::answer(request, id));
        let Some(body) = body.ok().filter(|_| self.count <= early::MOST) else { return };
        let headers = self.headers.clone();
        let request = Request { method: Method::POST, headers, body: Some(body.into()) };
        let (http, uri) = (self.http.clone(), self.uri.clone());
        tokio::spawn(async move {
            let sent = http.send(&uri, &request).await;
            drop(http.taken(sent).await);
        });
    }
}
