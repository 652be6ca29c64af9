//! Groups: adding, changing, members and deleting; the import of users; and the users who may.

use doorward_accounts::Authority;
use doorward_admin::NewGroup;
use doorward_model::{Group, GroupName, UserId};
use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Case, Object, Stage, Via, compare, done, refused};

async fn find(stage: &Stage, name: &str) -> Object {
    let store = stage.store().await;
    let name = GroupName::parse(name).unwrap();
    let Some(group) = store.group(&name).await.unwrap() else { return Object::default() };
    let mut members = Vec::new();
    for user in store.users().await.unwrap() {
        if user.groups().any(|one| one == name.as_str()) {
            // The user may be a member of groups of other cases too.
            let of_others = |role: &&doorward_model::Role| {
                role.group().is_some_and(|group| group != name.as_str())
            };
            let roles: Vec<_> = user.group_roles.iter().filter(|role| !of_others(role)).collect();
            members.push((user.name.to_string(), format!("{roles:?}")));
        }
    }
    let Group { name, description, roles, .. } = &group;
    let facts = format!("{description} {roles:?} {members:?}");
    Object { id: name.to_string(), etag: group.etag(), state: facts }
}

pub(super) async fn prepare(stage: &Stage, name: &str, roles: &[&str]) -> Object {
    let roles = roles.iter().map(ToString::to_string).collect();
    let new = NewGroup { name: name.to_owned(), description: "Old".to_owned(), roles };
    stage.server.app.admin.groups.add(&Authority::operator(), new).await.unwrap();
    find(stage, name).await
}

fn adding<'a>(name: &'a str, role: &'a str) -> Asked<'a> {
    let fields = vec![("do", "add"), ("name", name), ("description", "Writes"), ("roles", role)];
    Asked {
        page: ("/admin/groups?add=1 > /admin/groups", fields),
        api: (
            Method::POST,
            "/groups",
            json!({"name": name, "description": "Writes", "roles": [role]}),
        ),
        command: (vec!["group", "add", name, "--description", "Writes", "--role", role], ""),
    }
}

fn changing(role: &str) -> Asked<'_> {
    Asked {
        page: (
            "/admin/groups/{name}",
            vec![("do", "save"), ("description", "New"), ("roles", role)],
        ),
        api: (Method::PATCH, "/groups/{name}", json!({"description": "New", "roles": [role]})),
        command: (vec!["group", "set", "{name}", "--description", "New", "--role", role], ""),
    }
}

fn joining<'a>(user: &'a str, command: &'a str) -> Asked<'a> {
    Asked {
        page: ("/admin/groups/{name}", vec![("do", "add-members"), ("users", user)]),
        api: (Method::POST, "/groups/{name}/members", json!({"add": [user]})),
        command: (vec!["group", command, "{name}", user], ""),
    }
}

fn leaving<'a>(field: &'a str, id: &'a str) -> Asked<'a> {
    Asked {
        page: ("/admin/groups/{name}", vec![("do", "remove"), (field, "1")]),
        api: (Method::POST, "/groups/{name}/members", json!({"remove": [id]})),
        command: (vec!["group", "leave", "{name}", id], ""),
    }
}

fn deleting<'a>() -> Asked<'a> {
    Asked {
        page: ("/admin/groups/{name}", vec![("do", "delete"), ("sure", "1")]),
        api: (Method::DELETE, "/groups/{name}", Value::Null),
        command: (vec!["group", "delete", "{name}"], ""),
    }
}

