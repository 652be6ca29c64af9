//! Reads the channels of the bot, and looks after posts that another process left unanswered.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use doorward_language::text;
use tokio_util::sync::CancellationToken;

use super::{
    Mattermost,
    answer::Answer,
    api::{ApiError, Channel, Post},
};

/// A post that was taken on this many seconds ago and is not answered lost its process.
const LOST: i64 = 900;
/// The interval between searches for lost posts.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The longest pause after failures, in seconds.
const LONGEST_PAUSE: u64 = 60;
/// Posts may become visible a little after later ones, in milliseconds.
const BEHIND: i64 = 2000;
/// The number of posts that are remembered as seen.
const SEEN: usize = 4096;

/// The posts that were seen, the oldest first.
#[derive(Default)]
struct Seen {
    order: VecDeque<String>,
    known: HashSet<String>,
}

impl Seen {
    /// True at the first sight of a post.
    fn is_new(&mut self, id: &str) -> bool {
        if !self.known.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// The progress of reading channels.
struct Reading {
    /// In milliseconds, by channel.
    until: HashMap<String, i64>,
    /// The time from which a new channel is read.
    start: i64,
    seen: Seen,
}

impl Mattermost {
    /// Works until `stop`.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let look_after = async {
            loop {
                self.answer_lost().await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let read = async {
            if self.config.poll_seconds == 0 {
                return std::future::pending().await;
            }
            self.read().await;
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = look_after => {}
            () = read => {}
        }
    }

    /// Reads the channels again and again.
    async fn read(self: &Arc<Self>) {
        let start = (self.office.now().0 - i64::from(self.config.catch_up_seconds)) * 1000;
        let mut reading = Reading { until: HashMap::new(), start, seen: Seen::default() };
        let usual = u64::from(self.config.poll_seconds);
        let mut failures = 0_u32;
        loop {
            let pause = match self.read_once(&mut reading).await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(connector = %self.name, "the chat server responds again");
                    }
                    failures = 0;
                    usual
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(connector = %self.name, %error, "the chat server could not be read; trying again");
                    }
                    failures = failures.saturating_add(1);
                    usual.saturating_mul(1 << failures.min(6)).min(LONGEST_PAUSE.max(usual))
                }
            };
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
    }

    async fn read_once(self: &Arc<Self>, reading: &mut Reading) -> Result<(), ApiError> {
        let me = self.me().await?.id.clone();
        let channels = self.api.channels(&me).await?;
        reading.until.retain(|id, _| channels.iter().any(|channel| channel.id == *id));
        for channel in channels {
            let until = reading.until.get(&channel.id).copied().unwrap_or(reading.start);
            if channel.last_post_at <= until {
                continue;
            }
            let posts = match self.api.posts(&channel.id, until - BEHIND).await {
                Ok(posts) => posts,
                // It was deleted or left meanwhile.
                Err(ApiError::Refused(_)) => continue,
                Err(error @ ApiError::Unreadable(_)) => {
                    tracing::warn!(connector = %self.name, channel = %channel.id, %error, "the posts of a channel are left out");
                    reading.until.insert(channel.id, channel.last_post_at);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut read_until = channel.last_post_at;
            for post in posts {
                if post.create_at < until - BEHIND || !reading.seen.is_new(&post.id) {
                    continue;
                }
                read_until = read_until.max(post.create_at);
                self.consider(&channel, post).await;
            }
            reading.until.insert(channel.id, read_until);
        }
        Ok(())
    }

    /// Answers a post in a task of its own, if it addresses the bot: in a direct message, or by a
    /// mention.
    async fn consider(self: &Arc<Self>, channel: &Channel, post: Post) {
        if !post.is_by_user() {
            return;
        }
        let said = match self.without_mention(&post.message).await {
            Some(said) => said,
            None if channel.kind == "D" => post.message.clone(),
            None => return,
        };
        let this = Arc::clone(self);
        self.own(async move { this.answer_post(post, &said).await });
    }

    /// Answers posts whose process ended before it answered. What it had begun is not begun again:
    /// the author decides.
    async fn answer_lost(&self) {
        let lost = self.office.take_over(&self.name, self.office.now().plus(-LOST)).await;
        let lost = match lost {
            Ok(lost) => lost,
            Err(error) => {
                tracing::warn!(connector = %self.name, %error, "lost posts could not be looked for");
                return;
            }
        };
        for post in lost {
            let done = if post.channel.is_empty() {
                // A slash command, whose author sees that nothing came.
                Ok(())
            } else {
                self.apologise(&post.post).await
            };
            self.close(&post.post, done).await;
        }
    }

    async fn apologise(&self, id: &str) -> Result<(), ApiError> {
        let me = self.me().await?;
        let post = self.api.post(id).await?;
        let thread = self.api.thread(post.thread()).await?;
        let is_answer = |other: &Post| other.user_id == me.id && other.create_at >= post.create_at;
        if thread.iter().any(is_answer) {
            return Ok(());
        }
        let language = self.author(&post.user_id).await?.language;
        let apology = async { self.reply(&post, Answer::bad(&text::bot_interrupted())).await };
        language.speaking(apology).await
    }
}
