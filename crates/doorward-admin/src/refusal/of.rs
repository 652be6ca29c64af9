//! The codes of refusals that other crates name.

use doorward_accounts::{AccessTokenError, UserError};
use doorward_federation::{FederationError, ProviderChangeError};
use doorward_gateway::{ToolChangeError, UpstreamChangeError};
use doorward_model::UploadFault;
use doorward_registration::ClientChangeError;

use super::codes::Code;

pub(super) fn user(error: &UserError) -> Code {
    match error {
        UserError::Name(_) => Code::InvalidName,
        UserError::Taken(_) => Code::NameTaken,
        UserError::Password(_) => Code::InvalidPassword,
        UserError::WrongPassword => Code::WrongPassword,
        UserError::Wait(_) => Code::TooManyAttempts,
        UserError::Email(_) => Code::InvalidEmail,
        UserError::Unknown(_) => Code::NotFound,
        UserError::LastAdministrator(_) => Code::LastAdministrator,
        UserError::Changed => Code::Changed,
        UserError::Link => Code::LinkUsed,
        UserError::Store(_) | UserError::Hasher(_) => Code::Unavailable,
    }
}

pub(super) fn upload(fault: &UploadFault) -> Code {
    match fault {
        UploadFault::Path | UploadFault::Format | UploadFault::Empty | UploadFault::TooLarge(_) => {
            Code::InvalidDocument
        }
        UploadFault::NoFolder(_) => Code::NoUploads,
        UploadFault::InTheWay | UploadFault::Outside => Code::InTheWay,
        UploadFault::TooMany(_) | UploadFault::Full(_) => Code::UploadsFull,
        UploadFault::Unknown(_) => Code::NotFound,
        UploadFault::Folder(_) => Code::Unavailable,
    }
}

pub(super) fn provider(error: &ProviderChangeError) -> Code {
    match error {
        ProviderChangeError::Setting(_) => Code::InvalidSetting,
        ProviderChangeError::Taken(_) => Code::NameTaken,
        ProviderChangeError::Unknown(_) => Code::NotFound,
        ProviderChangeError::InFile(_) => Code::InConfiguration,
        ProviderChangeError::Changed(_) => Code::Changed,
        ProviderChangeError::Store(_) => Code::Unavailable,
    }
}

pub(super) fn link(error: &FederationError) -> Code {
    match error {
        FederationError::NotAdmitted(_) => Code::LinkedElsewhere,
        FederationError::Misconfigured(_) => Code::InvalidSetting,
        FederationError::Unreachable { .. }
        | FederationError::Unavailable(_)
        | FederationError::Wait { .. }
        | FederationError::Nonsense(_)
        | FederationError::Refused(_)
        | FederationError::Untrusted(_)
        | FederationError::Document(_)
        | FederationError::OtherIssuer { .. }
        | FederationError::NotAwaited(_)
        | FederationError::Limited => Code::ProviderFailed,
        FederationError::Store(_) => Code::Unavailable,
    }
}

pub(super) fn client(error: &ClientChangeError) -> Code {
    match error {
        ClientChangeError::Refused(_)
        | ClientChangeError::OwnMetadata
        | ClientChangeError::Sector
        | ClientChangeError::Pairwise => Code::InvalidMetadata,
        ClientChangeError::Unknown(_) => Code::NotFound,
        ClientChangeError::Changed => Code::Changed,
        ClientChangeError::NoDocument => Code::NoDocument,
        ClientChangeError::Store(_) => Code::Unavailable,
    }
}

pub(super) fn token(error: &AccessTokenError) -> Code {
    match error {
        AccessTokenError::Name => Code::InvalidName,
        AccessTokenError::Days(_) => Code::InvalidDays,
        AccessTokenError::NoScope => Code::InvalidScope,
        AccessTokenError::TooMuch(_) => Code::TooMuch,
        AccessTokenError::TooMany => Code::TooManyTokens,
        AccessTokenError::Unknown => Code::NotFound,
        AccessTokenError::Ended => Code::AccountEnded,
        AccessTokenError::Off => Code::SwitchedOff,
        AccessTokenError::Store(_) => Code::Unavailable,
    }
}

pub(super) fn upstream(error: &UpstreamChangeError) -> Code {
    match error {
        UpstreamChangeError::Setting(_) => Code::InvalidSetting,
        UpstreamChangeError::Taken(_) => Code::NameTaken,
        UpstreamChangeError::Unknown(_) => Code::NotFound,
        UpstreamChangeError::InFile(_) => Code::InConfiguration,
        UpstreamChangeError::Changed(_) => Code::Changed,
        UpstreamChangeError::Store(_) => Code::Unavailable,
    }
}

pub(super) fn tool(error: &ToolChangeError) -> Code {
    match error {
        ToolChangeError::Unknown(_) => Code::NotFound,
        ToolChangeError::Changed => Code::Changed,
        ToolChangeError::Store(_) => Code::Unavailable,
    }
}
