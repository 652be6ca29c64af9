//! The audit against the store, in both directions, and against the counters.

use std::collections::{BTreeMap, BTreeSet};

use doorward_model::{
    AuditEvent, AuditFilter, AuditKind, Client, Clock, GrantId, Outcome, RecordedKind, UserId,
};
use doorward_store::ClientFilter;
use serde_json::Value;

use super::stage::{EACH, Stage};

struct Audit(Vec<AuditEvent<RecordedKind>>);

impl Audit {
    async fn of(stage: &Stage) -> Self {
        let store = &stage.server.app.store;
        store.verify_audit(None).await.unwrap().unwrap();
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = store.audit(&AuditFilter::default(), before, 1000).await.unwrap();
            found.extend(page.entries.into_iter().map(|entry| entry.event));
            before = page.before;
            if before.is_none() {
                // The oldest first.
                found.reverse();
                return Self(found);
            }
        }
    }

    fn of_kind(&self, kind: AuditKind) -> impl Iterator<Item = &AuditEvent<RecordedKind>> {
        self.0.iter().filter(move |event| event.kind == kind)
    }

    fn subjects(&self, kind: AuditKind) -> BTreeSet<String> {
        self.of_kind(kind).map(|event| event.subject.clone()).collect()
    }
}

fn detail(event: &AuditEvent<RecordedKind>) -> Value {
    serde_json::from_str(&event.detail).unwrap_or_default()
}

pub(super) async fn all(stage: &Stage) {
    let audit = Audit::of(stage).await;
    clients_and_users(stage, &audit).await;
    providers_and_upstreams(stage, &audit).await;
    sessions(stage, &audit).await;
    grants(stage, &audit).await;
    access_tokens(stage, &audit).await;
    resources(stage, &audit).await;
    toolsets(stage, &audit).await;
    settings_and_keys(stage, &audit).await;
    failures(stage, &audit).await;
    counters(stage, &audit);
}

async fn clients_and_users(stage: &Stage, audit: &Audit) {
    let store = &stage.server.app.store;
    let clients = store.clients(ClientFilter::default(), 10_000).await.unwrap();
    let stored: BTreeSet<String> =
        clients.iter().map(|client| format!("client:{}", client.id)).collect();
    let (added, deleted) =
        (audit.subjects(AuditKind::ClientAdded), audit.subjects(AuditKind::ClientDeleted));
    assert!(stored.len() > 20 && deleted.len() > 3, "{} {}", stored.len(), deleted.len());
    assert_eq!(stored, &added - &deleted, "clients and their entries");
    let renamed = |client: &Client| client.name == "another";
    let reregistered = |client: &Client| client.name == "self-changed";
    let retrusted = |client: &Client| {
        client.trust.as_ref().is_some_and(|rule| rule.subject.starts_with("other:"))
    };
    let blocked = |client: &Client| client.disabled_at.is_some();
    let kinds: [fn(&Client) -> bool; 4] = [renamed, reregistered, retrusted, blocked];
    for kind in kinds {
        assert!(clients.iter().any(kind));
    }
    let changed: BTreeSet<String> = clients
        .iter()
        .filter(|client| kinds.iter().any(|kind| kind(client)))
        .map(|client| format!("client:{}", client.id))
        .collect();
    assert_eq!(changed, audit.subjects(AuditKind::ClientChanged), "clients that were changed");

    let users = store.users().await.unwrap();
    let stored: BTreeSet<String> = users.iter().map(|user| format!("user:{}", user.id)).collect();
    let (added, deleted) =
        (audit.subjects(AuditKind::UserAdded), audit.subjects(AuditKind::UserDeleted));
    assert!(stored.len() > 20 && deleted.len() > 3, "{} {}", stored.len(), deleted.len());
    assert_eq!(stored, &added - &deleted, "users and their entries");
    // The roles that a user has now are those of the last entry that changed them.
    for user in &users {
        let subject = format!("user:{}", user.id);
        let last = audit
            .of_kind(AuditKind::UserChanged)
            .filter(|event| event.subject == subject)
            .filter_map(|event| detail(event)["after"].get("roles").cloned())
            .last();
        if let Some(roles) = last {
            let held: Vec<String> = user.roles.iter().map(ToString::to_string).collect();
            assert_eq!(roles, serde_json::json!(held), "{subject}");
        }
    }
}

async fn providers_and_upstreams(stage: &Stage, audit: &Audit) {
    let store = &stage.server.app.store;
    let providers = store.providers().await.unwrap();
    let stored: BTreeSet<String> =
        providers.iter().map(|provider| format!("provider:{}", provider.id)).collect();
    assert!(stored.len() > 5, "{}", stored.len());
    assert_eq!(stored, audit.subjects(AuditKind::ProviderAdded), "providers and their entries");
    let upstreams = store.upstreams().await.unwrap();
    let stored: BTreeSet<String> =
        upstreams.iter().map(|upstream| format!("upstream:{}", upstream.name)).collect();
    assert!(stored.len() > 5, "{}", stored.len());
    assert_eq!(stored, audit.subjects(AuditKind::UpstreamAdded), "upstreams and their entries");
}

