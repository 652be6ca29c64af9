//! Tables, each with its entity, conversion, reads and writes in one file.
#![expect(unreachable_pub, reason = "the derive macros require public items")]
#![allow(missing_docs, reason = "columns are named and described by the records in doorward-model")]

pub mod pushed_request;
