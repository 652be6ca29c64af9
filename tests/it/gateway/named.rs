//! Nothing is left out silently: every kind of omission is named, with its reason, in the log, by
//! `upstream test` and on the page of the upstream, and in the words of no library.

use std::path::PathBuf;

use doorward_gateway::Why;
use doorward_testkit::{
    DoorwardProcess, Expected, FakeApi, OddHabit, OddKind, OddUpstream, RawAnswer, Visitor,
    fresh_database, run_command,
};
use serde_json::{Value, json};

use super::{odd::names_no_library, processes};

/// The misbehaviours with which something is left out, and its name with the reason.
fn habits() -> Vec<(OddHabit, &'static str)> {
    OddHabit::ALL
        .iter()
        .filter_map(|habit| match habit.expected(OddKind::Http, false)? {
            Expected::Named(words) => Some((*habit, words)),
            _ => None,
        })
        .collect()
}

/// Habits for which the command is run too: it prints what the table of misbehaviours looks at.
const COMMANDS: &[OddHabit] = &[
    OddHabit::BareTool,
    OddHabit::ManyTools,
    OddHabit::LoopOfCursors,
    OddHabit::PromptsFail,
    OddHabit::OddTemplate,
    OddHabit::UncompiledOutput,
    OddHabit::NoCapabilities,
];

