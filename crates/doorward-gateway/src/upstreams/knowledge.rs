//! Folders of documents, which this server indexes and searches itself. Each caller finds and reads
//! only documents that their roles allow.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use doorward_knowledge::{
    Collection, Links, Refusal, SettingFault, Settings, Sight, TOOLS, WrittenSettings,
    uri::TEMPLATE,
};
use doorward_mcp::{Answer, ItemSpec, Offers, Operation, Permit, ToolCall, ToolError};
use doorward_model::{IndexStatus, UploadFault, UpstreamName, User, upstream::StoredUpstream};
use futures_util::future::BoxFuture;
use rmcp::{
    ErrorData,
    model::{
        CallToolResponse, CompleteResult, ReadResourceResult, Resource, ResourceContents,
        ResourceTemplate, Tool, ToolAnnotations,
    },
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use url::Url;

use crate::{
    Gateway, Inner,
    config::{SettingError, UpstreamConfig},
    embedding::{self, Endpoint},
    exchange::gone,
    finding::{CheckSubject, Finding},
    link_error::LinkError,
    listed::Listed,
    source_settings,
    upstream::{Auth, Driver, Kind, Receiver, Setup, Shared, Upstream},
};

/// Folders of documents.
pub(crate) static KIND: Kind = Kind {
    name: "knowledge",
    summary: "Folders of documents of this machine, which Doorward indexes and offers as tools to search and read them.",
    is_process: true,
    begins_with_stream: false,
    driver: &Knowledge,
};

/// Maximum number of documents in the list of resources. All are found by the tools and by their
/// template.
const MOST_LISTED: usize = 200;
/// Maximum number of searches at the same time, so that they leave threads to everything else.
const AT_ONCE: usize = 4;
/// Maximum number of files that the test of an upstream names.
const NAMED: usize = 20;
/// The pause that a client is given while there is no index yet, in seconds.
const WAIT: u64 = 5;

/// The collections of this process.
pub(crate) struct Collections {
    /// The folder of the indexes, and true where this process maintains them.
    kept: OnceLock<(PathBuf, bool)>,
    open: Mutex<HashMap<UpstreamName, (Shared, Arc<Collection>)>>,
    turns: Arc<Semaphore>,
}

impl Default for Collections {
    fn default() -> Self {
        Self {
            kept: OnceLock::new(),
            open: Mutex::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

fn written(config: &UpstreamConfig) -> WrittenSettings {
    WrittenSettings {
        folders: config.folders.clone(),
        files: config.files.clone(),
        exclude_files: config.exclude_files.clone(),
        folder_roles: config.folder_roles.clone(),
        document_url: config.document_url.clone(),
        file_bytes: config.file_bytes,
        documents: config.most_documents,
        scan_seconds: config.scan_seconds,
        uploads: config.uploads.clone(),
        sources: config.sources.clone(),
        upload_documents: config.upload_documents,
        upload_bytes: config.upload_bytes,
    }
}

fn parsed(config: &UpstreamConfig) -> Result<Settings, SettingError> {
    Settings::parse(&written(config))
        .map_err(|SettingFault { key, message }| SettingError::new(key, message))
}

impl Collections {
    /// Opens the collections of these upstreams and closes all others. Indexes of upstreams that
    /// were deleted are removed where this process maintains them.
    pub(crate) fn keep_only(
        &self,
        inner: &Inner,
        upstreams: &[Shared],
        records: &[StoredUpstream],
    ) {
        let wanted = |known: &Shared| {
            upstreams.iter().any(|upstream| Arc::ptr_eq(upstream, known) && known.is_enabled())
        };
        let is_deleted = |name: UpstreamName| match upstreams.iter().find(|one| one.name == name) {
            Some(upstream) => upstream.kind.name != KIND.name,
            // One whose settings cannot be used is not deleted.
            None => !records.iter().any(|record| record.name == name),
        };
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((folder, true)) = self.kept.get() {
                for (name, (_, collection)) in open.iter() {
                    if is_deleted(*name) {
                        collection.discard();
                    }
                }
                // Under the lock: no collection of one of these names begins meanwhile.
                let closed = |name: &UpstreamName| is_deleted(*name) && !open.contains_key(name);
                sweep(folder, closed);
            }
            open.retain(|_, (known, _)| wanted(known));
        }
        for upstream in upstreams {
            if upstream.kind.name == KIND.name && upstream.is_enabled() {
                let _ = self.of(inner, upstream);
            }
        }
    }

    /// The state of an upstream's index, without opening it; `None` for an upstream without one.
    pub(crate) fn status(&self, upstream: &Upstream) -> Option<IndexStatus> {
        if upstream.kind.name != KIND.name {
            return None;
        }
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, collection)) = open.get(&upstream.name) {
            return Some(collection.status());
        }
        let (folder, _) = self.kept.get()?;
        Some(
            doorward_knowledge::read_status(&folder.join(upstream.name.as_str()))
                .unwrap_or_default(),
        )
    }

    /// Removes the index of an upstream that a command deleted. Where a server maintains it, the
    /// server does.
    pub(crate) async fn deleted(&self, name: UpstreamName) {
        let Some((folder, false)) = self.kept.get() else { return };
        let dir = folder.join(name.as_str());
        let removal = move || match doorward_knowledge::aside(&dir)? {
            Some(aside) => fs::remove_dir_all(aside),
            None => Ok(()),
        };
        let removed = tokio::task::spawn_blocking(removal).await;
        if let Err(error) = removed.unwrap_or_else(|error| Err(io::Error::other(error))) {
            tracing::warn!(upstream = %name, %error, "the index of documents cannot be removed");
        }
    }

    /// The folder of an upstream's index, where this process maintains it.
    pub(crate) fn maintained(&self, name: UpstreamName) -> Option<PathBuf> {
        let (folder, maintains) = self.kept.get()?;
        maintains.then(|| folder.join(name.as_str()))
    }

    /// Has the folders of a collection looked at now.
    pub(crate) fn look(&self, name: UpstreamName) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, collection)) = open.get(&name) {
            collection.look();
        }
    }

    /// The collection of an upstream.
    fn of(&self, inner: &Inner, upstream: &Shared) -> Result<(Arc<Collection>, Settings), String> {
        let settings = parsed(&upstream.config).map_err(|error| error.to_string())?;
        let Some((folder, maintains)) = self.kept.get() else {
            return Err("there is no folder for its index".to_owned());
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, collection)) = open.get(&upstream.name)
            && Arc::ptr_eq(known, upstream)
        {
            return Ok((Arc::clone(collection), settings));
        }
        let make = if *maintains { Collection::maintained } else { Collection::reader };
        let dir = folder.join(upstream.name.as_str());
        if *maintains && let Err(error) = std::fs::create_dir_all(&dir) {
            return Err(format!("{} cannot be made: {error}", dir.display()));
        }
        let settings = settings.with_sources_in(&dir);
        let settings = if *maintains { with_model(settings, upstream) } else { settings };
        for source in upstream.config.sources.iter().filter(|_| *maintains) {
            // One without copies is empty, and not a folder that cannot be reached.
            let _ = fs::create_dir_all(dir.join("sources").join(source));
        }
        let clock = Arc::clone(&inner.services.clock);
        let collection = Arc::new(make(upstream.name.as_str(), settings.clone(), &dir, clock));
        open.insert(upstream.name, (Arc::clone(upstream), Arc::clone(&collection)));
        Ok((collection, settings))
    }

    /// Runs work on the uploads of an upstream outside of the threads of requests. Their folder is
    /// looked at afterwards, where this process maintains the index.
    pub(crate) async fn on_uploads<T: Send + 'static>(
        &self,
        upstream: &Upstream,
        work: impl FnOnce(&Settings, &str) -> Result<T, UploadFault> + Send + 'static,
    ) -> Result<T, UploadFault> {
        let name = upstream.name;
        let settings = upload_settings(upstream)?;
        let task = tokio::task::spawn_blocking(move || work(&settings, name.as_str()));
        let done = task.await.map_err(|error| UploadFault::Folder(error.to_string()))?;
        self.look(name);
        done
    }

    /// Runs work on a collection outside of the threads of requests.
    async fn run<T: Send + 'static>(
        &self,
        inner: &Inner,
        upstream: &Shared,
        work: impl FnOnce(&Collection, &Settings) -> T + Send + 'static,
    ) -> Result<T, ToolError> {
        let failed = |why: String| ToolError::Failed(format!("{}: {why}", upstream.title));
        let (collection, settings) = self.of(inner, upstream).map_err(failed)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&collection, &settings)
        });
        task.await.map_err(|_| failed("the search ended without a result; try again".to_owned()))
    }
}

