//! Examples that `--help` shows, of commands without a file of their own.

pub(super) const SERVE: &str = "Examples:
  doorward serve
  doorward serve --config /etc/doorward/doorward.toml --data-dir /var/lib/doorward
  doorward serve --tls self-signed --listen 0.0.0.0:8400 --public-url https://nas.lan:8400";
pub(super) const RESTORE: &str = "Examples:
  doorward restore /backup/doorward-2026-11-26.db --data-dir /var/lib/doorward";
pub(super) const COMPLETION: &str = "Examples:
  doorward completion bash
  doorward completion zsh
  doorward completion fish";
pub(super) const APPLY: &str = "Examples:
  doorward apply --dry-run
  doorward apply";
pub(super) const MAN: &str = "Examples:
  doorward man /usr/local/share/man/man1";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::commands::Arguments;

    /// Splits a line as a shell does where single quotes hold one argument together.
    fn arguments(line: &str) -> Vec<&str> {
        let parts = line.split('\'').enumerate();
        parts
            .flat_map(|(place, part)| match place % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            })
            .collect()
    }

    #[test]
    fn every_example_of_the_help_is_understood_and_every_command_that_is_shown_has_one() {
        let all = Arguments::command();
        let mut seen = 0;
        for command in all.get_subcommands().filter(|command| !command.is_hide_set()) {
            let shown = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> =
                shown.lines().filter_map(|line| line.strip_prefix("  doorward ")).collect();
            assert!(!examples.is_empty(), "{} has no example", command.get_name());
            for example in examples {
                let words = std::iter::once("doorward").chain(arguments(example));
                let read = Arguments::command().try_get_matches_from(words);
                assert!(read.is_ok(), "{example}: {}", read.unwrap_err());
                seen += 1;
            }
        }
        assert!(seen > 25, "{seen}");
    }
}
