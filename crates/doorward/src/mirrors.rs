//! Fills collections with the resources of upstreams. They are read with the access token that the
//! operator gave the collection, as any client with that token would read them: roles, policy,
//! limits and audit apply, and no other user's access is used.

use std::{
    collections::{HashMap, HashSet},
    io::Read as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use doorward_gateway::{Gateway, MirrorPlan};
use doorward_knowledge::{Mirror, MirrorBounds, Original};
use doorward_mcp::{ListedResource, ReadFault, Reading, Within};
use doorward_model::{FileFault, SecretSetting, UpstreamName};
use doorward_store::origin::{self, Origin};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The time between two looks for collections that are due.
const LOOK: Duration = Duration::from_secs(2);
/// Time that one run may take. The next one continues where it ended.
const RUN: Duration = Duration::from_mins(10);
/// The pause after a run that could not list the resources.
const AGAIN: Duration = Duration::from_secs(30);
/// The resources after which the state is written.
const SAVE_EVERY: usize = 50;
/// The longest pause between two requests.
const LONGEST_PAUSE: u64 = 60;
/// Maximum number of bytes of the file with the token.
const MOST_TOKEN: u64 = 8 * 1024;

/// A collection and the upstream that it is filled from.
type Key = (UpstreamName, UpstreamName);

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Every resource was looked at.
    Complete,
    /// The time ended before.
    Cut,
    /// The resources could not be listed, or the token is not valid.
    Failed,
    /// Another process fills the collection.
    Elsewhere,
}

/// The state of a source between two runs.
struct Turn {
    due: Instant,
    /// The last resource that was read, after which a run that was cut continues.
    after: String,
}

/// Fills collections.
pub(crate) struct Mirrors {
    gateway: Gateway,
    within: Within,
}

fn token(file: &Path) -> Result<SecretSetting, String> {
    let mut text = String::new();
    let read = std::fs::File::open(file)
        .and_then(|opened| opened.take(MOST_TOKEN).read_to_string(&mut text));
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_value(Value::String(text.trim().to_owned()))
        .map_err(|_| format!("{}: it does not hold the token", file.display()))
}

fn original(resource: &ListedResource) -> Original<'_> {
    Original {
        uri: &resource.uri,
        title: &resource.title,
        media_type: &resource.media_type,
        changed: resource.changed.as_deref(),
    }
}

impl Mirrors {
    /// Fills the collections of this gateway.
    pub(crate) fn new(gateway: Gateway, within: Within) -> Self {
        Self { gateway, within }
    }

    /// Fills collections when they are due, until the stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut turns: HashMap<Key, Turn> = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            // Without an answer of the database, the next look is in time.
            let Ok(plans) = self.gateway.mirrors().await else { continue };
            turns
                .retain(|key, _| plans.iter().any(|plan| *key == (plan.collection, plan.upstream)));
            for plan in plans {
                let key = (plan.collection, plan.upstream);
                let turn = turns
                    .entry(key)
                    .or_insert_with(|| Turn { due: Instant::now(), after: String::new() });
                if Instant::now() < turn.due {
                    continue;
                }
                let end = tokio::select! {
                    () = stop.cancelled() => return,
                    end = self.fill(&plan, &mut turn.after) => end,
                };
                let pause = match end {
                    End::Complete | End::Elsewhere => plan.every,
                    End::Cut => LOOK,
                    End::Failed => AGAIN.min(plan.every),
                };
                turn.due = Instant::now() + pause;
            }
        }
    }

    async fn fill(&self, plan: &MirrorPlan, after: &mut String) -> End {
        let from = format!("collection {}", plan.collection);
        let from = Arc::new(Origin::new(String::new(), String::new(), from));
        let filled = Box::pin(origin::serving(from, self.filled(plan, after))).await;
        filled.unwrap_or_else(|why| {
            tracing::warn!(
                collection = %plan.collection, upstream = %plan.upstream, %why,
                "the resources of an upstream cannot be copied"
            );
            End::Failed
        })
    }

    async fn filled(&self, plan: &MirrorPlan, after: &mut String) -> Result<End, String> {
        let bounds = MirrorBounds { documents: plan.documents, bytes: plan.bytes };
        let opened = Mirror::open(&plan.dir, plan.upstream.as_str(), bounds);
        let Some(mut mirror) = opened.map_err(|error| error.to_string())? else {
            return Ok(End::Elsewhere);
        };
        let listed = match token(&plan.token_file) {
            Ok(token) => {
                let reading = Reading::new(self.within.clone(), token, plan.upstream);
                reading.list().await.map(|listed| (reading, listed)).map_err(|why| why.to_string())
            }
            Err(why) => Err(why),
        };
        // An upstream that cannot be reached lists nothing, as one without resources does.
        let listed = listed.and_then(|(reading, listed)| {
            if listed.is_empty() {
                Err("the upstream lists no resources that the token may read".to_owned())
            } else {
                Ok((reading, listed))
            }
        });
        mirror.note_source(listed.is_ok());
        let ended = match &listed {
            Ok((reading, listed)) => Run { plan, reading, listed }.copy(&mut mirror, after).await,
            Err(why) => Err(why.clone()),
        };
        mirror.save().map_err(|error| error.to_string())?;
        self.gateway.compare_soon(plan.collection);
        ended
    }
}

