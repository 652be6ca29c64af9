//! The settings of upstreams and identity providers that administrators may choose, as forms ask
//! for them.

use doorward_model::text_list::{self, Separator};
use serde_json::{Map, Value};

use crate::{
    Refusal,
    settable::{Family, Group},
};

/// The form of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A text.
    Text,
    /// A secret, which is not shown.
    Secret,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A list of texts.
    Lines,
}

/// A setting that administrators may choose.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name, as in the configuration file.
    pub name: &'static str,
    /// The form of its value.
    pub input: Input,
    /// Its default.
    pub default: Value,
}

impl Setting {
    /// Reads the value of a form.
    fn read(&self, text: &str) -> Result<Value, Refusal> {
        let wrong = |demand: &str| Refusal::Settings(format!("{}: {demand}", self.name));
        Ok(match self.input {
            Input::Text | Input::Secret => text.trim().into(),
            Input::Number => {
                let number = text.trim().parse::<i64>();
                number.map_err(|_| wrong("must be a whole number"))?.into()
            }
            Input::Switch => {
                text.parse::<bool>().map_err(|_| wrong("must be true or false"))?.into()
            }
            Input::Lines => {
                let lines = text_list::read(text, Separator::Line);
                lines.map_err(|fault| wrong(&fault.to_string()))?.into()
            }
        })
    }

    /// A value as a form shows it. A secret is not shown.
    pub fn write(&self, value: &Value) -> String {
        match (self.input, value) {
            (Input::Secret, _) | (_, Value::Null) => String::new(),
            (_, Value::String(text)) => text.clone(),
            (_, Value::Array(lines)) => {
                let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
                text_list::write(&lines, Separator::Line)
            }
            (_, value @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => {
                value.to_string()
            }
        }
    }
}

impl Family {
    /// The settings that administrators may choose, in the groups and the order of forms.
    pub fn settings(self) -> Vec<(Group, Vec<Setting>)> {
        let defaults = self.defaults();
        let setting = |name: &&'static str| {
            let name = *name;
            let default = defaults.get(name).cloned().unwrap_or_default();
            let input = match &default {
                _ if self.is_secret(name) => Input::Secret,
                Value::Bool(_) => Input::Switch,
                Value::Number(_) => Input::Number,
                Value::Array(_) => Input::Lines,
                Value::Null | Value::String(_) | Value::Object(_) => Input::Text,
            };
            Setting { name, input, default }
        };
        let group = |(group, names): &(Group, &'static [&'static str])| {
            (*group, names.iter().map(setting).collect())
        };
        self.groups().iter().map(group).collect()
    }

    /// The settings that a form changes, against the values that it was filled with: a setting that
    /// the form does not have stays, and so does a secret that is left empty.
    pub fn changed<'a>(
        self,
        before: &Map<String, Value>,
        form: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut patch = Map::new();
        for setting in self.settings().into_iter().flat_map(|(_, settings)| settings) {
            let Some(text) = form(setting.name) else { continue };
            let value = setting.read(text)?;
            let stays = if setting.input == Input::Secret {
                text.trim().is_empty()
            } else {
                before.get(setting.name).unwrap_or(&setting.default) == &value
            };
            if !stays {
                patch.insert(setting.name.to_owned(), value);
            }
        }
        Ok(patch)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_changes_the_settings_that_differ_and_no_others() {
        let before = json!({"title": "Wiki", "scopes": ["a", "b"], "trust_pkce": true, "call_seconds": 7, "header": "X: …"});
        let before = before.as_object().unwrap();
        let changed = |said: &[(&str, &str)]| {
            let form =
                |name: &str| said.iter().find(|(key, _)| *key == name).map(|(_, text)| *text);
            Family::Upstream.changed(before, form).map(Value::Object)
        };
        let same = [
            ("title", " Wiki "),
            ("scopes", "a\r\n\r\nb\r\n"),
            ("trust_pkce", "true"),
            ("call_seconds", "7"),
            ("header", ""),
            ("url", ""),
        ];
        assert_eq!(changed(&same).unwrap(), json!({}));
        let other = [
            ("title", ""),
            ("scopes", "a"),
            ("trust_pkce", "false"),
            ("call_seconds", "0"),
            ("header", "Y: z"),
            ("issuer", "https://as.example"),
            ("command", "sh"),
        ];
        assert_eq!(
            changed(&other).unwrap(),
            json!({"title": "", "scopes": ["a"], "trust_pkce": false, "call_seconds": 0, "header": "Y: z", "issuer": "https://as.example"})
        );
        let wrong = [("call_seconds", "soon"), ("trust_pkce", "on"), ("scopes", "[\"a\"")];
        for (name, text) in wrong {
            assert!(matches!(changed(&[(name, text)]), Err(Refusal::Settings(_))), "{name}");
        }
    }

    #[test]
    fn every_list_stays_as_it_is_when_its_form_is_sent_unchanged() {
        let settings = Family::Upstream.settings();
        let mut all = settings.iter().flat_map(|(_, settings)| settings);
        let params = all.find(|setting| setting.name == "authorize_params").unwrap();
        for values in [
            json!([]),
            json!(["a=b,c", "d=e"]),
            json!(["a=b\nc", ""]),
            json!([" a=b "]),
            json!(["[\"a\"]"]),
        ] {
            let before = json!({"authorize_params": values});
            let shown = params.write(&values);
            // A browser sends lines with both marks of their end.
            let sent = shown.replace('\n', "\r\n");
            let form = |name: &str| (name == "authorize_params").then_some(sent.as_str());
            let changed = Family::Upstream.changed(before.as_object().unwrap(), form).unwrap();
            assert!(changed.is_empty(), "{shown:?}: {changed:?}");
        }
    }
}