async fn resources(stage: &Stage, audit: &Audit) {
    let resources = stage.server.app.store.external_resources().await.unwrap();
    let stored: BTreeSet<String> =
        resources.iter().map(|one| format!("external_resource:{}", one.id)).collect();
    let (added, removed) =
        (audit.subjects(AuditKind::ResourceAdded), audit.subjects(AuditKind::ResourceRemoved));
    assert!(stored.len() > 10 && removed.len() > 3, "{} {}", stored.len(), removed.len());
    assert_eq!(stored, &added - &removed, "resource servers and their entries");
    let renamed: BTreeSet<String> = resources
        .iter()
        .filter(|one| one.name == "Another")
        .map(|one| format!("external_resource:{}", one.id))
        .collect();
    assert!(!renamed.is_empty());
    // The one with new secrets has entries of the same kind.
    let secret = resources.iter().find(|one| one.url.as_str() == "https://r2000.example.test/mcp");
    let secret = BTreeSet::from([format!("external_resource:{}", secret.unwrap().id)]);
    let changed = audit.subjects(AuditKind::ResourceChanged);
    assert_eq!(&renamed | &secret, changed, "resource servers changed");
}

async fn toolsets(stage: &Stage, audit: &Audit) {
    let toolsets = stage.server.app.store.toolsets().await.unwrap();
    let named = |one: &std::sync::Arc<doorward_model::Toolset>| format!("toolset:{}", one.name);
    let stored: BTreeSet<String> = toolsets.iter().map(named).collect();
    let (added, removed) =
        (audit.subjects(AuditKind::ToolsetAdded), audit.subjects(AuditKind::ToolsetRemoved));
    assert!(stored.len() > 5 && !removed.is_empty(), "{} {}", stored.len(), removed.len());
    assert_eq!(stored, &added - &removed, "toolsets and their entries");
    let renamed: BTreeSet<String> =
        toolsets.iter().filter(|one| one.title == "Another").map(named).collect();
    assert!(!renamed.is_empty());
    assert_eq!(renamed, audit.subjects(AuditKind::ToolsetChanged), "toolsets changed");
}

async fn sessions(stage: &Stage, audit: &Audit) {
    let store = &stage.server.app.store;
    let now = stage.server.clock.now();
    let mut stored = BTreeSet::new();
    for name in ["alice", "root"] {
        let user = stage.server.app.accounts.find(name).await.unwrap();
        let sessions = store.sessions_of(&user.id, now).await.unwrap();
        stored.extend(sessions.into_iter().map(|session| session.id.to_string()));
    }
    let begun: BTreeSet<String> = audit
        .of_kind(AuditKind::SignedIn)
        .filter_map(|event| event.actor.session_id.clone())
        .collect();
    assert!(begun.len() > 20, "{}", begun.len());
    assert!(stored.is_subset(&begun), "a session without its entry");
    // A session that began and no longer exists was ended: by name, or with all of its user.
    let mut ended = BTreeSet::new();
    let mut all_of = BTreeSet::new();
    for event in audit.of_kind(AuditKind::SessionEnded) {
        let detail = detail(event);
        match detail["session"].as_str() {
            Some(session) => {
                ended.insert(session.to_owned());
            }
            None if detail.get("all_except").is_some() => {
                all_of.insert(event.subject.clone());
            }
            None => ended.extend(event.actor.session_id.clone()),
        }
    }
    assert!(ended.len() > 3, "{}", ended.len());
    for session in &ended {
        assert!(!stored.contains(session), "a session that is there has an entry of its end");
    }
    for event in audit.of_kind(AuditKind::SignedIn) {
        let session = event.actor.session_id.clone().unwrap();
        let user = format!("user:{}", event.actor.user_id.clone().unwrap_or_default());
        assert!(
            stored.contains(&session) || ended.contains(&session) || all_of.contains(&user),
            "the session {session} was deleted without an entry"
        );
    }
}

async fn grants(stage: &Stage, audit: &Audit) {
    let store = &stage.server.app.store;
    let now = stage.server.clock.now();
    let given = audit.subjects(AuditKind::GrantGiven);
    assert!(given.len() > 20, "{}", given.len());
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    for grant in store.live_grants_of(&alice.id, now).await.unwrap() {
        assert!(given.contains(&format!("grant:{}", grant.id)), "a grant without its entry");
    }
    // Access ends by the grant, or by all of a user at a client.
    let revoked: Vec<_> = audit.of_kind(AuditKind::GrantRevoked).collect();
    let mut ended = 0;
    for subject in &given {
        let id = GrantId::from_text(subject.trim_start_matches("grant:"));
        let grant = store.grant_uncached(&id).await.unwrap();
        let grant = grant.expect("an entry about a grant that is not stored");
        let by_name = revoked.iter().any(|event| event.subject == *subject);
        let with_all = revoked.iter().any(|event| {
            let client = &detail(event)["client_id"];
            event.subject == format!("user:{}", grant.subject.account)
                && (client.is_null() || client == grant.client_id.as_str())
        });
        if grant.revoked_at.is_some() {
            ended += 1;
            assert!(by_name || with_all, "{subject} ended without an entry");
        } else {
            assert!(!by_name, "{subject} has an entry of its end and goes on");
        }
    }
    assert!(ended > 3, "{ended}");
    for event in &revoked {
        if event.subject.starts_with("grant:") {
            assert!(given.contains(&event.subject), "{} ended and never began", event.subject);
        }
    }
}

