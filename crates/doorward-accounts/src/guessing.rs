//! The counters of secrets that can be guessed, and browsers that an attacker's guesses do not lock
//! out.
//!
//! A browser in which a user completed a sign-in gets a cookie that says so, for this user.
//! Attempts from it are charged to a counter of its own: an attacker with the user's name alone can
//! exhaust the account's counter, and the user can still sign in from that browser. The cookie
//! gives no access and reveals nothing; it cannot be made without the master key.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{HashedToken, UserId, UserName, id::random_text};
use doorward_store::{
    StoreError,
    attempts::{Allowance, Counted, Counter, TooMany},
};
use doorward_transport::ClientAddress;

use crate::Accounts;

/// For how many days a browser is known after a sign-in.
const KNOWN_DAYS: i64 = 365;
/// Maximum number of users of one browser that its cookie names.
const MOST_USERS: usize = 6;
const DAY: i64 = 86_400;

/// For how many seconds the cookie of a known browser is worth keeping.
pub const KNOWN_SECONDS: i64 = KNOWN_DAYS * DAY;

/// Contents of the cookie of a known browser: a random name of the browser, and for each user the
/// day of the last sign-in with a MAC over user, browser and day.
struct Known<'a> {
    browser: &'a str,
    users: Vec<(i64, &'a str)>,
}

impl<'a> Known<'a> {
    fn parse(cookie: &'a str) -> Option<Self> {
        let mut parts = cookie.split('.');
        let browser = parts.next().filter(|text| !text.is_empty() && text.len() <= 32)?;
        let user = |part: &'a str| {
            part.split_once('~')
                .and_then(|(day, mac)| Some((i64::from_str_radix(day, 16).ok()?, mac)))
        };
        Some(Self { browser, users: parts.map(user).collect::<Option<_>>()? })
    }
}

impl Accounts {
    fn allowance(&self, free: u32) -> Allowance {
        Allowance { free, longest_delay: self.config.longest_delay_seconds }
    }

    fn known_mac(&self, browser: &str, user_id: &UserId, day: i64) -> String {
        let mac = self.master.mac(
            "known-browser",
            &[browser.as_bytes(), user_id.as_str().as_bytes(), &day.to_be_bytes()],
        );
        URL_SAFE_NO_PAD.encode(mac.get(..16).unwrap_or(&mac))
    }

    fn names(&self, browser: &str, (day, mac): (i64, &str), user_id: &UserId) -> bool {
        // Compared in constant time.
        HashedToken::from_stored(mac.to_owned())
            == HashedToken::from_stored(self.known_mac(browser, user_id, day))
    }

    /// The name of the browser behind this cookie, if the user completed a sign-in in it within a
    /// year.
    fn known_browser<'a>(&self, cookie: Option<&'a str>, user_id: &UserId) -> Option<&'a str> {
        let known = Known::parse(cookie?)?;
        let today = self.clock.now().0.div_euclid(DAY);
        let fresh = |day: i64| (0..=KNOWN_DAYS).contains(&(today - day));
        known
            .users
            .iter()
            .any(|user| fresh(user.0) && self.names(known.browser, *user, user_id))
            .then_some(known.browser)
    }

    /// The cookie of a browser in which this user completes a sign-in now, and other users before.
    pub(crate) fn known_cookie(&self, before: Option<&str>, user_id: &UserId) -> String {
        let before = before.and_then(Known::parse);
        let browser = before.as_ref().map_or_else(
            || random_text(self.entropy.as_ref(), 12),
            |known| known.browser.to_owned(),
        );
        let today = self.clock.now().0.div_euclid(DAY);
        let mut cookie =
            format!("{browser}.{today:x}~{}", self.known_mac(&browser, user_id, today));
        let others = before
            .iter()
            .flat_map(|known| &known.users)
            .filter(|user| !self.names(&browser, **user, user_id));
        for (day, mac) in others.take(MOST_USERS - 1) {
            let _ = write!(cookie, ".{day:x}~{mac}");
        }
        cookie
    }

    /// The counters of a user's password, at sign-in and at repeated prompts. `user_id` is `None`
    /// for an unknown name: such a name is counted like any other.
    pub(crate) fn password_counters(
        &self,
        name: Option<&UserName>,
        user_id: Option<&UserId>,
        place: (ClientAddress, Option<&str>),
    ) -> Vec<Counter> {
        let (address, cookie) = place;
        let free = self.allowance(self.config.failures_before_delay);
        if let Some((user_id, browser)) =
            user_id.and_then(|user_id| Some((user_id, self.known_browser(cookie, user_id)?)))
        {
            return vec![Counter::of_secret(format!("browser:{user_id}:{browser}"), free)];
        }
        let address_free = self.allowance(self.config.address_failures_before_delay);
        vec![
            Counter::of_secret(Self::account_key(name), free),
            Counter::shared(format!("address:{}", address.quota_key()), address_free),
        ]
    }

    /// The counters of a user's second factor: codes of the app and recovery codes together.
    pub(crate) fn factor_counters(&self, user_id: &UserId, cookie: Option<&str>) -> Vec<Counter> {
        let free = self.allowance(self.config.failures_before_delay);
        let key = self.known_browser(cookie, user_id).map_or_else(
            || format!("factor:{user_id}"),
            |browser| format!("factor:{user_id}:{browser}"),
        );
        vec![Counter::of_secret(key, free)]
    }

    /// Counts an attempt at the code of a device (RFC 8628 §5.1): of the user who enters it, and of
    /// the IP address over all users. Codes belong to no user, so that a right one clears nothing.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn count_device_code(
        &self,
        user_id: &UserId,
        address: ClientAddress,
    ) -> Result<Result<Counted, TooMany>, StoreError> {
        let key = format!("device:{user_id}");
        let own = self.allowance(self.config.failures_before_delay);
        let shared = self.allowance(self.config.address_failures_before_delay);
        let counters = vec![
            Counter::shared(key.clone(), own),
            Counter::shared(format!("device-address:{}", address.quota_key()), shared),
        ];
        self.store.count_attempt(key, counters, self.clock.now()).await
    }

    /// Counts an attempt at the token of a connector: of the IP address, over all connectors.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn count_connector_token(
        &self,
        connector: &str,
        address: ClientAddress,
    ) -> Result<Result<Counted, TooMany>, StoreError> {
        let shared = self.allowance(self.config.address_failures_before_delay);
        let key = format!("connector-address:{}", address.quota_key());
        let counters = vec![Counter::shared(key, shared)];
        self.store.count_attempt(format!("connector:{connector}"), counters, self.clock.now()).await
    }

    /// The name under which the attempts at an account's password are counted.
    pub(crate) fn account_key(name: Option<&UserName>) -> String {
        format!("account:{}", name.map_or("", UserName::as_str))
    }
}
