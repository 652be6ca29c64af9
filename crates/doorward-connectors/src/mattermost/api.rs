//! The REST API of Mattermost (version 4, <https://developers.mattermost.com/api-documentation>),
//! as far as it is used here.

use std::time::Duration;

use doorward_model::SecretSetting;
use doorward_transport::{
    Budget, Fetched, Outbound, OutboundError,
    oauth::{Pause, pause},
};
use http::{HeaderValue, Method, Request, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

/// Maximum number of bytes of a response: 1000 posts of usual length.
const MOST: usize = 8 * 1024 * 1024;
/// Maximum number of values of a response: 1000 posts with their members.
const MOST_VALUES: usize = 200_000;
/// The longest that a request takes.
const WITHIN: Duration = Duration::from_secs(15);
/// Maximum number of times that a request is sent.
const TRIES: u32 = 4;
/// The longest wait before another try, in seconds.
const LONGEST_WAIT: u64 = 30;

/// The reason for which a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The server refused it, as a repetition would be: no such channel, or no permission.
    #[error("the server answered with status {0}")]
    Refused(u16),
    /// The server does not respond, or demands a longer wait.
    #[error("{0}")]
    Unavailable(String),
    /// The answer is not as documented, or too long.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

/// The client of one Mattermost server.
pub(crate) struct Api {
    outbound: Outbound,
    base: String,
    token: SecretSetting,
}

/// The account of the bot.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) is_bot: bool,
    /// The language that the user chose, such as `de` or `pt-BR`.
    #[serde(default)]
    pub(crate) locale: String,
}

/// A channel that the bot is a member of.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    /// `D` is a direct message.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) delete_at: i64,
    #[serde(default)]
    pub(crate) last_post_at: i64,
}

/// A post. Times are in milliseconds.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Post {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) create_at: i64,
    #[serde(default)]
    pub(crate) delete_at: i64,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    #[serde(default)]
    pub(crate) root_id: String,
    #[serde(default)]
    pub(crate) message: String,
    /// Empty for what a user of the chat wrote.
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) props: Option<Value>,
}

/// The contents of a post.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PostedText<'a> {
    /// The text.
    pub(crate) message: &'a str,
    /// Boxes below it, with buttons.
    pub(crate) attachments: Option<&'a Value>,
}

/// Posts by their identifiers.
#[derive(Deserialize)]
struct Posts {
    #[serde(default)]
    posts: Option<std::collections::BTreeMap<String, Post>>,
}

/// Reports an identifier as Mattermost makes them. Nothing else becomes part of a URL.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl Post {
    /// Reports a post of a user of the chat: neither the server, nor a bot, a webhook or a plugin.
    pub(crate) fn is_by_user(&self) -> bool {
        let marked = |name: &str| {
            let mark = self.props.as_ref().and_then(|props| props.get(name));
            mark.is_some_and(|mark| mark.as_bool() == Some(true) || mark.as_str() == Some("true"))
        };
        self.kind.is_empty()
            && self.delete_at == 0
            && !["from_bot", "from_webhook", "from_plugin", "from_oauth_app"]
                .iter()
                .any(|name| marked(name))
    }

    /// The first post of its thread.
    pub(crate) fn thread(&self) -> &str {
        if self.root_id.is_empty() { &self.id } else { &self.root_id }
    }
}

impl Api {
    pub(crate) fn new(outbound: Outbound, base: &Url, token: SecretSetting) -> Self {
        Self { outbound, base: base.as_str().trim_end_matches('/').to_owned(), token }
    }

