//! How a user proved who they are.

/// How strong a proof was, as `acr` says it (OpenID Connect Core §2, RFC 9470).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One factor: a password, or whatever an upstream provider asked for.
    #[default]
    SingleFactor,
    /// Two factors of our own, or a passkey with user verification, or what a trusted provider
    /// reports as that.
    MultiFactor,
}

impl Level {
    /// The value of `acr`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SingleFactor => "urn:doorward:acr:single-factor",
            Self::MultiFactor => "urn:doorward:acr:multi-factor",
        }
    }
    /// Reads a stored value. What is not known proves one factor only.
    pub fn parse(text: &str) -> Self {
        if text == Self::MultiFactor.as_str() { Self::MultiFactor } else { Self::SingleFactor }
    }
}

/// How a user proved who they are: how strongly, and by which methods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// How strongly.
    pub level: Level,
    /// By which methods, in the words of RFC 8176: `pwd`, `otp`, `swk`, `user`, `mfa`, or those
    /// that an upstream provider used.
    pub amr: Vec<String>,
}

impl Authentication {
    /// A proof by one method.
    pub fn by(method: &str) -> Self {
        Self { level: Level::SingleFactor, amr: vec![method.to_owned()] }
    }
    /// The same with a further method, which makes two.
    pub fn and(mut self, method: &str) -> Self {
        for word in [method, "mfa"] {
            if !self.amr.iter().any(|known| known == word) {
                self.amr.push(word.to_owned());
            }
        }
        Self { level: Level::MultiFactor, amr: self.amr }
    }
}
