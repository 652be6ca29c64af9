//! Documents that are uploaded to a collection.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
};
use doorward_admin::MOST_DOCUMENTS;
use doorward_model::{StoredUpload, UploadPath, UploadedDocument, Uploads, routes};
use doorward_transport::{ParamsError, multipart::read_long_body};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::{Answered, Operation, QueryParams, Refused, done, needs, show};
use crate::Console;

/// The documents of one answer, unless the caller asks for another number.
const USUAL: u64 = 100;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ_OR_UPSTREAMS,
            routes::API_DOCUMENTS,
            "listDocuments",
            "Lists the documents that were uploaded to a collection, in the order of their paths.",
            list,
        )
        .query::<Part>()
        .answer::<ListView>(200, "The documents.")
        .missing("There is no such upstream.")
        .problem(409, "The upstream takes no uploads."),
        Operation::put(
            needs::UPSTREAMS,
            routes::API_DOCUMENTS,
            "putDocument",
            "Stores a document in a collection, in place of the one of the same path. The body is \
             the file.",
            put,
        )
        .query::<Named>()
        .bytes()
        .answer::<Stored>(200, "The document is stored. It is found once it is indexed.")
        .missing("There is no such upstream.")
        .problem(409, "The upstream takes no uploads, or no more of them."),
        Operation::delete(
            needs::UPSTREAMS,
            routes::API_DOCUMENTS,
            "deleteDocument",
            "Removes a document that was uploaded to a collection.",
            delete,
        )
        .query::<Named>()
        .empty("The document was removed.")
        .missing("There is no such upstream or document.")
        .problem(409, "The upstream takes no uploads."),
    ]
}

/// A part of the list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DocumentPart")]
struct Part {
    /// The path after which the part begins: `next` of the part before.
    after: Option<String>,
    /// Maximum number of documents, from 1 to 1000; 100 without it.
    #[schemars(range(min = 1, max = MOST_DOCUMENTS))]
    limit: Option<u64>,
}

/// The name of a document.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DocumentName")]
struct Named {
    /// Its path below the folder of uploads, such as `hr/holidays.md`.
    path: String,
}

/// A document that was uploaded.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UploadedDocument")]
struct DocumentView {
    /// Its path below the folder of uploads.
    path: String,
    /// Its path in the collection, by which the tools name it.
    document: String,
    /// Its size.
    bytes: u64,
    /// Seconds since 1970 of the last change.
    modified: i64,
}

impl From<UploadedDocument> for DocumentView {
    fn from(UploadedDocument { path, document, bytes, modified }: UploadedDocument) -> Self {
        Self { path, document, bytes, modified }
    }
}

/// Documents that were uploaded.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UploadedDocuments")]
struct ListView {
    documents: Vec<DocumentView>,
    /// The number of all.
    total: u64,
    /// The bytes of all.
    bytes: u64,
    /// The start of the next part; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A document that was stored.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StoredDocument")]
struct Stored {
    #[serde(flatten)]
    document: DocumentView,
    /// The SHA-256 of the file, in hexadecimal digits.
    sha256: String,
    /// True if it took the place of another one.
    replaced: bool,
}

async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    QueryParams(part): QueryParams<Part>,
) -> Answered {
    let most = part.limit.unwrap_or(USUAL);
    let most = usize::try_from(most).unwrap_or(MOST_DOCUMENTS);
    // One more shows if there is a next part.
    let listed = console.admin.documents.list(&name, part.after, most + 1).await?;
    let Uploads { mut documents, total, bytes } = listed;
    let has_more = documents.len() > most;
    documents.truncate(most);
    let next = documents.last().filter(|_| has_more).map(|last| last.path.clone());
    let documents = documents.into_iter().map(DocumentView::from).collect();
    Ok(show(StatusCode::OK, &ListView { documents, total, bytes, next }))
}

async fn put(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    QueryParams(Named { path }): QueryParams<Named>,
    request: Request<Body>,
) -> Answered {
    let path = UploadPath::parse(&path).map_err(doorward_admin::Refusal::from)?;
    let turn = console.admin.documents.turn(&name).await?;
    let read = read_long_body(request.into_body(), turn.bytes).await;
    let bytes = read.map_err(|error| {
        if error == ParamsError::TooLarge {
            let told = format!("the file has more than {} bytes", turn.bytes);
            Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_document", told)
        } else {
            let told = "the file did not arrive in time";
            Refused::new(StatusCode::REQUEST_TIMEOUT, "invalid_request", told)
        }
    })?;
    let stored = console.admin.documents.put(&turn, path, bytes.into()).await?;
    let StoredUpload { document, sha256, replaced } = stored;
    Ok(show(StatusCode::OK, &Stored { document: document.into(), sha256, replaced }))
}

async fn delete(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    QueryParams(Named { path }): QueryParams<Named>,
) -> Answered {
    console.admin.documents.remove(&name, &path).await?;
    Ok(done())
}
