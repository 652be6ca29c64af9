//! Changes of settings in which secrets are not shown: what a change does not name stays, the
//! secrets too, although they are written as a sign that is no value.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::Members;

/// A secret among settings, such as `client_secret`.
pub struct SecretMember<T: 'static> {
    /// Its name.
    pub key: &'static str,
    /// Reports the same value in two settings.
    pub same: fn(&T, &T) -> bool,
    /// Takes the value over from other settings.
    pub keep: fn(&mut T, &T),
}

/// Settings with secrets. The macro [`secret_members!`](crate::secret_members) writes the table.
pub trait SecretSettings: Serialize + DeserializeOwned + Default + 'static {
    /// The secrets.
    const SECRETS: &'static [SecretMember<Self>];

    /// Reports a setting that is a secret.
    fn is_secret(key: &str) -> bool {
        Self::SECRETS.iter().any(|secret| secret.key == key)
    }

    /// Reports the same value of a secret in other settings. True for a setting that is no secret:
    /// the caller compares those as they are written.
    fn has_same_secret(&self, key: &str, other: &Self) -> bool {
        Self::SECRETS.iter().all(|secret| secret.key != key || (secret.same)(self, other))
    }

    /// Reports the same secrets in other settings.
    fn has_same_secrets(&self, other: &Self) -> bool {
        Self::SECRETS.iter().all(|secret| (secret.same)(self, other))
    }

    /// The settings as they may be shown, by name.
    fn shown(&self) -> Result<Map<String, Value>, String> {
        match serde_json::to_value(self) {
            Ok(Value::Object(all)) => Ok(all),
            _ => Err("the settings cannot be written".to_owned()),
        }
    }

    /// These settings with some replaced. `null` restores the default; what is not named stays.
    fn patched(&self, patch: &Map<String, Value>) -> Result<Self, String> {
        let mut all = self.shown()?;
        all.retain(|key, _| !Self::is_secret(key));
        for (key, value) in patch {
            if value.is_null() {
                all.remove(key);
            } else {
                all.insert(key.clone(), value.clone());
            }
        }
        let mut patched: Self = Members::Settings.read(all)?;
        for secret in Self::SECRETS.iter().filter(|secret| !patch.contains_key(secret.key)) {
            (secret.keep)(&mut patched, self);
        }
        Ok(patched)
    }
}

/// The table of the secrets of settings: `secret_members!(ProviderConfig: client_secret)`.
#[macro_export]
macro_rules! secret_members {
    ($settings:ty: $($member:ident),+) => {
        impl $crate::SecretSettings for $settings {
            const SECRETS: &'static [$crate::SecretMember<Self>] = &[$($crate::SecretMember {
                key: stringify!($member),
                same: |one, other| one.$member == other.$member,
                keep: |one, other| one.$member.clone_from(&other.$member),
            }),+];
        }
    };
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::SecretSetting;

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Example {
        url: String,
        seconds: u32,
        password: SecretSetting,
        header: SecretSetting,
    }

    secret_members!(Example: password, header);

    fn example() -> Example {
        let (password, header) = ("hunter2".into(), "X-Key: 1".into());
        Example { url: "https://a.example".to_owned(), seconds: 5, password, header }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        for (patch, url, seconds, password) in [
            (json!({}), "https://a.example", 5, "hunter2"),
            (json!({ "seconds": 7 }), "https://a.example", 7, "hunter2"),
            (json!({ "url": null, "seconds": null }), "", 0, "hunter2"),
            (json!({ "password": "other" }), "https://a.example", 5, "other"),
            (json!({ "password": null }), "https://a.example", 5, ""),
        ] {
            let after = example().patched(patch.as_object().unwrap()).unwrap();
            assert_eq!(
                (after.url.as_str(), after.seconds, after.password.reveal()),
                (url, seconds, password),
                "{patch}"
            );
            assert_eq!(after.header.reveal(), "X-Key: 1", "{patch}");
            assert_eq!(after.has_same_secrets(&example()), password == "hunter2", "{patch}");
            assert_eq!(after.has_same_secret("password", &example()), password == "hunter2");
            assert!(after.has_same_secret("url", &example()), "it is no secret");
        }
    }

    #[test]
    fn the_sign_of_a_secret_is_no_value_of_it() {
        let sign = json!({ "password": "…" });
        assert!(example().patched(sign.as_object().unwrap()).is_err());
    }
}
