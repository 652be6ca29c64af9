//! Requests with an access token.

use doorward_model::{Clock, Timestamp};
use doorward_transport::{
    Outbound,
    oauth::{Answer, Failure, RequestSubject},
};
use serde_json::Value;
use std::sync::Arc;

use crate::error::FederationError;

/// Maximum number of bytes of any answer: key sets of large providers have some 20 KB.
pub(crate) const MAX_ANSWER: usize = 256 * 1024;

/// Asks a provider's API in a user's name.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) outbound: Outbound,
    pub(crate) token: String,
    pub(crate) interpret: fn(&Answer, RequestSubject) -> Option<Failure>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Api {
    /// Sends the request and takes the answer apart.
    pub(crate) async fn answer(&self, url: &str) -> Result<Answer, FederationError> {
        let request = http::Request::get(url)
            .header("accept", "application/json, application/jwt;q=0.5")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Vec::new());
        let request = request.map_err(|_| {
            FederationError::Nonsense("the access token cannot be sent in a header".to_owned())
        })?;
        let fetched = self
            .outbound
            .send_along(request, MAX_ANSWER)
            .await
            .map_err(|error| FederationError::outbound(url, error))?;
        let now: Timestamp = self.clock.now();
        Ok(Answer::of(&fetched, now))
    }

    /// Fetches JSON.
    pub(crate) async fn get(&self, url: &str) -> Result<Value, FederationError> {
        let answer = self.answer(url).await?;
        self.read(url, &answer)
    }

    /// The JSON in an answer.
    pub(crate) fn read(&self, url: &str, answer: &Answer) -> Result<Value, FederationError> {
        answer.resource().map_err(|general| {
            let failure = (self.interpret)(answer, RequestSubject::Resource).unwrap_or(general);
            FederationError::answered(url, failure)
        })
    }
}
