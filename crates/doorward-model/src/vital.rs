//! The health of a server's dependencies: upstreams, identity providers, the mail server and the
//! destinations of the audit.

use serde::{Deserialize, Serialize};

use crate::ports::Timestamp;

/// A kind of dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dependency {
    /// An upstream.
    Upstream,
    /// An identity provider.
    Provider,
    /// The mail server.
    Mail,
    /// A destination of the audit.
    Export,
}

impl Dependency {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Provider => "provider",
            Self::Mail => "mail",
            Self::Export => "export",
        }
    }

    /// The setting under which the record of one is kept, for every replica and for commands.
    pub fn key(self, name: &str) -> String {
        format!("health.{}.{name}", self.as_str())
    }
}

/// The state of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VitalState {
    /// It answered at the last check.
    Working,
    /// It failed at the last check.
    Failing,
    /// It was not asked, or not for so long that the last answer says nothing.
    Unknown,
    /// It is disabled.
    Off,
}

impl VitalState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Failing => "failing",
            Self::Unknown => "unknown",
            Self::Off => "off",
        }
    }
}

/// The seconds for which an answer shows that a dependency works.
const FRESH: i64 = 900;

/// The last answers of a dependency, as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VitalRecord {
    /// The time of the last success, in seconds since 1970.
    pub last_success: Option<i64>,
    /// The time of the last failure, in seconds since 1970.
    pub last_failure: Option<i64>,
    /// The error of the last failure.
    pub last_error: Option<String>,
    /// True if the last answer was a failure: two may come within one second.
    pub failing: bool,
    /// The duration of the last check, in milliseconds.
    pub milliseconds: Option<u64>,
}

impl VitalRecord {
    /// Reads a stored record. One that cannot be read is of another version: nothing is known.
    pub fn read(stored: Option<&str>) -> Self {
        stored.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Notes one answer.
    pub fn note(&mut self, at: Timestamp, milliseconds: u64, result: Result<(), String>) {
        self.milliseconds = Some(milliseconds);
        self.failing = result.is_err();
        match result {
            Ok(()) => self.last_success = Some(at.0),
            Err(error) => {
                self.last_failure = Some(at.0);
                self.last_error = Some(crate::foreign::line(&error, 300).into_owned());
            }
        }
    }

    /// The text that is stored.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The state at this time. A failure counts until the next success, however old it is. A
    /// destination of the audit is asked whenever there is something to deliver, and no success of
    /// it becomes old.
    pub fn state(&self, dependency: Dependency, now: Timestamp) -> VitalState {
        match self.last_success {
            _ if self.failing => VitalState::Failing,
            Some(_) if dependency == Dependency::Export => VitalState::Working,
            Some(success) if now.0 - success <= FRESH => VitalState::Working,
            _ => VitalState::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fresh_success_after_every_failure_counts_as_working() {
        let mut record = VitalRecord::default();
        let state =
            |record: &VitalRecord, at: i64| record.state(Dependency::Upstream, Timestamp(at));
        assert_eq!(state(&record, 1000), VitalState::Unknown);
        record.note(Timestamp(1000), 5, Ok(()));
        assert_eq!(state(&record, 1000), VitalState::Working);
        assert_eq!(state(&record, 1000 + FRESH), VitalState::Working);
        assert_eq!(state(&record, 1001 + FRESH), VitalState::Unknown);
        record.note(Timestamp(2000), 6, Ok(()));
        record.note(Timestamp(2000), 7, Err("gone\n".to_owned()));
        assert_eq!(state(&record, 2000), VitalState::Failing);
        assert_eq!(state(&record, 999_999), VitalState::Failing);
        let again = VitalRecord::read(Some(&record.to_text()));
        assert_eq!(again, record);
        record.note(Timestamp(3000), 9, Ok(()));
        assert_eq!(state(&record, 3000), VitalState::Working);
        assert!(record.last_error.is_some(), "the last error is kept");
        assert_eq!(VitalRecord::read(Some("nonsense")), VitalRecord::default());
        let export = |record: &VitalRecord| record.state(Dependency::Export, Timestamp(999_999));
        assert_eq!(export(&record), VitalState::Working, "asked whenever there is something");
        assert_eq!(export(&VitalRecord::default()), VitalState::Unknown);
    }
}
