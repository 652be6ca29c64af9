use super::{ranking::rank, segment::Segment};

use super::*;

fn tool(
    name: &str,
    texts: (&str, &str),
    class: ToolClass,
    arguments: &[&str],
    upstream: &str,
) -> Arc<ToolSpec> {
    let properties: Map<String, Value> =
        arguments.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    let schema = json!({"type": "object", "properties": properties, "required": arguments});
    let (title, description) = texts;
    let schema = schema.as_object().unwrap().clone();
    let mut made = spec("x", title, "", schema, class == ToolClass::Read).as_ref().clone();
    made.tool.name = name.to_owned().into();
    made.tool.description = Some(description.to_owned().into());
    made.tool.title = Some(title.to_owned()).filter(|title| !title.is_empty());
    let hints = made.tool.annotations.as_mut().unwrap();
    hints.destructive_hint = Some(class == ToolClass::Destructive);
    made.class = class;
    made.upstream = doorward_model::UpstreamName::parse(upstream).ok();
    let prefix = format!("{upstream}_");
    made.own_name = name.strip_prefix(&prefix).unwrap_or(name).to_owned();
    made.listed_as = name.to_owned();
    Arc::new(made)
}

fn some() -> Vec<Arc<ToolSpec>> {
    let one = |name: &str, description: &str, class, arguments: &[&str]| {
        let upstream = name.split('_').next().unwrap();
        tool(name, ("", description), class, arguments, upstream)
    };
    vec![
        one(
            "git_list_issues",
            "Lists the open issues of a repository.",
            ToolClass::Read,
            &["owner", "repo"],
        ),
        one(
            "git_create_issue",
            "Opens a new issue in a repository.",
            ToolClass::Write,
            &["owner", "repo", "title"],
        ),
        one(
            "git_get_file",
            "Reads one file of a repository.",
            ToolClass::Read,
            &["owner", "repo", "filePath"],
        ),
        one("mail_search_messages", "Searches mail.", ToolClass::Read, &["query"]),
        one("mail_delete_message", "Deletes a message for good.", ToolClass::Destructive, &["id"]),
    ]
}

fn segments(tools: Vec<Arc<ToolSpec>>) -> Vec<Arc<Segment>> {
    let mut services: Vec<Vec<Arc<ToolSpec>>> = Vec::new();
    for one in tools {
        match services.iter_mut().find(|service| service[0].upstream == one.upstream) {
            Some(service) => service.push(one),
            None => services.push(vec![one]),
        }
    }
    services.into_iter().map(|specs| Arc::new(Segment::new(specs))).collect()
}

fn found(tools: Vec<Arc<ToolSpec>>, query: &Value) -> Value {
    let result = search(&segments(tools), query.as_object().unwrap().clone()).unwrap();
    result.structured_content.unwrap()
}

