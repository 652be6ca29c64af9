//! Parameters that an operator adds to authorization requests: the setting `authorize_params` of
//! identity providers and of upstreams.

use url::Url;

/// A parameter that Doorward sets.
#[derive(Clone, Copy, Debug)]
pub struct ReservedParam {
    name: &'static str,
    /// The setting to use for it, as the end of a sentence.
    instead: &'static str,
}

impl ReservedParam {
    /// One that no setting changes.
    pub const fn new(name: &'static str) -> Self {
        Self { name, instead: "" }
    }
    /// One with a setting of its own: `instead` ends the sentence that refuses it.
    pub const fn with_hint(name: &'static str, instead: &'static str) -> Self {
        Self { name, instead }
    }
}

/// The parameters that Doorward sets in every authorization request, or never sends.
const OWN: &[ReservedParam] = &[
    ReservedParam::new("response_type"),
    ReservedParam::new("client_id"),
    ReservedParam::new("redirect_uri"),
    ReservedParam::new("state"),
    ReservedParam::new("nonce"),
    ReservedParam::new("code_challenge"),
    ReservedParam::new("code_challenge_method"),
    ReservedParam::new("client_secret"),
    ReservedParam::new("request"),
    ReservedParam::new("request_uri"),
    ReservedParam::with_hint("scope", "; use scopes"),
];

/// Parameters that are added, with the prompts apart, which are joined with those of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizeParams {
    /// The parameters but `prompt`, by name.
    pub params: Vec<(String, String)>,
    /// The values of `prompt`.
    pub prompts: Vec<String>,
}

impl AuthorizeParams {
    /// Reads texts of the form `NAME=VALUE`. None may be a parameter of Doorward's own; `more` names
    /// those of this use.
    pub fn read(texts: &[String], more: &[ReservedParam]) -> Result<Self, String> {
        let mut read = Self::default();
        let mut named: Vec<&str> = Vec::new();
        for text in texts {
            let (name, value) = text
                .split_once('=')
                .map(|(name, value)| (name.trim(), value.trim()))
                .filter(|(name, _)| {
                    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
                })
                .ok_or_else(|| format!("{text:?} must read NAME=VALUE"))?;
            if value.chars().any(char::is_control) {
                return Err(format!("the value of {name} contains a control character"));
            }
            let mut own = OWN.iter().chain(more);
            if let Some(own) = own.find(|own| name.eq_ignore_ascii_case(own.name)) {
                let instead = own.instead;
                return Err(format!("{name} is set by Doorward and cannot be replaced{instead}"));
            }
            // Some servers read names without regard to case.
            if named.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(format!("{name} is given twice"));
            }
            named.push(name);
            if name.eq_ignore_ascii_case("prompt") {
                read.prompts = value.split_whitespace().map(str::to_owned).collect();
                if read.prompts.iter().any(|prompt| prompt.eq_ignore_ascii_case("none")) {
                    return Err("prompt=none would allow no user to sign in".to_owned());
                }
            } else {
                read.params.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(read)
    }

    /// The authorization request at this endpoint: its own query, without parameters that are set
    /// otherwise, then the request's parameters, then those that are added. None is there twice.
    pub fn request(&self, endpoint: &Url, own: &[(&str, &str)]) -> Url {
        let set = |name: &str| own.iter().any(|(own, _)| name.eq_ignore_ascii_case(own));
        let added =
            |name: &str| self.params.iter().any(|(added, _)| name.eq_ignore_ascii_case(added));
        let kept: Vec<(String, String)> = endpoint
            .query_pairs()
            .into_owned()
            .filter(|(name, _)| !set(name) && !added(name))
            .collect();
        let mut url = endpoint.clone();
        url.set_query(None);
        url.query_pairs_mut()
            .extend_pairs(&kept)
            .extend_pairs(own)
            .extend_pairs(self.params.iter().filter(|(name, _)| !set(name)));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: ReservedParam = ReservedParam::with_hint("resource", "; use send_resource");

    #[test]
    fn a_parameter_of_the_request_is_replaced_neither_by_a_setting_nor_by_the_endpoint() {
        let texts = ["audience=https://api.example/?a=b", "prompt=login  select_account", "x="];
        let texts = texts.map(str::to_owned);
        let read = AuthorizeParams::read(&texts, &[]).unwrap();
        assert_eq!(read.prompts, ["login", "select_account"]);
        let endpoint = Url::parse("https://login.example/authorize?State=evil&tenant=1").unwrap();
        let url = read.request(&endpoint, &[("state", "s"), ("client_id", "c")]);
        assert_eq!(
            url.query(),
            Some("tenant=1&state=s&client_id=c&audience=https%3A%2F%2Fapi.example%2F%3Fa%3Db&x=")
        );
        // What the operator sets replaces what the endpoint has, as the policy of Azure AD B2C.
        let endpoint = Url::parse("https://b2c.example/authorize?p=b2c_1_a&Audience=x").unwrap();
        let texts = ["P=b2c_1_b", "audience=y"].map(str::to_owned);
        let url = AuthorizeParams::read(&texts, &[]).unwrap().request(&endpoint, &[("state", "s")]);
        assert_eq!(url.query(), Some("state=s&P=b2c_1_b&audience=y"));
        for (text, word) in [
            ("state=x", "cannot be replaced"),
            ("Redirect_URI=x", "cannot be replaced"),
            ("resource=x", "use send_resource"),
            ("scope=x", "use scopes"),
            ("prompt=none", "no user"),
            ("Prompt=none", "no user"),
            ("PROMPT=login None", "no user"),
            ("novalue", "NAME=VALUE"),
            ("=x", "NAME=VALUE"),
            ("a b=x", "NAME=VALUE"),
            ("a=b\nc", "control character"),
        ] {
            let told = AuthorizeParams::read(&[text.to_owned()], &[RESOURCE]);
            assert!(told.clone().unwrap_err().contains(word), "{text}: {told:?}");
        }
        for twice in [["a=1", "a=2"], ["audience=1", "Audience=2"], ["Prompt=login", "prompt=x"]] {
            let told = AuthorizeParams::read(&twice.map(str::to_owned), &[]);
            assert!(told.clone().unwrap_err().contains("twice"), "{twice:?}: {told:?}");
        }
        let read = AuthorizeParams::read(&["Prompt=login".to_owned()], &[]).unwrap();
        assert_eq!((read.prompts, read.params), (vec!["login".to_owned()], Vec::new()));
    }
}
