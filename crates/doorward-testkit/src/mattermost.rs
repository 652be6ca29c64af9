//! A Mattermost server, as far as connectors speak to it: the documented REST API v4 of Mattermost
//! 10.5 (users, channels, posts, threads, reactions, typing, direct channels, and the URL at which
//! slash commands are answered later). It can also misbehave.

mod buttons;
mod sent;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use doorward_model::{Clock, ports::SystemClock};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use buttons::button;

/// A fault of the server.
#[derive(Clone, Debug)]
pub enum ChatFault {
    /// It answers with a status, and with the seconds of `Retry-After` if there are any.
    Status(u16, Option<u64>),
    /// It answers after this time.
    Slow(Duration),
    /// It does what is asked, and its answer is lost.
    Lost,
    /// The connection ends in the middle of the answer.
    Cut,
    /// The answer has this many bytes.
    Oversized(usize),
}

/// A post of the server.
#[derive(Clone, Debug)]
pub struct ChatMessage {
    /// Its identifier.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// The author.
    pub author: String,
    /// The first post of its thread, or nothing.
    pub root: String,
    /// The text.
    pub text: String,
    at: i64,
    kind: String,
    props: Value,
}

#[derive(Default)]
struct Kept {
    token: String,
    bot: String,
    number: u64,
    last: i64,
    accounts: BTreeMap<String, (String, bool)>,
    /// The languages that accounts chose.
    locales: BTreeMap<String, String>,
    /// Type, members, and the time of deletion, by channel.
    channels: BTreeMap<String, (String, Vec<String>, i64)>,
    posts: Vec<ChatMessage>,
    pending: HashMap<String, String>,
    reactions: Vec<(String, String)>,
    reacted: Vec<(String, String)>,
    typed: usize,
    answers: Vec<(String, Value)>,
    faults: Vec<(String, ChatFault, usize)>,
    requests: Vec<String>,
}

/// A Mattermost server on this machine.
#[derive(Clone)]
pub struct FakeMattermost {
    /// Its URL.
    pub url: String,
    /// The access token of the bot.
    pub token: String,
    /// The account of the bot, whose name is `doorward`.
    pub bot: String,
    kept: Arc<Mutex<Kept>>,
}

/// An identifier as Mattermost makes them.
fn identifier(word: &str, number: u64) -> String {
    format!("{word}{number:0>width$}", width = 26 - word.len())
}

impl Kept {
    fn next(&mut self, word: &str) -> String {
        self.number += 1;
        identifier(word, self.number)
    }

    fn now(&mut self) -> i64 {
        self.last = (self.last + 1).max(SystemClock.now().0 * 1000);
        self.last
    }

    fn reads(&self, channel: &str) -> Result<(), u16> {
        match self.channels.get(channel) {
            Some((_, _, deleted)) if *deleted > 0 => Err(404),
            Some((_, members, _)) if members.contains(&self.bot) => Ok(()),
            Some(_) => Err(403),
            None => Err(404),
        }
    }

    fn add(&mut self, mut post: ChatMessage) -> ChatMessage {
        post.id = self.next("post");
        post.at = self.now();
        self.posts.push(post.clone());
        post
    }

    fn channel(&self, id: &str) -> Value {
        let (kind, _, deleted) = &self.channels[id];
        let last = self.posts.iter().filter(|post| post.channel == id).map(|post| post.at).max();
        json!({"id": id, "type": kind, "delete_at": deleted, "last_post_at": last.unwrap_or(0), "name": id})
    }