fn names(found: &Value) -> Vec<&str> {
    found["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn cw11_writes_are_hidden_unless_the_query_implies_one() {
    let asked = |query: &Value| {
        let found = found(some(), query);
        let names: Vec<String> = names(&found).into_iter().map(str::to_owned).collect();
        (names, found["hidden_because_they_change_something"].as_u64().unwrap())
    };
    assert_eq!(asked(&json!({"query": "issues"})), (vec!["git_list_issues".to_owned()], 1));
    assert_eq!(asked(&json!({"query": "create an issue"})).0[0], "git_create_issue");
    let (all, hidden) = asked(&json!({"query": "issue", "include_mutating": true}));
    assert!(all.contains(&"git_create_issue".to_owned()) && hidden == 0);
    assert_eq!(asked(&json!({"query": "messages"})), (vec!["mail_search_messages".to_owned()], 1));
}

#[test]
fn cw11_requests_that_change_something_are_known_by_their_form_too() {
    let changing = |query: &str| {
        let question = super::question::Question::new(query, &|_| false);
        question.changes
    };
    for query in [
        "make a label",
        "book a room",
        "erase the disk",
        "run the tests",
        "enroll a student",
        "frobnicate the widget",
        "student enroll",
        "please tear down the cluster",
        "how do I cancel an order",
        "could you switch it off",
        "throw the old menu away",
        "I want to invite someone",
        "which tool do I need to delete a user",
        "get rid of a flow",
        "Book",
        "open an issue",
    ] {
        assert!(changing(query), "{query}");
    }
    for query in [
        "issues",
        "list the issues",
        "which doctors are there",
        "who can see this prescription",
        "how many orders are open",
        "show me the updated files",
        "settings of a carrier",
        "where is my package",
        "is the server alive",
        "file metadata",
        "deleted users",
        "open issues of the repository",
        "which clusters do I run",
    ] {
        assert!(!changing(query), "{query}");
    }
}

#[test]
fn cw11_tools_whose_names_say_that_they_read_are_shown_unless_they_destroy() {
    // A REST API that computes by POST, and a server without annotations.
    let tools = || {
        vec![
            tool("a_calculate_price", ("", "Price."), ToolClass::Write, &[], "a"),
            tool("a_get_price_and_forget", ("", "Price."), ToolClass::Destructive, &[], "a"),
            tool("a_price_change", ("", "Price."), ToolClass::Write, &[], "a"),
        ]
    };
    let shown = found(tools(), &json!({"query": "the price"}));
    assert_eq!(names(&shown), ["a_calculate_price"]);
    assert_eq!(shown["hidden_because_they_change_something"], 2);
}

#[test]
fn cw11_known_arguments_service_and_limit_count() {
    let query = json!({"query": "repository", "known_arguments": ["file_path"]});
    assert_eq!(names(&found(some(), &query))[0], "git_get_file");
    let query = json!({"query": "search messages", "service": "mail"});
    assert_eq!(names(&found(some(), &query)), ["mail_search_messages"]);
    let query = json!({"query": "search messages", "service": "git"});
    assert!(names(&found(some(), &query)).is_empty());
    assert_eq!(names(&found(some(), &json!({"query": "repository", "limit": 1}))).len(), 1);
    let short = json!({"query": "ab"});
    assert!(search(&segments(some()), short.as_object().unwrap().clone()).is_err());
    let query = json!({"query": "reading files", "knownArguments": ["owner", "repo"]});
    assert_eq!(found(some(), &query)["tools"][0]["missing_required"], json!(["filePath"]));
}

#[test]
fn an_unknown_service_is_named_and_a_wrong_argument_is_told_as_it_is() {
    let found = found(some(), &json!({"query": "list issues", "service": "gitt"}));
    assert_eq!(found["found"], 0);
    assert!(found["hint"].as_str().unwrap().contains("no service \"gitt\""), "{found}");
    let wrong = json!({"query": "list issues", "service": ["git"]});
    let told = search(&segments(some()), wrong.as_object().unwrap().clone()).unwrap_err();
    let crate::tools::ToolError::Arguments(told) = told else { panic!("{told:?}") };
    assert_eq!(told, "service must be a text, not a list");
}

#[test]
fn a_rare_synonym_of_a_word_that_no_tool_has_does_not_decide() {
    let one = |name: &str| tool(name, ("", ""), ToolClass::Write, &[], "club");
    let mut tools: Vec<_> = ["role", "channel", "emoji", "event", "sticker"]
        .map(|what| one(&format!("club_create_guild_{what}")))
        .into();
    tools.extend([
        one("club_add_guild_member_role"),
        one("club_edit_lobby"),
        one("club_update_my_guild_nick"),
    ]);
    tools.extend(
        ["channel", "emoji", "event"].map(|what| one(&format!("club_update_guild_{what}"))),
    );
    for (question, wanted) in [
        ("make a new role", "club_create_guild_role"),
        ("change my nickname", "club_update_my_guild_nick"),
    ] {
        let found = found(tools.clone(), &json!({"query": question}));
        assert_eq!(names(&found)[0], wanted, "{question}: {found}");
    }
}

#[test]
fn words_of_any_field_find_a_tool_in_any_form() {
    let mut tagged = tool("a_b", ("Plain", "Text."), ToolClass::Read, &["invoiceNumber"], "shop")
        .as_ref()
        .clone();
    let meta = json!({"fastmcp": {"tags": ["Warehouses"]}});
    tagged.tool.meta = serde_json::from_value(meta).unwrap();
    tagged.tool.description = Some("Text.\n\nGET /deliveries/{id}/parcels".into());
    let tools = || vec![Arc::new(tagged.clone())];
    for query in ["warehouse", "invoice numbers", "delivery parcel", "texts", "shop", "package"] {
        assert_eq!(names(&found(tools(), &json!({ "query": query }))), ["a_b"], "{query}");
    }
    assert!(names(&found(tools(), &json!({"query": "the of and"}))).is_empty());
    assert!(names(&found(tools(), &json!({"query": "elephant"}))).is_empty());
}

#[test]
fn the_same_question_has_the_same_answer_in_any_order_of_services() {
    let query = json!({"query": "repository issues messages", "include_mutating": true});
    let first = found(some(), &query);
    let mut tools = some();
    tools.rotate_left(3);
    assert_eq!(found(tools, &query), first);
}

#[test]
fn a_score_does_not_depend_on_tools_of_other_searches() {
    let alone = found(some().into_iter().take(3).collect(), &json!({"query": "issues"}));
    let with_service = found(some(), &json!({"query": "issues", "service": "git"}));
    assert_eq!(alone, with_service);
}

#[test]
fn cw12_call_tool_takes_either_spelling() {
    for arguments in [
        json!({"name": "a_b", "arguments": {"x": 1}}),
        json!({"toolName": "a_b", "args": {"x": 1}}),
        json!({"tool_name": "a_b", "parameters": {"x": 1}}),
    ] {
        let params =
            CallToolRequestParams::new(CALL).with_arguments(arguments.as_object().unwrap().clone());
        let inner = inner(&params).unwrap();
        assert_eq!((inner.name.as_ref(), inner.arguments.unwrap()["x"].as_i64()), ("a_b", Some(1)));
    }
    assert!(matches!(unknown("x"), ToolError::Arguments(why) if why.contains("search_tools")));
}

#[test]
fn the_catalogue_is_read_page_by_page_and_each_page_is_bounded() {
    let long = "word ".repeat(60);
    let tools: Vec<Arc<ToolSpec>> = (0..1000)
        .map(|number| {
            tool(&format!("a_tool{number:04}"), ("", &long), ToolClass::Read, &["x"], "a")
        })
        .collect();
    let (mut uri, mut seen) = (CATALOGUE.to_owned(), Vec::new());
    loop {
        let text = catalogue(&tools, catalogue_page(&uri).unwrap(), 250);
        assert!(text.len() <= CATALOGUE_BYTES + 2000, "{}", text.len());
        let page: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(page["total"], 1000);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => uri = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 1000);
    assert!(seen.is_sorted());
    let few: Value = serde_json::from_str(&catalogue(&tools, "", 10)).unwrap();
    assert_eq!(names(&few).len(), 10);
    assert_eq!(catalogue_page("doorward://catalogues"), None);
}

/// Number of tools that are first, and among the first five: of the questions that were used to
/// choose weights and words, and of those that were not.
const LEAST: [(usize, usize); 2] = [(52, 58), (36, 52)];

fn invented() -> Vec<Arc<ToolSpec>> {
    let lines = include_str!("evaluation/tools.txt").lines().filter(|line| !line.starts_with('#'));
    let tool = |line: &str| {
        let [name, class, title, description, arguments] =
            line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let arguments: Vec<&str> =
            arguments.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        tool(name, (title, description), ToolClass::parse(class).unwrap(), &arguments, "all")
    };
    lines.map(tool).collect()
}

fn place(segments: &[Arc<Segment>], question: &str, wanted: &str) -> Option<usize> {
    let ranked = rank(segments.iter().map(AsRef::as_ref), question, false);
    ranked.found.iter().position(|one| one.spec.name() == wanted)
}

#[test]
fn the_right_tool_is_first_or_among_the_first_five() {
    let segments = segments(invented());
    let questions = include_str!("evaluation/questions.txt");
    let (mut figures, mut missed) = ([(0, 0), (0, 0)], Vec::new());
    for (number, line) in questions.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let (question, wanted) = line.split_once('|').unwrap();
        let place = place(&segments, question, wanted);
        if place != Some(0) {
            missed.push(format!("{number} {question}: {place:?}"));
        }
        let figure = &mut figures[number % 2];
        figure.0 += usize::from(place == Some(0));
        figure.1 += usize::from(place.is_some_and(|place| place < 5));
    }
    for (figure, least) in figures.iter().zip(LEAST) {
        assert!(
            figure.0 >= least.0 && figure.1 >= least.1,
            "{figures:?} and not {LEAST:?}: {missed:#?}"
        );
    }
}

