//! The lists of administrators: search, filters, order and parts, alike on pages and in the API.

use std::collections::BTreeSet;

use doorward_accounts::Authority;
use doorward_admin::NewGroup;
use doorward_model::{Change, ClientId, Role, UnitOfWork, User, UserId, UserName};
use doorward_testkit::{Browser, OAuthClient, TestServer, form_value};

use super::{Api, key, stage};

/// Maximum number of bytes of a page, and of the statements that it needs.
const BYTES: usize = 100_000;
const STATEMENTS: u64 = 10;

/// Adds copies of a user, of whom every third was added at the same moment as another.
pub(super) async fn add_users(server: &TestServer, model: &User, numbers: std::ops::Range<u32>) {
    let user = |number: u32| {
        let mut user = model.clone();
        user.id = UserId::from_text(format!("u_copy{number:05}"));
        user.name = UserName::parse(&format!("member{number:05}")).unwrap();
        user.display_name = Some(format!("Member 100% Nr_{number}"));
        user.email = Some(format!("member{number}@department.example.com"));
        user.created_at = model.created_at.plus(-i64::from(number / 3));
        user.disabled_at = number.is_multiple_of(10).then_some(model.created_at);
        user.roles =
            vec![Role::parse(if number.is_multiple_of(4) { "lead" } else { "staff" }).unwrap()];
        Change::InsertUser(user)
    };
    let unit: UnitOfWork = numbers.map(user).collect();
    server.app.store.apply(unit).await.unwrap();
}

/// The names on the parts of a list, followed in one direction until its end.
async fn follow(
    api: &Api<'_>,
    query: &str,
    direction: (&str, &str),
    start: &str,
) -> Vec<Vec<String>> {
    let (parameter, member) = direction;
    let mut parts = Vec::new();
    let mut cursor = start.to_owned();
    loop {
        let encoded: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        let at = if cursor.is_empty() { String::new() } else { format!("&{parameter}={encoded}") };
        let part = api.get(&format!("/users?{query}{at}")).await;
        let names = part["users"].as_array().unwrap();
        parts.push(names.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect());
        assert!(parts.len() < 100, "the parts do not end");
        match part[member].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return parts,
        }
    }
}