    fn list<'a>(posts: impl Iterator<Item = &'a ChatMessage>) -> Value {
        let found: Vec<&ChatMessage> = posts.collect();
        let order: Vec<&str> = found.iter().rev().map(|post| post.id.as_str()).collect();
        let posts: serde_json::Map<String, Value> =
            found.iter().map(|post| (post.id.clone(), post.shown())).collect();
        json!({"order": order, "posts": posts, "next_post_id": "", "prev_post_id": ""})
    }

    /// Answers a request with the bot's token.
    fn answer(
        &mut self,
        method: &Method,
        path: &[&str],
        query: &str,
        body: &Value,
    ) -> Result<Value, u16> {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match (method.as_str(), path) {
            ("GET", ["users", "me"]) => self.account(&self.bot.clone()),
            ("GET", ["users", id]) => self.account(id),
            ("GET", ["users", id, "channels"]) if **id == self.bot => {
                let own =
                    self.channels.iter().filter(|(_, (_, members, _))| members.contains(&self.bot));
                Ok(own.map(|(id, _)| self.channel(id)).collect())
            }
            ("GET", ["channels", id]) => self.reads(id).map(|()| self.channel(id)),
            ("GET", ["channels", id, "posts"]) => {
                self.reads(id)?;
                let since: i64 =
                    query.strip_prefix("since=").and_then(|at| at.parse().ok()).ok_or(400_u16)?;
                Ok(Self::list(
                    self.posts.iter().filter(|post| post.channel == *id && post.at >= since),
                ))
            }
            ("GET", ["posts", id]) => {
                let post = self.posts.iter().find(|post| post.id == *id).ok_or(404_u16)?;
                self.reads(&post.channel).map(|()| post.shown())
            }
            ("GET", ["posts", id, "thread"]) => {
                let post = self.posts.iter().find(|post| post.id == *id).ok_or(404_u16)?;
                self.reads(&post.channel)?;
                Ok(Self::list(self.posts.iter().filter(|post| post.id == *id || post.root == *id)))
            }
            ("POST", ["posts"]) => {
                let (channel, once) = (text("channel_id"), text("pending_post_id"));
                self.reads(&channel)?;
                if let Some(known) = self.pending.get(&once) {
                    return Ok(self.posts.iter().find(|post| post.id == *known).unwrap().shown());
                }
                if text("message").chars().count() > 16_383 {
                    return Err(400);
                }
                let (author, root, text) = (self.bot.clone(), text("root_id"), text("message"));
                let said = message(&channel, &author, &root, &text);
                let post = self.add(ChatMessage { props: body["props"].clone(), ..said });
                if !once.is_empty() {
                    self.pending.insert(once, post.id.clone());
                }
                Ok(post.shown())
            }
            ("POST", ["channels", "direct"]) => {
                let members: Vec<String> =
                    serde_json::from_value(body.clone()).map_err(|_| 400_u16)?;
                let direct = self.direct(&members);
                Ok(self.channel(&direct))
            }
            ("POST", ["reactions"]) => {
                self.reacted.push((text("post_id"), text("emoji_name")));
                self.reactions.push((text("post_id"), text("emoji_name")));
                Ok(body.clone())
            }
            ("DELETE", ["users", id, "posts", post, "reactions", emoji]) if **id == self.bot => {
                self.reactions.retain(|(of, name)| of != post || name != emoji);
                Ok(json!({"status": "OK"}))
            }
            ("POST", ["users", id, "typing"]) if **id == self.bot => {
                self.typed += 1;
                Ok(json!({"status": "OK"}))
            }
            _ => Err(404),
        }
    }

    fn account(&self, id: &str) -> Result<Value, u16> {
        let (name, is_bot) = self.accounts.get(id).ok_or(404_u16)?;
        let locale = self.locales.get(id).map_or("en", String::as_str);
        Ok(
            json!({"id": id, "username": name, "is_bot": is_bot, "delete_at": 0, "roles": "system_user", "locale": locale}),
        )
    }

    fn direct(&mut self, members: &[String]) -> String {
        let found = self.channels.iter().find(|(_, (kind, have, _))| {
            kind == "D" && members.iter().all(|member| have.contains(member))
        });
        if let Some((id, _)) = found {
            return id.clone();
        }
        let id = self.next("chan");
        self.channels.insert(id.clone(), ("D".to_owned(), members.to_vec(), 0));
        id
    }
}