#[test]
fn a_search_over_five_thousand_tools_reads_few_entries() {
    let nouns =
        "user order invoice ticket build cluster report message file device sensor contract \
                 lesson patient menu route"
            .split_whitespace();
    let parts = "status owner comment version label history address limit note price".split(' ');
    let verbs = ["list", "get", "create", "update", "delete"];
    let mut tools = Vec::new();
    for (place, noun) in nouns.clone().cycle().take(100).enumerate() {
        for part in parts.clone() {
            for verb in verbs {
                let class = if place % 3 == 0 { ToolClass::Read } else { ToolClass::Write };
                let told = format!("{verb} the {part} of the {noun} in area {place}.");
                let name = format!("s{}_{verb}_{noun}_{part}_{place}", place % 7);
                tools.push(tool(&name, ("", &told), class, &["id"], &format!("s{}", place % 7)));
            }
        }
    }
    assert_eq!(tools.len(), 5000);
    let segments = segments(tools);
    let mut work: Vec<usize> = include_str!("evaluation/questions.txt")
        .lines()
        .map(|line| line.split('|').next().unwrap())
        .map(|question| rank(segments.iter().map(AsRef::as_ref), question, true).work)
        .collect();
    work.sort_unstable();
    let median = work[work.len() / 2];
    assert!(median <= 10_000, "{median} entries are read by half of the questions");
}

