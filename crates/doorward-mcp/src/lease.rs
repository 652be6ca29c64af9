//! Streams end when the right to them ends (MCP-23).

use std::{pin::Pin, sync::Arc};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use doorward_transport::media_type;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, Interval, interval_at};

use crate::{Caller, Mcp, bearer::LOOK_EVERY};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, axum::Error>> + Send>>;

struct Leased {
    mcp: Mcp,
    caller: Arc<Caller>,
    chunks: Chunks,
    look: Interval,
}

/// Lets an event stream run only while its caller has access. Other responses pass unchanged.
pub(crate) fn hold(mcp: &Mcp, caller: Arc<Caller>, response: Response) -> Response {
    let streams = media_type::is(response.headers(), media_type::EVENT_STREAM);
    if !streams {
        return response;
    }
    let (parts, body) = response.into_parts();
    let leased = Leased {
        mcp: mcp.clone(),
        caller,
        chunks: Box::pin(body.into_data_stream()),
        look: interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY),
    };
    let limited = stream::unfold(leased, |mut leased| async move {
        loop {
            tokio::select! {
                chunk = leased.chunks.next() => return chunk.map(|chunk| (chunk, leased)),
                _ = leased.look.tick() => {
                    if !leased.mcp.may_continue(&leased.caller).await {
                        tracing::info!(user = %leased.caller.user_id(), client = %leased.caller.program(), "a stream was closed: its access ended");
                        return None;
                    }
                }
            }
        }
    });
    Response::from_parts(parts, Body::from_stream(limited))
}
