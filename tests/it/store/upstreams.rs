//! Upstreams in the store, with their tools, connections and results.

use doorward_model::{
    Change, Connection, Grant, GrantId, Resource, Sealed, ServerPin, ToolClass, UnitOfWork,
    UpstreamChange, UpstreamId, UpstreamName, UpstreamTrust, UserId,
    trust::{Ended, Ending},
    upstream::{
        ConnectionProblem, Pinned, PinnedTool, StoredUpstream, ToolState, UpstreamRegistration,
    },
};
use doorward_store::Condition;
use doorward_testkit::TestServer;

use super::{grant, refused};
use crate::fixtures::NOW;

pub(super) fn wiki() -> UpstreamName {
    UpstreamName::parse("wiki").unwrap()
}

fn connected(user: &str, version: i64) -> Connection {
    Connection {
        user_id: UserId::from_text(user),
        upstream: wiki(),
        issuer: "https://as.example".into(),
        resource: Some("https://wiki.example/mcp".into()),
        scopes: "a b".into(),
        tokens: Some(Sealed::from_stored(format!("sealed {version}"))),
        expires_at: Some(NOW.plus(60)),
        ends_at: NOW.plus(1000),
        created_at: NOW,
        version,
        refreshing_until: None,
        problem: None,
        account: None,
    }
}

fn put(connection: Connection) -> UpstreamChange {
    UpstreamChange::PutConnection { connection: Box::new(connection), id: trust().id, by: None }
}

fn server_pin(issuer: &str) -> ServerPin {
    ServerPin {
        issuer: issuer.into(),
        resource: Some("https://wiki.example/mcp".into()),
        scopes: vec!["a".into(), "b".into()],
    }
}

/// The identity of an upstream, before anything is pinned.
fn trust() -> UpstreamTrust {
    UpstreamTrust {
        upstream: wiki(),
        id: UpstreamId::from_text("up_1"),
        location: "https://wiki.example/mcp".into(),
        server: None,
        named: None,
        since: NOW,
    }
}

/// The end of that upstream's dependents, for the present row.
fn end(why: Ended) -> UpstreamChange {
    end_of(&trust(), why)
}

fn end_of(seen: &UpstreamTrust, why: Ended) -> UpstreamChange {
    UpstreamChange::End(Box::new(Ending {
        upstream: wiki(),
        id: Some(seen.id.clone()),
        named: seen.named.clone(),
        resource: Resource::from_stored("https://a.example/mcp/wiki".into()),
        why,
        access: Some(Sealed::from_stored("reach".into())),
        at: NOW,
    }))
}

/// A tool that waits for a decision.
fn waiting(tool: &str, class: Option<ToolClass>) -> PinnedTool {
    PinnedTool { tool: tool.into(), state: ToolState::Waiting, class, decided_at: None, ..pin("x") }
}

#[tokio::test]
async fn an_upstream_s_server_is_pinned_once_and_replaced_only_as_it_was_seen() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let now = async || store.upstream_trust_now(wiki()).await.unwrap();
    store.apply(UpstreamChange::Begin(trust())).await.unwrap();
    let other = UpstreamTrust { id: UpstreamId::from_text("up_2"), ..trust() };
    store.apply(UpstreamChange::Begin(other.clone())).await.unwrap();
    assert_eq!(now().await, Some(trust()), "an identity stays");
    let pin = |id: &UpstreamId, issuer: &str| UpstreamChange::Pin {
        upstream: wiki(),
        id: id.clone(),
        server: server_pin(issuer),
    };
    assert_eq!(refused(store, pin(&other.id, "i")).await, Condition::PinUpstream);
    let pins = tokio::join!(store.apply(pin(&trust().id, "i")), store.apply(pin(&trust().id, "j")));
    assert!(pins.0.is_ok() != pins.1.is_ok(), "what is seen first counts");
    let pinned = now().await.unwrap();
    let note = |named: Option<ServerPin>, first| UpstreamChange::NoteNamed {
        upstream: wiki(),
        id: trust().id,
        named,
        first,
    };
    store.apply(note(Some(server_pin("evil")), true)).await.unwrap();
    let named = now().await.unwrap();
    assert_eq!(named, UpstreamTrust { named: Some(server_pin("evil")), ..pinned.clone() });
    assert_eq!(
        store.upstream_trusts().await.unwrap().as_slice(),
        std::slice::from_ref(&named),
        "the cache follows"
    );
    // The accepted server is the one that was seen.
    let accepted =
        || UpstreamTrust { server: Some(server_pin("evil")), named: None, ..other.clone() };
    let seen = UpstreamTrust { named: Some(server_pin("worse")), ..named.clone() };
    for stale in [seen, pinned, UpstreamTrust { id: other.id.clone(), ..named.clone() }] {
        assert_eq!(
            refused(store, end_of(&stale, Ended::Accepted(accepted()))).await,
            Condition::ReplaceUpstream
        );
    }
    store.apply(end_of(&named, Ended::Accepted(accepted()))).await.unwrap();
    assert_eq!(now().await, Some(accepted()));
    store.apply(note(Some(server_pin("evil")), true)).await.unwrap();
    assert_eq!(now().await, Some(accepted()), "a note about the one before changes nothing");
    store.apply(end_of(&accepted(), Ended::Deleted { stored: false })).await.unwrap();
    assert_eq!(now().await, None);
}

