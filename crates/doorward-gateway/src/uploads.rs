//! Documents that administrators upload to a collection, in a build with collections and in one
//! without.

use doorward_model::{StoredUpload, UploadFault, UploadPath, Uploads};

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

    /// Stores a document, in place of the one of the same path.
    pub async fn upload(
        &self,
        upstream: &Upstream,
        path: UploadPath,
        bytes: Vec<u8>,
    ) -> Result<StoredUpload, UploadFault> {
        let store = move |settings: &doorward_knowledge::Settings, name: &str| {
            settings.upload(name, &path, &bytes)
        };
        self.inner.knowledge.on_uploads(upstream, store).await
    }

    /// Removes an uploaded document.
    pub async fn remove_upload(
        &self,
        upstream: &Upstream,
        path: UploadPath,
    ) -> Result<(), UploadFault> {
        let remove = move |settings: &doorward_knowledge::Settings, name: &str| {
            settings.remove_upload(name, &path)
        };
        self.inner.knowledge.on_uploads(upstream, remove).await
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
    pub async fn upload(
        &self,
        upstream: &Upstream,
        _: UploadPath,
        _: Vec<u8>,
    ) -> Result<StoredUpload, UploadFault> {
        Err(UploadFault::NoFolder(upstream.name.to_string()))
    }

    /// Removes an uploaded document. This build has none.
    pub async fn remove_upload(
        &self,
        upstream: &Upstream,
        _: UploadPath,
    ) -> Result<(), UploadFault> {
        Err(UploadFault::NoFolder(upstream.name.to_string()))
    }
}