async fn access_tokens(stage: &Stage, audit: &Audit) {
    let stored = stage.server.app.store.access_tokens(10_000).await.unwrap();
    let ids = |revoked: bool| -> BTreeSet<String> {
        stored
            .iter()
            .filter(|token| !revoked || token.revoked_at.is_some())
            .map(|token| format!("access_token:{}", token.id))
            .collect()
    };
    assert!(ids(false).len() > 20, "{}", ids(false).len());
    assert_eq!(ids(false), audit.subjects(AuditKind::AccessTokenAdded), "tokens and their entries");
    let revoked: BTreeSet<String> = audit
        .subjects(AuditKind::AccessTokenRevoked)
        .into_iter()
        .filter(|subject| subject.starts_with("access_token:"))
        .collect();
    assert!(revoked.len() > 3, "{}", revoked.len());
    assert!(revoked.is_subset(&ids(true)), "a token that was revoked by its entry goes on");
    for token in stored.iter().filter(|token| token.revoked_at.is_some()) {
        let of_user = format!("user:{}", token.user_id);
        assert!(
            revoked.contains(&format!("access_token:{}", token.id))
                || audit.subjects(AuditKind::AccessTokenRevoked).contains(&of_user),
            "the token {} ended without an entry",
            token.id
        );
    }
}

async fn settings_and_keys(stage: &Stage, audit: &Audit) {
    let store = &stage.server.app.store;
    for key in ["pages.notice", "mcp.enabled"] {
        let subject = format!("setting:{key}");
        let last = audit
            .of_kind(AuditKind::SettingChanged)
            .filter(|event| event.subject == subject)
            .last()
            .unwrap_or_else(|| panic!("{key} was never changed"));
        let held = store.setting(key).await.unwrap();
        assert_eq!(detail(last)["after"]["value"].as_str(), held.as_deref(), "{key}");
    }
    let keys: BTreeSet<String> =
        store.signing_keys().await.unwrap().iter().map(|key| format!("key:{}", key.kid)).collect();
    assert!(keys.len() > 1, "{}", keys.len());
    assert_eq!(keys, audit.subjects(AuditKind::KeyAdded), "keys and their entries");
}

async fn failures(stage: &Stage, audit: &Audit) {
    let failed = audit.subjects(AuditKind::SignInFailed);
    assert!(failed.len() > 10, "only {} failures were noted", failed.len());
    for number in (0..EACH).step_by(2) {
        let key = format!("account:ghost{number}");
        let counted = stage.server.app.store.login_failures(&key).await.unwrap().failures;
        let noted = failed.contains(&format!("sign_in:{key}"));
        assert_eq!(counted > 0, noted, "{key}: counted {counted}");
    }
    let called = audit.of_kind(AuditKind::ToolCalled).count();
    assert!(called > 20, "{called}");
    for event in audit.of_kind(AuditKind::ToolCalled) {
        let call = event.call.as_deref().expect("a call without its facts");
        assert!(!call.tool.is_empty() && !call.decision.is_empty(), "{call:?}");
        let user = UserId::from_text(event.actor.user_id.clone().unwrap());
        assert!(stage.server.app.store.user(&user).await.unwrap().is_some());
    }
}

/// Every entry was counted, and nothing else: a counter of each kind and outcome.
fn counters(stage: &Stage, audit: &Audit) {
    let mut written = BTreeMap::<(String, &str), u64>::new();
    for event in &audit.0 {
        // One entry may report several equal refusals.
        let times = detail(event)["repeated"].as_u64().unwrap_or(1);
        let outcome = match event.outcome {
            Outcome::Ok => "ok",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        };
        *written.entry((event.kind.to_string(), outcome)).or_default() += times;
    }
    let metrics_text = stage.server.app.metrics_text();
    let mut counted = BTreeMap::new();
    for line in metrics_text.lines().filter_map(|line| line.strip_prefix("doorward_events_total{"))
    {
        let (labels, count) = line.rsplit_once("} ").unwrap();
        let label = |name: &str| {
            let rest = labels.split(&format!("{name}=\"")).nth(1).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let outcome = ["ok", "refused", "failed"].into_iter().find(|one| *one == label("outcome"));
        counted.insert((label("kind"), outcome.unwrap()), count.parse::<u64>().unwrap());
    }
    assert_eq!(written, counted, "entries and counters");
}
