//! The connector of Mattermost: identities, commands, posts that are answered once, and a chat
//! server that misbehaves.

mod agent;
mod agent_buttons;
mod buttons;
mod chat_server;
mod history;
mod identity;
mod languages;

use std::time::{Duration, Instant};

use doorward_model::{AuditFilter, ChatChange, ChatPost, Clock};
use doorward_testkit::{Browser, ChatFault, FakeMattermost, Page, TestServer, form_value};
use serde_json::json;

pub(crate) const COMMAND: &str = "commandcommandcommandcomma";
pub(crate) const WEBHOOK: &str = "webhookwebhookwebhookwebho";

/// A server with a connector, and its chat server.
pub(crate) struct Stage {
    pub(crate) server: TestServer,
    pub(crate) chat: FakeMattermost,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut doorward::config::Config)) -> Self {
        let chat = FakeMattermost::start().await;
        let server = TestServer::start_with(|config| {
            let one = config.connectors.entry("chat".to_owned()).or_default();
            one.kind = "mattermost".into();
            one.url.clone_from(&chat.url);
            one.networks = vec!["127.0.0.0/8".into()];
            one.bot_token = chat.token.as_str().into();
            one.command_token = COMMAND.into();
            one.webhook_token = WEBHOOK.into();
            one.poll_seconds = 1;
            change(config);
        })
        .await;
        server.user("alice").await;
        Self { server, chat }
    }

    /// The URL of the connector.
    pub(crate) fn connector(&self) -> String {
        self.server.at("/connectors/chat")
    }

    /// The answer to a slash command that comes at once.
    pub(crate) async fn say(&self, account: &str, text: &str) -> String {
        let hook = self.chat.hook();
        told(&self.chat.command(&self.connector(), COMMAND, (account, &hook), text).await)
    }

    /// The link that an unknown account is given.
    pub(crate) async fn link_for(&self, account: &str) -> String {
        let said = self.say(account, "whoami").await;
        let at = said.find(&self.server.url).unwrap_or_else(|| panic!("no link: {said}"));
        said[at..].split_whitespace().next().unwrap().to_owned()
    }

    /// Links an account with a user, who is added if need be.
    pub(crate) async fn link(&self, account: &str, browser: &Browser) -> Page {
        let link = self.link_for(account).await;
        decide(browser, &link, "link").await
    }

    /// A account whose account is linked with alice.
    pub(crate) async fn linked(&self) -> String {
        let account = self.chat.account("ally");
        let browser = self.server.signed_in("alice").await;
        self.link(&account, &browser).await.expect(200);
        account
    }
}

/// The text of the answer to a slash command.
pub(crate) fn told(page: &Page) -> String {
    assert_eq!(page.status, 200, "{}", page.body);
    let body = page.json();
    let more = body["extra_responses"].as_array().cloned().unwrap_or_default();
    let texts = std::iter::once(&body).chain(&more).map(|one| one["text"].as_str());
    texts.map(Option::unwrap_or_default).collect::<Vec<_>>().join("\n")
}

/// Opens the page of a link and decides.
pub(crate) async fn decide(browser: &Browser, link: &str, action: &str) -> Page {
    let page = browser.get(link).await.expect(200);
    let at = page.body.find("/account/chats/").unwrap();
    let csrf = form_value(&page.body[at..], "csrf").unwrap();
    browser.post(link, &[("csrf", &csrf), ("do", action)]).await
}