/// The same settings with the model of the upstream, if it has one.
fn with_model(settings: Settings, upstream: &Upstream) -> Settings {
    let config = &upstream.config;
    let Some(model) = Endpoint::of(config, &upstream.outbound) else { return settings };
    let most = match config.embedding_passages {
        0 => embedding::PASSAGES,
        most => most,
    };
    settings.with_model(Arc::new(model), usize::try_from(most).unwrap_or(usize::MAX))
}

/// The settings of an upstream that may take uploads.
pub(crate) fn upload_settings(upstream: &Upstream) -> Result<Settings, UploadFault> {
    if upstream.kind.name != KIND.name {
        return Err(UploadFault::NoFolder(upstream.name.to_string()));
    }
    parsed(&upstream.config).map_err(|error| UploadFault::Folder(error.to_string()))
}

/// Removes the indexes of these names from the folder of all indexes.
fn sweep(folder: &Path, is_deleted: impl Fn(&UpstreamName) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| UpstreamName::parse(name).ok());
        if let Some(name) = name.filter(&is_deleted)
            && let Err(error) = doorward_knowledge::aside(&entry.path())
        {
            tracing::warn!(upstream = %name, %error, "the index of documents cannot be removed");
        }
    }
    let remains = doorward_knowledge::remains(folder);
    if !remains.is_empty() {
        // Those that stay are removed at the next change or start.
        tokio::task::spawn_blocking(move || {
            for aside in remains {
                if let Err(error) = fs::remove_dir_all(&aside)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!(path = %aside.display(), %error, "the index of documents cannot be removed");
                }
            }
        });
    }
}