#[tokio::test]
async fn groups_are_added_changed_joined_left_and_deleted_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let ann = stage.server.user("ann").await;
    let found = async |name: &str| find(&stage, name).await;
    let nothing = async |_: &str| Object::default();
    let cases = [
        done("new", adding("{name}", "developer")),
        refused("no name", "invalid_name", adding("Team A", "developer")),
        refused("no role", "invalid_roles", adding("{name}", "Developer")),
        refused("of services", "invalid_roles", adding("{name}", "service")),
        refused("as a role", "invalid_roles", adding("{name}", "group:other")),
    ];
    compare(&stage, &cases, nothing, found).await;
    let staff = async |name: &str| prepare(&stage, name, &["staff"]).await;
    let cases = [
        refused("taken", "name_taken", adding("{name}", "developer")),
        done("changed", changing("lead")),
        refused("to a wrong role", "invalid_roles", changing("Lead")),
        done("joined", joining("ann", "join")),
        done("deleted", deleting()),
    ];
    compare(&stage, &cases, staff, found).await;
    let member = async |name: &str| {
        prepare(&stage, name, &["staff"]).await;
        let (groups, add) = (&stage.server.app.admin.groups, ["ann".to_owned()]);
        let members = doorward_admin::Members { add: &add, remove: &[] };
        groups.change_members(&Authority::operator(), name, members).await.unwrap();
        find(&stage, name).await
    };
    let field = format!("row-{}", ann.id);
    let cases = [
        done("left", leaving(&field, ann.id.as_str())),
        Case { silent: true, ..done("joined again", joining("ann", "join")) },
        done("changed for its member", changing("lead")),
        done("deleted with its member", deleting()),
    ];
    compare(&stage, &cases, member, found).await;
    // A user who is not there: every front end refuses, the page as a wrong value of its form.
    prepare(&stage, "alone", &[]).await;
    for via in Via::ALL {
        let outcome = stage.ask(via, &joining("nemo", "join"), &[("name", "alone")]).await;
        assert_eq!(outcome.code.as_deref(), Some("not_found"), "{via:?}: {}", outcome.answer);
    }
}

#[tokio::test]
async fn the_group_that_makes_the_last_administrator_stays_and_keeps_its_role_and_member() {
    let stage = Stage::on(TestServer::start().await).await;
    let root = stage.user("root").await.unwrap();
    prepare(&stage, "admins", &["admin"]).await;
    let operator = Authority::operator();
    let (groups, add) = (&stage.server.app.admin.groups, ["root".to_owned()]);
    let members = doorward_admin::Members { add: &add, remove: &[] };
    groups.change_members(&operator, "admins", members).await.unwrap();
    // The role of the administrator's own is no longer needed once a group gives it.
    let other = stage.server.user_with("other", &["admin"]).await;
    stage.server.app.accounts.set_roles(&operator, &root, Vec::new()).await.unwrap();
    stage.server.app.accounts.disable(&other, None).await.unwrap();
    let before = find(&stage, "admins").await;
    let field = format!("row-{}", root.id);
    let fill = [("name", "admins"), ("etag", before.etag.as_str())];
    for via in Via::ALL {
        for asked in [changing("staff"), leaving(&field, root.id.as_str()), deleting()] {
            let outcome = stage.ask(via, &asked, &fill).await;
            let code = outcome.code.as_deref();
            assert_eq!(code, Some("last_administrator"), "{via:?}: {}", outcome.answer);
        }
    }
    assert_eq!(find(&stage, "admins").await.state, before.state);
}

const TABLE: &str = "name,email,roles,groups\n\
    grace,grace@corp.example,lead,team\n\
    ann,,staff lead,team\n\
    root,,,\n";

