//! The rules that administrators save in versions, set by set: read, checked, put in effect, saved
//! and restored by one mechanism. The configuration file owns a set where it has its section.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use doorward_accounts::Authority;
use doorward_mcp::LimitsConfig;
use doorward_model::{
    AccessPolicy, AuditSubject, Change, Clock, Live, Members, RuleSet, RuleSource, RuleVersion,
    Rules, ToolPolicy, UnitOfWork, rule_version::MOST_TEXT,
};
use doorward_registration::{Config as RegistrationConfig, Registration};
use doorward_store::{Condition, Store, StoreError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{AccessConfig, PolicyConfig, Refusal};

/// The settings of a set of rules, as they were checked.
#[derive(Clone, Debug)]
pub enum RuleContent {
    /// The rules that decide on tools.
    Policy(PolicyConfig, ToolPolicy),
    /// The permissions of roles.
    Access(AccessConfig, AccessPolicy),
    /// The limits.
    Limits(LimitsConfig),
    /// The admission of clients.
    Registration(Box<RegistrationConfig>),
}

/// Reads a section. An error names the setting, without the section.
fn section<T: DeserializeOwned>(settings: Value) -> Result<T, String> {
    match settings {
        Value::Object(settings) => Members::Settings.read(settings),
        _ => Err("the settings must be a JSON object".to_owned()),
    }
}

/// An error of a setting, as text.
fn keyed((key, error): (&'static str, String)) -> String {
    format!("{key}: {error}")
}

impl RuleContent {
    /// The policy of a configuration.
    pub fn policy(config: PolicyConfig) -> Result<Self, String> {
        let policy = config.policy().map_err(keyed)?;
        Ok(Self::Policy(config, policy))
    }

    /// The access rules of a configuration.
    pub fn access(config: AccessConfig) -> Result<Self, String> {
        let access = config.policy().map_err(keyed)?;
        Ok(Self::Access(config, access))
    }

    /// The rules for the admission of clients of a configuration.
    pub fn registration(config: RegistrationConfig) -> Result<Self, String> {
        config.check().map_err(keyed)?;
        Ok(Self::Registration(Box::new(config)))
    }

    /// Reads the settings of a set. Those that are left out have their defaults.
    pub fn read(set: RuleSet, settings: Value) -> Result<Self, String> {
        match set {
            RuleSet::Policy => Self::policy(section(settings)?),
            RuleSet::Access => Self::access(section(settings)?),
            RuleSet::Limits => Ok(Self::Limits(section(settings)?)),
            RuleSet::Registration => Self::registration(section(settings)?),
        }
    }

    /// The settings of a version.
    pub fn of(version: &RuleVersion) -> Result<Self, Refusal> {
        let settings = serde_json::from_str(&version.content).unwrap_or_default();
        Self::read(version.set, settings).map_err(Refusal::Rules)
    }

    /// The defaults of a set.
    pub fn usual(set: RuleSet) -> Self {
        match set {
            RuleSet::Policy => Self::Policy(PolicyConfig::default(), ToolPolicy::default()),
            RuleSet::Access => Self::Access(AccessConfig::default(), AccessPolicy::default()),
            RuleSet::Limits => Self::Limits(LimitsConfig::default()),
            RuleSet::Registration => Self::Registration(Box::default()),
        }
    }

    /// The set.
    pub const fn set(&self) -> RuleSet {
        match self {
            Self::Policy(..) => RuleSet::Policy,
            Self::Access(..) => RuleSet::Access,
            Self::Limits(_) => RuleSet::Limits,
            Self::Registration(_) => RuleSet::Registration,
        }
    }

    /// All settings, by name.
    pub fn settings(&self) -> Map<String, Value> {
        fn members(config: &impl Serialize) -> Map<String, Value> {
            match serde_json::to_value(config) {
                Ok(Value::Object(members)) => members,
                _ => Map::new(),
            }
        }
        match self {
            Self::Policy(config, _) => members(config),
            Self::Access(config, _) => members(config),
            Self::Limits(config) => members(config),
            Self::Registration(config) => members(config),
        }
    }

    /// The settings as lines: each rule of a list has its own.
    pub fn lines(&self) -> Vec<String> {
        if let Self::Policy(config, _) = self {
            let default = format!("default = {}", config.default);
            return config.rules.iter().cloned().chain([default]).collect();
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut lines = Vec::new();
        for (name, value) in &self.settings() {
            match value {
                Value::Array(items) => {
                    lines.extend(items.iter().map(|item| format!("{name}: {}", text(item))));
                }
                value => lines.push(format!("{name} = {}", text(value))),
            }
        }
        lines
    }

    /// The rules with these in them.
    pub fn within(&self, rules: &Rules, source: RuleSource) -> Rules {
        let rules = Rules { sources: rules.sources.with(self.set(), source), ..rules.clone() };
        match self {
            Self::Policy(_, policy) => Rules { policy: policy.clone(), ..rules },
            Self::Access(_, access) => Rules { access: access.clone(), ..rules },
            Self::Limits(_) => rules,
            Self::Registration(config) => Rules {
                registration: config.dynamic,
                metadata_documents: config.metadata_documents,
                ..rules
            },
        }
    }
}

/// The newest version of a set that administrators saved. The setting that tells other processes
/// about it is read from a cache, which a write of another process makes stale, and decides nothing
/// here.
async fn newest(store: &Store, set: RuleSet) -> Result<Option<RuleVersion>, StoreError> {
    Ok(store.rule_versions(set, None, 1).await?.pop())
}

/// The rules of a set that administrators saved last, with their number.
pub async fn saved_rules(
    store: &Store,
    set: RuleSet,
) -> Result<Option<(i64, RuleContent)>, Refusal> {
    let Some(version) = newest(store, set).await? else { return Ok(None) };
    Ok(Some((version.number, RuleContent::of(&version)?)))
}

/// The parts of the server that apply rules. Cheap to clone.
#[derive(Clone)]
pub struct RuleParts {
    /// The rules that several parts apply.
    pub rules: Live<Rules>,
    /// The limits.
    pub limits: Live<LimitsConfig>,
    /// The admission of clients.
    pub registration: Registration,
    /// The settings in effect, by set.
    pub settings: Live<BTreeMap<RuleSet, RuleContent>>,
    /// One replacement after the other: each is in several of these.
    replacing: Arc<Mutex<()>>,
}

impl RuleParts {
    /// The parts of these values.
    pub fn new(rules: Live<Rules>, limits: Live<LimitsConfig>, registration: Registration) -> Self {
        let (settings, replacing) = (Live::default(), Arc::default());
        Self { rules, limits, registration, settings, replacing }
    }

    /// Puts rules in effect that administrators saved, unless newer ones are, or those of the file.
    /// Returns `true` if it did.
    pub fn put(&self, source: RuleSource, content: &RuleContent) -> bool {
        self.replace(source, content, |held| held != RuleSource::File)
    }

    /// Puts rules in effect after the configuration was read, unless newer ones were saved
    /// meanwhile.
    pub fn load(&self, source: RuleSource, content: &RuleContent) {
        self.replace(source, content, |_| true);
    }

    fn replace(
        &self,
        source: RuleSource,
        content: &RuleContent,
        may: impl FnOnce(RuleSource) -> bool,
    ) -> bool {
        let _alone = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = false;
        self.rules.update(|rules| {
            let held = rules.sources.of(content.set());
            taken = held.yields_to(source) && may(held);
            if taken { content.within(rules, source) } else { rules.clone() }
        });
        if taken {
            match content {
                RuleContent::Policy(..) | RuleContent::Access(..) => {}
                RuleContent::Limits(config) => self.limits.put(config.clone()),
                RuleContent::Registration(config) => {
                    self.registration.configure((**config).clone());
                }
            }
            self.settings.update(|settings| {
                let mut settings = settings.clone();
                settings.insert(content.set(), content.clone());
                settings
            });
        }
        taken
    }
}

/// Rules to be saved, with the author and the version that they replace.
#[derive(Clone, Debug)]
pub struct NewRules<'a> {
    /// The set.
    pub set: RuleSet,
    /// All settings. Those that are left out get their defaults.
    pub settings: Value,
    /// The name of the author.
    pub author: &'a str,
    /// The number of the version that was seen, 0 for none; `None` for the present one.
    pub seen: Option<i64>,
}

/// A set of rules in effect.
#[derive(Clone, Debug)]
pub struct RulesNow {
    /// The settings.
    pub content: RuleContent,
    /// Their source.
    pub source: RuleSource,
    /// The number of the newest version that was saved; 0 if none was.
    pub version: i64,
}

/// Operations on sets of rules. Cheap to clone.
#[derive(Clone)]
pub struct RuleSets {
    store: Store,
    clock: Arc<dyn Clock>,
    parts: RuleParts,
}

impl RuleSets {
    /// Operations on the rules that these parts apply.
    pub fn new(store: Store, clock: Arc<dyn Clock>, parts: RuleParts) -> Self {
        Self { store, clock, parts }
    }

    /// The rules that several parts apply.
    pub(crate) fn rules(&self) -> Live<Rules> {
        self.parts.rules.clone()
    }

    /// The rules in effect.
    pub async fn now(&self, set: RuleSet) -> Result<RulesNow, Refusal> {
        let content = self.parts.settings.now().get(&set).cloned();
        Ok(RulesNow {
            content: content.unwrap_or_else(|| RuleContent::usual(set)),
            source: self.parts.rules.now().sources.of(set),
            version: self.newest_number(set).await?,
        })
    }

    /// The number of the newest version; 0 if there is none.
    pub async fn newest_number(&self, set: RuleSet) -> Result<i64, Refusal> {
        Ok(newest(&self.store, set).await?.map_or(0, |version| version.number))
    }

    /// The newest versions, with numbers below `before`.
    pub async fn versions(
        &self,
        set: RuleSet,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<RuleVersion>, Refusal> {
        Ok(self.store.rule_versions(set, before, limit).await?)
    }

    /// The version of this number.
    pub async fn version(&self, set: RuleSet, number: i64) -> Result<RuleVersion, Refusal> {
        let found = self.store.rule_version(set, number).await?;
        found.ok_or_else(|| Refusal::missing(AuditSubject::Rules, number.to_string()))
    }

    /// Saves rules as the next version and puts them in effect: here at once, in other processes
    /// within a second.
    pub async fn save(
        &self,
        authority: &Authority,
        new: NewRules<'_>,
    ) -> Result<RuleVersion, Refusal> {
        self.put(authority, new, None).await
    }

    /// Saves the rules of an earlier version as the next version.
    pub async fn restore(
        &self,
        authority: &Authority,
        earlier: &RuleVersion,
        author: &str,
        seen: Option<i64>,
    ) -> Result<RuleVersion, Refusal> {
        let settings = serde_json::from_str(&earlier.content).unwrap_or_default();
        let new = NewRules { set: earlier.set, settings, author, seen };
        self.put(authority, new, Some(earlier.number)).await
    }

    async fn put(
        &self,
        _: &Authority,
        new: NewRules<'_>,
        restores: Option<i64>,
    ) -> Result<RuleVersion, Refusal> {
        let NewRules { set, settings, author, seen } = new;
        if self.parts.rules.now().sources.of(set) == RuleSource::File {
            return Err(Refusal::RulesInFile(set));
        }
        let content = RuleContent::read(set, settings).map_err(Refusal::Rules)?;
        let text = Value::Object(content.settings()).to_string();
        if text.len() > MOST_TEXT {
            return Err(Refusal::Rules(format!("at most {MOST_TEXT} bytes can be saved")));
        }
        let newest = self.newest_number(set).await?;
        if seen.is_some_and(|seen| seen != newest) {
            return Err(Refusal::RulesChanged);
        }
        let version = RuleVersion {
            set,
            number: newest + 1,
            content: text,
            author: author.to_owned(),
            created_at: self.clock.now(),
            restores,
        };
        let number = version.number;
        let unit: UnitOfWork = [
            Change::InsertRuleVersion(version.clone()),
            Change::PutSetting { key: set.setting().to_owned(), value: number.to_string() },
        ]
        .into_iter()
        .collect();
        match self.store.apply(unit).await {
            Ok(()) => {}
            Err(StoreError::Refused(Condition::InsertRuleVersion)) => {
                return Err(Refusal::RulesChanged);
            }
            Err(error) => return Err(error.into()),
        }
        // Meanwhile the file may have the section, or another process saved a newer version.
        self.parts.put(RuleSource::Version(number), &content);
        Ok(version)
    }
}
