//! The grant state machine: `oxide-auth`, entered at its async drivers.
//!
//! One [`GrantSession`] a request implements every trait that the machines ask for. It reads from
//! the store and collects the changes of one unit of work, which the caller applies when the
//! machine is through. The machines' own errors are too coarse (and spell some keys wrongly), so
//! typed failures leave through a side channel.

mod authorizer;
mod drive;
mod extensions;
mod issuer;
mod registrar;
mod request;
mod session;

pub(crate) use drive::Refusal;
pub(crate) use request::TokenRequest;
pub(crate) use session::{Approval, GrantSession, IssuedTokens, Outcome};