impl Gateway {
    /// Keeps the indexes of documents in a folder; with `maintains`, this process maintains them.
    pub fn keep_knowledge(&self, folder: PathBuf, maintains: bool) {
        // The first call counts: an index is not moved while the process runs.
        let _ = self.inner.knowledge.kept.set((folder, maintains));
    }

    /// The collection of an upstream, for a command; `None` for an upstream without one.
    pub fn knowledge_of(&self, upstream: &Shared) -> Option<Result<Arc<Collection>, String>> {
        (upstream.kind.name == KIND.name).then(|| {
            let opened = self.inner.knowledge.of(&self.inner, upstream);
            opened.map(|(collection, _)| collection)
        })
    }
}

struct Knowledge;

impl Setup for Knowledge {
    fn check(&self, config: &UpstreamConfig, url: Option<&Url>) -> Result<(), SettingError> {
        if url.is_some() {
            return Err(SettingError::new("url", "must be empty: the documents are in folders"));
        }
        if !config.user.is_empty() {
            return Err(SettingError::new("user", "is for a local process alone"));
        }
        source_settings::check(config)?;
        embedding::check(config)?;
        parsed(config).map(drop)
    }

    fn check_access(&self, _: &UpstreamConfig, auth: &Auth) -> Result<(), SettingError> {
        match auth {
            Auth::None => Ok(()),
            _ => Err(SettingError::new("auth", "must be none: nothing is requested elsewhere")),
        }
    }

    fn place(&self, config: &UpstreamConfig) -> String {
        let uploads = Some(&config.uploads).filter(|uploads| !uploads.is_empty());
        let all = config.folders.iter().chain(uploads).chain(&config.sources);
        let all: Vec<&str> = all.map(String::as_str).collect();
        format!("folders {}", all.join(", "))
    }

    fn is_reached_at(&self, _: &Upstream, _: Receiver<'_>) -> bool {
        false
    }
}

/// The tools, which are the same for every collection.
fn tools() -> impl Iterator<Item = Tool> {
    TOOLS.iter().map(|known| {
        let schema = match (known.schema)() {
            Value::Object(schema) => schema,
            _ => serde_json::Map::new(),
        };
        let mut tool = Tool::new(known.name, known.description, Arc::new(schema));
        tool.title = Some(known.title.to_owned());
        let mut annotations = ToolAnnotations::default();
        annotations.read_only_hint = Some(true);
        annotations.idempotent_hint = Some(true);
        annotations.open_world_hint = Some(false);
        tool.annotations = Some(annotations);
        tool
    })
}

fn refusal(refusal: Refusal) -> ToolError {
    match refusal {
        Refusal::Arguments(told) => ToolError::Arguments(told),
        Refusal::Unknown(told) => ToolError::Failed(told),
        Refusal::Unavailable(told) => ToolError::Busy(told, WAIT),
    }
}

