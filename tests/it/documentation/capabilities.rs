//! The capabilities of an AI back end (CF) and of a server beside an application (CS): each has a
//! test with its number, a test with another name in the list below, or a line in a decision.

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
    ("CS4", &["r3_r9_l5_i16_n1_without_a_token_every_method_is_challenged_first"]),
    ("CS7", &["r3_r9_l5_i16_n1_without_a_token_every_method_is_challenged_first"]),
    ("CS9", &["cs10_a_device_code_is_of_use_to_its_client_alone_and_once"]),
    ("CS12", &["operations_become_tools_with_their_class_and_schema"]),
    ("CS13", &["ca31_g1_a_thousand_interleaved_calls_never_mix_two_users_up"]),
    ("CS16", &["every_command_of_every_page_is_accepted"]),
    ("CS17", &["caches_never_answer_what_was_replaced"]),
    (
        "CS22",
        &["a_provider_with_a_private_certificate_authority_is_trusted_by_its_certificate_alone"],
    ),
    ("CS24", &["i3_i5_hostile_redirects_are_refused"]),
    ("CS25", &["the_placeholder_of_a_secret_is_not_accepted_as_one"]),
    ("CS26", &["cs5_a_token_of_the_identity_provider_is_exchanged_once_for_one_of_this_server"]),
    ("CS27", &["cs10_a_device_shows_a_code_and_gets_tokens_once_its_user_allowed_it"]),
];

fn all() -> Vec<String> {
    let of = |prefix: &'static str, last: u32| (1..=last).map(move |at| format!("{prefix}{at}"));
    of("CF", 22).chain(of("CS", 28)).collect()
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