#[tokio::test]
async fn parts_of_a_list_meet_without_gap_or_repetition_in_both_directions() {
    let (server, root) = stage().await;
    let key = key(&server, &root, "admin").await;
    let api = Api { server: &server, key };
    add_users(&server, &root, 0..23).await;
    for sort in ["name", "-name", "created", "-created"] {
        let query = format!("limit=5&sort={sort}");
        let forward = follow(&api, &query, ("after", "next"), "").await;
        let all: Vec<String> = forward.concat();
        assert_eq!(all.len(), 24, "{sort}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 24, "{sort}: {all:?}");
        let whole = follow(&api, &format!("limit=500&sort={sort}"), ("after", "next"), "").await;
        assert_eq!(whole.concat(), all, "{sort}");
        // From the last part back to the first.
        let last = api.get(&format!("/users?limit=500&sort={sort}")).await;
        let last = last["users"].as_array().unwrap().last().unwrap();
        let value = if sort.ends_with("name") { &last["name"] } else { &last["created_at"] };
        let end = serde_json::json!([value, last["id"]]).to_string();
        let back = follow(&api, &query, ("before", "previous"), &end).await;
        let mut parts = back;
        parts.reverse();
        assert_eq!(parts.concat(), all[..23], "{sort}");
        if sort == "name" {
            let mut sorted = all.clone();
            sorted.sort();
            assert_eq!(sorted, all);
        }
    }
}

#[tokio::test]
async fn pages_and_the_api_find_the_same_and_refuse_the_same() {
    let (server, root) = stage().await;
    let key = key(&server, &root, "admin").await;
    let api = Api { server: &server, key };
    add_users(&server, &root, 0..40).await;
    let browser = server.signed_in("root").await;
    for (query, total) in [
        ("", 41),
        ("search=MEMBER0001", 10),
        ("search=nr_7", 1),
        ("search=100%25", 40),
        ("search=member7%40department", 1),
        ("search=nr%25", 0),
        ("state=disabled", 4),
        ("state=enabled", 37),
        ("role=lead", 10),
        ("role=lea", 0),
        ("role=lead&state=disabled", 2),
        ("search=member&limit=10&sort=-created", 40),
    ] {
        assert_eq!(api.get(&format!("/users?{query}")).await["total"], total, "{query}");
        let page = browser.get(&server.at(&format!("/admin/users?{query}"))).await.expect(200);
        assert!(page.body.contains(&format!(" of {total}</span>")), "{query}: {}", page.body);
        let file = server.at(&format!("/admin/users?{query}&format=csv"));
        let file = browser.get(&file).await.expect(200);
        assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(file.body.lines().count(), 1 + usize::try_from(total).unwrap(), "{query}");
    }
    for path in ["users", "clients", "tokens"] {
        for query in [
            "sort=shoe",
            "state=asleep",
            "after=x",
            "after=%5B1%5D",
            "limit=0",
            "limit=501",
            "limit=many",
            "before=%5B%22a%22%2C%22b%22%5D&after=%5B%22a%22%2C%22b%22%5D&sort=name",
            "after=%5B%22a%22%2C%22b%22%5D&sort=created",
        ] {
            let answer = api
                .ask(reqwest::Method::GET, &format!("/{path}?{query}"), None, None)
                .await
                .expect(400);
            assert_eq!(answer.json()["error"], "invalid_request", "{path} {query}");
            let page = browser.get(&server.at(&format!("/admin/{path}?{query}"))).await.expect(400);
            assert!(page.body.contains("data-code=\"invalid_request\""), "{path} {query}");
        }
    }
    browser.get(&server.at("/admin/users?role=No-Role!")).await.expect(400);
}

#[tokio::test]
async fn one_search_finds_users_and_clients_and_only_for_administrators() {
    let (server, root) = stage().await;
    add_users(&server, &root, 0..20).await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("root").await;
    let search = async |text: &str| {
        browser.get(&server.at(&format!("/admin/search?search={text}"))).await.expect(200).body
    };
    assert!(!search("").await.contains("found-1"));
    assert!(search("nothing-has-this").await.contains("No matches"));
    let users = search("MEMBER0001").await;
    assert!(users.contains("/admin/users/u_copy00010") && users.contains("search=MEMBER0001"));
    assert!(search(&client.id).await.contains("/admin/clients/one?client_id="));
    let hostile = search("%3Cscript%3Ealert(1)%3C%2Fscript%3E%00").await;
    assert!(!hostile.contains("<script>alert"));
    server.user("alice").await;
    server.signed_in("alice").await.get(&server.at("/admin/search?search=a")).await.expect(404);
}

/// The statements and bytes of a page.
pub(super) async fn measured(server: &TestServer, browser: &Browser, path: &str) -> (u64, usize) {
    let store = &server.app.store;
    let mut least = (u64::MAX, 0);
    // The server's own loops read too; the least of a few is without them.
    for _ in 0..3 {
        let before = store.statements();
        let page = browser.get(&server.at(path)).await.expect(200);
        least = (least.0.min(store.statements() - before), page.body.len());
    }
    least
}

#[tokio::test]
async fn a_page_of_a_list_needs_few_statements_and_bytes_however_long_the_list_is() {
    let (server, root) = stage().await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("root").await;
    let model = server.app.store.client(&ClientId::from_text(&client.id)).await.unwrap().unwrap();
    add_users(&server, &root, 0..5000).await;
    let unit: UnitOfWork = (0..20_000_u32)
        .map(|number| {
            let mut client = (*model).clone();
            client.id = ClientId::from_text(format!("https://c{number:05}.example/metadata.json"));
            client.name = format!("A client with a long name, number {number}");
            client.created_at = model.created_at.plus(-i64::from(number));
            Change::InsertClient(Box::new(client))
        })
        .collect();
    server.app.store.apply(unit).await.unwrap();
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let late_user = encode("[\"member04900\",\"u_copy04900\"]");
    let late_client = encode(&format!(
        "[{},\"https://c19000.example/metadata.json\"]",
        model.created_at.0 - 19_000
    ));
    for path in [
        "/admin/users".to_owned(),
        "/admin/users?search=member04&sort=-created".to_owned(),
        format!("/admin/users?after={late_user}"),
        format!("/admin/users?before={late_user}&state=disabled"),
        "/admin/clients".to_owned(),
        "/admin/clients?search=number%201&state=unused&sort=name".to_owned(),
        format!("/admin/clients?after={late_client}"),
        "/admin/tokens".to_owned(),
        "/admin/search?search=4".to_owned(),
    ] {
        let (statements, bytes) = measured(&server, &browser, &path).await;
        assert!(statements <= STATEMENTS, "{path}: {statements} statements");
        assert!(bytes <= BYTES, "{path}: {bytes} bytes");
    }
}

#[tokio::test]
async fn selected_users_are_disabled_after_a_question_and_the_last_administrator_is_not() {
    let (server, root) = stage().await;
    add_users(&server, &root, 1..4).await;
    let browser = server.signed_in("root").await;
    let page = browser.get(&server.at("/admin/users")).await.expect(200);
    let csrf = form_value(
        &page.body[page.body.find("method=\"post\" action=\"/admin/users\"").unwrap()..],
        "csrf",
    )
    .unwrap();
    let own = format!("row-{}", root.id);
    let fields = [
        ("csrf", csrf.as_str()),
        ("do", "disable"),
        ("row-u_copy00001", "1"),
        ("row-u_copy00002", "1"),
        (own.as_str(), "1"),
    ];
    let asked = browser.post(&server.at("/admin/users"), &fields).await.expect(200);
    assert!(asked.body.contains("Disable 3 users?") && asked.body.contains("member00002"));
    let state = async |name: &str| {
        let name = UserName::parse(name).unwrap();
        server.app.store.user_named(&name).await.unwrap().unwrap().disabled_at.is_some()
    };
    assert!(!state("member00001").await, "a question changes nothing");
    let sure: Vec<_> = fields.iter().copied().chain([("sure", "1")]).collect();
    let done = browser.post(&server.at("/admin/users"), &sure).await.expect(409);
    assert!(done.body.contains("2 users were disabled."), "{}", done.body);
    assert!(done.body.contains("data-code=\"last_administrator\""));
    assert!(state("member00001").await && state("member00002").await);
    assert!(!state("member00003").await && !state("root").await);
    let enable: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, if *name == "do" { "enable" } else { *value }))
        .collect();
    browser.post(&server.at("/admin/users"), &enable).await.expect(200);
    assert!(!state("member00001").await);
}