fn message(channel: &str, author: &str, root: &str, text: &str) -> ChatMessage {
    ChatMessage {
        id: String::new(),
        channel: channel.to_owned(),
        author: author.to_owned(),
        root: root.to_owned(),
        text: text.to_owned(),
        at: 0,
        kind: String::new(),
        props: json!({}),
    }
}

impl ChatMessage {
    fn shown(&self) -> Value {
        json!({
            "id": self.id, "create_at": self.at, "update_at": self.at, "delete_at": 0, "user_id": self.author,
            "channel_id": self.channel, "root_id": self.root, "message": self.text, "type": self.kind, "props": self.props,
        })
    }
}

fn problem(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let body = json!({"id": "api.fake.app_error", "message": "no", "request_id": "", "status_code": status.as_u16()});
    (status, axum::Json(body)).into_response()
}

async fn serve(State(kept): State<Arc<Mutex<Kept>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let fault = {
        let mut kept = kept.lock().unwrap();
        kept.requests.push(format!("{} {path}", parts.method));
        let found = kept.faults.iter().position(|(part, _, _)| path.contains(part.as_str()));
        found.map(|at| {
            let fault = kept.faults[at].1.clone();
            kept.faults[at].2 -= 1;
            if kept.faults[at].2 == 0 {
                kept.faults.remove(at);
            }
            fault
        })
    };
    let lost = matches!(fault, Some(ChatFault::Lost));
    match fault {
        Some(ChatFault::Status(status, after)) => {
            let mut response = problem(status);
            if let Some(seconds) = after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            return response;
        }
        Some(ChatFault::Slow(time)) => tokio::time::sleep(time).await,
        Some(ChatFault::Cut) => {
            let pieces = [Ok("{\"id\":".to_owned()), Err(std::io::Error::other("cut"))];
            return Response::new(Body::from_stream(stream::iter(pieces)));
        }
        Some(ChatFault::Oversized(bytes)) => return Response::new(Body::from("x".repeat(bytes))),
        Some(ChatFault::Lost) | None => {}
    }
    let mut kept = kept.lock().unwrap();
    if let Some(hook) = path.strip_prefix("/hooks/commands/") {
        // Five answers, as the documentation says.
        if kept.answers.iter().filter(|(of, _)| of == hook).count() == 5 {
            return problem(400);
        }
        kept.answers.push((hook.to_owned(), body));
        return axum::Json(json!({})).into_response();
    }
    let bearer = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    if bearer != Some(format!("Bearer {}", kept.token).as_str()) {
        return problem(401);
    }
    let Some(path) = path.strip_prefix("/api/v4/") else { return problem(404) };
    let segments: Vec<&str> = path.split('/').collect();
    match kept.answer(&parts.method, &segments, parts.uri.query().unwrap_or_default(), &body) {
        Ok(_) if lost => problem(502),
        Ok(value) => axum::Json(value).into_response(),
        Err(status) => problem(status),
    }
}

