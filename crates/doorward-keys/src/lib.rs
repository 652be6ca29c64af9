//! Signs, verifies, seals and rotates. The only crate that names JOSE and AEAD libraries.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by a panic"
    )
)]

mod access_token;
mod assertion;
mod client_key;
mod config;
mod conversation;
mod dpop;
mod entropy;
mod foreign_key;
mod jws;
mod master;
mod proving_key;
mod ring;
mod signing;

pub use access_token::{AccessClaims, ActClaim, Audience, Confirmation, TokenRefusal};
pub use assertion::{
    AssertionClaims, AssertionRefusal, judge_unverified, verify_assertion, verify_signature,
};
pub use client_key::{ClientAssertion, ClientKey, ClientKeyError, unfolded_pem};
pub use config::Config;
pub use dpop::{Proof, ProofOf, ProofRefusal, Proofs};
pub use entropy::SystemEntropy;
pub use foreign_key::{plain_base64, readable_key};
pub use jws::accepted_algorithms;
pub use master::{MasterKey, MasterKeyError, OpenError};
pub use proving_key::{NewProof, ProvingKey};
pub use ring::{KeyRing, VerifiedToken};
pub use signing::{RingError, generate};