    /// Sends one request and reads its result.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, ApiError> {
        let fetched = self.send(method, &format!("/api/v4{path}"), body, true).await?;
        let read = Budget::new(MOST, MOST_VALUES, 32).json(&fetched.body);
        read.map_err(|error| ApiError::Unreadable(error.to_string()))
    }

    /// Sends a request, again after a while where the server is busy or does not respond.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        as_bot: bool,
    ) -> Result<Fetched, ApiError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let (why, wait) = match self.once(&method, path, body, as_bot).await {
                Ok(fetched) if (200..300).contains(&fetched.status) => return Ok(fetched),
                Ok(fetched) if fetched.status == 429 => {
                    ("it limits requests (429)".to_owned(), wanted_wait(&fetched))
                }
                Ok(fetched) if wanted_wait(&fetched).is_some() => {
                    (format!("it asks to wait ({})", fetched.status), wanted_wait(&fetched))
                }
                Ok(fetched) if fetched.status >= 500 => {
                    (format!("it answered with status {}", fetched.status), None)
                }
                Ok(fetched) => return Err(ApiError::Refused(fetched.status)),
                Err(error @ OutboundError::TooLong(_)) => {
                    return Err(ApiError::Unreadable(error.to_string()));
                }
                Err(error) => (error.to_string(), None),
            };
            let wait = wait.unwrap_or(1 << (tried - 1));
            if tried == TRIES || wait > LONGEST_WAIT {
                return Err(ApiError::Unavailable(why));
            }
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        as_bot: bool,
    ) -> Result<Fetched, OutboundError> {
        let malformed = |error: http::Error| OutboundError::Failed(error.to_string());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json");
        if as_bot {
            let bearer = HeaderValue::try_from(format!("Bearer {}", self.token.reveal()));
            let mut bearer = bearer.map_err(|error| malformed(error.into()))?;
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = request.body(bytes).map_err(malformed)?;
        self.outbound.send_within(request, MOST, WITHIN).await
    }

    /// `GET /users/me`.
    pub(crate) async fn me(&self) -> Result<Account, ApiError> {
        let me: Account = self.ask(Method::GET, "/users/me", None).await?;
        if is_id(&me.id) {
            Ok(me)
        } else {
            Err(ApiError::Unreadable("/users/me names no account".to_owned()))
        }
    }

    /// `GET /users/{user_id}`.
    pub(crate) async fn account(&self, id: &str) -> Result<Account, ApiError> {
        self.ask(Method::GET, &format!("/users/{id}"), None).await
    }

    /// `GET /users/{user_id}/channels`.
    pub(crate) async fn channels(&self, me: &str) -> Result<Vec<Channel>, ApiError> {
        let all: Vec<Channel> =
            self.ask(Method::GET, &format!("/users/{me}/channels"), None).await?;
        Ok(all.into_iter().filter(|one| one.delete_at == 0 && is_id(&one.id)).collect())
    }

    /// `GET /channels/{channel_id}`.
    pub(crate) async fn channel(&self, id: &str) -> Result<Channel, ApiError> {
        self.ask(Method::GET, &format!("/channels/{id}"), None).await
    }

    /// `GET /channels/{channel_id}/posts`: those that were made or changed since, the oldest first.
    pub(crate) async fn posts(&self, channel: &str, since: i64) -> Result<Vec<Post>, ApiError> {
        let path = format!("/channels/{channel}/posts?since={since}");
        Ok(oldest_first(self.ask(Method::GET, &path, None).await?))
    }

    /// `GET /posts/{post_id}`.
    pub(crate) async fn post(&self, id: &str) -> Result<Post, ApiError> {
        self.ask(Method::GET, &format!("/posts/{id}"), None).await
    }

    /// `GET /posts/{post_id}/thread`.
    pub(crate) async fn thread(&self, id: &str) -> Result<Vec<Post>, ApiError> {
        Ok(oldest_first(self.ask(Method::GET, &format!("/posts/{id}/thread"), None).await?))
    }

    /// `POST /posts`. `once` names the post, so that a repeated request makes no second one.
    pub(crate) async fn say(
        &self,
        channel: &str,
        root: &str,
        once: &str,
        message: &str,
    ) -> Result<(), ApiError> {
        let text = PostedText { message, attachments: None };
        self.say_with(channel, root, once, text).await
    }

    /// The same, with attachments.
    pub(crate) async fn say_with(
        &self,
        channel: &str,
        root: &str,
        once: &str,
        PostedText { message, attachments }: PostedText<'_>,
    ) -> Result<(), ApiError> {
        let mut body = json!({
            "channel_id": channel, "root_id": root, "message": message, "pending_post_id": once,
        });
        if let (Some(attachments), Value::Object(members)) = (attachments, &mut body) {
            members.insert("props".to_owned(), json!({ "attachments": attachments }));
        }
        self.ask::<Post>(Method::POST, "/posts", Some(&body)).await.map(drop)
    }

    /// `POST /channels/direct`: the direct messages of two accounts.
    pub(crate) async fn direct(&self, me: &str, other: &str) -> Result<Channel, ApiError> {
        self.ask(Method::POST, "/channels/direct", Some(&json!([me, other]))).await
    }

    /// `POST /reactions`.
    pub(crate) async fn react(&self, me: &str, post: &str, emoji: &str) -> Result<(), ApiError> {
        let body = json!({"user_id": me, "post_id": post, "emoji_name": emoji});
        self.send(Method::POST, "/api/v4/reactions", Some(&body), true).await.map(drop)
    }

    /// `DELETE /users/{user_id}/posts/{post_id}/reactions/{emoji_name}`.
    pub(crate) async fn unreact(&self, me: &str, post: &str, emoji: &str) -> Result<(), ApiError> {
        let path = format!("/api/v4/users/{me}/posts/{post}/reactions/{emoji}");
        self.send(Method::DELETE, &path, None, true).await.map(drop)
    }

    /// `POST /users/{user_id}/typing`.
    pub(crate) async fn typing(&self, me: &str, channel: &str, root: &str) {
        let body = json!({"channel_id": channel, "parent_id": root});
        let path = format!("/api/v4/users/{me}/typing");
        // It is only shown, and only now: it is not tried again.
        let _ = self.once(&Method::POST, &path, Some(&body), true).await;
    }

    /// Answers a slash command later: at the path of its `response_url`, of this server alone.
    pub(crate) async fn respond(&self, hook: &str, body: &Value) -> Result<(), ApiError> {
        let path = format!("/hooks/commands/{hook}");
        self.send(Method::POST, &path, Some(body), false).await.map(drop)
    }
}

