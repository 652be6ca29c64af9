//! Passkeys (WebAuthn). Between the two requests of a ceremony its state travels in the page,
//! sealed, and counts once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{
    Authentication, Change, FactorChange, Level, Passkey as PasskeyRecord, PublicUrl, Sealed,
    SessionId, UnitOfWork, User, UserId,
};
use doorward_store::{Condition, StoreError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use webauthn_rs::{
    Webauthn, WebauthnBuilder,
    prelude::{
        DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration,
        PublicKeyCredential, RegisterPublicKeyCredential, Url, Uuid,
    },
};

use crate::{Accounts, Authority, BrowserFacts, Entrance, FactorError, SignedIn};

/// Seconds for which a ceremony may take.
const CEREMONY: i64 = 300;
/// Maximum number of passkeys of one user.
const MOST: usize = 20;

/// The values that a page needs for a ceremony.
pub struct Ceremony {
    /// The options for the browser, as JSON.
    pub options: String,
    /// The state that is returned with the browser's answer.
    pub state: String,
}

/// A passkey to be added.
pub struct NewPasskey<'a> {
    /// Its display name.
    pub name: &'a str,
    /// The browser's response.
    pub answer: &'a str,
    /// The state of the ceremony.
    pub state: &'a str,
}

/// The state of a ceremony while the browser performs it.
#[derive(Serialize, Deserialize)]
struct Pending<T> {
    id: String,
    user_id: Option<String>,
    expires_at: i64,
    state: T,
}

/// Sets the library up for this public URL; `None` where the host is an IP address, to which
/// passkeys cannot be bound.
pub(crate) fn relying_party(public_url: &PublicUrl, name: &str) -> Option<Webauthn> {
    let origin = Url::parse(&public_url.origin()).ok()?;
    let host = origin.domain()?.to_owned();
    WebauthnBuilder::new(&host, &origin).ok()?.rp_name(name).build().ok()
}

/// The user handle: stable, and does not identify the user to others.
fn handle(user_id: &UserId) -> Uuid {
    let hash = Sha256::digest(format!("passkey {user_id}").as_bytes());
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(hash.get(..16).unwrap_or(&[0; 16]));
    Uuid::from_bytes(bytes)
}

fn refused(error: impl std::fmt::Display) -> FactorError {
    FactorError::Passkey(error.to_string())
}

fn read(record: &PasskeyRecord) -> Result<Passkey, FactorError> {
    serde_json::from_str(&record.credential).map_err(refused)
}

impl Accounts {
    /// True if passkeys can be used under this server's public URL.
    pub fn passkeys_possible(&self) -> bool {
        self.webauthn.is_some()
    }

    fn party(&self) -> Result<&Webauthn, FactorError> {
        self.webauthn.as_deref().ok_or(FactorError::NoHostName)
    }

    fn seal_ceremony<T: Serialize>(
        &self,
        purpose: &str,
        user_id: Option<&UserId>,
        state: T,
    ) -> Result<String, FactorError> {
        let user_id = user_id.map(|id| id.as_str().to_owned());
        let pending = Pending {
            id: self.ceremony_id(),
            user_id,
            expires_at: self.clock.now().plus(CEREMONY).0,
            state,
        };
        let plain = serde_json::to_vec(&pending).map_err(refused)?;
        Ok(self.master.seal(purpose, &plain).as_str().to_owned())
    }

    /// Opens a ceremony's state and the change that makes it count once.
    fn open_ceremony<T: DeserializeOwned>(
        &self,
        purpose: &str,
        user_id: Option<&UserId>,
        sealed: &str,
    ) -> Result<(T, Change), FactorError> {
        let plain = self
            .master
            .open(purpose, &Sealed::from_stored(sealed.to_owned()))
            .map_err(|_| FactorError::Stale)?;
        let pending: Pending<T> = serde_json::from_slice(&plain).map_err(|_| FactorError::Stale)?;
        let fits = pending.user_id.as_deref() == user_id.map(UserId::as_str);
        if !fits || self.clock.now().0 >= pending.expires_at {
            return Err(FactorError::Stale);
        }
        let spend = Change::SpendValue {
            key: format!("passkey:{}", pending.id),
            expires_at: doorward_model::Timestamp(pending.expires_at),
        };
        Ok((pending.state, spend))
    }

