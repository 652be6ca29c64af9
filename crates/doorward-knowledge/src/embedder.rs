//! The port of a model of embeddings.

/// Reason for which there are no vectors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoVectors {
    /// The model refuses these texts. It may take others.
    #[error("the model refuses a text: {0}")]
    Refused(String),
    /// It cannot be used now, for whatever text.
    #[error("{0}")]
    Unavailable(String),
}

/// A model that turns texts into vectors.
pub trait Embedder: Send + Sync {
    /// The name of the model. Vectors of another one are of no use.
    fn model(&self) -> &str;
    /// The vectors of texts, in their order and all of one length. The work may wait for another
    /// server.
    ///
    /// # Errors
    ///
    /// The reason for which there are none now.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, NoVectors>;
}
