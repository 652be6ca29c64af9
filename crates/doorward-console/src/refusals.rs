//! Refusals of administration as pages show them.

use axum::{http::StatusCode, response::Response};
use doorward_admin::{Finding, Kind, Refusal};
use doorward_web::Oops;

use crate::Console;

/// A finding as pages show it.
pub(crate) struct Look {
    /// What was looked at.
    pub(crate) what: String,
    /// Whether it is well.
    pub(crate) good: bool,
    /// The state, or what is wrong and what to do.
    pub(crate) says: String,
}

impl Look {
    pub(crate) fn of(finding: Finding) -> Self {
        let says = finding.says().to_owned();
        Self { good: finding.result.is_ok(), what: finding.what, says }
    }
}

/// An alert at the head of a page.
pub(crate) struct Alert {
    /// What happened.
    pub(crate) text: String,
    /// The code of the refusal; empty where the form itself is incomplete.
    pub(crate) code: &'static str,
}

impl Alert {
    /// An alert about the form itself.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), code: "" }
    }

    /// An alert that says why.
    pub(crate) fn of(refusal: &Refusal) -> Self {
        Self { text: refusal.to_string(), code: refusal.code().as_str() }
    }

    /// The alert of a form that deletes something, without its tick.
    pub(crate) fn not_sure() -> Self {
        Self::new("Nothing was changed: tick that you are sure.")
    }
}

/// The status and the alert with which a page is shown again, or the page to show instead: for an
/// object that is not there, and a server that cannot do it now.
pub(crate) fn alert(console: &Console, refusal: &Refusal) -> Result<(StatusCode, Alert), Response> {
    let status = match refusal.kind() {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Conflict | Kind::Changed => StatusCode::CONFLICT,
        Kind::Missing => return Err(Oops::not_found().draw(&console.web)),
        Kind::Unavailable => return Err(refused_now(refusal).draw(&console.web)),
    };
    let text = format!("Nothing was changed: {refusal}.");
    Ok((status, Alert { text, code: refusal.code().as_str() }))
}

/// The page for an object that is not there, or that cannot be shown now.
pub(crate) fn oops(refusal: &Refusal) -> Oops {
    match refusal.kind() {
        Kind::Missing => Oops::not_found(),
        Kind::Unavailable | Kind::Invalid | Kind::Conflict | Kind::Changed => refused_now(refusal),
    }
}

/// The page for an operation that the server cannot do now.
fn refused_now(refusal: &Refusal) -> Oops {
    Oops::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Not available right now",
        &format!("Nothing was changed: {refusal}."),
        "Try again in a moment.",
    )
}
