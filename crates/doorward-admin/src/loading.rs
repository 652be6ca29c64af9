//! The state of the configuration file as the running server loaded it.

use crate::{Fault, State};

/// The configuration in effect, compared with its file.
#[derive(Clone, Debug, Default)]
pub struct Loading {
    /// The fault of the file as it is now. The configuration before stays in effect.
    pub problem: Option<String>,
    /// The settings of the file that differ from those in effect until the server is restarted.
    pub needs_restart: Vec<String>,
}

impl Loading {
    /// The state, or its fault.
    pub fn state(&self) -> Result<State, Fault> {
        match &self.problem {
            Some(problem) => Err(Fault::Configuration(problem.clone())),
            None if self.needs_restart.is_empty() => Ok(State::InEffect),
            None => Ok(State::NeedsRestart(self.needs_restart.clone())),
        }
    }
}
