//! The parsers of this crate for the fuzz targets in `fuzz/`. Each function takes any input and
//! asserts the properties that hold for all.

use bytes::Bytes;
use doorward_model::{Timestamp, UpstreamName};
use doorward_transport::{Budget, oauth::Challenge};
use futures_util::{FutureExt, StreamExt, stream};
use rmcp::model::ListToolsResult;

use crate::{
    definition::{self, Shown},
    names, pins,
    upstreams::openapi,
    warning,
    wire::{MOST_BYTES, Wire, events},
};

pub use openapi::check as document;

/// A tool list of an upstream: each tool that is pinned is served as it was pinned.
pub fn listing(text: &[u8]) {
    let mut budget = Budget::new(MOST_BYTES, 1_000_000, 100);
    let Ok(list) = budget.json::<ListToolsResult>(text) else { return };
    let Ok(upstream) = UpstreamName::parse("wiki") else { return };
    let shown: Vec<Shown> = list.tools.into_iter().map(Shown::from).collect();
    for one in &shown {
        let whole = one.whole();
        let _ = warning::warnings(upstream, &whole, &[upstream]);
        if names::is_tool_name(&one.tool.name) && one.is_sound(&whole) {
            let again = definition::pinned_tool(&whole).map(|tool| Shown::from(tool).whole());
            assert_eq!(again.as_deref(), Some(whole.as_str()), "a pin changes when it is read");
        }
    }
    let rule = pins::Rule {
        upstream,
        origin: "https://wiki.example".to_owned(),
        manual: false,
        personal: false,
        tools: 100,
        bytes: 100_000,
        others: vec![upstream],
        now: Timestamp(0),
    };
    let evaluated = pins::evaluate(&rule, &[], &shown);
    assert!(evaluated.usable.len() <= rule.tools, "more tools than may be stored");
}

/// An event stream of an upstream, in pieces of a few bytes: the events are the same for any
/// pieces. Text that is not UTF-8 ends a stream, with the events of the same piece.
pub fn events(text: &[u8]) {
    let read = |size: usize| {
        let pieces: Vec<std::io::Result<Bytes>> =
            text.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let events = events::events(stream::iter(pieces));
        let events = events.filter_map(|event| async { event.ok()?.data }).collect::<Vec<String>>();
        events.now_or_never().unwrap_or_default()
    };
    let (few, many) = (read(3), read(1 << 20));
    let is_text = std::str::from_utf8(text).is_ok();
    assert!(!is_text || few == many, "the pieces of a stream change its events: {few:?}, {many:?}");
    let Ok(upstream) = UpstreamName::parse("wiki") else { return };
    let wire = Wire::new(upstream);
    for data in many {
        let _ = wire.read(data.as_bytes(), None);
    }
}

/// A `WWW-Authenticate` header of an upstream.
pub fn challenge(text: &str) {
    let _ = Challenge::read(text);
}
