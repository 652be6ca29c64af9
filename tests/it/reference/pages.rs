//! The reference pages of the documentation, generated from the same tables that the program runs
//! on.

use std::fmt::Write;

use clap::ArgAction;
use doorward::{commands, config::known_keys};
use doorward_federation::kinds::KINDS;
use doorward_issuer::grants;
use doorward_language::{scope_description, scope_title};
use doorward_mcp::tools::BUILT_IN;
use doorward_model::{routes, scope::SCOPES};

const NOTE: &str =
    "<!-- Generated from the code by a test; run `tests/run reference` to regenerate it. -->\n\n";

/// All generated pages: file name and text.
pub(crate) fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("configuration.md", configuration()),
        ("commands.md", command_line()),
        ("urls.md", urls()),
        ("scopes.md", scopes()),
        ("tools.md", tools()),
        ("providers.md", providers()),
    ]
}

fn configuration() -> String {
    let mut page = format!(
        "# Configuration\n\n{NOTE}Values come from four layers, each overriding the one before: built-in defaults, `doorward.toml`, environment variables, and files named by \
         environment variables (the variable's name with `_FILE` appended; for secrets). An unknown key stops the start. \
         A variable that is a list has its values between commas, or as a JSON array of strings where a value has a comma in it. `doorward config show` shows the values in effect with their sources.\n"
    );
    let mut section = String::new();
    for key in known_keys() {
        if key.section != section {
            section.clone_from(&key.section);
            let _ = write!(page, "\n## `[{}]`\n\n{}\n", key.section, key.section_description);
        }
        let _ = write!(
            page,
            "\n### `{}`\n\n{}\n\nDefault: `{}` · Variable: `{}`\n",
            key.path(),
            key.description,
            key.default,
            key.variable()
        );
    }
    page
}

fn command_line() -> String {
    let mut page = format!(
        "# Commands\n\n{NOTE}Exit status: 0 for success, 1 for a failure, 2 for wrong usage. Options of `doorward`, and of a group of commands such as `doorward user`, may follow every command below it.\n"
    );
    let mut root = commands::describe();
    root.build();
    describe(&root, "doorward", &[], &mut page);
    page
}

/// Describes a command with its own arguments, and the commands below it. `above` are the arguments
/// of the commands that it belongs to.
fn describe(command: &clap::Command, path: &str, above: &[&clap::Id], page: &mut String) {
    let own = |argument: &&clap::Arg| {
        let shown = !argument.is_hide_set()
            && !matches!(
                argument.get_action(),
                ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
            );
        shown && !(argument.is_global_set() && above.contains(&argument.get_id()))
    };
    // A command with commands of its own is shown where it does something without them.
    let acts = command.get_arguments().any(|argument| own(&argument));
    if !command.is_hide_set() && (!command.has_subcommands() || acts) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(page, "\n## `{path}`\n\n{about}\n");
        let arguments: Vec<_> = command.get_arguments().filter(own).collect();
        if !arguments.is_empty() {
            page.push('\n');
        }
        for argument in arguments {
            let name = match (argument.get_long(), argument.get_value_names()) {
                (Some(long), Some(values)) if argument.get_action().takes_values() => {
                    format!(
                        "--{long} {}",
                        values
                            .iter()
                            .map(|value| format!("<{value}>"))
                            .collect::<Vec<_>>()
                            .join(" ")
                    )
                }
                (Some(long), _) => format!("--{long}"),
                (None, _) => format!("<{}>", argument.get_id().as_str().to_uppercase()),
            };
            let _ = writeln!(
                page,
                "- `{name}`: {}",
                argument.get_help().map(ToString::to_string).unwrap_or_default()
            );
        }
    }
    let above: Vec<_> = command.get_arguments().map(clap::Arg::get_id).collect();
    for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
        describe(child, &format!("{path} {}", child.get_name()), &above, page);
    }
}

fn urls() -> String {
    let mut page = format!(
        "# URLs\n\n{NOTE}Paths are relative to `server.public_url`.\n\n| path | description |\n|---|---|\n"
    );
    for (path, what) in routes::ALL {
        let _ = writeln!(page, "| `{path}` | {} |", what.trim());
    }
    page.push_str(
        "\nGrant types at the token endpoint:\n\n| grant type | description |\n|---|---|\n",
    );
    for (kind, summary) in grants::served() {
        let _ = writeln!(page, "| `{}` | {summary} |", kind.as_str());
    }
    page
}

fn scopes() -> String {
    let mut page = format!(
        "# Scopes\n\n{NOTE}| scope | on the consent page | allows | includes |\n|---|---|---|---|\n"
    );
    for info in SCOPES {
        let implied = info
            .implies
            .iter()
            .map(|scope| format!("`{}`", scope.name()))
            .collect::<Vec<_>>()
            .join(", ");
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {implied} |",
            info.name,
            scope_title(info.scope),
            scope_description(info.scope)
        );
    }
    page
}

fn providers() -> String {
    let mut page = format!(
        "# Kinds of identity providers\n\n{NOTE}All keys of a provider are listed in the [configuration](configuration.md) under `[providers.NAME]`.\n\n| `kind` | description | needs besides `client_id` | how to |\n|---|---|---|---|\n"
    );
    for kind in KINDS {
        let needs = kind.needs.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            page,
            "| `{}` | {} | {needs} | [page](../how-to/sign-in-with-{}.md) |",
            kind.name, kind.summary, kind.name
        );
    }
    page
}

fn tools() -> String {
    let mut page =
        format!("# Built-in tools\n\n{NOTE}| tool | description | scope |\n|---|---|---|\n");
    for tool in BUILT_IN {
        let _ = writeln!(
            page,
            "| `{}` | {} | `{}` |",
            tool.name,
            tool.description,
            doorward_model::Scope::of_class(tool.class).name()
        );
    }
    page
}
