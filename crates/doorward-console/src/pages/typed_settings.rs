//! The form of an upstream's or identity provider's settings on the way over a sign-in: it is in the
//! URL, without secrets.

use doorward_admin::{Family, Input, Setting};
use doorward_model::routes;
use doorward_transport::Params;
use doorward_web::filled;
use serde_json::{Map, Value};

/// The beginning of the names of the form's fields that are settings.
pub(super) const FIELD: &str = "set-";

/// The path of the form.
pub(super) fn route(family: Family) -> &'static str {
    match family {
        Family::Upstream => routes::ADMIN_UPSTREAMS,
        Family::Provider => routes::ADMIN_PROVIDERS,
    }
}

fn settings(family: Family) -> impl Iterator<Item = Setting> {
    family.settings().into_iter().flat_map(|(_, settings)| settings)
}

/// The URL of the form as it was typed, of one that changes or, without a name, of a new one. Fields
/// that are as before are left out.
pub(super) fn page(
    family: Family,
    name: Option<&str>,
    before: &Map<String, Value>,
    params: &Params,
) -> String {
    let differs = |setting: Setting| {
        let field = format!("{FIELD}{}", setting.name);
        let stored = setting.write(before.get(setting.name).unwrap_or(&setting.default));
        let typed = params.get(&field).filter(|_| setting.input != Input::Secret)?;
        (typed != stored).then_some(field)
    };
    let fields: Vec<String> = settings(family).filter_map(differs).collect();
    let mut kept: Vec<&str> = fields.iter().map(String::as_str).collect();
    let asked = if let Some(name) = name {
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        format!("edit={name}")
    } else {
        kept.push("name");
        "add=1".to_owned()
    };
    filled(&format!("{}?{asked}", route(family)), params, &kept)
}

/// The fields of a URL, if no secret is among them: a link fills in none.
pub(super) fn plain(family: Family, params: &Params) -> Option<&Params> {
    let is_secret = |name: &str| {
        let setting = name.strip_prefix(FIELD);
        settings(family).any(|known| known.input == Input::Secret && setting == Some(known.name))
    };
    (!params.names().any(is_secret)).then_some(params)
}
