//! The machine's random source.

use doorward_model::Entropy;

/// Randomness from the operating system through aws-lc.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the port that everything else must use")]
    fn fill(&self, buffer: &mut [u8]) {
        if aws_lc_rs::rand::fill(buffer).is_err() {
            // Without randomness every secret would be guessable: the process stops.
            std::process::abort();
        }
    }
}
