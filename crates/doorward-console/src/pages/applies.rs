//! The settings of upstreams that only some kinds or some credentials have. The form hides the others
//! while they are empty, by a rule of `console.css` for each value, without a script.

use doorward_admin::Family;

/// A setting with the values of another one with which it has an effect.
type Applies = (&'static str, &'static [&'static str]);

/// The credentials for which this server requests tokens.
const TOKENS: &[&str] = &["exchange", "assertion", "oauth", "client_credentials", "workload"];

const KINDS: &[Applies] = &[("document", &["openapi"]), ("origins", &["openapi"])];

const AUTHS: &[Applies] = &[
    ("header", &["header"]),
    ("username", &["basic"]),
    ("password", &["basic"]),
    ("identity_provider", &["assertion"]),
    ("client_id", TOKENS),
    ("client_secret", TOKENS),
    ("private_key", TOKENS),
];

/// The kinds and the credentials with which a setting has an effect, each separated by spaces;
/// empty for all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct With {
    pub(super) kinds: String,
    pub(super) auths: String,
}

/// The kinds and credentials with which a setting has an effect.
pub(super) fn with(family: Family, setting: &str) -> With {
    let values = |table: &[Applies]| {
        let found = table.iter().find(|(name, _)| *name == setting);
        found.map(|(_, values)| values.join(" ")).unwrap_or_default()
    };
    match family {
        Family::Upstream => With { kinds: values(KINDS), auths: values(AUTHS) },
        Family::Provider => With::default(),
    }
}

#[cfg(test)]
mod tests {
    use doorward_gateway::{UpstreamConfig, upstreams};

    use super::*;

    #[test]
    fn each_setting_and_value_exists_and_the_style_sheet_has_a_rule_for_each_value() {
        let settings = Family::Upstream.settings();
        let names: Vec<_> =
            settings.iter().flat_map(|(_, all)| all).map(|setting| setting.name).collect();
        let kinds: Vec<_> = upstreams::KINDS.iter().map(|kind| kind.name).collect();
        for (table, known) in [(KINDS, kinds.as_slice()), (AUTHS, UpstreamConfig::AUTH.as_slice())]
        {
            for (name, values) in table {
                assert!(names.contains(name), "{name}");
                assert!(values.iter().all(|value| known.contains(value)), "{name}: {values:?}");
            }
        }
        let css = include_str!("../../../doorward-web/assets/console.css");
        let of_form = upstreams::KINDS.iter().filter(|kind| !kind.is_process);
        let rules = of_form.map(|kind| ("kind", kind.name));
        for (setting, value) in rules.chain(UpstreamConfig::AUTH.map(|auth| ("auth", auth))) {
            let rule = format!(
                "form:has(#{setting} option[value={value}]:checked) .field[data-{setting}]:not([data-{setting}~={value}])"
            );
            assert!(css.contains(&rule), "{rule}");
        }
        assert_eq!(with(Family::Upstream, "header").auths, "header");
        assert_eq!(with(Family::Upstream, "title"), With::default());
        assert_eq!(with(Family::Provider, "client_id"), With::default());
    }
}