#[tokio::test]
async fn ca47_commands_act_with_the_rights_of_the_linked_user_and_are_in_the_audit() {
    let stage = Stage::with(|config| {
        config.access.tool_roles = vec!["wait = staff".to_owned()];
        config.policy.rules = vec!["deny tool=server_info client=mattermost".to_owned()];
    })
    .await;
    let account = stage.linked().await;
    let said = stage.say(&account, "whoami").await;
    assert!(said.contains("`alice`") && said.contains("mcp:destructive"), "{said}");
    let tools = stage.say(&account, "tools").await;
    assert!(tools.contains("- `whoami`:"), "{tools}");
    assert!(!tools.contains("`wait`") && !tools.contains("`server_info`"), "{tools}");
    assert!(stage.say(&account, "tools no-such-tool").await.contains("No tool"), "{tools}");
    let called = stage.say(&account, "call whoami").await;
    assert!(called.contains("\"client_id\": \"mattermost\""), "{called}");
    for refused in ["wait seconds=0", "server_info", "none_such"] {
        let said = stage.say(&account, &format!("call {refused}")).await;
        assert!(said.contains("may not use") || said.contains("no tool"), "{refused}: {said}");
    }
    let wrong = stage.say(&account, "call whoami x").await;
    assert!(wrong.contains("key=value"), "{wrong}");
    stage.server.app.store.flush().await.unwrap();
    let filter = AuditFilter::default();
    let entries = stage.server.app.store.audit(&filter, None, 50).await.unwrap().entries;
    let call = entries.iter().find(|entry| entry.event.kind.as_str() == "tool.called").unwrap();
    assert_eq!(call.event.actor.client_id.as_deref(), Some("mattermost"));
    assert_eq!(call.event.actor.user_name.as_deref(), Some("alice"));
}

#[tokio::test]
async fn ca47_messages_of_two_accounts_at_once_never_mix_their_users() {
    let stage = Stage::new().await;
    stage.server.user("bob").await;
    let ally = stage.linked().await;
    let bobby = stage.chat.account("bobby");
    stage.link(&bobby, &stage.server.signed_in("bob").await).await.expect(200);
    for _ in 0..5 {
        let (one, other) =
            tokio::join!(stage.say(&ally, "call whoami"), stage.say(&bobby, "call whoami"));
        assert!(one.contains("\"name\": \"alice\"") && !one.contains("bob"), "{one}");
        assert!(other.contains("\"name\": \"bob\"") && !other.contains("alice"), "{other}");
    }
}

#[tokio::test]
async fn ca42_a_wrong_or_missing_token_is_403_and_wrong_ones_are_counted() {
    let stage = Stage::with(|config| config.accounts.address_failures_before_delay = 3).await;
    let (account, hook) = (stage.chat.account("ally"), stage.chat.hook());
    let try_one = async |token: &str| {
        stage.chat.command(&stage.connector(), token, (&account, &hook), "help").await
    };
    // Nothing is compared with a missing one.
    for _ in 0..5 {
        assert_eq!(try_one("").await.status, 403);
    }
    // The token of the webhook is none for commands.
    for wrong in [WEBHOOK, "x", &COMMAND[1..]] {
        assert_eq!(try_one(wrong).await.status, 403, "{wrong}");
    }
    let waits = try_one("another").await.expect(429);
    assert!(!waits.header("retry-after").is_empty());
    // A right one is not compared either, until the time is over.
    assert_eq!(try_one(COMMAND).await.status, 429);
    stage.server.clock.advance(3600);
    assert!(told(&try_one(COMMAND).await).contains("call NAME"));
    let nowhere = stage.server.at("/connectors/other");
    assert_eq!(stage.chat.command(&nowhere, COMMAND, (&account, &hook), "help").await.status, 404);
    assert_eq!(Browser::new().get(&stage.connector()).await.status, 405);
}

