//! Changes of settings as all front ends show and confirm them: the values before and afterwards,
//! and the end of access with it.

use doorward_model::{SecretSettings, UnitOfWork};
use doorward_store::{Store, StoreError};
use doorward_transport::outbound::Bounds;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    Refusal,
    settable::{self, Family, Reach},
};

/// A setting that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingDifference {
    /// The setting.
    pub key: String,
    /// Its value before, as it may be shown.
    pub before: Value,
    /// Its value afterwards, as it may be shown.
    pub after: Value,
}

/// An edit that is shown before it takes effect, or that took effect.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The settings that change.
    pub differences: Vec<SettingDifference>,
    /// Access of users ends, because the object is another one afterwards.
    pub ends_access: bool,
    /// The etag of the state that the edit is about; after it took effect, of the new state.
    pub etag: String,
}

/// The effect of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Only show it.
    Show,
    /// Put it in effect.
    Apply,
}

/// A change of one object, requested by an administrator.
#[derive(Debug)]
pub struct Proposal<'a, C> {
    /// The name or the identifier of the object.
    pub of: &'a str,
    /// The parts that change. Others stay.
    pub change: &'a C,
    /// The etag of the state that was read: in another state, the change is refused. `None`
    /// for the present state.
    pub seen: Option<&'a str>,
    /// The effect of the change.
    pub effect: Effect,
}

/// A change that was checked, with its effects.
pub(crate) struct Planned<P> {
    /// The settings that change.
    pub(crate) differences: Vec<SettingDifference>,
    /// Access of users ends with it.
    pub(crate) ends_access: bool,
    /// The etag of the state before it.
    pub(crate) etag: String,
    /// The values to be stored.
    pub(crate) plan: P,
}

/// A kind of object that administrators change.
pub(crate) trait Editable {
    /// The parts that a change may name.
    type Change;
    /// The values to be stored.
    type Plan;

    /// Checks a change against the present state. Nothing is stored.
    async fn plan(&self, of: &str, change: &Self::Change) -> Result<Planned<Self::Plan>, Refusal>;
    /// Stores a plan, if the object is still in the state that it was made for. `keys` are the
    /// names of the settings that change.
    async fn put(&self, plan: Self::Plan, keys: Vec<String>) -> Result<(), Refusal>;
    /// The etag of the present state.
    async fn etag_of(&self, of: &str) -> Result<String, Refusal>;
    /// The refusal of a change for another state than the present one.
    fn changed(_of: &str) -> Refusal {
        Refusal::SettingsChanged
    }
}

/// Applies a unit that expects the state that was read.
pub(crate) async fn apply_expected(store: &Store, unit: UnitOfWork) -> Result<(), Refusal> {
    match store.apply(unit).await {
        Ok(()) => Ok(()),
        Err(StoreError::Refused(_)) => Err(Refusal::SettingsChanged),
        Err(error) => Err(error.into()),
    }
}

/// Changes an object, or shows the change: the one order of checks, etag, write and answer for
/// everything that can be edited.
pub(crate) async fn edit<E: Editable>(
    objects: &E,
    proposal: Proposal<'_, E::Change>,
) -> Result<Edit, Refusal> {
    let Proposal { of, change, seen, effect } = proposal;
    let Planned { differences, ends_access, etag, plan } = objects.plan(of, change).await?;
    if seen.is_some_and(|seen| seen != etag) {
        return Err(E::changed(of));
    }
    if effect == Effect::Show || differences.is_empty() {
        return Ok(Edit { differences, ends_access, etag });
    }
    let keys = differences.iter().map(|one| one.key.clone()).collect();
    objects.put(plan, keys).await?;
    Ok(Edit { differences, ends_access, etag: objects.etag_of(of).await? })
}

/// Settings of an upstream or an identity provider to be replaced. `null` restores the default.
#[derive(Clone, Debug)]
pub struct SettingsPatch {
    /// The settings by name.
    pub settings: Map<String, Value>,
    /// The reach of the administrator who changes them.
    pub reach: Reach,
}

/// The settings after a change, and those that differ. Settings that do not change may be the
/// operator's; those that change are this administrator's.
pub(crate) fn patched<T: SecretSettings>(
    family: Family,
    before: &T,
    patch: &SettingsPatch,
    administered: &Bounds,
) -> Result<(T, Vec<SettingDifference>), Refusal> {
    let SettingsPatch { settings, reach } = patch;
    let after = before.patched(settings).map_err(Refusal::Settings)?;
    let differences = differences(before, &after, |key| before.has_same_secret(key, &after));
    let changed: Map<String, Value> = differences
        .iter()
        .map(|one| {
            let value = settings.get(&one.key).filter(|value| !value.is_null());
            (one.key.clone(), value.unwrap_or(&one.after).clone())
        })
        .collect();
    let bounds = reach.bounds(administered);
    settable::admit(family, &changed, bounds)?;
    settable::admit_move(family, settings, &changed, &after, bounds)?;
    Ok((after, differences))
}

/// The settings that differ. `same_secret` compares those that are never shown.
fn differences(
    before: &impl Serialize,
    after: &impl Serialize,
    same_secret: impl Fn(&str) -> bool,
) -> Vec<SettingDifference> {
    let object = |value: Result<Value, serde_json::Error>| match value {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let (old, new) = (object(serde_json::to_value(before)), object(serde_json::to_value(after)));
    let mut found = Vec::new();
    for (key, after) in &new {
        let before = old.get(key).cloned().unwrap_or_default();
        if before == *after && same_secret(key) {
            continue;
        }
        let hidden = before == *after;
        let after = if hidden { "(another value)".into() } else { after.clone() };
        found.push(SettingDifference { key: key.clone(), before, after });
    }
    found
}

/// The parts of an object without secrets that differ.
pub(crate) fn different_parts(before: &Value, after: &Value) -> Vec<SettingDifference> {
    differences(before, after, |_| true)
}
