//! The authentication of a user.

/// The strength of an authentication, as in `acr` (OpenID Connect Core §2, RFC 9470).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One factor: a password, or any demanded by an identity provider.
    #[default]
    SingleFactor,
    /// Two factors of this server, a passkey with user verification, or an equivalent reported by a
    /// trusted provider.
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
    /// Reads a stored value. An unknown one counts as one factor only.
    pub fn parse(text: &str) -> Self {
        if text == Self::MultiFactor.as_str() { Self::MultiFactor } else { Self::SingleFactor }
    }
}

/// The authentication of a user: its level and its methods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// The level.
    pub level: Level,
    /// Its methods, in the terms of RFC 8176: `pwd`, `otp`, `swk`, `user`, `mfa`, or those of an
    /// identity provider.
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