#[tokio::test]
async fn ca43_a_long_command_is_answered_within_a_second_and_its_result_follows() {
    let stage = Stage::new().await;
    let (account, hook) = (stage.linked().await, stage.chat.hook());
    let began = Instant::now();
    let text = "call wait seconds=2";
    let page = stage.chat.command(&stage.connector(), COMMAND, (&account, &hook), text).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(told(&page), "Working on it …");
    assert_eq!(page.json()["response_type"], "ephemeral");
    for _ in 0..200 {
        if !stage.chat.later(&hook).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let later = stage.chat.later(&hook);
    assert!(later.len() == 1 && later[0].contains("\"waited_seconds\": 2"), "{later:?}");
    // The same command again, as a replay, does nothing.
    let again = stage.chat.command(&stage.connector(), COMMAND, (&account, &hook), text).await;
    assert_eq!(again.expect(200).json(), json!({}));
}

#[tokio::test]
async fn ca46_without_the_permission_there_is_a_polite_refusal() {
    let stage = Stage::with(|config| {
        config.access.scope_roles = vec!["mattermost:access = staff".to_owned()];
    })
    .await;
    let account = stage.linked().await;
    for text in ["whoami", "tools", "call whoami"] {
        let said = stage.say(&account, text).await;
        assert!(said.starts_with("Sorry, you may not use this bot"), "{said}");
    }
    stage.server.user_with("eve", &["staff"]).await;
    let other = stage.chat.account("evie");
    stage.link(&other, &stage.server.signed_in("eve").await).await.expect(200);
    assert!(stage.say(&other, "whoami").await.contains("`eve`"));
}

#[tokio::test]
async fn ca50_a_call_that_needs_a_confirmation_leads_to_the_page_and_is_made_with_its_code() {
    let stage = Stage::with(|config| {
        config.policy.rules = vec!["confirm tool=whoami client=mattermost".to_owned()];
    })
    .await;
    let account = stage.linked().await;
    let said = stage.say(&account, "call whoami").await;
    let link = said.lines().last().unwrap().to_owned();
    assert!(link.starts_with(&stage.server.at("/confirm/")), "{said}");
    let browser = stage.server.signed_in("alice").await;
    let page = browser.get(&link).await.expect(200);
    assert!(page.body.contains("Mattermost"), "{}", page.body);
    let csrf = form_value(&page.body[page.body.find("/confirm/").unwrap()..], "csrf").unwrap();
    let shown = browser.post(&link, &[("csrf", &csrf)]).await.expect(200);
    let at = shown.body.find("<code class=\"big\">").unwrap() + 18;
    let code = shown.body[at..].split('<').next().unwrap();
    let done = stage.say(&account, &format!("call whoami confirm_write={code}")).await;
    assert!(done.contains("\"name\": \"alice\""), "{done}");
    let again = stage.say(&account, &format!("call whoami confirm_write={code}")).await;
    assert!(!again.contains("\"name\": \"alice\""), "{again}");
}

#[tokio::test]
async fn ca48_posts_are_answered_in_their_thread_with_reactions_and_never_those_of_bots() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    let channel = stage.chat.channel();
    let robot = stage.chat.other_bot("robot");
    stage.chat.write(&channel, &robot, "@doorward help");
    let own = stage.chat.channel();
    stage.chat.write(&own, &stage.chat.bot, "@doorward help");
    let from = (channel.as_str(), account.as_str());
    stage.chat.write_marked(from, "@doorward help", "system_join_channel", json!({}));
    stage.chat.write_marked(from, "@doorward help", "", json!({"from_webhook": "true"}));
    stage.chat.write(&channel, &account, "nothing for the bot, nor for @doorwarden");
    // The lower case of this letter is longer.
    let asked = stage.chat.write(&channel, &account, "İyi günler @Doorward: call whoami");
    stage.server.keep_house();
    let answers = stage.chat.answered(&channel, 1).await;
    stage.chat.marked(&asked, "white_check_mark").await;
    let wrong = stage.chat.write(&channel, &account, "@doorward call none_such");
    stage.chat.marked(&wrong, "x").await;
    let slow = stage.chat.write(&channel, &account, "@doorward call wait seconds=1");
    stage.chat.marked(&slow, "white_check_mark").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(answers[0].root, asked);
    assert!(answers[0].text.contains("\"name\": \"alice\""), "{answers:?}");
    assert_eq!(stage.chat.reacted(&asked), ["eyes", "white_check_mark"]);
    assert!(stage.chat.typed() > 0);
    let all = stage.chat.answers(&channel);
    assert!(all.len() == 3 && stage.chat.answers(&own).len() == 1, "{all:?}");
    // A result for its author alone comes by a direct message.
    let personal = stage.chat.write(&channel, &account, "@doorward whoami");
    stage.chat.marked(&personal, "white_check_mark").await;
    let public = stage.chat.answers(&channel);
    assert!(public.iter().all(|post| !post.text.contains("You act as")), "{public:?}");
    let direct = stage.chat.answers(&stage.chat.direct(&account));
    assert!(direct.len() == 1 && direct[0].text.contains("You act as `alice`"), "{direct:?}");
}

