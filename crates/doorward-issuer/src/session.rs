//! Sessions of users at applications of the operator: an application that may exchange tokens turns
//! a user's token into one. It has an audience of its own, gives access to no resource, and ends
//! with the access that it came of.

use std::sync::Arc;

use doorward_model::{
    ActingParty, Change, Client, ClientId, Delegation, Expected, Grant, GrantId, GrantType,
    OAuthErrorCode, PlainToken, Reason, RefreshToken, Resource, RevokeReason, Role, ScopeSet,
    Timestamp, TokenKind, UnitOfWork, User,
};
use doorward_store::{Condition, StoreError};
use doorward_transport::{ClientAddress, Params};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{
    Failure, Issuer,
    client_auth::{Endpoint, RequestFailure},
    grants::{
        Request,
        exchanged::{self, ExchangedToken},
        registered,
    },
};

/// The longest that a session lasts, in seconds. It is shorter than the time for which a grant that
/// expired is kept, by which a session knows that the grant before it was not revoked.
const LASTS: i64 = 8 * 3600;
/// The sessions of one user at one application. The ones used last stay.
const MOST: usize = 20;
/// A use is noted at most this often, in seconds.
const NOTE_USE_EVERY: i64 = 300;

/// A session that counts.
struct Open {
    grant: Arc<Grant>,
    user: Arc<User>,
}

fn refused(code: OAuthErrorCode, why: &str) -> Failure {
    Failure::new(code, why).because(Reason::SubjectToken)
}

