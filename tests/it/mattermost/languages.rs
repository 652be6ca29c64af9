//! Texts of the bot are in the language that their reader chose in the chat.

use doorward_testkit::{ChatFault, button};

use super::Stage;

#[tokio::test]
async fn ca48_the_bot_writes_in_the_language_of_each_account() {
    let stage = Stage::with(|config| {
        config.policy.rules = vec!["confirm tool=whoami client=mattermost".to_owned()];
        config.connectors.entry("chat".to_owned()).or_default().buttons = true;
    })
    .await;
    stage.server.keep_house();
    let chat = &stage.chat;
    for (name, locale, help, unlinked, wrong, question, yes, confirmed) in [
        (
            "greta",
            "de",
            "Ich rufe Tools für Sie auf",
            "Ich weiß noch nicht",
            "Ein Argument kommt zweimal vor.",
            "Dieser Aufruf wurde noch nicht",
            "Ausführen",
            "`whoami` wurde bestätigt.",
        ),
        (
            "fanny",
            "fr-CA",
            "J’appelle des outils",
            "Je ne sais pas encore",
            "Un argument apparaît deux fois.",
            "Cet appel n’a pas encore",
            "Effectuer",
            "`whoami` a été confirmé.",
        ),
        (
            "paulo",
            "pt-BR",
            "I call tools for you",
            "I do not know yet",
            "An argument occurs twice.",
            "This call was not made yet",
            "Do it",
            "`whoami` was confirmed.",
        ),
        (
            "nemo",
            "",
            "I call tools for you",
            "I do not know yet",
            "An argument occurs twice.",
            "This call was not made yet",
            "Do it",
            "`whoami` was confirmed.",
        ),
    ] {
        let account = chat.account_in(name, locale);
        let told = stage.say(&account, "help").await;
        assert!(told.starts_with(help), "{told}");
        let told = stage.say(&account, "whoami").await;
        assert!(told.starts_with(unlinked), "{told}");
        assert_eq!(stage.say(&account, "call x a=1 a=2").await, wrong);
        stage.server.user(name).await;
        // The link is the same in every language.
        let at = told.find(&stage.server.url).unwrap();
        let link = told[at..].split_whitespace().next().unwrap();
        super::decide(&stage.server.signed_in(name).await, link, "link").await.expect(200);
        // What comes later is in the same language: the answer to a post, and to a button.
        let direct = chat.direct(&account);
        chat.write(&direct, &account, "call whoami");
        let asked = chat.answered(&direct, 1).await;
        assert!(asked[0].text.starts_with(question), "{asked:?}");
        let pressed = chat.press(&button(&chat.attachments(&direct), yes), &account).await;
        assert_eq!(pressed.expect(200).json()["update"]["message"], confirmed);
        chat.answered(&direct, 2).await;
    }
}

#[tokio::test]
async fn an_account_whose_language_cannot_be_read_is_answered_in_english() {
    let stage = Stage::new().await;
    let account = stage.chat.account_in("greta", "de");
    stage.chat.misbehave(&format!("/users/{account}"), ChatFault::Status(404, None), 1);
    assert!(stage.say(&account, "help").await.starts_with("I call tools for you"));
    assert!(stage.say(&account, "help").await.starts_with("Ich rufe Tools"));
}
