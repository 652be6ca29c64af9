//! The capabilities of an AI back end (CF) and of a server beside an application (CS): each has a
//! test with its number, a test with another name in the list below, or a line in a decision. Those
//! of documents, the agent and chats (CA) have a test with their number, all of them.

use std::collections::BTreeSet;

use super::{files, read};

/// The decision about the capabilities that Doorward has in another form, or not.
const DECISION: &str = "docs/decisions/0077-capabilities.md";

/// Capabilities that tests prove under another name.
const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "CF22",
        &[
            "a_confirmed_call_goes_on_when_the_upstream_asks_something_and_is_made_once",
            "a_token_for_one_upstream_reaches_no_other_and_no_built_in_tool",
        ],
    ),
    ("CS3", &["i15_ca21_forged_host_and_forwarded_headers_change_nothing"]),
    ("CS12", &["operations_become_tools_with_their_class_and_schema"]),
    (
        "CS13",
        &[
            "ca31_g1_a_thousand_interleaved_calls_never_mix_two_users_up",
            "the_places_of_a_path_are_filled_in_whatever_form_they_are_written",
        ],
    ),
    ("CS16", &["every_command_of_every_page_is_accepted"]),
    (
        "CS22",
        &[
            "a_provider_with_a_private_certificate_authority_is_trusted_by_its_certificate_alone",
            "ca37_a_private_authority_and_a_private_network_count_for_the_upstream_they_are_named_for",
        ],
    ),
    ("CS24", &["i3_i5_hostile_redirects_are_refused"]),
    ("CS26", &["cs5_a_token_of_the_identity_provider_is_exchanged_once_for_one_of_this_server"]),
];

fn all() -> Vec<String> {
    let of = |prefix: &'static str, last: u32| (1..=last).map(move |at| format!("{prefix}{at}"));
    of("CF", 22).chain(of("CS", 28)).collect()
}

/// The capabilities of documents, the agent and chats.
const CHAT: [std::ops::RangeInclusive<u32>; 2] = [4..=11, 38..=56];

/// The numbers with which the names of tests begin.
fn in_names(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in code.split("fn ").skip(1) {
        let name = name.split('(').next().unwrap_or_default();
        let is_number =
            |word: &&str| word.len() < 8 && word.ends_with(|letter: char| letter.is_ascii_digit());
        found.extend(name.split('_').take_while(is_number).map(str::to_uppercase));
    }
    found
}

#[test]
fn each_capability_of_documents_the_agent_and_chats_has_a_test_with_its_number() {
    let all: Vec<String> = files("tests/it", &[".rs"])
        .iter()
        .chain(&files("crates", &[".rs"]))
        .map(|path| read(path))
        .collect();
    let (tested, rows) = (in_names(&all.concat()), numbered());
    for number in CHAT.into_iter().flatten().map(|number| format!("CA{number}")) {
        assert!(tested.contains(&number), "{number} has no test with its number");
        assert!(rows.contains(&number), "{number} has no row");
    }
    assert!(!tested.contains("CA99"));
}

#[test]
fn ca56_each_setting_of_chats_and_the_agent_and_each_format_is_on_its_page() {
    let reference = read("docs/reference/configuration.md");
    for (section, page, least) in [
        ("connectors.NAME.", "docs/how-to/mattermost.md", 10),
        ("agent.", "docs/how-to/ask.md", 15),
    ] {
        let text = read(page);
        let keys: Vec<&str> = reference
            .lines()
            .filter_map(|line| line.strip_prefix("### `")?.strip_prefix(section)?.strip_suffix('`'))
            .collect();
        assert!(keys.len() >= least, "{section}: {keys:?}");
        for key in keys {
            assert!(text.contains(key), "{page} does not explain {section}{key}");
        }
    }
    let knowledge = read("docs/how-to/knowledge.md");
    for format in ["Markdown", "plain text", "HTML", "source code", ".eml", "PDF", ".docx"] {
        assert!(knowledge.contains(format), "{format}");
    }
    // Each way to the bot, and the pages that explain roles and clients.
    let chat = read("docs/how-to/mattermost.md");
    for way in ["Slash command", "Reading channels", "Outgoing webhook", "scope_roles", "policy"] {
        assert!(chat.contains(way), "{way}");
    }
}

/// The capabilities with a test that begins with the number, as the page of requirements has them.
fn numbered() -> BTreeSet<String> {
    let page = read("docs/requirements.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    rows.map(str::to_owned).collect()
}

#[test]
fn each_capability_has_a_test_with_its_number_or_another_one_or_a_reason() {
    let tests: String = files("tests/it", &[".rs"])
        .iter()
        .chain(&files("crates", &[".rs"]))
        .map(|path| read(path))
        .collect();
    let (numbered, decision) = (numbered(), read(DECISION));
    let decides = |number: &str| {
        decision.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word == number)
    };
    for number in all() {
        let elsewhere: Vec<_> = ELSEWHERE.iter().filter(|(one, _)| *one == number).collect();
        assert!(elsewhere.len() < 2, "{number} is listed twice");
        let is_proved = numbered.contains(&number) || !elsewhere.is_empty();
        assert!(is_proved || decides(&number), "{number} has no test and no reason");
        for name in elsewhere.iter().flat_map(|(_, names)| names.iter()) {
            assert!(tests.contains(&format!("fn {name}(")), "{number}: there is no test {name}");
        }
    }
    let known = all();
    for (number, names) in ELSEWHERE {
        assert!(known.iter().any(|one| one == number), "{number} is no capability");
        assert!(!numbered.contains(*number) && !names.is_empty(), "{number} has tests of its own");
    }
}
