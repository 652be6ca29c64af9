//! Errors of accounts as texts: each variant has its own, so that none is recognised by its English
//! text.

use doorward_accounts::{AccessTokenError, FactorError, HasherError, UserError};
use doorward_language::{Message, text};
use doorward_model::{AccessToken, PlainPassword, secret::PasswordTextError};

/// The reason for which a password cannot be set, as a part of a sentence.
pub fn password(error: &PasswordTextError) -> Message {
    match error {
        PasswordTextError::TooLong => text::input_password_long(PlainPassword::MAX_BYTES),
        PasswordTextError::TooShort(length) => text::input_password_short(length),
    }
}

/// The reason for which a user cannot be added or changed, as a part of a sentence.
pub fn user(error: &UserError) -> Message {
    match error {
        UserError::Name(_) => text::input_name(),
        UserError::Taken(name) => text::input_name_taken(name),
        UserError::Password(error) => password(error),
        UserError::WrongPassword => text::input_password_wrong(),
        UserError::Wait(seconds) => text::input_wait(seconds),
        UserError::Email(email) => text::input_email(email),
        UserError::Unknown(name) => text::input_unknown_user(name),
        UserError::LastAdministrator(name) => text::input_last_administrator(name),
        UserError::Changed => text::input_user_changed(),
        UserError::Link => text::input_link(),
        UserError::Hasher(HasherError::Busy) => text::input_busy(),
        UserError::Hasher(HasherError::Failed | HasherError::Parameters(_))
        | UserError::Store(_) => text::input_database(),
    }
}

/// The reason for which a personal access token cannot be created or changed, as a part of a
/// sentence.
pub fn token(error: &AccessTokenError) -> Message {
    match error {
        AccessTokenError::Name => text::input_token_name(AccessToken::LONGEST_NAME),
        AccessTokenError::Days(most) => text::input_token_days(most),
        AccessTokenError::NoScope => text::input_token_scope(),
        AccessTokenError::TooMuch(scope) => text::input_token_too_much(scope),
        AccessTokenError::TooMany => text::input_token_too_many(AccessToken::MOST),
        AccessTokenError::Unknown => text::input_token_unknown(),
        AccessTokenError::Ended => text::input_account_ended(),
        AccessTokenError::Off => text::input_tokens_off(),
        AccessTokenError::Store(_) => text::input_database(),
    }
}

/// The reason for which a second factor was not verified or set up, as a sentence.
pub(crate) fn factor(error: &FactorError) -> Message {
    match error {
        FactorError::Wrong => text::security_refused_wrong(),
        FactorError::Wait(seconds) => text::security_refused_wait(seconds),
        FactorError::Passkey(_) => text::security_refused_passkey(),
        FactorError::Stale => text::security_refused_stale(),
        FactorError::NoHostName => text::security_needs_host_name(),
        FactorError::Already => text::security_refused_already(),
        FactorError::Store(_) => text::error_unavailable_database(),
    }
}