/// A document with one operation for each reason to leave something out, and its name in a report.
fn described() -> (Value, Vec<(&'static str, Why)>) {
    let body = |media: &str, schema: Value| json!({"content": {media: {"schema": schema}}});
    let q = |members: Value| {
        let mut all = json!({"name": "q", "in": "query"});
        all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!([all])
    };
    let rows = vec![
        ("elsewhere", Why::Origin, json!({"servers": [{"url": "https://other.example"}]})),
        ("nowhere", Why::Server, json!({"servers": [{"url": "https://{tenant}.example"}]})),
        (
            "mixed",
            Why::Body,
            json!({"requestBody": body("multipart/mixed", json!({"type": "object"}))}),
        ),
        (
            "gone",
            Why::Reference,
            json!({"requestBody": body("application/json", json!({"$ref": "#/components/schemas/Gone"}))}),
        ),
        (
            "keyword",
            Why::Keyword,
            json!({"requestBody": body("application/json", json!({"type": "object", "properties": {"a": {"oneOf": 7}}}))}),
        ),
        ("place", Why::Parameter, json!({"parameters": [{"name": "q", "in": "matrix"}]})),
        ("style", Why::Style, json!({"parameters": q(json!({"style": "weird"}))})),
        (
            "style_of_member",
            Why::Style,
            json!({"requestBody": {"content": {"application/x-www-form-urlencoded": {
                "schema": {"type": "object", "properties": {"a": {"type": "array"}}},
                "encoding": {"a": {"style": "matrix"}},
            }}}}),
        ),
        (
            "bytes",
            Why::Body,
            json!({"requestBody": body("application/x-protobuf", json!({"type": "object", "properties": {"a": {}}}))}),
        ),
        ("reserved", Why::Reserved, json!({"parameters": [{"name": "Host", "in": "header"}]})),
        ("malformed", Why::Malformed, json!({"parameters": "none"})),
    ];
    let mut paths = json!({
        "/template/{a": {"get": {"operationId": "template"}},
        "/undescribed/{a}": {"get": {"operationId": "undescribed"}},
        "/method": {"trace": {"operationId": "method"}},
    });
    let mut named = vec![
        ("template", Why::Template),
        ("undescribed", Why::Undescribed),
        ("method", Why::Method),
    ];
    for (name, why, mut operation) in rows {
        operation["operationId"] = json!(name);
        paths[format!("/{name}")] = json!({ "post": operation });
        named.push((name, why));
    }
    let whole = json!({"openapi": "3.0.3", "info": {"title": "A", "version": "1"}, "paths": paths});
    (whole, named)
}

/// The same in JSON.
fn twice_in_json() -> String {
    let get = |id: &str| json!({"get": {"operationId": id}});
    let paths =
        format!(r#"{{"/a": {}, "/b": {}, "/a": {}}}"#, get("lost"), get("kept"), get("found"));
    format!(r#"{{"openapi": "3.0.3", "info": {{"title": "T", "version": "1"}}, "paths": {paths}}}"#)
}

/// APIs with such documents.
fn twice() -> Vec<String> {
    let documents = [("yaml", TWICE.to_owned()), ("json", twice_in_json())];
    documents
        .map(|(name, text)| {
            let file = format!("doorward-twice-{}-{name}", std::process::id());
            let file = std::env::temp_dir().join(file);
            std::fs::write(&file, text).unwrap();
            let file = file.to_str().unwrap();
            let place = format!("document = \"{file}\"\nurl = \"http://127.0.0.1:9\"");
            table(&format!("twice{name}"), "openapi", &place)
        })
        .to_vec()
}

/// Looks at what the test of them and their pages name.
async fn look_twice(stage: &Stage, wrong: &mut Vec<String>) {
    for name in ["twiceyaml", "twicejson"] {
        let shown = stage.run(&["upstream", "test", name]).await;
        if !shown.contains("document: /paths/~1a (the document has this member twice") {
            wrong.push(format!("{name} by the test: {shown}"));
        }
        let page = stage.page(name).await;
        if !page.contains("/paths/~1a") {
            wrong.push(format!("{name} on the page: {page}"));
        }
    }
}

/// The settings of an upstream.
fn table(name: &str, kind: &str, place: &str) -> String {
    format!(
        "[upstreams.{name}]\nkind = \"{kind}\"\n{place}\nhttp_on_loopback = true\nnetworks = [\"127.0.0.0/8\"]\nlist_wait_ms = 30000\n"
    )
}

/// A running program with upstreams, in a folder of its own.
struct Stage {
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
    process: DoorwardProcess,
    root: Visitor,
}

impl Stage {
    async fn new(tables: &[String]) -> Self {
        let folder = std::env::temp_dir().join(format!("doorward-named-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("doorward.toml");
        std::fs::write(&config, tables.concat()).unwrap();
        let mut variables = vec![
            ("DOORWARD_CONFIG", config.to_str().unwrap().to_owned()),
            ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64".to_owned()),
        ];
        let database = fresh_database().await;
        if !database.is_empty() {
            variables.push(("DOORWARD_STORE__URL", database));
        }
        let (data, log) = (folder.join("data"), folder.join("log"));
        let file = std::fs::File::create(log).unwrap();
        let borrowed = borrowed(&variables);
        let process = DoorwardProcess::start_with_log(&data, "127.0.0.1:0", &borrowed, file).await;
        let root = process.user(&data, &borrowed, "root").await;
        let stage = Self { folder, variables, process, root };
        stage.run(&["user", "set-role", "root", "admin"]).await;
        stage
    }

    /// The output of a command.
    async fn run(&self, words: &[&str]) -> String {
        let data = self.folder.join("data");
        let arguments = [&["--data-dir", data.to_str().unwrap()], words].concat();
        let output = run_command(&arguments, &borrowed(&self.variables), "").await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The page of an upstream.
    async fn page(&self, name: &str) -> String {
        let url = format!("{}/admin/upstreams/{name}", self.process.url);
        let page = self.root.browser.get(&url).await.expect(200).body;
        page.replace("&#34;", "\"").replace("&quot;", "\"")
    }

    /// Ends the program. Returns its log.
    async fn log(mut self) -> String {
        self.process.terminate().await;
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap();
        let _ = std::fs::remove_dir_all(&self.folder);
        log
    }
}

fn borrowed<'v>(variables: &'v [(&'static str, String)]) -> Vec<(&'v str, &'v str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// Looks at the page of each upstream, and at the output of the command for some.
async fn look(stage: &Stage, cases: &[(OddHabit, &str)], wrong: &mut Vec<String>) {
    for (number, (habit, words)) in cases.iter().enumerate() {
        let name = format!("odd{number}");
        let tool = format!("{name}_good");
        let said = processes::call(&stage.process.url, &stage.root.token, &tool).await;
        assert!(said.contains("\"echo\""), "{habit:?}: {said}");
        if COMMANDS.contains(habit) {
            let shown = stage.run(&["upstream", "test", &name]).await;
            if !shown.contains(words) {
                wrong.push(format!("{habit:?} by the test: {shown}"));
            }
            names_no_library(&shown, &name);
        }
        let shown = stage.page(&name).await;
        let text = words.split_once(" (").map_or(*words, |(name, _)| name).trim_start_matches('(');
        if !shown.contains(text) {
            wrong.push(format!("{habit:?} on the page: {shown}"));
        }
    }
}

/// Requests of an upstream that are refused, and results without some of their parts: what calls
/// leave out is named too.
async fn ask(stage: &Stage, asking: &OddUpstream, wrong: &mut Vec<String>) {
    let request = |method: &str, params: &Value| {
        let message = json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params});
        RawAnswer::Asks(message.to_string())
    };
    let form = json!({"type": "object", "required": ["size"],
        "properties": {"size": {"type": "object"}, "shape": {"type": "object"}}});
    let loose = json!({"type": "object",
        "properties": {"shape": {"type": "object"}, "name": {"type": "string"}}});
    let rows = [
        (request("elicitation/create", &json!("x")), "question: elicitation/create"),
        (request("client/unheard-of", &json!({})), "question: client/unheard-of"),
        (
            request("elicitation/create", &json!({"message": "?", "requestedSchema": form})),
            "question: size",
        ),
        (
            request("elicitation/create", &json!({"message": "?", "requestedSchema": loose})),
            "question: shape",
        ),
        (RawAnswer::Told(json!({"result": {"content": [], "_meta": "x"}})), "result: _meta"),
        (RawAnswer::Told(json!({"result": {"tools": "x"}})), "result: tools/call"),
    ];
    let all: Vec<&str> = rows.iter().map(|(_, shown)| *shown).collect();
    for (answer, shown) in rows {
        asking.answer_calls(Some(answer));
        processes::call(&stage.process.url, &stage.root.token, "asking_good").await;
        let page = stage.page("asking").await;
        if !page.contains(shown) {
            wrong.push(format!("{shown} on the page: {page}"));
        }
    }
    // The command is another process: it names what the server stored.
    let mut shown = String::new();
    for _ in 0..20 {
        shown = stage.run(&["upstream", "test", "asking"]).await;
        if all.iter().all(|name| shown.contains(name)) {
            break;
        }
    }
    wrong.extend(
        all.iter()
            .filter(|name| !shown.contains(**name))
            .map(|name| format!("{name} by the test: {shown}")),
    );
    // They are forgotten when an administrator has the lists made again, and with the upstream.
    stage.run(&["upstream", "refresh", "asking"]).await;
    let shown = stage.run(&["upstream", "test", "asking"]).await;
    if shown.contains("question: size") {
        wrong.push(format!("still named by the test: {shown}"));
    }
}

/// A document with members that are followed by others of the same name.
const TWICE: &str = "openapi: 3.0.3\ninfo: {title: T, version: '1'}\n\
    servers: [{url: 'http://127.0.0.1:9'}]\npaths:\n  /a: {get: {operationId: lost}}\n  \
    /b: {get: {operationId: kept}}\n  /a: {get: {operationId: found}}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn omissions_are_named_with_the_reason_in_the_log_by_the_test_and_on_the_page() {
    let (cases, mut wrong) = (habits(), Vec::new());
    let (mut tables, mut upstreams) = (Vec::new(), Vec::new());
    for (number, (habit, _)) in cases.iter().enumerate() {
        let odd = OddUpstream::start(OddKind::Http, false, Some(*habit)).await;
        let place = format!("url = {:?}", odd.config().url);
        tables.push(table(&format!("odd{number}"), "http", &place));
        upstreams.push(odd);
    }
    let asking = OddUpstream::start(OddKind::Http, false, None).await;
    tables.push(table("asking", "http", &format!("url = {:?}", asking.config().url)));
    let api = FakeApi::start().await;
    let (document, described) = described();
    api.describe(&document);
    let place = format!("document = {:?}", api.config().document);
    tables.push(table("api", "openapi", &place));
    tables.push(table("short", "openapi", &format!("{place}\nlist_bytes = 2000")));
    tables.extend(twice());
    let stage = Stage::new(&tables).await;
    look_twice(&stage, &mut wrong).await;
    look(&stage, &cases, &mut wrong).await;
    ask(&stage, &asking, &mut wrong).await;
    let shown = stage.run(&["upstream", "test", "api"]).await;
    names_no_library(&shown, "api");
    let (short, own) = (stage.page("short").await, stage.page("api").await);
    for (name, why) in &described {
        if !shown.contains(name) || !shown.contains(why.as_str()) {
            wrong.push(format!("{name} {why:?} by the test: {shown}"));
        }
        if !own.contains(name) {
            wrong.push(format!("{name} on the page: {own}"));
        }
    }
    if !short.contains("list_bytes") {
        wrong.push(format!("the bound in bytes: {short}"));
    }
    let log = stage.log().await;
    for (number, (habit, words)) in cases.iter().enumerate() {
        let mark = format!("odd{number} ");
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&mark)).collect();
        if !lines.iter().any(|line| line.contains(words)) {
            wrong.push(format!("{habit:?} in the log: {lines:#?}"));
        }
    }
    for (name, why) in &described {
        let named = |line: &str| line.contains(name) && line.contains(why.as_str());
        if !log.lines().any(named) {
            wrong.push(format!("{name} {why:?} in the log"));
        }
    }
    for line in log.lines() {
        // The module that logs is named by the log itself.
        let words = line.split_whitespace().filter(|word| !word.starts_with("doorward"));
        names_no_library(&words.collect::<Vec<_>>().join(" "), "the log");
    }
    // A block of a result is named in the result itself; the others occur in the rows above.
    for why in Why::ALL {
        let elsewhere = [Why::Kind, Why::Unreadable, Why::Definition].contains(&why);
        if !elsewhere && !log.contains(why.as_str()) {
            wrong.push(format!("{why:?} is tried by no row"));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
