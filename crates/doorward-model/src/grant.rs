//! Grants and the refresh tokens that prolong them.

use crate::{
    Delegation, HashedToken, KeyThumbprint, Resource, ScopeSet, Subject, Timestamp,
    id::{ClientId, GrantId},
};

/// The access that one client was given on one occasion. All tokens issued from it form one family
/// and end together.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its identifier, carried by access tokens so that revocation reaches them.
    pub id: GrantId,
    /// The client.
    pub client_id: ClientId,
    /// The user or service for whom the client acts.
    pub subject: Subject,
    /// The allowed scopes, without those that are implied.
    pub scopes: ScopeSet,
    /// The resources it is for, at least one.
    pub resources: Vec<Resource>,
    /// The time of consent.
    pub created_at: Timestamp,
    /// The time at which a token was last issued from it.
    pub last_used_at: Timestamp,
    /// Its absolute end, regardless of refreshes.
    pub expires_at: Timestamp,
    /// The time of revocation.
    pub revoked_at: Option<Timestamp>,
    /// Its origin, for one that was given in exchange for a token. Use it only as
    /// `Store::grant_in_force` returns it.
    pub delegation: Option<Delegation>,
    /// The key that its refresh tokens are bound to, for those of a public client (RFC 9449 §5).
    pub key: Option<KeyThumbprint>,
}

impl Grant {
    /// True if tokens of this grant count at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
    /// True if it is the session of a user at an application of the operator.
    pub fn is_session(&self) -> bool {
        self.delegation.as_ref().is_some_and(|it| it.session)
    }
}

/// Reason for the end of a grant. It is stored and logged; the caller learns only that the grant is
/// invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeReason {
    /// A valid replay of its authorization code.
    CodeReplay,
    /// A spent refresh token was presented outside the grace period.
    RefreshReuse,
    /// The client revoked it (RFC 7009).
    ByClient,
    /// The user revoked it.
    ByUser,
    /// An administrator disabled or deleted the client.
    ClientRemoved,
    /// An administrator disabled or deleted the user, or the password changed.
    UserChanged,
    /// The identity provider no longer vouches for the user.
    ProviderRefused,
    /// The identity provider did not respond for longer than the configured grace.
    ProviderSilent,
    /// The identity provider's responses about the user were invalid or unreadable.
    ProviderUnclear,
    /// The user signed out at the identity provider, and the configuration lets that end grants.
    ProviderLogout,
    /// The upstream that it was for was deleted or replaced.
    UpstreamEnded,
    /// The external resource server that it was for was removed.
    ResourceRemoved,
    /// The toolset that it was for was removed.
    ToolsetRemoved,
    /// The same user gave the same client a newer one.
    Replaced,
    /// The trust rule of its workload was changed.
    TrustChanged,
    /// The client knows its users by other subjects now.
    SubjectsChanged,
    /// The same user gave a newer one to a later registration of the same software.
    RegisteredAgain,
    /// The client changed its registration so that another could pose as it.
    RegistrationChanged,
}

impl RevokeReason {
    /// The stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeReplay => "code_replay",
            Self::RefreshReuse => "refresh_reuse",
            Self::ByClient => "by_client",
            Self::ByUser => "by_user",
            Self::ClientRemoved => "client_removed",
            Self::UserChanged => "user_changed",
            Self::ProviderRefused => "provider_refused",
            Self::ProviderSilent => "provider_silent",
            Self::ProviderUnclear => "provider_unclear",
            Self::ProviderLogout => "provider_logout",
            Self::UpstreamEnded => "upstream_ended",
            Self::ResourceRemoved => "resource_removed",
            Self::ToolsetRemoved => "toolset_removed",
            Self::Replaced => "replaced",
            Self::TrustChanged => "trust_changed",
            Self::SubjectsChanged => "subjects_changed",
            Self::RegisteredAgain => "registered_again",
            Self::RegistrationChanged => "registration_changed",
        }
    }
}

/// A refresh token as it is stored.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The token's hash.
    pub token: HashedToken,
    /// The grant that it prolongs.
    pub grant_id: GrantId,
    /// The time of expiry without use.
    pub expires_at: Timestamp,
    /// The time of rotation.
    pub used_at: Option<Timestamp>,
    /// The hash of the token that replaced it.
    pub successor: Option<HashedToken>,
}