#[tokio::test]
async fn selected_users_are_added_to_a_group_whose_page_shows_all_members_in_parts() {
    let (server, root) = stage().await;
    add_users(&server, &root, 0..60).await;
    let browser = server.signed_in("root").await;
    let list = browser.get(&server.at("/admin/users")).await.expect(200);
    assert!(!list.body.contains("value=\"join\""), "there is no group");
    let new = NewGroup { name: "crew".to_owned(), description: String::new(), roles: vec![] };
    server.app.admin.groups.add(&Authority::operator(), new).await.unwrap();
    let list = browser.get(&server.at("/admin/users")).await.expect(200).body;
    assert!(list.contains("value=\"join\"") && list.contains("<option>crew</option>"));
    let form = &list[list.find("method=\"post\" action=\"/admin/users\"").unwrap()..];
    let csrf = form_value(form, "csrf").unwrap();
    let rows: Vec<String> = (0..60).map(|number| format!("row-u_copy{number:05}")).collect();
    for (part, told) in rows.chunks(50).zip(["50 members were added.", "10 members were added."]) {
        let mut fields = vec![("csrf", csrf.as_str()), ("do", "join"), ("group", "crew")];
        fields.extend(part.iter().map(|row| (row.as_str(), "1")));
        let done = browser.post(&server.at("/admin/users"), &fields).await.expect(200).body;
        assert!(done.contains(told), "{done}");
    }
    // The parts of the page meet, forwards and backwards.
    let names = |page: &str| -> Vec<String> {
        let names = page.split("<bdi>member").skip(1);
        names.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    };
    let link = |page: &str, rel: &str| {
        let link = page.split(&format!("rel=\"{rel}\" href=\"")).nth(1)?;
        Some(link.split('"').next().unwrap().replace("&#38;", "&"))
    };
    let first = browser.get(&server.at("/admin/groups/crew")).await.expect(200).body;
    assert!(first.contains("1–50 of 60") && link(&first, "prev").is_none());
    let next = link(&first, "next").unwrap();
    let second = browser.get(&format!("{}{next}", server.url)).await.expect(200).body;
    assert!(second.contains("51–60 of 60") && link(&second, "next").is_none());
    assert_eq!([names(&first), names(&second)].concat().len(), 60);
    let back = link(&second, "prev").unwrap();
    let again = browser.get(&format!("{}{back}", server.url)).await.expect(200).body;
    assert_eq!(names(&again), names(&first));
    browser.get(&server.at("/admin/groups/crew?after=nonsense")).await.expect(400);
}
