//! The newest lines that the processes of an upstream wrote to their standard error: for
//! administrators, in memory.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use doorward_model::{Clock, Timestamp, names_secret, ports::SystemClock};
use futures_util::{Stream, stream};
use tokio::sync::watch;

/// Number of lines that are kept.
const LINES: usize = 200;
/// The shortest interval of news.
const EVERY: Duration = Duration::from_millis(500);
/// The text in place of a secret.
const SECRET: &str = "***";
/// The length of the shortest secret that is replaced, in bytes: a shorter one is a part of words.
const SHORTEST: usize = 6;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLine {
    /// The time at which it was read.
    pub at: Timestamp,
    /// The text, cleaned and shortened, without the secrets that the process was given.
    pub text: String,
}

/// The newest lines.
pub(crate) struct ProcessLog {
    lines: Mutex<VecDeque<ProcessLine>>,
    /// The number of lines that were written in all.
    written: watch::Sender<i64>,
}

impl Default for ProcessLog {
    fn default() -> Self {
        Self { lines: Mutex::default(), written: watch::Sender::new(0) }
    }
}

impl ProcessLog {
    /// Adds a line.
    pub(crate) fn add(&self, text: String) {
        let line = ProcessLine { at: SystemClock.now(), text };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
        drop(lines);
        self.written.send_modify(|count| *count += 1);
    }

    /// The lines, the oldest first.
    pub(crate) fn lines(&self) -> Vec<ProcessLine> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The number of lines, each time that some were added.
    pub(crate) fn news(&self) -> impl Stream<Item = i64> + Send + 'static + use<> {
        stream::unfold(self.written.subscribe(), |mut written| async move {
            written.changed().await.ok()?;
            // Many lines at once are one piece of news.
            tokio::time::sleep(EVERY).await;
            let count = *written.borrow_and_update();
            Some((count, written))
        })
    }
}

/// Parts of the names of environment variables with secrets, besides those of other values.
const NAMES: [&str; 6] = ["key", "pat", "pass", "pwd", "auth", "dsn"];
/// The length from which a value of letters and digits is a secret whatever its name, in bytes.
const RANDOM: usize = 16;

/// Reports a variable of the environment with a secret: by its name, or by a value that looks like
/// one. Others, such as a folder or a level of logging, are words of the log.
fn is_secret(name: &str, value: &str) -> bool {
    let by_part = || name.to_lowercase().split('_').any(|part| NAMES.contains(&part));
    let has = |which: fn(&char) -> bool| value.chars().any(|letter| which(&letter));
    let looks_random = || {
        value.len() >= RANDOM
            && has(char::is_ascii_digit)
            && has(char::is_ascii_alphabetic)
            && !value.contains(['/', ' '])
    };
    names_secret(name) || by_part() || looks_random()
}

/// The secrets among the variables that a process was given and its token, the longest first, so
/// that none is replaced in part.
pub(crate) fn secrets<'a>(
    variables: impl Iterator<Item = (&'a str, &'a str)>,
    token: Option<&str>,
) -> Vec<String> {
    let values = variables.filter(|(name, value)| is_secret(name, value)).map(|(_, value)| value);
    let mut all: Vec<String> =
        values.chain(token).filter(|text| text.len() >= SHORTEST).map(str::to_owned).collect();
    all.sort_by_key(|text| std::cmp::Reverse(text.len()));
    all
}

/// A text without secrets.
pub(crate) fn without(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), SECRET))
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn the_newest_lines_are_kept_and_their_arrival_is_told() {
        let log = ProcessLog::default();
        let mut news = Box::pin(log.news());
        for number in 0..LINES + 50 {
            log.add(number.to_string());
        }
        let lines = log.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0].text, "50");
        assert_eq!(news.next().await, Some(250), "many lines are one piece of news");
    }

    #[test]
    fn secrets_are_replaced_whole_and_other_variables_are_shown() {
        let variables = [
            ("DB_PASSWORD", "hunter2"),
            ("API_KEY", "hunter2-long"),
            ("PIN_TOKEN", "abc"),
            ("HOME", "/srv/files2/data-folder"),
            ("LEVEL", "production"),
            ("OTHER", "a1b2c3d4e5f6a7b8"),
        ];
        let secrets = secrets(variables.into_iter(), Some("eyJ.token"));
        assert_eq!(
            without("hunter2-long hunter2 abc eyJ.token a1b2c3d4e5f6a7b8 production", &secrets),
            "*** *** abc *** *** production"
        );
        assert_eq!(without("in /srv/files2/data-folder", &secrets), "in /srv/files2/data-folder");
    }
}
