//! The fields of the index. A document has one record and a record for each chunk; a file that is
//! left out has a record with the reason.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, JsonObjectOptions, STORED, STRING, Schema,
    TextFieldIndexing, TextOptions,
};

use crate::stem::ENGLISH;

/// The version of the index. One of another version is rebuilt.
pub(crate) const VERSION: &str = "4";

/// The value of the field `of` for a document, for a chunk, and for a file that is left out.
pub(crate) const DOCUMENT: &str = "d";
pub(crate) const CHUNK: &str = "c";
pub(crate) const LEFT_OUT: &str = "x";

/// The fields.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// The kind of the record.
    pub(crate) of: Field,
    /// The document's identifier.
    pub(crate) id: Field,
    /// The identifier of a record of a document or file, by which it is replaced.
    pub(crate) record: Field,
    /// The identifier as a number, for comparison with a scan.
    pub(crate) key: Field,
    /// All prefixes of the path, and the path.
    pub(crate) within: Field,
    /// The same of the file that a symbolic link led to; nothing for other files.
    pub(crate) origin: Field,
    pub(crate) path: Field,
    /// The words of the path.
    pub(crate) names: Field,
    pub(crate) format: Field,
    pub(crate) title: Field,
    pub(crate) heading: Field,
    pub(crate) body: Field,
    /// The number of the chunk, from 0; of a document, how many there are.
    pub(crate) number: Field,
    /// The first line of the chunk, from 1; of a document, how many there are.
    pub(crate) line: Field,
    /// Seconds since 1970 of the last change.
    pub(crate) modified: Field,
    /// The same in nanoseconds, to find changes.
    pub(crate) stamp: Field,
    pub(crate) bytes: Field,
    /// The hash of the file's content.
    pub(crate) hash: Field,
    /// The mark of a chunk, by which its vector is found.
    pub(crate) mark: Field,
    /// The metadata of the document.
    pub(crate) meta: Field,
    /// The same values as one text.
    pub(crate) about: Field,
    /// The commit of the Git working copy that was checked out when the document was read.
    pub(crate) commit: Field,
    /// The reason for which a file is left out, or the remark that it was cut.
    pub(crate) why: Field,
}

impl Fields {
    pub(crate) fn new() -> Self {
        let english = |stored: bool| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(ENGLISH)
                .set_index_option(IndexRecordOption::WithFreqsAndPositions);
            let options = TextOptions::default().set_indexing_options(indexing);
            if stored { options.set_stored() } else { options }
        };
        let meta = JsonObjectOptions::default().set_stored().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(ENGLISH)
                .set_index_option(IndexRecordOption::WithFreqsAndPositions),
        );
        let mut builder = Schema::builder();
        let of = builder.add_text_field("of", STRING | STORED);
        let id = builder.add_text_field("id", STRING | STORED);
        let record = builder.add_text_field("record", STRING);
        let key = builder.add_u64_field("key", FAST);
        let within = builder.add_text_field("folder", STRING);
        let origin = builder.add_text_field("origin", STRING | STORED);
        let path = builder.add_text_field("path", STRING | STORED | FAST);
        let names = builder.add_text_field("name", english(false));
        let format = builder.add_text_field("format", STRING | STORED);
        let title = builder.add_text_field("title", english(true));
        let heading = builder.add_text_field("heading", english(true));
        let body = builder.add_text_field("body", english(true));
        let number = builder.add_u64_field("number", FAST | STORED);
        let line = builder.add_u64_field("line", STORED);
        let modified = builder.add_i64_field("modified", INDEXED | STORED | FAST);
        let stamp = builder.add_i64_field("stamp", FAST | STORED);
        let bytes = builder.add_u64_field("bytes", FAST | STORED);
        let hash = builder.add_u64_field("hash", FAST | STORED);
        let mark = builder.add_u64_field("mark", FAST | INDEXED);
        let meta = builder.add_json_field("meta", meta);
        let about = builder.add_text_field("about", english(false));
        let commit = builder.add_text_field("commit", STRING | STORED);
        let why = builder.add_text_field("why", STRING | STORED);
        Self {
            schema: builder.build(),
            of,
            id,
            record,
            key,
            within,
            origin,
            path,
            names,
            format,
            title,
            heading,
            body,
            number,
            line,
            modified,
            stamp,
            bytes,
            hash,
            mark,
            meta,
            about,
            commit,
            why,
        }
    }
}
