//! The records of the index: documents, chunks, and files that are left out.

use std::collections::BTreeMap;

use doorward_model::FileFault;
use tantivy::{
    TantivyDocument,
    schema::{Field, OwnedValue, Value as _},
};

use crate::{
    chunks::{Chunk, chunks},
    format::{Content, Format},
    hash::hash_of,
    rights::prefixes,
    schema::{CHUNK, DOCUMENT, Fields, LEFT_OUT},
    walk::Found,
};

/// Maximum number of characters of a chunk that a model of embeddings reads.
const MOST_LETTERS: usize = 2000;

/// The text of a chunk as a model of embeddings reads it.
pub(crate) fn passage(title: &str, heading: &str, text: &str) -> String {
    let mut all = String::new();
    for part in [title, heading] {
        if !part.is_empty() {
            all.push_str(part);
            all.push('\n');
        }
    }
    all.push_str(text);
    match all.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => all.get(..end).unwrap_or_default().to_owned(),
        None => all,
    }
}

/// The mark of a chunk: the same texts have the same vector.
fn mark_of(title: &str, heading: &str, text: &str) -> u64 {
    hash_of(passage(title, heading, text).as_bytes())
}

/// A document, as its record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) path: String,
    /// The path of the file that a symbolic link led to.
    pub(crate) origin: Option<String>,
    pub(crate) title: String,
    pub(crate) format: Format,
    pub(crate) chunks: u64,
    pub(crate) lines: u64,
    /// Seconds since 1970 of the last change.
    pub(crate) modified: i64,
    pub(crate) stamp: i64,
    pub(crate) bytes: u64,
    pub(crate) hash: u64,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) is_cut: bool,
    /// The commit that was checked out when it was read.
    pub(crate) commit: Option<String>,
}

/// The identifier of a document as a number: it follows from the path alone, so that a citation
/// outlives a new index.
pub(crate) fn key_of(path: &str) -> u64 {
    hash_of(path.as_bytes())
}

/// The identifier of a document.
pub(crate) fn id_of(key: u64) -> String {
    format!("{key:016x}")
}

/// The name of a file without its folders.
pub(crate) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The state of a file when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The mark of the file that was found.
    pub(crate) mark: i64,
    pub(crate) bytes: u64,
    pub(crate) hash: u64,
}

impl Document {
    /// The document of a file's content, which has this hash.
    pub(crate) fn of(found: &Found, content: &Content, hash: u64) -> Self {
        let path = found.path.as_str();
        let title = content.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
        Self {
            id: id_of(key_of(path)),
            path: path.to_owned(),
            origin: found.origin.clone(),
            title: title.unwrap_or_else(|| name_of(path)).chars().take(300).collect(),
            format: found.format,
            chunks: chunks(content).len() as u64,
            lines: content.text.lines().count() as u64,
            modified: found.modified / 1_000_000_000,
            stamp: found.mark(),
            bytes: found.bytes,
            hash,
            metadata: content.metadata.clone(),
            is_cut: content.is_cut,
            commit: None,
        }
    }

    /// The same with the commit that was checked out when it was read.
    pub(crate) fn at(self, commit: Option<String>) -> Self {
        Self { commit, ..self }
    }

    /// Its record.
    pub(crate) fn record(&self, fields: &Fields) -> TantivyDocument {
        let mut record = TantivyDocument::new();
        record.add_text(fields.of, DOCUMENT);
        place(&mut record, fields, &self.path);
        self.reached(&mut record, fields);
        record.add_text(fields.record, &self.id);
        record.add_u64(fields.key, key_of(&self.path));
        record.add_text(fields.format, self.format.as_str());
        record.add_text(fields.title, &self.title);
        record.add_u64(fields.number, self.chunks);
        record.add_u64(fields.line, self.lines);
        record.add_i64(fields.modified, self.modified);
        record.add_i64(fields.stamp, self.stamp);
        record.add_u64(fields.bytes, self.bytes);
        record.add_u64(fields.hash, self.hash);
        let mut values: BTreeMap<String, Vec<OwnedValue>> = BTreeMap::new();
        for (name, value) in &self.metadata {
            record.add_text(fields.about, value);
            values.entry(name.clone()).or_default().push(OwnedValue::Str(value.clone()));
        }
        let values = values.into_iter().map(|(name, all)| (name, OwnedValue::Array(all))).collect();
        record.add_object(fields.meta, values);
        if let Some(commit) = &self.commit {
            record.add_text(fields.commit, commit);
        }
        if self.is_cut {
            record.add_text(fields.why, FileFault::Budget.code());
        }
        record
    }

    /// Adds the place to which a symbolic link led.
    fn reached(&self, record: &mut TantivyDocument, fields: &Fields) {
        for prefix in self.origin.as_deref().into_iter().flat_map(prefixes) {
            record.add_text(fields.origin, prefix);
        }
    }