    /// Begins to add a passkey.
    pub async fn begin_passkey(
        &self,
        _authority: &Authority,
        user: &User,
    ) -> Result<Ceremony, FactorError> {
        let party = self.party()?;
        let known = self.store.passkeys_of(&user.id).await?;
        let known = known
            .iter()
            .filter_map(|record| read(record).ok())
            .map(|passkey| passkey.cred_id().clone())
            .collect::<Vec<_>>();
        let shown = user.display_name.as_deref().unwrap_or(user.name.as_str());
        let (options, state) = party
            .start_passkey_registration(handle(&user.id), user.name.as_str(), shown, Some(known))
            .map_err(refused)?;
        let mut options = serde_json::to_value(options).map_err(refused)?;
        // Kept on the device with the user's name, so that it signs in without one being typed.
        if let Some(selection) =
            options.pointer_mut("/publicKey/authenticatorSelection").and_then(Value::as_object_mut)
        {
            selection.insert("residentKey".to_owned(), json!("required"));
            selection.insert("requireResidentKey".to_owned(), json!(true));
        }
        Ok(Ceremony {
            options: options.to_string(),
            state: self.seal_ceremony::<PasskeyRegistration>(
                "passkey-registration",
                Some(&user.id),
                state,
            )?,
        })
    }