#[tokio::test]
async fn data_of_an_upstream_ends_with_it_and_its_tokens_are_queued_for_revocation() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    server.user("alice").await;
    let alice = server.app.accounts.list().await.unwrap()[0].id.clone();
    store.apply(UpstreamChange::Begin(trust())).await.unwrap();
    let lost = Connection { tokens: None, ..connected("u_lost", 0) };
    for connection in [connected(alice.as_str(), 0), connected("u_two", 7), lost] {
        store.apply(put(connection)).await.unwrap();
    }
    let registration = UpstreamRegistration {
        upstream: wiki(),
        issuer: "https://as.example".into(),
        resource: None,
        credentials: Sealed::from_stored("client".into()),
        expires_at: None,
        created_at: NOW,
    };
    store.apply(UpstreamChange::PutRegistration(registration)).await.unwrap();
    let for_resources = |id: &str, paths: &[&str]| {
        let resources = paths.iter().map(|path| format!("https://a.example{path}"));
        let resources = resources.map(Resource::from_stored).collect();
        Change::InsertGrant(Grant { resources, ..grant(id, alice.as_str()) })
    };
    store
        .apply(UnitOfWork::from_iter([
            for_resources("only", &["/mcp/wiki"]),
            for_resources("both", &["/mcp/wiki", "/mcp"]),
            for_resources("all", &["/mcp"]),
            for_resources("longer", &["/mcp/wiki2"]),
        ]))
        .await
        .unwrap();
    store
        .apply(end(Ended::Moved(UpstreamTrust { id: UpstreamId::from_text("up_2"), ..trust() })))
        .await
        .unwrap();
    for (id, lives) in [("only", false), ("both", true), ("all", true), ("longer", true)] {
        let grant = store.grant(&GrantId::from_text(id)).await.unwrap().unwrap();
        assert_eq!(grant.is_live(NOW), lives, "{id}");
    }
    assert_eq!(store.count_connections(wiki()).await.unwrap(), 0);
    let due = async |at: i64| store.revocations_due(NOW.plus(at), 10).await.unwrap();
    assert!(due(-1).await.is_empty());
    let mut queued = due(0).await;
    queued.sort_by(|one, other| one.tokens.as_str().cmp(other.tokens.as_str()));
    let told: Vec<_> = queued
        .iter()
        .map(|row| {
            (
                row.user_id.as_str(),
                row.tokens.as_str(),
                row.registration.as_ref().map(Sealed::as_str),
                row.access.as_ref().map(Sealed::as_str),
                row.resource.as_deref(),
            )
        })
        .collect();
    let resource = Some("https://wiki.example/mcp");
    assert_eq!(
        told,
        [
            (alice.as_str(), "sealed 0", Some("client"), Some("reach"), resource),
            ("u_two", "sealed 7", Some("client"), Some("reach"), resource)
        ]
    );
    // One of two replicas takes it, and a finished one is deleted.
    let claim = || UpstreamChange::ClaimRevocation {
        id: queued[0].id.clone(),
        due: NOW,
        until: NOW.plus(60),
    };
    let claims = tokio::join!(store.apply(claim()), store.apply(claim()));
    assert!(claims.0.is_ok() != claims.1.is_ok());
    assert_eq!((due(0).await.len(), due(60).await.len()), (1, 2));
    assert_eq!(due(60).await.iter().map(|row| row.tries).max(), Some(1));
    for row in &queued {
        store.apply(UpstreamChange::ForgetRevocation { id: row.id.clone() }).await.unwrap();
    }
    assert!(due(60).await.is_empty());
}