fn oldest_first(list: Posts) -> Vec<Post> {
    let fits = |post: &Post| is_id(&post.id) && is_id(&post.channel_id) && is_id(&post.user_id);
    let root_fits = |post: &Post| post.root_id.is_empty() || is_id(&post.root_id);
    let mut posts: Vec<Post> = list.posts.unwrap_or_default().into_values().collect();
    posts.retain(|post| fits(post) && root_fits(post));
    posts.sort_by(|one, other| (one.create_at, &one.id).cmp(&(other.create_at, &other.id)));
    posts
}

/// The wait that a server demands, in seconds: `Retry-After`, or else Mattermost's own header.
fn wanted_wait(fetched: &Fetched) -> Option<u64> {
    let Pause(seconds) = pause(fetched.status, &fetched.headers, None)?;
    u64::try_from(seconds?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demanded_wait_is_read_as_that_of_every_other_server() {
        for (status, headers, wait) in [
            (429, vec![("retry-after", "7")], Some(7)),
            (429, vec![("retry-after", "0")], Some(1)),
            (429, vec![("retry-after", "1.5")], Some(2)),
            (429, vec![("x-ratelimit-reset", "3")], Some(3)),
            (429, vec![("retry-after", "soon"), ("x-ratelimit-reset", "3")], Some(3)),
            (
                429,
                vec![
                    ("date", "Fri, 27 Nov 2026 12:00:00 GMT"),
                    ("retry-after", "Fri, 27 Nov 2026 12:00:30 GMT"),
                ],
                Some(30),
            ),
            (
                429,
                vec![
                    ("date", "Fri, 27 Nov 2026 12:00:00 GMT"),
                    ("x-ratelimit-reset", "1795780830"),
                ],
                Some(30),
            ),
            (429, vec![("x-ratelimit-reset", "1795780830")], None),
            (503, vec![("retry-after", "9")], Some(9)),
            (403, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4")], Some(4)),
            (403, vec![], None),
            (404, vec![("retry-after", "9")], None),
            (500, vec![], None),
        ] {
            let mut all = http::HeaderMap::new();
            for (name, value) in &headers {
                all.insert(*name, HeaderValue::from_static(value));
            }
            let fetched = Fetched { status, headers: all, body: Vec::new() };
            assert_eq!(wanted_wait(&fetched), wait, "{status} {headers:?}");
        }
    }
}
