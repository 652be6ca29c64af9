//! Findings of trying an upstream out.

/// One thing that was tried out.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its name.
    pub what: &'static str,
    /// The outcome: what was found, or what is wrong.
    pub result: Result<String, String>,
}

impl Finding {
    /// Something that works.
    pub(crate) fn good(what: &'static str, told: impl Into<String>) -> Self {
        Self { what, result: Ok(told.into()) }
    }
    /// Something that is wrong.
    pub(crate) fn bad(what: &'static str, told: impl Into<String>) -> Self {
        Self { what, result: Err(told.into()) }
    }
}