#[tokio::test]
async fn g30_a_refresh_of_upstream_access_is_claimed_once_and_stored_only_by_its_claimant() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    server.user("alice").await;
    let alice = server.app.accounts.list().await.unwrap()[0].id.clone();
    let user = alice.as_str();
    refused(store, put(connected(user, 0))).await;
    store.apply(UpstreamChange::Begin(trust())).await.unwrap();
    store.apply(put(connected(user, 0))).await.unwrap();
    let held = store.connection_now(&alice, wiki()).await.unwrap().unwrap();
    assert_eq!(
        (held.scopes.as_str(), held.expires_at, held.tokens.is_some()),
        ("a b", Some(NOW.plus(60)), true)
    );
    let claim = |version, at: i64| UpstreamChange::ClaimRefresh {
        user_id: alice.clone(),
        upstream: wiki(),
        version,
        now: NOW.plus(at),
        until: NOW.plus(at + 30),
    };
    let claims =
        tokio::join!(store.apply(claim(held.version, 0)), store.apply(claim(held.version, 0)));
    assert!(claims.0.is_ok() != claims.1.is_ok(), "one of two replicas");
    refused(store, claim(held.version, 29)).await;
    // A replica that died during a refresh blocks the others no longer than the reservation.
    store.apply(claim(held.version, 31)).await.unwrap();
    let fresh = Connection {
        problem: Some(ConnectionProblem::Refused),
        ..connected(user, held.version + 1)
    };
    store
        .apply(UpstreamChange::KeepRefreshed { connection: Box::new(fresh.clone()) })
        .await
        .unwrap();
    refused(store, UpstreamChange::KeepRefreshed { connection: Box::new(fresh) }).await;
    refused(store, claim(held.version, 100)).await;
    let now = store.connection(&alice, wiki()).await.unwrap().unwrap();
    assert_eq!(
        (now.version, now.refreshing_until, now.problem),
        (held.version + 1, None, Some(ConnectionProblem::Refused)),
        "the cache follows"
    );
    // Connecting again goes on counting: a refresh that began before is not taken for newer.
    store.apply(put(connected(user, 0))).await.unwrap();
    assert_eq!(
        store.connection_now(&alice, wiki()).await.unwrap().unwrap().version,
        held.version + 2
    );
    assert_eq!(store.count_connections(wiki()).await.unwrap(), 1);
    store
        .apply(UpstreamChange::DeleteConnection { user_id: alice.clone(), upstream: wiki() })
        .await
        .unwrap();
    assert!(store.connection(&alice, wiki()).await.unwrap().is_none());
}

fn pin(definition: &str) -> PinnedTool {
    PinnedTool {
        upstream: wiki(),
        tool: "echo".into(),
        state: ToolState::Approved,
        definition: definition.into(),
        pinned: Pinned::Whole,
        origin: Some("https://wiki.example".into()),
        changed: None,
        class: None,
        first_seen_at: NOW,
        decided_at: Some(NOW),
    }
}

#[tokio::test]
async fn a_pin_is_replaced_as_it_was_seen_and_forgotten_while_nothing_is_decided() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let stored =
        StoredUpstream { name: wiki(), settings: "{}".into(), secrets: None, created_at: NOW };
    store.apply(UpstreamChange::Insert(stored)).await.unwrap();
    store.apply(UpstreamChange::PinNew(vec![pin("three")])).await.unwrap();
    let repin = |seen: &str, state: ToolState| UpstreamChange::Repin {
        tool: Box::new(PinnedTool { class: Some(ToolClass::Write), ..pin("four") }),
        seen_definition: seen.into(),
        seen_state: state,
    };
    store.apply(repin("one", ToolState::Approved)).await.unwrap();
    store.apply(repin("three", ToolState::Waiting)).await.unwrap();
    assert_eq!(store.pinned_tools(wiki()).await.unwrap()[0].definition, "three");
    store.apply(repin("three", ToolState::Approved)).await.unwrap();
    assert_eq!(store.pinned_tools(wiki()).await.unwrap()[0].definition, "four");
    store
        .apply(UpstreamChange::PinNew(vec![
            waiting("gone", None),
            waiting("classified", Some(ToolClass::Read)),
            waiting("listed", None),
        ]))
        .await
        .unwrap();
    let tools = ["echo", "gone", "classified"].map(str::to_owned).to_vec();
    store.apply(UpstreamChange::ForgetUndecided { upstream: wiki(), tools }).await.unwrap();
    let names: Vec<String> =
        store.pinned_tools(wiki()).await.unwrap().iter().map(|pin| pin.tool.clone()).collect();
    assert_eq!(names, ["classified", "echo", "listed"]);
}

