//! Answers of a fake upstream at chosen paths, in place of the true ones: those of proxies, of web
//! applications and of servers that keep a document elsewhere.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Shared,
    authorization::{resource_metadata, server_metadata},
    lock,
};

/// An answer to requests to one path.
#[derive(Clone, Debug)]
pub enum Place {
    /// The metadata of its authorization server.
    Server,
    /// Its metadata as a resource.
    Resource,
    /// The metadata of its authorization server, with a media type and a text before it.
    ServerAs(&'static str, &'static str),
    /// Its metadata as a resource, with a media type and a text before it.
    ResourceAs(&'static str, &'static str),
    /// This status, media type and body.
    Says(u16, &'static str, String),
    /// A redirect to this URL.
    Redirects(u16, String),
    /// None, for an hour.
    Silence,
}

impl Place {
    /// This status without a body.
    pub fn status(status: u16) -> Self {
        Self::Says(status, "", String::new())
    }
    /// This JSON with status 200.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::Says(200, "application/json", value.to_string())
    }
    /// A web page with this status.
    pub fn page(status: u16) -> Self {
        Self::Says(status, "text/html", "<!doctype html><title>App</title>".to_owned())
    }
}

/// Responds where a place is set, and passes every other request on.
pub(super) async fn place(
    State(shared): State<Shared>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let found = lock(&shared).places.get(request.uri().path()).cloned();
    match found {
        None => next.run(request).await,
        Some(Place::Server) => server_metadata(State(shared)).await,
        Some(Place::Resource) => resource_metadata(State(shared)).await,
        Some(Place::ServerAs(media, mark)) => {
            spelled(server_metadata(State(shared)).await, media, mark).await
        }
        Some(Place::ResourceAs(media, mark)) => {
            spelled(resource_metadata(State(shared)).await, media, mark).await
        }
        Some(Place::Says(status, media_type, body)) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            response.headers_mut().remove(header::CONTENT_TYPE);
            if !media_type.is_empty() {
                response.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
            }
            response
        }
        Some(Place::Redirects(status, target)) => {
            (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, target)]).into_response()
        }
        Some(Place::Silence) => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            StatusCode::NOT_FOUND.into_response()
        }
    }
}

async fn spelled(document: Response, media: &'static str, mark: &'static str) -> Response {
    let body = axum::body::to_bytes(document.into_body(), usize::MAX).await.unwrap();
    let text = format!("{mark}{}", String::from_utf8_lossy(&body));
    ([(header::CONTENT_TYPE, media)], text).into_response()
}
