//! Habits of authorization servers of upstreams, and of upstreams that name them, each a switch.

use serde_json::{Value, json};

use super::{FakeUpstream, OddAnswer, Place};

/// The consequence of a habit for a user who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connects {
    /// None: the user connects, and the access is refreshed.
    Yes,
    /// The user is not connected, and the page contains this.
    No(&'static str),
}

macro_rules! habits {
    ($($(#[doc = $text:literal])* $name:ident,)*) => {
        /// One habit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuthorizationHabit { $($(#[doc = $text])* $name,)* }

        impl AuthorizationHabit {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

habits! {
    /// The challenge names the metadata relative to the upstream.
    ChallengeRelative,
    /// The challenge does not quote.
    ChallengeUnquoted,
    /// The challenge quotes as some languages do.
    ChallengeSingleQuotes,
    /// Semicolons are between its parameters.
    ChallengeSemicolons,
    /// Challenges of several schemes are on one line.
    ChallengeAmongOthers,
    /// Challenges are in several headers.
    ChallengeInHeaders,
    /// The challenge is in capitals.
    ChallengeCapitals,
    /// A description in it holds letters that are not ASCII.
    ChallengeLetters,
    /// The scope in it is empty.
    ChallengeEmptyScope,
    /// It names the metadata twice, at first by nothing.
    ChallengeEmptyFirst,
    /// It names a page for users as its metadata.
    ChallengeOfPage,
    /// It names no metadata.
    ChallengeBare,
    /// There is none.
    ChallengeNone,
    /// Documents are declared as text.
    DocumentsAsText,
    /// Documents are declared as web pages.
    DocumentsAsPages,
    /// Documents begin with a byte order mark.
    DocumentsMarked,
    /// The document of the server redirects within its origin.
    DocumentRedirects,
    /// The authorization servers are a text.
    ServersText,
    /// The authorization servers are an empty text and the right one.
    ServersEmptyFirst,
    /// The authorization servers are among values of other types.
    ServersAmongOthers,
    /// The issuer ends with a slash that its name in the other document lacks.
    IssuerSlash,
    /// The resource ends with a slash.
    ResourceSlash,
    /// The resource is the origin.
    ResourceOrigin,
    /// There is no resource.
    ResourceNone,
    /// The methods of PKCE are a text.
    PkceText,
    /// The registration is answered with 200.
    RegisteredOk,
    /// The registration has odd times.
    RegisteredTimes,
    /// The end of the secret is a text.
    RegisteredEndText,
    /// The end of the secret is how long it lasts.
    RegisteredLasts,
    /// The end of the secret is a word.
    RegisteredNever,
    /// The client ID is a number.
    RegisteredNumber,
    /// The registration is declared as text.
    RegisteredText,
    /// Members of the registration are of other types.
    RegisteredOdd,
    /// The registration endpoint redirects within its origin.
    RegisteredElsewhere,
    /// The registration is refused.
    RegistrationRefused,
    /// The registration is answered with a page.
    RegistrationPage,
    /// The registration is answered with nothing.
    RegistrationEmpty,
    /// The registration has no client ID.
    RegistrationNameless,
    /// Tokens are declared as a web page.
    TokensAsPage,
    /// Tokens are declared as text.
    TokensAsText,
    /// Tokens begin with a byte order mark.
    TokensMarked,
    /// Tokens are a form.
    TokensAsForm,
    /// Tokens are created.
    TokensCreated,
    /// Tokens have no type.
    TokensUntyped,
    /// The type of tokens is in capitals.
    TokensCapitals,
    /// The lifetime is a text with a fraction.
    LifetimeText,
    /// The lifetime is null.
    LifetimeNull,
    /// There is no lifetime.
    LifetimeNone,
    /// The scope is a list.
    ScopeList,
    /// The scope is another than was asked for.
    ScopeOther,
    /// The scope is empty.
    ScopeEmpty,
    /// Errors that are none are beside the tokens.
    ErrorsEmpty,
    /// Further members are of odd types.
    MembersOdd,
    /// The token endpoint redirects within its origin.
    TokensElsewhere,
    /// A refresh brings no refresh token.
    RefreshWithout,
    /// A refresh brings an empty refresh token.
    RefreshEmpty,
    /// A refresh brings a refresh token that is null.
    RefreshNull,
    /// A refresh brings another scope.
    RefreshScope,
    /// Tokens are of a type that is no bearer token.
    TokensOther,
    /// Tokens are refused with 200.
    TokensRefusedOk,
    /// A web page is in place of tokens.
    TokensPage,
}

use AuthorizationHabit as H;

/// The path of the metadata of the resource, where only the challenge names it.
const ELSEWHERE: &str = "/odd/resource";
const SERVER: &str = "/.well-known/oauth-authorization-server";

impl H {
    /// True if it is about the challenge of the upstream, or its metadata: not for an upstream with
    /// a configured issuer.
    pub fn is_of_resource(self) -> bool {
        let begins = |start: &str| format!("{self:?}").starts_with(start);
        begins("Challenge") || begins("Servers") || begins("Resource")
    }

    /// Its consequence.
    pub fn expected(self) -> Connects {
        match self {
            H::RegistrationRefused => Connects::No("invalid_redirect_uri"),
            H::RegistrationPage | H::TokensPage => Connects::No("a web page"),
            H::RegistrationEmpty => Connects::No("an empty body"),
            H::RegistrationNameless => {
                Connects::No("with JSON without the required members to a registration")
            }
            H::TokensOther => Connects::No("it returned a response without a bearer token"),
            H::TokensRefusedOk => Connects::No("bad_verification_code"),
            _ => Connects::Yes,
        }
    }

    /// The challenge, if it is about that: each a header.
    fn challenge(self, origin: &str) -> Option<Vec<Vec<u8>>> {
        let url = format!("{origin}{ELSEWHERE}");
        let one = |text: String| Some(vec![text.into_bytes()]);
        match self {
            H::ChallengeRelative => one(format!("Bearer resource_metadata=\"{ELSEWHERE}\"")),
            H::ChallengeUnquoted => {
                one(format!("Bearer error=invalid_token, resource_metadata={url}"))
            }
            H::ChallengeSingleQuotes => one(format!("Bearer realm='a', resource_metadata='{url}'")),
            H::ChallengeSemicolons => {
                one(format!("Bearer realm=\"a\";resource_metadata=\"{url}\""))
            }
            H::ChallengeAmongOthers => one(format!(
                "Negotiate YQ==, Basic realm=\"a, b\", Bearer error=\"invalid_token\", resource_metadata=\"{url}\", DPoP algs=\"ES256\""
            )),
            H::ChallengeInHeaders => Some(vec![
                b"Basic realm=\"a\"".to_vec(),
                b"Bearer realm=\"b\"".to_vec(),
                format!("Bearer resource_metadata=\"{url}\"").into_bytes(),
            ]),
            H::ChallengeCapitals => {
                one(format!("BEARER REALM=\"a\",\tRESOURCE_METADATA = \"{url}\""))
            }
            H::ChallengeLetters => Some(vec![
                [
                    &b"Bearer error_description=\"refus\xe9\", resource_metadata=\""[..],
                    url.as_bytes(),
                    b"\"",
                ]
                .concat(),
            ]),
            H::ChallengeEmptyScope => {
                one(format!("Bearer scope=\"\", resource_metadata=\"{url}\""))
            }
            H::ChallengeEmptyFirst => {
                one(format!("Bearer resource_metadata=\"\", Bearer resource_metadata=\"{url}\""))
            }
            H::ChallengeOfPage => one(format!("Bearer resource_metadata=\"{origin}/odd/page\"")),
            H::ChallengeBare => one("Bearer".to_owned()),
            H::ChallengeNone => Some(Vec::new()),
            _ => None,
        }
    }

    /// The answer to a registration, if it is about that.
    fn registration(self) -> Option<OddAnswer> {
        let odd = OddAnswer { status: 201, ..OddAnswer::default() };
        let secret =
            json!({"client_secret": "s", "token_endpoint_auth_method": "client_secret_post"});
        let ends = |end: Value| {
            let mut members = secret.clone();
            members["client_secret_expires_at"] = end;
            OddAnswer { members, ..odd.clone() }
        };
        Some(match self {
            H::RegisteredOk => OddAnswer { status: 200, ..odd },
            H::RegisteredTimes => OddAnswer {
                members: json!({"client_id_issued_at": "yesterday", "client_secret_expires_at": null}),
                ..odd
            },
            H::RegisteredEndText => ends(json!("1999999999")),
            H::RegisteredLasts => ends(json!(86_400)),
            H::RegisteredNever => ends(json!("never")),
            H::RegisteredNumber => OddAnswer { members: json!({"client_id": 12}), ..odd },
            H::RegisteredText => OddAnswer { media: "text/plain", ..odd },
            H::RegisteredOdd => OddAnswer {
                members: json!({"redirect_uris": "x", "grant_types": null, "scope": ["a"], "response_types": 7, "client_secret": ""}),
                ..odd
            },
            H::RegistrationRefused => OddAnswer {
                status: 400,
                members: json!({"error": "invalid_redirect_uri", "client_id": null}),
                ..odd
            },
            H::RegistrationPage => OddAnswer { instead: Some("<!doctype html>"), ..odd },
            H::RegistrationEmpty => OddAnswer { instead: Some(""), ..odd },
            H::RegistrationNameless => OddAnswer { without: vec!["client_id"], ..odd },
            _ => return None,
        })
    }

    /// The answers of the token endpoint, if it is about these.
    fn tokens(self) -> Option<OddAnswer> {
        let odd = OddAnswer { status: 200, ..OddAnswer::default() };
        let with = |members: Value| OddAnswer { members, ..odd.clone() };
        let refreshed = |members: Value| OddAnswer { at_refresh: members, ..odd.clone() };
        Some(match self {
            H::TokensAsPage => OddAnswer { media: "text/html", ..odd },
            H::TokensAsText => OddAnswer { media: "Text/Plain; Charset=UTF-8", ..odd },
            H::TokensMarked => OddAnswer { mark: "\u{feff}", ..odd },
            H::TokensAsForm => {
                OddAnswer { media: "application/x-www-form-urlencoded", is_form: true, ..odd }
            }
            H::TokensCreated => OddAnswer { status: 201, ..odd },
            H::TokensUntyped => OddAnswer { without: vec!["token_type"], ..odd },
            H::TokensCapitals => with(json!({"token_type": "BEARER"})),
            H::LifetimeText => with(json!({"expires_in": " 3600.0 "})),
            H::LifetimeNull => with(json!({"expires_in": null})),
            H::LifetimeNone => OddAnswer { without: vec!["expires_in"], ..odd },
            H::ScopeList => with(json!({"scope": ["all", "more"]})),
            H::ScopeOther => with(json!({"scope": "read write extra"})),
            H::ScopeEmpty => with(json!({"scope": ""})),
            H::ErrorsEmpty => with(json!({"error": null, "error_description": "", "message": ""})),
            H::MembersOdd => with(
                json!({"id_token": {}, "user": [1], "ext_expires_in": "0", "token": null, "success": "true"}),
            ),
            H::RefreshWithout => {
                OddAnswer { keeps_refresh_token: true, without_at_refresh: true, ..odd }
            }
            H::RefreshEmpty => {
                OddAnswer { keeps_refresh_token: true, ..refreshed(json!({"refresh_token": ""})) }
            }
            H::RefreshNull => {
                OddAnswer { keeps_refresh_token: true, ..refreshed(json!({"refresh_token": null})) }
            }
            H::RefreshScope => refreshed(json!({"scope": ["less"]})),
            H::TokensOther => with(json!({"token_type": "mac"})),
            H::TokensRefusedOk => with(json!({"error": "bad_verification_code"})),
            H::TokensPage => OddAnswer { instead: Some("<!doctype html>"), ..odd },
            _ => return None,
        })
    }

    /// Gives a protected upstream at this path the habit.
    pub fn apply(self, upstream: &FakeUpstream, path: &str) {
        let origin = upstream.origin.clone();
        let at = |path: &str| format!("{origin}{path}");
        let resource = format!("/.well-known/oauth-protected-resource{path}");
        let mut state = upstream.state();
        state.metadata.insert("resource", json!(at(path)));
        state.places.insert(resource.clone(), Place::Resource);
        state.challenges = self.challenge(&origin);
        state.registration = self.registration();
        state.token_answers = self.tokens();
        if state.challenges.is_some() {
            state.places.insert("/odd/page".to_owned(), Place::page(200));
            let told = !matches!(self, H::ChallengeOfPage | H::ChallengeBare | H::ChallengeNone);
            if told {
                state.places.insert(resource.clone(), Place::status(404));
                state.places.insert(ELSEWHERE.to_owned(), Place::Resource);
            }
        }
        let both = |media: &'static str, mark: &'static str| {
            [
                (resource.clone(), Place::ResourceAs(media, mark)),
                (SERVER.to_owned(), Place::ServerAs(media, mark)),
            ]
        };
        match self {
            H::DocumentsAsText => state.places.extend(both("text/plain", "")),
            H::DocumentsAsPages => state.places.extend(both("text/html; charset=utf-8", "")),
            H::DocumentsMarked => state.places.extend(both("application/json", "\u{feff}")),
            H::DocumentRedirects => {
                let moved = Place::Redirects(308, "/odd/server".to_owned());
                state.places.insert(SERVER.to_owned(), moved);
                state.places.insert("/odd/server".to_owned(), Place::Server);
            }
            H::ServersText => drop(state.metadata.insert("authorization_servers", json!(origin))),
            H::ServersEmptyFirst => {
                state.metadata.insert("authorization_servers", json!(["", origin]));
            }
            H::ServersAmongOthers => {
                state.metadata.insert("authorization_servers", json!([7, null, {}, origin]));
            }
            H::IssuerSlash => {
                state.metadata.insert("issuer", json!(at("/")));
                state.iss = Some(at("/"));
            }
            H::ResourceSlash => {
                state.metadata.insert("resource", json!(format!("{}/", at(path))));
            }
            H::ResourceOrigin => drop(state.metadata.insert("resource", json!(origin))),
            H::ResourceNone => drop(state.metadata.insert("resource", Value::Null)),
            H::PkceText => {
                state.metadata.insert("code_challenge_methods_supported", json!("plain S256"));
            }
            H::RegisteredElsewhere => {
                state.metadata.insert("registration_endpoint", json!(at("/odd/register")));
                let moved = Place::Redirects(307, at("/register"));
                state.places.insert("/odd/register".to_owned(), moved);
            }
            H::TokensElsewhere => {
                state.metadata.insert("token_endpoint", json!(at("/odd/token")));
                let moved = Place::Redirects(308, "/token".to_owned());
                state.places.insert("/odd/token".to_owned(), moved);
            }
            _ => {}
        }
    }
}
