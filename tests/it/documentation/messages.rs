//! Commands that the program itself names, in its help, in the comments of settings, in its
//! messages and on its pages, and those of deploy/, exist with the options that are named.

use std::ops::ControlFlow;

use doorward::config::known_keys;

use super::{files, read};

/// The whole tree of commands, with the options that each takes.
fn tree() -> clap::Command {
    let mut tree = doorward::commands::describe();
    tree.build();
    tree
}

/// The commands that a text names, each as the words from `doorward` to the end of the line, of the
/// code or of the string in which it is.
fn named(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, name) in text.match_indices("doorward ") {
        let before = text[..at].chars().next_back();
        let rest = &text[at + name.len()..];
        let is_word = |letter: char| letter.is_alphanumeric() || "-_.$@".contains(letter);
        // A script may assign to a variable after the program's path.
        let next = rest.split([' ', '=', '\n']).next().unwrap_or_default();
        let is_assigned = rest[next.len()..].starts_with('=');
        let is_name = next.starts_with(|letter: char| letter.is_lowercase());
        if before.is_some_and(is_word) || !is_name || is_assigned {
            continue;
        }
        found.push(rest.split(['`', '"', '<', '\n', '|']).next().unwrap_or_default());
    }
    found
}

/// Follows words through the tree as far as they name commands, and compares the options after
/// them. A sentence may go on after the command.
fn follow(tree: &clap::Command, words: &str) -> Result<(), String> {
    let mut command = tree;
    let mut named = false;
    let step = words.split_whitespace().try_for_each(|word| {
        let bare = word.trim_matches(|letter: char| ".,;:()'»“”".contains(letter));
        if bare == "doorward" {
            return ControlFlow::Break(Ok(()));
        }
        if let Some(child) = command.find_subcommand(bare).filter(|_| !named) {
            command = child;
        } else if let Some(option) = bare.strip_prefix("--").filter(|option| !option.is_empty()) {
            named = true;
            let option = option.split(['=', '[', '…']).next().unwrap_or_default();
            let known = |argument: &clap::Arg| {
                argument.get_long().is_some_and(|long| long == option)
                    || argument.get_all_aliases().is_some_and(|all| all.contains(&option))
            };
            if !command.get_arguments().any(known) {
                let why = format!("{} has no option --{option}", command.get_name());
                return ControlFlow::Break(Err(why));
            }
        } else if bare == "--" {
            return ControlFlow::Break(Ok(()));
        } else if command.get_name() == "doorward" {
            return ControlFlow::Break(Err(format!("there is no command {bare}")));
        } else {
            // A group of commands is named alone, or with one of its commands.
            let is_name = bare.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
            if command.is_subcommand_required_set() && is_name && !named && bare.len() > 1 {
                let why = format!("{} has no command {bare}", command.get_name());
                return ControlFlow::Break(Err(why));
            }
            named = true;
        }
        // The end of a sentence, or of a remark in it.
        if word.ends_with(['.', ';', ')', ':', '»']) {
            return ControlFlow::Break(Ok(()));
        }
        ControlFlow::Continue(())
    });
    match step {
        ControlFlow::Break(end) => end,
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Checks the commands that a text names, and returns their number.
fn check(tree: &clap::Command, place: &str, text: &str) -> usize {
    let named = named(text);
    for words in &named {
        if let Err(why) = follow(tree, words) {
            panic!("{place}: doorward {words}: {why}");
        }
    }
    named.len()
}

/// The texts of the help of a command and of all below it.
fn help(command: &clap::Command, path: &str) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let own = [
        command.get_about(),
        command.get_long_about(),
        command.get_before_help(),
        command.get_after_help(),
        command.get_after_long_help(),
    ];
    let arguments = command
        .get_arguments()
        .flat_map(|argument| [argument.get_help(), argument.get_long_help()]);
    for text in own.into_iter().chain(arguments).flatten() {
        texts.push((path.to_owned(), text.to_string()));
    }
    for child in command.get_subcommands() {
        texts.extend(help(child, &format!("{path} {}", child.get_name())));
    }
    texts
}

#[test]
fn commands_in_the_help_and_in_comments_of_settings_exist_with_their_options() {
    let tree = tree();
    let help: usize = help(&tree, "doorward").iter().map(|(at, text)| check(&tree, at, text)).sum();
    assert!(help > 60, "{help}");
    let settings: usize = known_keys()
        .iter()
        .map(|key| {
            check(&tree, &key.path(), &key.description)
                + check(&tree, &key.section, &key.section_description)
        })
        .sum();
    assert!(settings > 0, "{settings}");
}

#[test]
fn commands_in_texts_of_pages_and_in_deploy_exist_with_their_options() {
    let tree = tree();
    let mut tried = 0;
    for (folder, ending) in
        [("crates/doorward-language/languages", ".ftl"), ("crates", ".html"), ("deploy", "")]
    {
        for file in files(folder, &[ending]) {
            let text = read(&file);
            // A text of several lines goes on with spaces.
            let text = if ending == ".ftl" { text.replace("\n    ", " ") } else { text };
            tried += check(&tree, &file, &text);
        }
    }
    assert!(tried > 40, "{tried}");
}

/// A source without its tests, with strings and comments that go on in the next line as one line.
fn joined(source: &str) -> String {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut joined = String::new();
    let mut before = "";
    for line in source.lines() {
        let text = line.trim();
        let comment = ["///", "//!", "//"].iter().find_map(|mark| text.strip_prefix(mark));
        match (before.trim_end().strip_suffix('\\'), comment) {
            (Some(_), _) => {
                joined.truncate(joined.trim_end().len() - 1);
                joined.push_str(text);
            }
            (None, Some(rest)) if before.trim().starts_with("//") && !rest.is_empty() => {
                joined.push_str(rest);
            }
            _ => {
                joined.push('\n');
                joined.push_str(text);
            }
        }
        before = line;
    }
    joined
}

#[test]
fn commands_in_messages_and_comments_of_sources_exist_with_their_options() {
    let tree = tree();
    let mut tried = 0;
    for file in files("crates", &[".rs"]) {
        if !file.contains("/tests") && !file.ends_with("tests.rs") {
            tried += check(&tree, &file, &joined(&read(&file)));
        }
    }
    assert!(tried > 120, "{tried}");
}

#[test]
fn a_command_or_option_that_does_not_exist_is_found_in_every_form_of_text() {
    let tree = tree();
    let fault = |text: &str| named(text).into_iter().find_map(|words| follow(&tree, words).err());
    for text in [
        "Run `doorward upstream tools wiki --waiting`, and doorward reload.",
        "exécutez <code>doorward provider add</code> avec --kind",
        "A trust rule (doorward trust set) is changed (--jwks).",
        "Doorward is no command, nor is the-doorward this one",
        "ExecStart=/usr/bin/doorward serve --config /etc/doorward.toml --data-dir /var/lib/doorward",
        "doorward audit --follow, doorward usage --by user and doorward user",
        "doorward upstream add files --kind stdio -- /bin/files --root /srv",
    ] {
        assert_eq!(fault(text), None, "{text}");
    }
    for (text, told) in [
        ("Run doorward upstrem list", "there is no command upstrem"),
        ("`doorward upstream tool wiki`", "upstream has no command tool"),
        ("\"doorward trust set {id} --claims\"", "set has no option --claims"),
        ("(doorward backup FILE --key)", "backup has no option --key"),
    ] {
        assert_eq!(fault(text).as_deref(), Some(told), "{text}");
    }
    let source = "/// Run `doorward\n/// upstream` now.\nlet a = \"doorward key \\\n    list\";\n";
    assert_eq!(named(&joined(source)), ["upstream", "key list"]);
    let tested = joined("a\n#[cfg(test)]\nmod tests { \"doorward nothing\" }");
    assert!(named(&tested).is_empty());
}