#[tokio::test]
async fn ca41_each_post_is_answered_once_by_two_replicas_a_webhook_and_a_restart() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    let channel = stage.chat.direct(&account);
    let replica =
        TestServer::start_on(stage.server.config.clone(), stage.server.data_dir.clone()).await;
    stage.server.keep_house();
    replica.keep_house();
    let mut posts = Vec::new();
    for number in 0..6 {
        let post =
            stage.chat.write(&channel, &account, &format!("call wait seconds=0 n{number}=1"));
        for _ in 0..2 {
            let url = replica.at("/connectors/chat");
            stage.chat.webhook(&url, WEBHOOK, &post, &account).await.expect(200);
        }
        stage.chat.answered(&channel, number + 1).await;
        posts.push(post);
    }
    drop(replica);
    let restarted =
        TestServer::start_on(stage.server.config.clone(), stage.server.data_dir.clone()).await;
    restarted.keep_house();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let answers = stage.chat.answers(&channel);
    assert_eq!(answers.len(), posts.len(), "{answers:?}");
    for post in &posts {
        assert_eq!(answers.iter().filter(|answer| answer.root == *post).count(), 1);
    }
}

#[tokio::test]
async fn ca41_a_post_whose_process_ended_gets_an_apology_once_and_nothing_is_done_twice() {
    let stage = Stage::with(|config| {
        config.connectors.get_mut("chat").unwrap().poll_seconds = 0;
    })
    .await;
    let account = stage.linked().await;
    let channel = stage.chat.direct(&account);
    let lost = stage.chat.write(&channel, &account, "call whoami");
    let claim = ChatPost {
        connector: "chat".into(),
        post: lost.clone(),
        channel: channel.clone(),
        root: String::new(),
        claimed_at: stage.server.clock.now(),
    };
    stage.server.app.store.apply(ChatChange::Claim(claim)).await.unwrap();
    stage.server.clock.advance(1000);
    stage.server.keep_house();
    let answers = stage.chat.answered(&channel, 1).await;
    assert!(answers[0].text.starts_with("Sorry, I was interrupted"), "{answers:?}");
    stage.chat.marked(&lost, "x").await;
    stage.chat.webhook(&stage.connector(), WEBHOOK, &lost, &account).await.expect(200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stage.chat.answers(&channel).len(), 1);
}

#[tokio::test]
async fn ca41_a_webhook_that_states_another_author_than_the_post_is_not_answered() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    let stranger = stage.chat.account("mallory");
    let channel = stage.chat.channel();
    let post = stage.chat.write(&channel, &stranger, "doorward call whoami");
    stage.chat.webhook(&stage.connector(), WEBHOOK, &post, &account).await.expect(200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(stage.chat.answers(&channel).is_empty());
    let own = stage.chat.write(&channel, &account, "doorward call whoami");
    stage.chat.webhook(&stage.connector(), WEBHOOK, &own, &account).await.expect(200);
    let answers = stage.chat.answered(&channel, 1).await;
    assert!(answers[0].text.contains("\"name\": \"alice\""), "{answers:?}");
}

#[tokio::test]
async fn ca51_a_chat_server_that_is_busy_or_cuts_connections_gets_each_answer_once() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    let channel = stage.chat.direct(&account);
    stage.chat.misbehave("/api/v4/posts", ChatFault::Status(429, Some(1)), 1);
    stage.chat.misbehave("/api/v4/posts", ChatFault::Status(503, None), 1);
    stage.chat.misbehave("/api/v4/posts", ChatFault::Lost, 1);
    stage.chat.misbehave("/reactions", ChatFault::Cut, 1);
    let post = stage.chat.write(&channel, &account, "call whoami");
    stage.server.keep_house();
    stage.chat.marked(&post, "white_check_mark").await;
    assert_eq!(stage.chat.answers(&channel).len(), 1);
}