#[tokio::test]
async fn an_index_is_shared_and_made_again_only_for_a_service_that_changed() {
    let indexes = Indexes::default();
    let tools = some();
    let first = indexes.of(&tools).await.unwrap();
    assert_eq!(first.len(), 2, "one for each service");
    let same = |one: &[Arc<Segment>], other: &[Arc<Segment>]| -> Vec<bool> {
        one.iter().zip(other).map(|(one, other)| Arc::ptr_eq(one, other)).collect()
    };
    assert_eq!(same(&first, &indexes.of(&tools).await.unwrap()), [true, true]);
    // Another source made the same definitions again.
    assert_eq!(same(&first, &indexes.of(&some()).await.unwrap()), [true, true]);
    let mut changed = some();
    Arc::make_mut(&mut changed[0]).tool.description = Some("Lists wombats.".into());
    let second = indexes.of(&changed).await.unwrap();
    assert_eq!(same(&first, &second), [false, true]);
    // A caller with fewer tools has an index of its own, and the others keep theirs.
    let fewer = indexes.of(&tools[1..]).await.unwrap();
    assert_eq!(same(&first, &fewer), [false, true]);
    assert_eq!(same(&first, &indexes.of(&tools).await.unwrap()), [true, true]);
    let query = json!({"query": "wombats"});
    let found = search(&second, query.as_object().unwrap().clone()).unwrap();
    assert_eq!(names(&found.structured_content.unwrap()), ["git_list_issues"]);
}

#[tokio::test]
async fn requests_that_come_together_wait_for_one_index() {
    let (indexes, tools) = (Indexes::default(), some());
    let all = (0..30).map(|_| indexes.of(&tools));
    let all: Vec<_> = futures_util::future::join_all(all).await;
    let first = all[0].as_ref().unwrap();
    assert!(all.iter().all(|one| {
        one.as_ref().unwrap().iter().zip(first).all(|(one, first)| Arc::ptr_eq(one, first))
    }));
}

#[tokio::test]
async fn indexes_that_were_not_used_for_the_longest_time_are_let_go() {
    let indexes = Indexes::default();
    let one = |number: usize| {
        let name = format!("s{number}");
        vec![tool(&format!("{name}_list"), ("", "Lists."), ToolClass::Read, &[], &name)]
    };
    let kept = one(0);
    let first = indexes.of(&kept).await.unwrap();
    for number in 1..=indexes::MOST_SEGMENTS + 10 {
        indexes.of(&one(number)).await.unwrap();
        if number % 500 == 0 {
            indexes.of(&kept).await.unwrap();
        }
    }
    assert_eq!(indexes.count(), indexes::MOST_SEGMENTS);
    assert!(Arc::ptr_eq(&first[0], &indexes.of(&kept).await.unwrap()[0]), "it was in use");
}