impl Driver for Knowledge {
    fn list<'a>(
        &'a self,
        _: &'a Arc<Inner>,
        upstream: &'a Shared,
        _: &'a Arc<User>,
    ) -> BoxFuture<'a, Result<Listed, LinkError>> {
        Box::pin(async move {
            let mut template = ResourceTemplate::new(TEMPLATE, "document");
            template.description = Some("A document, by its path.".to_owned());
            let offers = Offers { resources: upstream.config.resources, ..Offers::default() };
            Ok(Listed {
                tools: tools().map(Into::into).collect(),
                templates: if upstream.config.resources { vec![template] } else { Vec::new() },
                offers,
                ..Listed::default()
            })
        })
    }

    fn resources<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        user: &'a Arc<User>,
    ) -> BoxFuture<'a, Vec<Resource>> {
        Box::pin(async move {
            let user = Arc::clone(user);
            let listed =
                gateway.inner.knowledge.run(&gateway.inner, upstream, move |known, settings| {
                    known.listing(&Sight::of(settings, &user), MOST_LISTED)
                });
            let Ok(Ok(documents)) = listed.await else { return Vec::new() };
            let shown = documents.into_iter().map(|document| {
                let mut resource = Resource::new(document.uri, document.path);
                resource.title = Some(document.title);
                resource.mime_type = Some(document.media_type.to_owned());
                resource
            });
            shown.collect()
        })
    }

    fn call<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        call: ToolCall,
    ) -> BoxFuture<'a, Result<CallToolResponse, ToolError>> {
        Box::pin(async move {
            let prefix = match call.inbound.target.upstream() {
                None => format!("{}+", upstream.name),
                Some(_) => String::new(),
            };
            let (user, arguments) = (Arc::clone(&call.inbound.caller.user), call.arguments());
            let tool = call.spec.own_name.clone();
            let work = move |known: &Collection, settings: &Settings| {
                known.call(&tool, arguments, &Sight::of(settings, &user), &Links { prefix })
            };
            let result = gateway.inner.knowledge.run(&gateway.inner, upstream, work).await?;
            Ok(doorward_mcp::structured_result(result.map_err(refusal)?).into())
        })
    }

    fn perform<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        item: &'a ItemSpec,
        permit: Permit,
    ) -> BoxFuture<'a, Result<Answer, ToolError>> {
        Box::pin(async move {
            let shown = match permit.operation {
                Operation::ReadResource(params) => params.uri,
                Operation::Complete(_) => return Ok(Answer::Completion(CompleteResult::default())),
                // There is no session and no log of its own.
                Operation::SetLevel(..) => return Ok(Answer::Done),
                Operation::Watch { .. } | Operation::GetPrompt(_) | Operation::CallTool(_) => {
                    return Err(gone());
                }
            };
            let (user, own) = (Arc::clone(&permit.inbound.caller.user), item.own_name.clone());
            let read = move |known: &Collection, settings: &Settings| {
                known.contents(&Sight::of(settings, &user), &own)
            };
            let contents = gateway.inner.knowledge.run(&gateway.inner, upstream, read).await?;
            let contents = contents.map_err(|refused| match refused {
                Refusal::Unknown(told) => ToolError::Protocol(ErrorData::resource_not_found(
                    told,
                    Some(json!({ "uri": shown })),
                )),
                other => refusal(other),
            })?;
            let text = ResourceContents::TextResourceContents {
                uri: shown,
                mime_type: Some(contents.media_type.to_owned()),
                text: contents.text,
                meta: None,
            };
            Ok(Answer::Resource(ReadResourceResult::new(vec![text]).into()))
        })
    }

    fn test<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        user: Option<&'a Arc<User>>,
    ) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let status = gateway.inner.knowledge.of(&gateway.inner, upstream);
            let mut findings = match status.map(|(collection, _)| collection.status()) {
                Err(why) => vec![Finding::bad(CheckSubject::Document, why)],
                Ok(status) => {
                    let mut findings = vec![match &status.problem {
                        Some(problem) => Finding::bad(CheckSubject::Document, problem),
                        None => Finding::good(CheckSubject::Document, status.told()),
                    }];
                    if status.left_out > 0 {
                        let told = status.told_left_out(NAMED);
                        findings.push(Finding::bad(CheckSubject::LeftOut, told));
                    }
                    findings
                }
            };
            let test_user = gateway.test_user();
            findings.extend(gateway.try_list(upstream, user.unwrap_or(&test_user)).await);
            findings
        })
    }
}
