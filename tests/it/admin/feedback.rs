//! Answers to actions in lists: the message stands at the row that changed and takes the focus, the
//! list is as it was, and what was typed survives a refusal.

use doorward_accounts::Authority;
use doorward_admin::NewResource;
use doorward_testkit::form_value;

use super::{lists::add_users, stage};

#[tokio::test]
async fn the_message_about_an_action_stands_at_the_row_that_changed_in_the_same_part() {
    let (server, root) = stage().await;
    add_users(&server, &root, 1..31).await;
    let browser = server.signed_in("root").await;
    let at = server.at("/admin/users?search=member&limit=10&sort=-name");
    let page = browser.get(&at).await.expect(200).body;
    let form = page.split_once("method=\"post\" action=\"/admin/users\"").unwrap().1;
    let (csrf, list) = (form_value(form, "csrf").unwrap(), form_value(form, "list").unwrap());
    let fields = [
        ("csrf", csrf.as_str()),
        ("list", &list.replace("&#38;", "&")),
        ("do", "disable"),
        ("row-u_copy00028", "1"),
        ("sure", "1"),
    ];
    let done = browser.post(&server.at("/admin/users"), &fields).await.expect(200).body;
    let (before, row) = done.split_once("<tr id=\"row-u_copy00028\" class=\"changed\">").unwrap();
    let message = "role=\"status\" tabindex=\"-1\" autofocus>1 user was disabled.</p></td></tr>";
    assert!(before.trim_end().ends_with(message), "{before}");
    assert_eq!(done.matches("autofocus").count(), 1);
    assert_eq!(done.matches("class=\"changed\"").count(), 1);
    assert!(row.contains("member00027") && !done.contains("member00001"), "{row}");
    assert!(done.contains("1–10 of 30"), "the part is the one that was shown");
    // The question leads back to it too.
    let asked = fields[..4].to_vec();
    let asked = browser.post(&server.at("/admin/users"), &asked).await.expect(200).body;
    assert!(asked.contains("/admin/users?search=member&#38;sort=-name&#38;limit=10"), "{asked}");
}

#[tokio::test]
async fn short_lists_have_no_controls_and_refused_forms_keep_what_was_typed() {
    let (server, _) = stage().await;
    let browser = server.signed_in("root").await;
    for path in
        ["/admin/resources", "/admin/toolsets", "/admin/trust", "/admin/providers", "/admin/keys"]
    {
        let page = browser.get(&server.at(path)).await.expect(200).body;
        assert!(!page.contains("class=\"find\"") && !page.contains("class=\"sizes\""), "{path}");
        assert!(page.len() < 100_000, "{path}");
    }
    let form = browser.get(&server.at("/admin/resources?add=1")).await.expect(200).body;
    let form = form.split_once(" action=\"/admin/resources\"").unwrap().1;
    let csrf = form_value(form, "csrf").unwrap();
    let fields = [
        ("csrf", csrf.as_str()),
        ("do", "add"),
        ("url", "http://notes.example/mcp"),
        ("name", "Notes <of> ours"),
        ("scopes", "notes:read"),
    ];
    let refused = browser.post(&server.at("/admin/resources"), &fields).await.expect(400).body;
    assert!(refused.contains("value=\"Notes &#60;of&#62; ours\""), "{refused}");
    assert!(refused.contains("value=\"http://notes.example/mcp\""));
    assert!(refused.contains("role=\"alert\" tabindex=\"-1\" autofocus data-code="), "{refused}");
}

#[tokio::test]
async fn resource_servers_are_searched_sorted_and_have_pages_of_their_own() {
    let (server, _) = stage().await;
    for (host, name) in [("a", "Zoo"), ("b", "Attic"), ("c", "Midway")] {
        let new = NewResource {
            url: format!("https://{host}.example/mcp"),
            name: Some(name.to_owned()),
            scopes: vec!["notes:read".to_owned()],
            roles: Vec::new(),
        };
        server.app.admin.resources.add(&Authority::operator(), new).await.unwrap();
    }
    let browser = server.signed_in("root").await;
    let list = async |query: &str| {
        let page = browser.get(&server.at(&format!("/admin/resources?{query}"))).await.expect(200);
        ["Zoo", "Attic", "Midway"].map(|name| page.body.find(&format!("<bdi>{name}</bdi>")))
    };
    let [zoo, attic, midway] = list("sort=name").await;
    assert!(attic < midway && midway < zoo && attic.is_some());
    let [zoo, attic, midway] = list("sort=-url").await;
    assert!(midway < attic && attic < zoo);
    let [zoo, attic, midway] = list("search=ATT").await;
    assert!(zoo.is_none() && midway.is_none() && attic.is_some());
    browser.get(&server.at("/admin/resources?sort=secret")).await.expect(400);
    browser.get(&server.at("/admin/resources/rs_none")).await.expect(404);
    let page = browser.get(&server.at("/admin/resources?limit=1")).await.expect(200).body;
    assert!(page.contains("1–1 of 3") && page.contains("rel=\"next\""), "{page}");
}
