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

/// The copies of one upstream's resources. Their files are read and written in threads for that,
/// where no request waits for a disk.
struct Copies(Option<Mirror>);

impl Copies {
    async fn open(plan: &MirrorPlan) -> Result<Option<Self>, String> {
        let bounds = MirrorBounds { documents: plan.documents, bytes: plan.bytes };
        let (dir, upstream) = (plan.dir.clone(), plan.upstream);
        let opened = blocking(move || Mirror::open(&dir, upstream.as_str(), bounds)).await?;
        let opened = opened.map_err(|error| error.to_string())?;
        Ok(opened.map(|mirror| Self(Some(mirror))))
    }

    async fn on<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Mirror) -> T + Send + 'static,
    ) -> Result<T, String> {
        let mut mirror = self.0.take().ok_or("an earlier change of the copies failed")?;
        let (mirror, done) = blocking(move || {
            let done = work(&mut mirror);
            (mirror, done)
        })
        .await?;
        self.0 = Some(mirror);
        Ok(done)
    }

    async fn save(&mut self) -> Result<(), String> {
        self.on(|mirror| mirror.save()).await?.map_err(|error| error.to_string())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
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
        let Some(mut mirror) = Copies::open(plan).await? else { return Ok(End::Elsewhere) };
        let file = plan.token_file.clone();
        let listed = match blocking(move || token(&file)).await? {
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
        let is_listed = listed.is_ok();
        mirror.on(move |mirror| mirror.note_source(is_listed)).await?;
        let ended = match &listed {
            Ok((reading, listed)) => Run { plan, reading, listed }.copy(&mut mirror, after).await,
            Err(why) => Err(why.clone()),
        };
        mirror.save().await?;
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
    async fn copy(&self, mirror: &mut Copies, after: &mut String) -> Result<End, String> {
        let begun = Instant::now();
        let first = self.listed.partition_point(|one| one.uri <= *after);
        let (before, rest) = self.listed.split_at_checked(first).unwrap_or_default();
        let mut copied = 0_usize;
        for resource in rest.iter().chain(before) {
            if begun.elapsed() > RUN {
                return Ok(End::Cut);
            }
            let known = resource.clone();
            if !mirror.on(move |mirror| mirror.is_current(&original(&known))).await? {
                if let Some(end) = self.copy_one(mirror, resource, begun).await? {
                    return Ok(end);
                }
                copied += 1;
                if copied.is_multiple_of(SAVE_EVERY) {
                    mirror.save().await?;
                }
            }
            after.clone_from(&resource.uri);
        }
        after.clear();
        let listed: Vec<String> = self.listed.iter().map(|one| one.uri.clone()).collect();
        let kept = move |mirror: &mut Mirror| {
            mirror.keep_only(&listed.iter().map(String::as_str).collect::<HashSet<_>>());
        };
        mirror.on(kept).await?;
        tracing::info!(
            collection = %self.plan.collection, upstream = %self.plan.upstream,
            resources = self.listed.len(), read = copied, "the resources of an upstream are copied"
        );
        Ok(End::Complete)
    }

    /// Copies one resource, or names it as left out. Returns the end of the run, if it is one.
    async fn copy_one(
        &self,
        mirror: &mut Copies,
        resource: &ListedResource,
        begun: Instant,
    ) -> Result<Option<End>, String> {
        match self.read(resource, begun).await {
            Ok(content) => {
                let mut known = resource.clone();
                if known.media_type.is_empty() {
                    known.media_type = content.media_type.unwrap_or_default();
                }
                let bytes = content.bytes;
                let stored = mirror.on(move |mirror| mirror.put(&original(&known), bytes)).await?;
                self.told(resource, stored);
            }
            Err(ReadFault::Resource(why)) => {
                let uri = resource.uri.clone();
                mirror.on(move |mirror| mirror.fail(&uri, FileFault::Resource)).await?;
                tracing::warn!(
                    collection = %self.plan.collection, upstream = %self.plan.upstream,
                    uri = %doorward_model::foreign::escaped(&resource.uri),
                    why = %doorward_model::foreign::line(&why, 200),
                    "a resource is left out"
                );
            }
            Err(ReadFault::Later(..)) => return Ok(Some(End::Cut)),
            Err(ReadFault::Token(why)) => {
                mirror.on(|mirror| mirror.note_source(false)).await?;
                return Err(why);
            }
        }
        Ok(None)
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