    /// Reads a record.
    pub(crate) fn read(record: &TantivyDocument, fields: &Fields) -> Option<Self> {
        let origin = record.get_all(fields.origin).last();
        let origin = origin.and_then(|value| value.as_str()).map(str::to_owned);
        let mut metadata = Vec::new();
        if let Some(values) = record.get_first(fields.meta).and_then(|value| value.as_object()) {
            for (name, value) in values {
                let Some(all) = value.as_array() else { continue };
                metadata.extend(
                    all.filter_map(|one| {
                        one.as_str().map(|text| (name.to_owned(), text.to_owned()))
                    }),
                );
            }
        }
        Some(Self {
            id: text(record, fields.id)?,
            path: text(record, fields.path)?,
            origin,
            title: text(record, fields.title)?,
            format: Format::parse(&text(record, fields.format)?)?,
            chunks: number(record, fields.number),
            lines: number(record, fields.line),
            modified: signed(record, fields.modified),
            stamp: signed(record, fields.stamp),
            bytes: number(record, fields.bytes),
            hash: number(record, fields.hash),
            metadata,
            is_cut: text(record, fields.why).is_some(),
            commit: text(record, fields.commit),
        })
    }

    /// The records of its chunks.
    pub(crate) fn chunk_records<'c>(
        &'c self,
        fields: &'c Fields,
        content: &'c Content,
    ) -> impl Iterator<Item = TantivyDocument> + 'c {
        chunks(content).into_iter().zip(0_u64..).map(|(chunk, number)| {
            let Chunk { heading, text, line } = chunk;
            let mut record = TantivyDocument::new();
            record.add_text(fields.of, CHUNK);
            place(&mut record, fields, &self.path);
            self.reached(&mut record, fields);
            record.add_text(fields.format, self.format.as_str());
            record.add_text(fields.title, &self.title);
            record.add_u64(fields.mark, mark_of(&self.title, &heading, text));
            record.add_text(fields.heading, heading);
            record.add_text(fields.body, text);
            record.add_u64(fields.number, number);
            record.add_u64(fields.line, line);
            record.add_i64(fields.modified, self.modified);
            if let Some(commit) = &self.commit {
                record.add_text(fields.commit, commit);
            }
            record
        })
    }
}

/// The fields that say which document a record belongs to.
fn place(record: &mut TantivyDocument, fields: &Fields, path: &str) {
    record.add_text(fields.id, id_of(key_of(path)));
    record.add_text(fields.path, path);
    record.add_text(fields.names, path);
    for prefix in prefixes(path) {
        record.add_text(fields.within, prefix);
    }
}

/// The record of a file that is left out.
pub(crate) fn left_out(
    fields: &Fields,
    path: &str,
    why: FileFault,
    stamp: Stamp,
) -> TantivyDocument {
    let mut record = TantivyDocument::new();
    record.add_text(fields.of, LEFT_OUT);
    place(&mut record, fields, path);
    record.add_text(fields.record, id_of(key_of(path)));
    record.add_u64(fields.key, key_of(path));
    record.add_i64(fields.stamp, stamp.mark);
    record.add_u64(fields.bytes, stamp.bytes);
    record.add_u64(fields.hash, stamp.hash);
    record.add_text(fields.why, why.code());
    record
}

/// A chunk, as its record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRecord {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) title: String,
    pub(crate) heading: String,
    pub(crate) text: String,
    pub(crate) format: String,
    pub(crate) number: u64,
    pub(crate) line: u64,
    pub(crate) modified: i64,
    pub(crate) commit: Option<String>,
}

impl ChunkRecord {
    /// Reads a record.
    pub(crate) fn read(record: &TantivyDocument, fields: &Fields) -> Option<Self> {
        Some(Self {
            id: text(record, fields.id)?,
            path: text(record, fields.path)?,
            title: text(record, fields.title)?,
            heading: text(record, fields.heading).unwrap_or_default(),
            text: text(record, fields.body)?,
            format: text(record, fields.format)?,
            number: number(record, fields.number),
            line: number(record, fields.line),
            modified: signed(record, fields.modified),
            commit: text(record, fields.commit),
        })
    }

    /// Its citation.
    pub(crate) fn citation(&self) -> String {
        format!("{}#{}", self.id, self.number)
    }
}

/// A text of a record.
pub(crate) fn text(record: &TantivyDocument, field: Field) -> Option<String> {
    record.get_first(field)?.as_str().map(str::to_owned)
}

fn number(record: &TantivyDocument, field: Field) -> u64 {
    record.get_first(field).and_then(|value| value.as_u64()).unwrap_or_default()
}

fn signed(record: &TantivyDocument, field: Field) -> i64 {
    record.get_first(field).and_then(|value| value.as_i64()).unwrap_or_default()
}