#[tokio::test]
async fn users_are_imported_as_the_list_says_that_was_shown_before_or_not_at_all() {
    for via in Via::ALL {
        let stage = Stage::on(TestServer::start().await).await;
        stage.server.user_with("ann", &["staff"]).await;
        prepare(&stage, "team", &["developer"]).await;
        let head = stage.head().await;
        let asked = |table: &str, seen: &str, page: &'static str| Asked {
            page: (
                "/admin/users/import",
                vec![("do", page), ("csv", "{table}"), ("seen", "{seen}")],
            ),
            api: (
                Method::POST,
                if page == "plan" { "/users/import?dry_run=true" } else { "/users/import" },
                if seen.is_empty() {
                    json!({"csv": table})
                } else {
                    json!({"csv": table, "seen": seen})
                },
            ),
            command: (
                if page == "plan" {
                    vec!["user", "import", "-", "--dry-run"]
                } else {
                    vec!["user", "import", "-"]
                },
                "{table}",
            ),
        };
        // Only a list: nothing changes.
        let fill = [("table", TABLE), ("seen", "")];
        let planned = stage.ask(via, &asked(TABLE, "", "plan"), &fill).await;
        assert_eq!(planned.code, None, "{via:?}: {}", planned.answer);
        assert!(stage.entries(head).await.is_empty() && stage.user("grace").await.is_none());
        let seen = planned
            .answer
            .split_once("name=\"seen\" value=\"")
            .and_then(|(_, rest)| rest.split('"').next())
            .unwrap_or_default()
            .to_owned();
        // One wrong line refuses all of it, and the list names it.
        let wrong = TABLE.replace("staff lead", "Staff");
        let fill = [("table", wrong.as_str()), ("seen", seen.as_str())];
        let refused = stage.ask(via, &asked(&wrong, "", "import"), &fill).await;
        assert_eq!(refused.code.as_deref(), Some("invalid_table"), "{via:?}");
        let listed = stage.ask(via, &asked(&wrong, "", "plan"), &fill).await;
        assert_eq!(listed.code, None);
        let told = if via == Via::Page { "Not possible" } else { "refused" };
        assert!(listed.answer.contains(told), "{via:?}: {}", listed.answer);
        assert!(stage.entries(head).await.is_empty(), "{via:?}");
        // The list that was shown takes effect, as a whole.
        let fill = [("table", TABLE), ("seen", seen.as_str())];
        let imported = stage.ask(via, &asked(TABLE, "", "import"), &fill).await;
        assert_eq!(imported.code, None, "{via:?}: {}", imported.answer);
        let user = async |name: &str| {
            let user = stage.user(name).await.unwrap();
            let roles: Vec<_> = user.all_roles().map(ToString::to_string).collect();
            (user.email, roles.join(" "))
        };
        let email = Some("grace@corp.example".to_owned());
        assert_eq!(user("grace").await, (email, "lead developer group:team".to_owned()));
        assert_eq!(user("ann").await, (None, "staff lead developer group:team".to_owned()));
        assert_eq!(user("root").await.1, "admin");
        // The same table again changes nothing; a list that is out of date is refused.
        let head = stage.head().await;
        if via == Via::Api {
            let late = stage.ask(via, &asked(TABLE, "another", "import"), &fill).await;
            assert_eq!(late.code.as_deref(), Some("changed"), "{}", late.answer);
        }
        let again = stage.ask(via, &asked(TABLE, "", "plan"), &fill).await;
        assert_eq!(again.code, None);
        assert!(stage.entries(head).await.is_empty());
    }
}

#[tokio::test]
async fn tables_that_cannot_be_read_are_refused_by_every_front_end() {
    let stage = Stage::on(TestServer::start().await).await;
    let head = stage.head().await;
    let many = format!("name\n{}", "x\n".repeat(1001));
    for table in ["email\na@b.example", "name,name\nx,y", "name,shoe\nx,9", "name\n\"x", &many] {
        let asked = Asked {
            page: ("/admin/users/import", vec![("do", "plan"), ("csv", "{table}")]),
            api: (Method::POST, "/users/import?dry_run=true", json!({"csv": table})),
            command: (vec!["user", "import", "-", "--dry-run"], "{table}"),
        };
        for via in Via::ALL {
            let outcome = stage.ask(via, &asked, &[("table", table)]).await;
            assert_eq!(outcome.code.as_deref(), Some("invalid_table"), "{via:?} {table}");
        }
    }
    assert!(stage.entries(head).await.is_empty());
}

