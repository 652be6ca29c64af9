//! The port of a model of embeddings.

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
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, String>;
}