/// One run over the resources of an upstream.
struct Run<'a> {
    plan: &'a MirrorPlan,
    reading: &'a Reading,
    listed: &'a [ListedResource],
}

impl Run<'_> {
    async fn copy(&self, mirror: &mut Mirror, after: &mut String) -> Result<End, String> {
        let begun = Instant::now();
        let first = self.listed.partition_point(|one| one.uri <= *after);
        let (before, rest) = self.listed.split_at_checked(first).unwrap_or_default();
        let mut copied = 0_usize;
        for resource in rest.iter().chain(before) {
            if begun.elapsed() > RUN {
                return Ok(End::Cut);
            }
            let original = original(resource);
            if !mirror.is_current(&original) {
                match self.read(resource, begun).await {
                    Ok(content) => {
                        let kind = content.media_type.unwrap_or_default();
                        let media_type = if resource.media_type.is_empty() {
                            &kind
                        } else {
                            &resource.media_type
                        };
                        let stored =
                            mirror.put(&Original { media_type, ..original }, content.bytes);
                        self.told(resource, stored);
                    }
                    Err(ReadFault::Resource(why)) => {
                        mirror.fail(&resource.uri, FileFault::Resource);
                        tracing::warn!(
                            collection = %self.plan.collection, upstream = %self.plan.upstream,
                            uri = %doorward_model::foreign::escaped(&resource.uri),
                            why = %doorward_model::foreign::line(&why, 200),
                            "a resource is left out"
                        );
                    }
                    Err(ReadFault::Later(..)) => return Ok(End::Cut),
                    Err(ReadFault::Token(why)) => {
                        mirror.note_source(false);
                        return Err(why);
                    }
                }
                copied += 1;
                if copied.is_multiple_of(SAVE_EVERY) {
                    mirror.save().map_err(|error| error.to_string())?;
                }
            }
            after.clone_from(&resource.uri);
        }
        after.clear();
        mirror.keep_only(&self.listed.iter().map(|one| one.uri.as_str()).collect::<HashSet<_>>());
        tracing::info!(
            collection = %self.plan.collection, upstream = %self.plan.upstream,
            resources = self.listed.len(), read = copied, "the resources of an upstream are copied"
        );
        Ok(End::Complete)
    }

    /// Reads a resource; waits where the limits of calls say so.
    async fn read(
        &self,
        resource: &ListedResource,
        begun: Instant,
    ) -> Result<doorward_mcp::ReadContent, ReadFault> {
        loop {
            match self.reading.read(resource, self.plan.file_bytes).await {
                Err(ReadFault::Later(_, seconds)) if begun.elapsed() < RUN => {
                    tokio::time::sleep(Duration::from_secs(seconds.clamp(1, LONGEST_PAUSE))).await;
                }
                ended => return ended,
            }
        }
    }

    fn told(&self, resource: &ListedResource, stored: Result<(), FileFault>) {
        if let Err(fault) = stored {
            tracing::warn!(
                collection = %self.plan.collection, upstream = %self.plan.upstream,
                uri = %doorward_model::foreign::escaped(&resource.uri), reason = fault.as_str(),
                "a resource is left out"
            );
        }
    }
}
