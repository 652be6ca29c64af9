//! `doorward document …`: documents that are uploaded to a collection.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use doorward_admin::{Documents, MOST_DOCUMENTS, UploadTurn};
use doorward_model::{StoredUpload, Timestamp, UploadFault, UploadPath, UploadedDocument};
use serde_json::{Value, json};

use super::{context::Context, moment, print_json, print_table};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward document add handbook holidays.md onboarding.pdf --folder hr
  doorward document list handbook
  doorward document remove handbook hr/holidays.md";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Stores files in a collection that takes uploads, in place of those of the same path.
    Add {
        /// The name of the upstream.
        upstream: String,
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The folder of the collection in which they are stored.
        #[arg(long, value_name = "FOLDER", default_value = "")]
        folder: String,
    },
    /// Lists the documents that were uploaded to a collection.
    List {
        /// The name of the upstream.
        upstream: String,
    },
    /// Removes a document that was uploaded to a collection.
    Remove {
        /// The name of the upstream.
        upstream: String,
        /// The path of the document, as the list shows it.
        path: String,
    },
}

fn described(one: &UploadedDocument) -> Value {
    json!({
        "path": one.path, "document": one.document, "bytes": one.bytes, "modified": one.modified,
    })
}

/// The bytes of a file, which is not longer than documents may be.
fn contents(file: &Path, most: usize) -> Result<Vec<u8>, Failed> {
    let failed = |error| Failed(format!("{}: {error}", file.display()));
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(failed)?;
    opened.take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > most {
        let fault = UploadFault::TooLarge(most as u64);
        return Err(Failed(format!("{}: {fault}", file.display())));
    }
    Ok(bytes)
}

async fn add(
    documents: &Documents,
    turn: &UploadTurn,
    folder: &str,
    file: &Path,
) -> Result<StoredUpload, Failed> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let path = match folder.trim_matches('/') {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    };
    let path =
        UploadPath::parse(&path).map_err(|fault| Failed(format!("{}: {fault}", file.display())))?;
    let bytes = contents(file, turn.bytes)?;
    Ok(documents.put(turn, path, bytes).await?)
}

async fn list(documents: &Documents, upstream: &str) -> Result<Vec<UploadedDocument>, Failed> {
    let mut all: Vec<UploadedDocument> = Vec::new();
    loop {
        let after = all.last().map(|last| last.path.clone());
        let part = documents.list(upstream, after, MOST_DOCUMENTS).await?.documents;
        let is_last = part.len() < MOST_DOCUMENTS;
        all.extend(part);
        if is_last {
            return Ok(all);
        }
    }
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let documents = Documents::new(context.gateway(&store).await?, store);
    match command {
        Command::Add { upstream, files, folder } => {
            let turn = documents.turn(&upstream).await?;
            let mut stored = Vec::new();
            for file in &files {
                let StoredUpload { document, replaced, .. } =
                    add(&documents, &turn, &folder, file).await?;
                if !context.json {
                    let done = if replaced { "Replaced" } else { "Added" };
                    report!("{done} {}.", document.document);
                }
                stored.push(described(&document));
            }
            if context.json {
                print_json(&json!({ "stored": stored }));
            }
        }
        Command::List { upstream } => {
            let all = list(&documents, &upstream).await?;
            if context.json {
                print_json(&all.iter().map(described).collect());
                return Ok(());
            }
            let row = |one: &UploadedDocument| {
                vec![one.path.clone(), one.bytes.to_string(), moment(Timestamp(one.modified))]
            };
            print_table(&["PATH", "BYTES", "CHANGED"], &all.iter().map(row).collect::<Vec<_>>());
        }
        Command::Remove { upstream, path } => {
            documents.remove(&upstream, &path).await?;
            report!("Removed {path}.");
        }
    }
    Ok(())
}
