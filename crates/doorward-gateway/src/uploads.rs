//! Documents that administrators upload to a collection, in a build with collections and in one
//! without.

#[cfg(feature = "knowledge")]
use doorward_knowledge::Settings;
use doorward_model::{NewUpload, StoredUpload, UploadFault, UploadPath, Uploads};

use crate::{Gateway, upstream::Upstream};

#[cfg(feature = "knowledge")]
impl Gateway {
    /// The bytes that one uploaded document may have.
    pub fn upload_bytes(&self, upstream: &Upstream) -> Result<u64, UploadFault> {
        let settings = crate::upstreams::knowledge::upload_settings(upstream)?;
        if settings.takes_uploads() {
            Ok(settings.upload_bytes())
        } else {
            Err(UploadFault::NoFolder(upstream.name.to_string()))
        }
    }

    /// The uploaded documents after a path, in the order of their paths.
    pub async fn uploads(
        &self,
        upstream: &Upstream,
        after: Option<String>,
        most: usize,
    ) -> Result<Uploads, UploadFault> {
        let settings = crate::upstreams::knowledge::upload_settings(upstream)?;
        let name = upstream.name;
        let list = move || settings.uploads(name.as_str(), after.as_deref(), most);
        let listed = tokio::task::spawn_blocking(list).await;
        listed.map_err(|error| UploadFault::Folder(error.to_string()))?
    }

    /// Stores a document, in place of the one of the same path, once `record` has written down that
    /// it will be.
    pub async fn upload<E, F>(
        &self,
        upstream: &Upstream,
        NewUpload { path, bytes }: NewUpload,
        record: impl FnOnce(StoredUpload) -> F,
    ) -> Result<StoredUpload, E>
    where
        E: From<UploadFault>,
        F: Future<Output = Result<(), E>>,
    {
        let knowledge = &self.inner.knowledge;
        let prepare =
            move |settings: &Settings, name: &str| settings.prepare_upload(name, &path, &bytes);
        let prepared = knowledge.on_uploads(upstream, prepare).await?;
        record(prepared.done().clone()).await?;
        Ok(knowledge.on_uploads(upstream, move |_, _| prepared.carry_out()).await?)
    }

    /// Removes an uploaded document, once `record` has written down that it will be.
    pub async fn remove_upload<E, F>(
        &self,
        upstream: &Upstream,
        path: UploadPath,
        record: impl FnOnce() -> F,
    ) -> Result<(), E>
    where
        E: From<UploadFault>,
        F: Future<Output = Result<(), E>>,
    {
        let knowledge = &self.inner.knowledge;
        let prepare = move |settings: &Settings, name: &str| settings.prepare_removal(name, &path);
        let prepared = knowledge.on_uploads(upstream, prepare).await?;
        record().await?;
        Ok(knowledge.on_uploads(upstream, move |_, _| prepared.carry_out()).await?)
    }
}

#[cfg(not(feature = "knowledge"))]
#[expect(clippy::unused_self, clippy::unused_async, reason = "as in a build with collections")]
impl Gateway {
    /// The bytes that one uploaded document may have. This build takes none.
    pub fn upload_bytes(&self, upstream: &Upstream) -> Result<u64, UploadFault> {
        Err(UploadFault::NoFolder(upstream.name.to_string()))
    }

    /// The uploaded documents. This build takes none.
    pub async fn uploads(
        &self,
        upstream: &Upstream,
        _: Option<String>,
        _: usize,
    ) -> Result<Uploads, UploadFault> {
        Err(UploadFault::NoFolder(upstream.name.to_string()))
    }

    /// Stores a document. This build takes none.
    pub async fn upload<E, F>(
        &self,
        upstream: &Upstream,
        _: NewUpload,
        _: impl FnOnce(StoredUpload) -> F,
    ) -> Result<StoredUpload, E>
    where
        E: From<UploadFault>,
        F: Future<Output = Result<(), E>>,
    {
        Err(UploadFault::NoFolder(upstream.name.to_string()).into())
    }

    /// Removes an uploaded document. This build has none.
    pub async fn remove_upload<E, F>(
        &self,
        upstream: &Upstream,
        _: UploadPath,
        _: impl FnOnce() -> F,
    ) -> Result<(), E>
    where
        E: From<UploadFault>,
        F: Future<Output = Result<(), E>>,
    {
        Err(UploadFault::NoFolder(upstream.name.to_string()).into())
    }
}