impl Issuer {
    /// Turns the access token of a user into a session at the application that presents it.
    pub(crate) async fn open_session(
        &self,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, RequestFailure> {
        let client = self.authenticate(Endpoint::Session, headers, params, address).await?.client;
        self.follow_keys().await?;
        let now = self.services.clock.now();
        let subject = self.subject_of_session(&client, params, now).await?;
        let user = self.active_user(&subject.grant.subject.account).await?;
        let plain =
            PlainToken::random(TokenKind::ApplicationSession, self.services.entropy.as_ref());
        let grant = self.session_grant(&client, &subject.grant, now);
        let mut unit = self.crowded_out(&grant, now).await?;
        // Blocking a client ends its grants: none may be added after it. The same holds for the end
        // of the access that this one comes of.
        let object = Expected::Client(client.id.clone());
        unit.push(Change::Expect { object, etag: client.etag() });
        unit.push(Change::UseGrant { grant_id: subject.grant.id.clone(), now });
        unit.push(Change::InsertRefreshToken(RefreshToken {
            token: plain.hashed(),
            grant_id: grant.id.clone(),
            expires_at: grant.expires_at,
            used_at: None,
            successor: None,
        }));
        let mut body = self.told_of_session(&grant, &user, now);
        if let Some(members) = body.as_object_mut() {
            members.insert("session_token".to_owned(), plain.reveal().into());
            members.insert("token_type".to_owned(), "Bearer".into());
        }
        unit.push(Change::InsertGrant(grant));
        match self.services.store.apply(unit).await {
            Ok(()) => Ok(body),
            Err(StoreError::Refused(Condition::Expect)) => {
                let why = "the client was changed, blocked or deleted; authenticate again";
                Err(Failure::new(OAuthErrorCode::InvalidClient, why).into())
            }
            Err(StoreError::Refused(_)) => {
                let why = "the token was revoked or has ended";
                Err(refused(OAuthErrorCode::InvalidRequest, why).into())
            }
            Err(error) => Err(Failure::from(error).into()),
        }
    }

    /// The token of a request for a session: that of a user, in whose name no other client acts.
    async fn subject_of_session(
        &self,
        client: &Client,
        params: &Params,
        now: Timestamp,
    ) -> Result<ExchangedToken, Failure> {
        let invalid = |why: &str| refused(OAuthErrorCode::InvalidRequest, why);
        let rule = client.exchange.as_ref().filter(|rule| !rule.back_end);
        let Some(rule) = rule else {
            let why = "an administrator must permit the client to exchange tokens";
            return Err(Failure::new(OAuthErrorCode::UnauthorizedClient, why));
        };
        registered(client, GrantType::TokenExchange)?;
        let request =
            Request { issuer: self, client, params, resources: &[], scopes: None, now, key: None };
        let subject = exchanged::presented(&request, "token").await?;
        // Its resource server has the token too, and is not the user.
        let resources = &self.settings.resources;
        let is_elsewhere =
            |audience: &str| resources.is_external(&Resource::from_stored(audience.to_owned()));
        if subject.claims.aud.iter().any(is_elsewhere) {
            return Err(invalid(
                "the token is for an external resource server, which could present it as the user",
            ));
        }
        let holder = ClientId::from_text(subject.claims.client_id.clone());
        if !rule.accepts(&client.id, &holder) {
            let why = "the token was issued to a client whose tokens this one may not exchange";
            return Err(invalid(why).about(holder.as_str()));
        }
        let is_of_user = if let Some(delegation) = &subject.grant.delegation {
            delegation.provider.is_some()
        } else {
            let held = self.services.store.client(&holder).await?;
            held.is_none_or(|held| held.service.is_none())
        };
        if !is_of_user {
            return Err(invalid(
                "the token is of a service, or was exchanged: sessions are users'",
            ));
        }
        Ok(subject)
    }

    fn session_grant(&self, client: &Client, subject: &Grant, now: Timestamp) -> Grant {
        let party = ActingParty { client_id: client.id.clone(), account: client.service.clone() };
        let lasts = now.plus(LASTS);
        // The token of an identity provider is over in minutes; the user signed in for longer.
        let expires_at =
            if subject.delegation.is_some() { lasts } else { lasts.min(subject.expires_at) };
        Grant {
            id: GrantId::random(self.services.entropy.as_ref()),
            client_id: client.id.clone(),
            subject: subject.subject.clone(),
            scopes: ScopeSet::default(),
            resources: vec![Resource::session(&self.settings.public_url)],
            created_at: now,
            last_used_at: now,
            expires_at,
            revoked_at: None,
            delegation: Some(Delegation {
                subject: Some(subject.id.clone()),
                actors: vec![party],
                session: true,
                ..Delegation::default()
            }),
            key: None,
        }
    }

    /// The end of the sessions for which there is no more room.
    async fn crowded_out(&self, new: &Grant, now: Timestamp) -> Result<UnitOfWork, Failure> {
        let (user_id, client_id) = (new.subject.account.clone(), new.client_id.clone());
        let live = self.services.store.live_grants_to(&user_id, &client_id, now).await?;
        let grants: Vec<GrantId> = live
            .into_iter()
            .filter(Grant::is_session)
            .skip(MOST - 1)
            .map(|grant| grant.id)
            .collect();
        let mut unit = UnitOfWork::new();
        if !grants.is_empty() {
            let (by, reason) = (new.id.clone(), RevokeReason::Replaced);
            unit.push(Change::ReplaceGrants { grants, user_id, client_id, by, at: now, reason });
        }
        Ok(unit)
    }

    /// The user and the roles of this moment.
    fn told_of_session(&self, grant: &Grant, user: &User, now: Timestamp) -> Value {
        let subject = &grant.subject;
        json!({
            "user": {
                "id": user.id.as_str(), "name": user.name.as_str(),
                "display_name": user.display_name, "email": user.email,
            },
            "roles": user.all_roles().map(Role::as_str).collect::<Vec<_>>(),
            "client_id": grant.client_id.as_str(),
            "audience": Resource::session(&self.settings.public_url).as_str(),
            "auth_time": subject.auth_time.0,
            "acr": subject.authentication.level.as_str(),
            "amr": subject.authentication.amr,
            "expires_in": grant.expires_at.since(now),
        })
    }

    async fn session_of(&self, token: &str, now: Timestamp) -> Result<Option<Open>, Failure> {
        if !token.starts_with(TokenKind::ApplicationSession.prefix()) {
            return Ok(None);
        }
        let store = &self.services.store;
        let presented = PlainToken::presented(token).hashed();
        let Some(stored) = store.refresh_token(&presented).await? else { return Ok(None) };
        let grant = store.grant_in_force(&stored.grant_id, now).await?;
        let Some(grant) = grant.filter(|grant| grant.is_session()) else { return Ok(None) };
        let user = store.user(&grant.subject.account).await?;
        let user = user.filter(|user| user.disabled_at.is_none());
        Ok(user.map(|user| Open { grant, user }))
    }

    /// The user of a session and the roles of this moment; `None` if the session does not count.
    pub(crate) async fn session(&self, token: &str) -> Result<Option<Value>, Failure> {
        let now = self.services.clock.now();
        let Some(Open { grant, user }) = self.session_of(token, now).await? else {
            return Ok(None);
        };
        if now.since(grant.last_used_at) >= NOTE_USE_EVERY {
            let used = Change::UseGrant { grant_id: grant.id.clone(), now };
            match self.services.store.apply(used).await {
                Ok(()) => {}
                // It was revoked a moment ago.
                Err(StoreError::Refused(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(self.told_of_session(&grant, &user, now)))
    }

    /// Ends a session. `false` if it does not count.
    pub(crate) async fn close_session(&self, token: &str) -> Result<bool, Failure> {
        let at = self.services.clock.now();
        let Some(Open { grant, .. }) = self.session_of(token, at).await? else { return Ok(false) };
        let reason = RevokeReason::ByClient;
        let revoke = Change::RevokeGrant { grant_id: grant.id.clone(), at, reason };
        self.services.store.apply(revoke).await?;
        Ok(true)
    }
}
