//! Versions of rules that administrators saved, by the section of the configuration that they
//! replace. The one with the highest number is in effect, unless the configuration file has the
//! section.

use crate::Timestamp;

/// Maximum number of bytes of a version.
pub const MOST_TEXT: usize = 60_000;

/// The rules that are saved together: a section of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleSet {
    /// The rules that decide on tools.
    Policy,
    /// The permissions of roles, and the use of second factors.
    Access,
    /// The limits for each user, client and upstream.
    Limits,
    /// The admission of clients.
    Registration,
}

impl RuleSet {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Policy, Self::Access, Self::Limits, Self::Registration];

    /// The name of the section in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Access => "access",
            Self::Limits => "limits",
            Self::Registration => "registration",
        }
    }

    /// The set of this name, unless it is the policy, which has a form of its own.
    pub fn parse_beside_policy(text: &str) -> Option<Self> {
        Self::parse(text).filter(|set| *set != Self::Policy)
    }

    /// The set of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.as_str() == text)
    }

    /// The name of the setting that holds the number of the newest version.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Policy => "policy.version",
            Self::Access => "access.version",
            Self::Limits => "limits.version",
            Self::Registration => "registration.version",
        }
    }
}

/// A version of a set of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVersion {
    /// The set.
    pub set: RuleSet,
    /// Its number within the set, from 1.
    pub number: i64,
    /// All settings of the section, as a JSON object.
    pub content: String,
    /// The sign-in name of the administrator who saved it.
    pub author: String,
    /// The moment at which it was saved.
    pub created_at: Timestamp,
    /// The number of the version that it restores.
    pub restores: Option<i64>,
}

/// The source of a set of rules in effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleSource {
    /// The configuration file: it cannot be changed elsewhere.
    File,
    /// The version of this number.
    Version(i64),
    /// Neither: the defaults.
    #[default]
    Unset,
}

impl RuleSource {
    /// Reports that rules of this source give way to others: a version does not to an older one.
    pub const fn yields_to(self, other: Self) -> bool {
        match (self, other) {
            (Self::Version(held), Self::Version(read)) => held <= read,
            (Self::File | Self::Version(_) | Self::Unset, _) => true,
        }
    }
}

/// The source of each set of rules in effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleSources([RuleSource; RuleSet::ALL.len()]);

impl RuleSources {
    /// The source of a set.
    pub fn of(&self, set: RuleSet) -> RuleSource {
        let mut places = RuleSet::ALL.into_iter().zip(self.0);
        places.find(|(known, _)| *known == set).map(|(_, source)| source).unwrap_or_default()
    }

    /// The same with another source of a set.
    #[must_use]
    pub fn with(mut self, set: RuleSet, source: RuleSource) -> Self {
        for (known, place) in RuleSet::ALL.into_iter().zip(&mut self.0) {
            if known == set {
                *place = source;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_gives_way_to_all_but_older_versions() {
        let sources = RuleSources::default().with(RuleSet::Access, RuleSource::Version(2));
        assert_eq!(sources.of(RuleSet::Access), RuleSource::Version(2));
        assert_eq!(sources.of(RuleSet::Limits), RuleSource::Unset);
        for (held, read, yields) in [
            (RuleSource::Unset, RuleSource::Version(1), true),
            (RuleSource::Version(2), RuleSource::Version(1), false),
            (RuleSource::Version(2), RuleSource::Version(3), true),
            (RuleSource::File, RuleSource::Version(3), true),
            (RuleSource::Version(3), RuleSource::File, true),
            (RuleSource::File, RuleSource::Unset, true),
        ] {
            assert_eq!(held.yields_to(read), yields, "{held:?} {read:?}");
        }
        for set in RuleSet::ALL {
            assert_eq!(RuleSet::parse(set.as_str()), Some(set));
        }
    }
}
