//! Tables, one file each: entity, conversion, reads and writes.

pub(crate) mod chat;