impl FakeMattermost {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (token, bot) = (identifier("token", 1), identifier("bot", 1));
        let mut kept = Kept { token: token.clone(), bot: bot.clone(), ..Kept::default() };
        kept.accounts.insert(bot.clone(), ("doorward".to_owned(), true));
        let kept = Arc::new(Mutex::new(kept));
        let app = Router::new().fallback(serve).with_state(Arc::clone(&kept));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, token, bot, kept }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    /// Adds the account of a account.
    pub fn account(&self, name: &str) -> String {
        let mut kept = self.kept();
        let id = kept.next("user");
        kept.accounts.insert(id.clone(), (name.to_owned(), false));
        id
    }

    /// Adds an account with this language.
    pub fn account_in(&self, name: &str, locale: &str) -> String {
        let id = self.account(name);
        self.kept().locales.insert(id.clone(), locale.to_owned());
        id
    }

    /// Adds the account of another bot.
    pub fn other_bot(&self, name: &str) -> String {
        let id = self.account(name);
        self.kept().accounts.insert(id.clone(), (name.to_owned(), true));
        id
    }

    /// Adds a public channel that the bot is a member of.
    pub fn channel(&self) -> String {
        let mut kept = self.kept();
        let (id, bot) = (kept.next("chan"), kept.bot.clone());
        kept.channels.insert(id.clone(), ("O".to_owned(), vec![bot], 0));
        id
    }

    /// The direct messages of a account and the bot.
    pub fn direct(&self, account: &str) -> String {
        let members = [self.bot.clone(), account.to_owned()];
        self.kept().direct(&members)
    }

    /// Deletes a channel.
    pub fn delete(&self, channel: &str) {
        self.kept().channels.get_mut(channel).unwrap().2 = 1;
    }

    /// Writes a post.
    pub fn write(&self, channel: &str, author: &str, text: &str) -> String {
        self.kept().add(message(channel, author, "", text)).id
    }

    /// Writes a post in the thread of another one.
    pub fn write_below(&self, (channel, root): (&str, &str), author: &str, text: &str) -> String {
        self.kept().add(message(channel, author, root, text)).id
    }

    /// Writes a post of a type of the server's, or with marks of a bot or a webhook.
    pub fn write_marked(
        &self,
        (channel, author): (&str, &str),
        text: &str,
        kind: &str,
        props: Value,
    ) -> String {
        let post =
            ChatMessage { kind: kind.to_owned(), props, ..message(channel, author, "", text) };
        self.kept().add(post).id
    }

    /// The posts of the bot in a channel.
    pub fn answers(&self, channel: &str) -> Vec<ChatMessage> {
        let kept = self.kept();
        let own =
            kept.posts.iter().filter(|post| post.channel == channel && post.author == kept.bot);
        own.cloned().collect()
    }

    /// Waits for so many posts of the bot in a channel, and returns them.
    pub async fn answered(&self, channel: &str, count: usize) -> Vec<ChatMessage> {
        for _ in 0..600 {
            let found = self.answers(channel);
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{count} answers are awaited: {:?}", self.answers(channel));
    }

    /// The reactions that a post has.
    pub fn reactions(&self, post: &str) -> Vec<String> {
        let kept = self.kept();
        kept.reactions.iter().filter(|(of, _)| of == post).map(|(_, name)| name.clone()).collect()
    }

    /// The reactions that a post ever got, in order.
    pub fn reacted(&self, post: &str) -> Vec<String> {
        let kept = self.kept();
        kept.reacted.iter().filter(|(of, _)| of == post).map(|(_, name)| name.clone()).collect()
    }

    /// Waits until a post has this reaction.
    pub async fn marked(&self, post: &str, emoji: &str) {
        for _ in 0..600 {
            if self.reactions(post) == [emoji] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{emoji} is awaited: {:?}", self.reactions(post));
    }

    /// The number of times that the bot was shown as typing.
    pub fn typed(&self) -> usize {
        self.kept().typed
    }

    /// The later answers to a slash command.
    pub fn later(&self, hook: &str) -> Vec<String> {
        let text = |body: &Value| body["text"].as_str().unwrap_or_default().to_owned();
        self.later_bodies(hook).iter().map(text).collect()
    }

    /// The same, with all of their members.
    pub fn later_bodies(&self, hook: &str) -> Vec<Value> {
        let kept = self.kept();
        kept.answers.iter().filter(|(of, _)| of == hook).map(|(_, body)| body.clone()).collect()
    }

    /// The requests that came, as `METHOD PATH`.
    pub fn requests(&self) -> Vec<String> {
        self.kept().requests.clone()
    }

    /// Misbehaves at the next so many requests whose path has this part.
    pub fn misbehave(&self, part: &str, fault: ChatFault, times: usize) {
        self.kept().faults.push((part.to_owned(), fault, times));
    }
}
