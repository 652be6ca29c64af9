//! `doorward upstream index`: the state of an index of documents, and rebuilding it.

use std::{sync::Arc, time::Duration};

use doorward_knowledge::{Collection, is_ordered, order, read_status};
use doorward_model::{IndexPhase, IndexStatus, foreign};
use doorward_store::Store;
use serde_json::json;

use super::{context::Context, print_json};
use crate::Failed;

/// The time between two looks at the work of the server.
const LOOK: Duration = Duration::from_millis(500);
/// Time that a server may take to take an order: it ends the file that it reads first.
const TAKEN_WITHIN: Duration = Duration::from_mins(2);

/// Shows progress on a terminal and in a log alike: a line for each step of ten percent.
#[derive(Default)]
struct Progress {
    shown: Option<u64>,
}

impl Progress {
    fn show(&mut self, status: &IndexStatus) {
        let step = status.percent() / 10;
        if status.phase == IndexPhase::Indexing && self.shown != Some(step) {
            self.shown = Some(step);
            report!("{} of {} files read ({} %)", status.done, status.total, status.percent());
        }
    }
}

/// Has the server rebuild the index, and follows its work.
async fn ordered(collection: &Collection, progress: &mut Progress) -> Result<IndexStatus, Failed> {
    let dir = collection.dir();
    order(dir).map_err(Failed::because)?;
    report!("The running server rebuilds the index.");
    let mut waited = Duration::ZERO;
    while is_ordered(dir) {
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
        if waited > TAKEN_WITHIN {
            return Err(Failed(
                "the server did not begin yet; it does so after the work under way".to_owned(),
            ));
        }
    }
    loop {
        tokio::time::sleep(LOOK).await;
        let status = read_status(dir).unwrap_or_default();
        progress.show(&status);
        match status.phase {
            IndexPhase::Failed => return Ok(status),
            IndexPhase::Ready if status.built > 0 => return Ok(status),
            IndexPhase::Ready
            | IndexPhase::Starting
            | IndexPhase::Scanning
            | IndexPhase::Indexing => {}
        }
    }
}

fn print(context: &Context, name: &str, status: &IndexStatus) -> Result<(), Failed> {
    if context.json {
        print_json(&json!({"name": name, "index": status}));
    } else {
        report!(
            "{name}: {}, {} documents, {} chunks, {} files left out",
            status.phase.as_str(),
            status.documents,
            status.chunks,
            status.left_out
        );
        if status.phase == IndexPhase::Indexing {
            report!("{} of {} files read ({} %)", status.done, status.total, status.percent());
        }
        for file in &status.named {
            report!("  {}: {}", foreign::escaped(&file.path), file.reason);
        }
    }
    match &status.problem {
        Some(problem) => Err(Failed(format!("{name}: {problem}"))),
        None => Ok(()),
    }
}

/// Shows the state of an index, and rebuilds it first with `rebuild`.
pub(super) async fn run(
    context: &Context,
    store: &Store,
    name: &str,
    rebuild: bool,
) -> Result<(), Failed> {
    let gateway = context.gateway(store).await?;
    let upstream = gateway.named(name).await.map_err(Failed::because)?;
    let Some(collection) = gateway.knowledge_of(&upstream) else {
        return Err(Failed(format!("{name} is not of kind knowledge and has no index")));
    };
    let collection = collection.map_err(Failed)?;
    if !rebuild {
        return print(context, name, &collection.status());
    }
    let mut progress = Progress::default();
    let status = match built(&collection).await? {
        Some(status) => status,
        None => ordered(&collection, &mut progress).await?,
    };
    print(context, name, &status)
}

/// Builds the index in this process; `None` where another process maintains it.
async fn built(collection: &Arc<Collection>) -> Result<Option<IndexStatus>, Failed> {
    let own = Arc::clone(collection);
    let task = tokio::task::spawn_blocking(move || {
        let mut progress = Progress::default();
        own.build(true, &mut |status| progress.show(status))
    });
    task.await.map_err(Failed::because)?.map_err(Failed)
}
