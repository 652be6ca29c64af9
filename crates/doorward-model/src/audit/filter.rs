//! The search in the audit.

use super::{AuditEvent, Outcome, RecordedKind, subject};
use crate::{AuditSubject, Timestamp};

/// The conditions of a search. Everything that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Done by this user.
    pub user_id: Option<String>,
    /// Done by this user, or about them: the entries that they see themselves.
    pub concerns: Option<String>,
    /// Through this client.
    pub client_id: Option<String>,
    /// Of this kind, or of all kinds of a family such as `user.`.
    pub kind: Option<String>,
    /// Ended like this.
    pub outcome: Option<Outcome>,
    /// A call of this tool.
    pub tool: Option<String>,
    /// A call to this upstream.
    pub upstream: Option<String>,
    /// About this.
    pub subject: Option<String>,
    /// Done under this grant, or about it.
    pub grant: Option<String>,
    /// Done in this browser session.
    pub session: Option<String>,
    /// Done with this personal or service token, or about it.
    pub token: Option<String>,
    /// Done from this IP address.
    pub address: Option<String>,
    /// Naming a user, tool or object with this text, or with this text in its detail, whatever the
    /// case of ASCII letters.
    pub text: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not at or after.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Returns `true` if an entry matches, for callers that follow the audit.
    pub fn fits(&self, event: &AuditEvent<RecordedKind>) -> bool {
        let same = |wanted: &Option<String>, held: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| held == Some(wanted))
        };
        let belongs = |wanted: &Option<String>, held: &Option<String>, kind: AuditSubject| {
            wanted
                .as_ref()
                .is_none_or(|id| held.as_ref() == Some(id) || event.subject == subject(kind, id))
        };
        let (actor, call) = (&event.actor, event.call.as_deref());
        let has_text = |wanted: &str| {
            let wanted = wanted.to_ascii_lowercase();
            let tool = call.map(|call| call.tool.as_str());
            let held =
                [actor.user_name.as_deref(), tool, Some(&*event.subject), Some(&*event.detail)];
            held.into_iter().flatten().any(|held| held.to_ascii_lowercase().contains(&wanted))
        };
        same(&self.user_id, event.actor.user_id.as_deref())
            && self.concerns.as_ref().is_none_or(|id| {
                event.actor.user_id.as_ref() == Some(id)
                    || event.subject == subject(AuditSubject::User, id)
            })
            && same(&self.client_id, event.actor.client_id.as_deref())
            && self.kind.as_ref().is_none_or(|kind| {
                let held = event.kind.as_str();
                held == kind || kind.ends_with('.') && held.starts_with(kind.as_str())
            })
            && self.outcome.is_none_or(|outcome| event.outcome == outcome)
            && same(&self.tool, call.map(|call| call.tool.as_str()))
            && same(&self.upstream, call.map(|call| call.upstream.as_str()))
            && same(&self.subject, Some(event.subject.as_str()))
            && belongs(&self.grant, &actor.grant_id, AuditSubject::Grant)
            && same(&self.session, actor.session_id.as_deref())
            && belongs(&self.token, &actor.token_id, AuditSubject::AccessToken)
            && same(&self.address, Some(event.address.as_str()))
            && self.text.as_deref().is_none_or(has_text)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }
}