    /// Adds a passkey from the browser's response.
    pub async fn add_passkey(
        &self,
        _authority: &Authority,
        user: &User,
        new: NewPasskey<'_>,
    ) -> Result<(), FactorError> {
        let NewPasskey { name, answer, state } = new;
        let party = self.party()?;
        let (state, spend) = self.open_ceremony::<PasskeyRegistration>(
            "passkey-registration",
            Some(&user.id),
            state,
        )?;
        let answer: RegisterPublicKeyCredential = serde_json::from_str(answer).map_err(refused)?;
        let passkey = party.finish_passkey_registration(&answer, &state).map_err(refused)?;
        if self.store.passkeys_of(&user.id).await?.len() >= MOST {
            return Err(FactorError::Already);
        }
        let name = doorward_model::foreign::line(name, 60).into_owned();
        let record = PasskeyRecord {
            id: id_of(&passkey),
            user_id: user.id.clone(),
            name: if name.is_empty() { "Passkey".to_owned() } else { name },
            credential: serde_json::to_string(&passkey).map_err(refused)?,
            created_at: self.clock.now(),
            last_used_at: None,
        };
        match self
            .store
            .apply(UnitOfWork::from_iter([
                spend,
                Change::from(FactorChange::InsertPasskey(record)),
            ]))
            .await
        {
            Ok(()) => {
                tracing::info!(user = %user.id, "a passkey was added");
                Ok(())
            }
            Err(StoreError::Refused(Condition::SpendValue)) => Err(FactorError::Stale),
            Err(StoreError::Refused(_)) => Err(FactorError::Already),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins to sign in with a passkey alone: the device names the user.
    pub fn begin_passkey_sign_in(&self) -> Result<Ceremony, FactorError> {
        let (options, state) =
            self.party()?.start_discoverable_authentication().map_err(refused)?;
        let mut options = serde_json::to_value(options).map_err(refused)?;
        // The user presses a button; no request waits in a text field.
        if let Some(members) = options.as_object_mut() {
            members.remove("mediation");
        }
        Ok(Ceremony {
            options: options.to_string(),
            state: self.seal_ceremony::<DiscoverableAuthentication>(
                "passkey-sign-in",
                None,
                state,
            )?,
        })
    }

    /// Signs in the user of a verified passkey. A passkey is two factors: the device, and the
    /// method that unlocks it.
    pub async fn sign_in_with_passkey(
        &self,
        answer: &str,
        state: &str,
        browser: BrowserFacts<'_>,
    ) -> Result<SignedIn, FactorError> {
        let user = self.user_by_passkey(answer, state).await?;
        if user.disabled_at.is_some() {
            return Err(FactorError::Passkey("the user is disabled".to_owned()));
        }
        // Signing in with a passkey does not bypass the identity provider on which the account
        // depends.
        if self.hangs_on_ended_accounts(&user).await? {
            return Err(FactorError::Passkey(
                "no identity provider confirms the user any more".to_owned(),
            ));
        }
        let authentication = Authentication {
            level: Level::MultiFactor,
            amr: ["swk", "user"].map(str::to_owned).to_vec(),
        };
        let entrance = Entrance {
            authentication,
            auth_time: self.clock.now(),
            complete: true,
            upstream: None,
        };
        let (unit, signed_in) = self.enter(user, entrance, browser);
        self.store.apply(unit).await?;
        tracing::info!(user = %signed_in.user.id, "signed in with a passkey");
        Ok(signed_in)
    }

    async fn user_by_passkey(&self, answer: &str, state: &str) -> Result<User, FactorError> {
        let party = self.party()?;
        let (state, spend) =
            self.open_ceremony::<DiscoverableAuthentication>("passkey-sign-in", None, state)?;
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(refused)?;
        let (user, _) = party.identify_discoverable_authentication(&answer).map_err(refused)?;
        let unknown = || FactorError::Passkey("the passkey is not known here".to_owned());
        let record = self.store.passkey(&answer.id).await?.ok_or_else(unknown)?;
        if user != handle(&record.user_id) {
            return Err(unknown());
        }
        let mut passkey = read(&record)?;
        let result = party
            .finish_discoverable_authentication_v2(&answer, state, &passkey)
            .map_err(refused)?;
        passkey.update_credential(&result);
        self.use_passkey(spend, &record, &passkey).await?;
        let user = self.store.user(&record.user_id).await?.ok_or_else(unknown)?;
        Ok(User::clone(&user))
    }

    /// Begins to prove a second factor by one of the user's passkeys.
    pub async fn begin_passkey_proof(&self, user_id: &UserId) -> Result<Ceremony, FactorError> {
        let known: Vec<Passkey> = self
            .store
            .passkeys_of(user_id)
            .await?
            .iter()
            .filter_map(|record| read(record).ok())
            .collect();
        let (options, state) =
            self.party()?.start_passkey_authentication(&known).map_err(refused)?;
        let options = serde_json::to_string(&options).map_err(refused)?;
        Ok(Ceremony {
            options,
            state: self.seal_ceremony::<PasskeyAuthentication>(
                "passkey-proof",
                Some(user_id),
                state,
            )?,
        })
    }

    /// Proves a second factor by a passkey.
    pub async fn prove_by_passkey(
        &self,
        user_id: &UserId,
        answer: &str,
        state: &str,
    ) -> Result<(), FactorError> {
        let party = self.party()?;
        let (state, spend) =
            self.open_ceremony::<PasskeyAuthentication>("passkey-proof", Some(user_id), state)?;
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(refused)?;
        let result = party.finish_passkey_authentication(&answer, &state).map_err(refused)?;
        let record =
            self.store.passkey(&answer.id).await?.filter(|record| record.user_id == *user_id);
        let record = record
            .ok_or_else(|| FactorError::Passkey("the passkey is not this user's".to_owned()))?;
        let mut passkey = read(&record)?;
        passkey.update_credential(&result);
        self.use_passkey(spend, &record, &passkey).await
    }

    async fn use_passkey(
        &self,
        spend: Change,
        record: &PasskeyRecord,
        passkey: &Passkey,
    ) -> Result<(), FactorError> {
        let credential = serde_json::to_string(passkey).map_err(refused)?;
        let unit = UnitOfWork::from_iter([
            spend,
            Change::from(FactorChange::UsePasskey {
                id: record.id.clone(),
                credential,
                at: self.clock.now(),
            }),
        ]);
        match self.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(FactorError::Stale),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a passkey. The user's other sessions end. `false` if it is not the user's.
    pub async fn remove_passkey(
        &self,
        _authority: &Authority,
        user_id: &UserId,
        id: &str,
        keep: SessionId,
    ) -> Result<bool, StoreError> {
        let unit = UnitOfWork::from_iter([
            Change::from(FactorChange::DeletePasskey {
                user_id: user_id.clone(),
                id: id.to_owned(),
            }),
            Self::others_end(user_id, keep),
        ]);
        match self.store.apply(unit).await {
            Ok(()) => {
                tracing::info!(user = %user_id, "a passkey was removed");
                Ok(true)
            }
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A user's passkeys.
    pub async fn passkeys_of(&self, user_id: &UserId) -> Result<Vec<PasskeyRecord>, StoreError> {
        self.store.passkeys_of(user_id).await
    }
}

/// The credential id as the browser writes it.
fn id_of(passkey: &Passkey) -> String {
    URL_SAFE_NO_PAD.encode(passkey.cred_id().as_slice())
}
