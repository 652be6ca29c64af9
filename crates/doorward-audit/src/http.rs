//! An export of the audit as an HTTP response.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use doorward_model::AuditFilter;
use doorward_store::{Store, StoreError};
use futures_util::TryStreamExt;

use crate::{Format, export};

/// All entries that fit as a file to be kept, streamed.
pub async fn file(
    store: Store,
    filter: AuditFilter,
    format: Format,
) -> Result<Response, StoreError> {
    let lines = export(store, filter, format).await?;
    // The client sees a body that is cut off; the reason is in the log.
    let lines = lines.map_err(|_| std::io::Error::other("the database does not respond"));
    let mut response = Response::new(Body::from_stream(lines));
    let (media, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        Format::JsonLines => ("application/jsonl", "attachment; filename=\"audit.jsonl\""),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}