#[tokio::test]
async fn page_api_and_command_name_the_users_who_may_with_the_roles_that_say_so() {
    let server = TestServer::start_with(|config| {
        config.access.tool_roles = vec!["server_info = boss group:team".to_owned()];
        config.policy.rules = vec!["confirm group=team tool=server_info".to_owned()];
    })
    .await;
    let stage = Stage::on(server).await;
    for (name, roles) in [("ann", vec![]), ("bob", vec!["boss"]), ("eve", vec!["guest"])] {
        stage.server.user_with(name, &roles).await;
    }
    prepare(&stage, "team", &["developer"]).await;
    let (groups, add) = (&stage.server.app.admin.groups, ["ann".to_owned()]);
    let members = doorward_admin::Members { add: &add, remove: &[] };
    groups.change_members(&Authority::operator(), "team", members).await.unwrap();
    let key = crate::admin::key(&stage.server, &stage.user("root").await.unwrap(), "admin").await;
    let browser = doorward_testkit::Browser::new();
    let api = async |query: &str| {
        let url = stage.server.at(&format!("/api/admin/policy/who?{query}"));
        let request = browser.raw(Method::GET, &url).bearer_auth(&key);
        browser.send(request).await.expect(200).json()
    };
    let told = |answer: &Value| {
        let row = |user: &Value| {
            let roles: Vec<_> = user["roles"].as_array().unwrap().iter().collect();
            let role = |one: &&Value| {
                format!("{}/{}", one["role"].as_str().unwrap(), one["sources"][0]["kind"])
            };
            let roles: Vec<_> = roles.iter().map(role).collect();
            format!("{} {} {roles:?}", user["name"], user["answer"]).replace(['"', '\\'], "")
        };
        answer["users"].as_array().unwrap().iter().map(row).collect::<Vec<_>>().join("; ")
    };
    let may = api("tool=server_info").await;
    assert_eq!(
        told(&may),
        "ann confirm [group:team/administrator]; bob allow [boss/administrator]"
    );
    // In parts, each judged by the same rules.
    let first = api("tool=server_info&limit=1").await;
    assert_eq!(told(&first), "ann confirm [group:team/administrator]");
    let next: String =
        url::form_urlencoded::byte_serialize(first["next"].as_str().unwrap().as_bytes()).collect();
    let second = api(&format!("tool=server_info&limit=1&after={next}")).await;
    assert_eq!(told(&second), "bob allow [boss/administrator]");
    assert_eq!(told(&api("role=developer").await), "ann null [developer/group]");
    // The answers are those that calls get.
    for (name, answer) in [("ann", "confirm"), ("bob", "allow"), ("eve", "deny")] {
        let url =
            stage.server.at(&format!("/api/admin/policy/explain?user={name}&tool=server_info"));
        let request = browser.raw(Method::GET, &url).bearer_auth(&key);
        assert_eq!(browser.send(request).await.expect(200).json()["answer"], answer, "{name}");
    }
    let root = stage.server.signed_in("root").await;
    let page = root
        .get(&stage.server.at("/admin/policy/who?kind=tool&item=server_info"))
        .await
        .expect(200);
    assert!(page.body.contains(">ann<") && page.body.contains(">bob<"), "{}", page.body);
    assert!(!page.body.contains(">eve<") && page.body.contains("group:team (by an administrator)"));
    let missing = root.get(&stage.server.at("/admin/policy/who?kind=tool&item=nothing")).await;
    assert_eq!(missing.status, 400, "{}", missing.body);
    let command = Asked {
        page: ("", Vec::new()),
        api: (Method::GET, "", Value::Null),
        command: (vec!["policy", "who", "--role", "group:team"], ""),
    };
    let answer = stage.ask(Via::Command, &command, &[]).await.answer;
    assert!(answer.contains("\"ann\"") && !answer.contains("\"bob\""), "{answer}");
}

#[tokio::test]
async fn a_user_s_page_and_api_name_the_source_of_each_role() {
    let stage = Stage::on(TestServer::start().await).await;
    let ann = stage.server.user_with("ann", &["staff"]).await;
    prepare(&stage, "team", &["developer"]).await;
    let (groups, add) = (&stage.server.app.admin.groups, ["ann".to_owned()]);
    let members = doorward_admin::Members { add: &add, remove: &[] };
    groups.change_members(&Authority::operator(), "team", members).await.unwrap();
    let id: &UserId = &ann.id;
    let root = stage.server.signed_in("root").await;
    let page = root.get(&stage.server.at(&format!("/admin/users/{id}"))).await.expect(200);
    for told in ["by the group team", "by an administrator", "/admin/groups/team"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    let asked = Asked {
        page: ("", Vec::new()),
        api: (Method::GET, "/users/{id}", Value::Null),
        command: (vec!["user", "show", "ann"], ""),
    };
    let shown = stage.ask(Via::Api, &asked, &[("id", id.as_str())]).await.answer;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["groups"][0]["group"], "team");
    let sources = shown["role_sources"].as_array().unwrap();
    let developer = sources.iter().find(|one| one["role"] == "developer").unwrap();
    assert_eq!(developer["sources"], json!([{"kind": "group", "name": "team"}]));
}