#[tokio::test]
async fn tools_and_registrations_of_an_upstream_hold_once() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let stored =
        StoredUpstream { name: wiki(), settings: "{}".into(), secrets: None, created_at: NOW };
    store.apply(UpstreamChange::Insert(stored.clone())).await.unwrap();
    refused(store, UpstreamChange::Insert(stored)).await;
    assert_eq!(store.upstreams().await.unwrap().len(), 1);
    store.apply(UpstreamChange::PinNew(vec![pin("one")])).await.unwrap();
    store.apply(UpstreamChange::PinNew(vec![pin("two")])).await.unwrap();
    assert_eq!(
        store.pinned_tools(wiki()).await.unwrap()[0].definition,
        "one",
        "what is pinned stays"
    );
    let note = UpstreamChange::NoteChanged {
        upstream: wiki(),
        tool: "echo".into(),
        definition: "three".into(),
        pinned: Pinned::Whole,
        first: true,
    };
    store.apply(note).await.unwrap();
    let as_read = PinnedTool { changed: Some("three".into()), ..pin("one") };
    let decide = |seen: &PinnedTool| UpstreamChange::Decide {
        tool: Box::new(PinnedTool { class: Some(ToolClass::Write), ..pin("three") }),
        seen: Box::new(seen.clone()),
    };
    for other in [
        PinnedTool { changed: None, ..as_read.clone() },
        PinnedTool { changed: Some("four".into()), ..as_read.clone() },
        PinnedTool { definition: "two".into(), ..as_read.clone() },
        // A decision that another administrator made meanwhile is not undone.
        PinnedTool { state: ToolState::Rejected, ..as_read.clone() },
        PinnedTool { class: Some(ToolClass::Read), ..as_read.clone() },
    ] {
        assert_eq!(refused(store, decide(&other)).await, Condition::DecideTool, "{other:?}");
    }
    store.apply(decide(&as_read)).await.unwrap();
    let pinned = store.pinned_tools(wiki()).await.unwrap();
    assert_eq!(
        (pinned[0].definition.as_str(), pinned[0].changed.as_deref(), pinned[0].class),
        ("three", None, Some(ToolClass::Write))
    );
    let registration = UpstreamRegistration {
        upstream: wiki(),
        issuer: "i".into(),
        resource: Some("https://wiki.example/mcp".into()),
        credentials: Sealed::from_stored("s".into()),
        expires_at: None,
        created_at: NOW,
    };
    store.apply(UpstreamChange::PutRegistration(registration.clone())).await.unwrap();
    store
        .apply(UpstreamChange::PutRegistration(UpstreamRegistration {
            expires_at: Some(NOW),
            ..registration
        }))
        .await
        .unwrap();
    assert_eq!(
        store.upstream_registration(wiki(), "i").await.unwrap().unwrap().expires_at,
        Some(NOW)
    );
}

#[tokio::test]
async fn an_upstream_s_tools_registrations_and_connections_end_with_it_apart_from_decisions() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    server.user("alice").await;
    let alice = server.app.accounts.list().await.unwrap()[0].id.clone();
    let stored =
        StoredUpstream { name: wiki(), settings: "{}".into(), secrets: None, created_at: NOW };
    store.apply(UpstreamChange::Insert(stored)).await.unwrap();
    store.apply(UpstreamChange::PinNew(vec![pin("one")])).await.unwrap();
    let registration = UpstreamRegistration {
        upstream: wiki(),
        issuer: "i".into(),
        resource: Some("https://wiki.example/mcp".into()),
        credentials: Sealed::from_stored("s".into()),
        expires_at: None,
        created_at: NOW,
    };
    store.apply(UpstreamChange::PutRegistration(registration)).await.unwrap();
    store
        .apply(UpstreamChange::PinNew(vec![
            waiting("new", None),
            waiting("classified", Some(ToolClass::Read)),
        ]))
        .await
        .unwrap();
    store.apply(UpstreamChange::Begin(trust())).await.unwrap();
    store.apply(put(connected(alice.as_str(), 0))).await.unwrap();
    store.apply(end(Ended::Deleted { stored: true })).await.unwrap();
    assert_eq!(
        refused(store, end(Ended::Deleted { stored: true })).await,
        Condition::DeleteUpstream
    );
    refused(store, put(connected(alice.as_str(), 0))).await;
    let decided = store.pinned_tools(wiki()).await.unwrap();
    assert_eq!(
        decided.iter().map(|pin| pin.tool.as_str()).collect::<Vec<_>>(),
        ["classified", "echo"],
        "a decision about a definition outlives the upstream"
    );
    assert!(store.connection(&alice, wiki()).await.unwrap().is_none());
    assert!(store.upstream_registration(wiki(), "i").await.unwrap().is_none());
}
