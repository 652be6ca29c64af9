//! Examples that `--help` shows, one line a command.

pub(super) const SERVE: &str = "Examples:
  doorward serve
  doorward serve --config /etc/doorward/doorward.toml --data-dir /var/lib/doorward
  doorward serve --tls self-signed --listen 0.0.0.0:8400 --public-url https://nas.lan:8400";
pub(super) const ADMIN_LINK: &str = "Examples:
  doorward admin-link
  doorward admin-link --config /etc/doorward/doorward.toml --data-dir /var/lib/private/doorward";
pub(super) const USER: &str = "Examples:
  doorward user add ada --email ada@example.com --role developer
  doorward user invite ada --provider google
  doorward user set-role ada developer admin
  doorward user list --json";
pub(super) const CLIENT: &str = "Examples:
  doorward client add Portal --redirect-uri https://portal.example.com/callback --auth-method client_secret_basic
  doorward client add Grafana --openid --redirect-uri https://grafana.example.com/login/generic_oauth --auth-method client_secret_basic
  doorward client add Report --service nightly --scope mcp:read
  doorward client exchange c_AGENT --from c_APP --scope mcp:read
  doorward client list --limit 0";
pub(super) const TRUST: &str = "Examples:
  doorward trust add Release --issuer https://token.actions.githubusercontent.com --subject repo:acme/tools:ref:refs/heads/main --service release --scope mcp:read
  doorward trust add Jobs --issuer https://kubernetes.default.svc.cluster.local --jwks cluster.jwks.json --subject system:serviceaccount:jobs:nightly --reusable --service nightly --scope mcp:read
  doorward trust list";
pub(super) const PROVIDER: &str = "Examples:
  doorward provider add google --kind google --client-id 123.apps.googleusercontent.com --client-secret-stdin --set allowed_domains=example.com
  doorward provider add sso --kind oidc --issuer https://sso.example.com --client-id doorward --client-secret-stdin
  doorward provider test google";
pub(super) const UPSTREAM: &str = "Examples:
  doorward upstream add wiki --kind http --url https://wiki.example.com/mcp --auth oauth
  doorward upstream add notes --kind http --url http://notes:8000/mcp --set networks=172.18.0.0/16
  doorward upstream add files --kind stdio -- npx -y @modelcontextprotocol/server-filesystem /srv/files
  doorward upstream test wiki --user ada
  doorward upstream tools wiki --waiting";
pub(super) const RESOURCE: &str = "Examples:
  doorward resource add https://notes.example.com/mcp --scope notes:read --scope notes:write --name Notes
  doorward resource show https://notes.example.com/mcp
  doorward resource set https://notes.example.com/mcp --role staff
  doorward resource remove https://notes.example.com/mcp";
pub(super) const TOKEN: &str = "Examples:
  doorward token create nightly --service ci-bot --days 90
  doorward token list";
pub(super) const AUDIT: &str = "Examples:
  doorward audit --kind tool.called --user ada --since 2026-11-01
  doorward audit --follow
  doorward audit --limit 0 --json
  doorward audit export --format csv
  doorward audit verify";
pub(super) const KEYS: &str = "Examples:
  doorward keys list
  doorward keys rotate";
pub(super) const CHAT: &str = "Examples:
  doorward chat list
  doorward chat unlink cl_Y2hhdGxpbmtleGFtcGxlMQ";
pub(super) const MAIL: &str = "Examples:
  doorward mail test ada@example.com";
pub(super) const CONFIG: &str = "Examples:
  doorward config check --config doorward.toml
  doorward config show
  doorward config schema";
pub(super) const MIGRATE: &str = "Examples:
  doorward migrate
  doorward migrate --to postgres://doorward@db.example.com/doorward";
pub(super) const BACKUP: &str = "Examples:
  doorward backup /backup/doorward-2026-11-26.db
  doorward backup /backup/doorward-2026-11-26.db --data-dir /var/lib/private/doorward";
pub(super) const RESTORE: &str = "Examples:
  doorward restore /backup/doorward-2026-11-26.db --data-dir /var/lib/doorward";
pub(super) const DOCTOR: &str = "Examples:
  doorward doctor
  doorward doctor --client Cursor --hours 2";
pub(super) const COMPLETION: &str = "Examples:
  doorward completion bash
  doorward completion zsh
  doorward completion fish";
pub(super) const USAGE: &str = "Examples:
  doorward usage
  doorward usage --by service --period 7d
  doorward usage --by user --tool wiki_search --format csv
  doorward usage unused --period 90d
  doorward usage rebuild";
pub(super) const POLICY: &str = "Examples:
  doorward policy list
  doorward policy explain --user ada --tool wiki_search
  doorward policy test policy-cases.toml
  doorward policy dry-run doorward-new.toml --days 7";
pub(super) const RELOAD: &str = "Examples:
  doorward reload";
pub(super) const APPLY: &str = "Examples:
  doorward apply --dry-run
  doorward apply";
pub(super) const MAN: &str = "Examples:
  doorward man /usr/local/share/man/man1";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::commands::Arguments;

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
                let words = std::iter::once("doorward").chain(example.split(' '));
                let read = Arguments::command().try_get_matches_from(words);
                assert!(read.is_ok(), "{example}: {}", read.unwrap_err());
                seen += 1;
            }
        }
        assert!(seen > 25, "{seen}");
    }
}
