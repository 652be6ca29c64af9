//! A model of embeddings that speaks the format of OpenAI's `/v1/embeddings`. It counts words, and
//! knows some that mean the same.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The dimensions of its vectors.
const DIMENSIONS: usize = 512;
/// Words that mean the same.
const SAME: &[(&str, &str)] =
    &[("automobile", "car"), ("vehicle", "car"), ("salary", "wages"), ("holiday", "vacation")];

/// The way in which the model answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelHabit {
    /// As it should.
    #[default]
    Well,
    /// With status 500.
    Fails,
    /// With vectors of different lengths.
    Uneven,
    /// With fewer vectors than texts.
    Fewer,
    /// With numbers that are none.
    NotNumbers,
    /// With an endless nesting.
    Nested,
    /// After a long time.
    Slow,
}

/// The memory of the model.
#[derive(Debug, Default)]
pub struct ModelState {
    /// The way in which it answers.
    pub habit: ModelHabit,
    /// The number of texts for which it made a vector.
    pub texts: usize,
    /// The `Authorization` header of the last request.
    pub authorization: String,
}

/// A running model.
pub struct FakeEmbedder {
    /// The URL of the endpoint.
    pub url: String,
    state: Arc<Mutex<ModelState>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FakeEmbedder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeEmbedder {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/embeddings", listener.local_addr().unwrap());
        let state: Arc<Mutex<ModelState>> = Arc::default();
        let router =
            Router::new().route("/v1/embeddings", post(embed)).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, task }
    }

    /// Its memory.
    pub fn state(&self) -> MutexGuard<'_, ModelState> {
        self.state.lock().unwrap()
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSIONS];
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        let word = word.to_lowercase();
        let same =
            SAME.iter().find(|(one, _)| *one == word).map_or(word.as_str(), |(_, same)| same);
        if same.len() > 2 {
            let hash = same
                .bytes()
                .fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
            vector[hash % DIMENSIONS] += 1.0;
        }
    }
    if vector.iter().all(|value| *value == 0.0) {
        vector[0] = 1.0;
    }
    vector
}

async fn embed(
    State(state): State<Arc<Mutex<ModelState>>>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Response {
    let texts: Vec<String> = asked["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(asked["model"], "words");
    let habit = {
        let mut state = state.lock().unwrap();
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        authorization.unwrap_or_default().clone_into(&mut state.authorization);
        if state.habit == ModelHabit::Well {
            state.texts += texts.len();
        }
        state.habit
    };
    let mut data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            json!({"object": "embedding", "index": index, "embedding": vector(text)})
        })
        .collect();
    match habit {
        ModelHabit::Well => {}
        ModelHabit::Fails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        ModelHabit::Uneven => data[0]["embedding"] = json!([1.0]),
        ModelHabit::Fewer => drop(data.pop()),
        ModelHabit::NotNumbers => data[0]["embedding"][0] = json!("many"),
        ModelHabit::Nested => data[0]["embedding"] = json!([[[[[[[[[[1.0]]]]]]]]]]),
        ModelHabit::Slow => tokio::time::sleep(Duration::from_secs(20)).await,
    }
    // The order of the items is stated by their index.
    data.reverse();
    let usage = json!({"prompt_tokens": 1, "total_tokens": 1});
    Json(json!({"object": "list", "data": data, "model": "words", "usage": usage})).into_response()
}
