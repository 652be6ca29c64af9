//! Habits of real identity providers that are not in the specifications, each a switch.

use serde_json::{Value, json};

/// A place at which the provider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Document,
    Keys,
    /// The token endpoint, for a code.
    Code,
    /// The token endpoint, for a refresh token.
    Refresh,
    Userinfo,
    Other,
}

impl Place {
    pub(super) fn of(path: &str, body: &str) -> Self {
        match path {
            "/.well-known/openid-configuration" => Self::Document,
            "/jwks" => Self::Keys,
            "/token" if body.contains("grant_type=refresh_token") => Self::Refresh,
            "/token" => Self::Code,
            "/userinfo" => Self::Userinfo,
            _ => Self::Other,
        }
    }
}

/// Consequence of a habit for a user who is checked in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None: the user signs in, and the provider vouches for them.
    None,
    /// Access ends at once.
    Ends,
    /// Access continues for the grace.
    Silence,
    /// Access continues, and the next check is after this many seconds.
    Wait(i64),
    /// Access continues for an hour.
    Nonsense,
}

macro_rules! habits {
    ($($(#[doc = $text:literal])* $name:ident => $effect:expr,)*) => {
        /// A habit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Misbehaviour { $($(#[doc = $text])* $name,)* }

        impl Misbehaviour {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its consequence.
            pub fn effect(self) -> Effect {
                match self { $(Self::$name => $effect,)* }
            }
        }
    };
}

habits! {
    /// `updated_at` is a date, as Auth0 writes it.
    UpdatedAtDate => Effect::None,
    /// `email_verified` is the text "true".
    EmailVerifiedText => Effect::None,
    /// `email_verified` is 1.
    EmailVerifiedNumber => Effect::None,
    /// `address` is a string.
    AddressText => Effect::None,
    /// `locale` is an object.
    LocaleObject => Effect::None,
    /// `phone_number`, `birthdate`, `picture` and others are null.
    NullClaims => Effect::None,
    /// The same are empty texts.
    EmptyClaims => Effect::None,
    /// The same are numbers, lists and switches.
    OddClaims => Effect::None,
    /// `amr` is a text, `acr` a number, `auth_time` a text, `sid` a number.
    OddFacts => Effect::None,
    /// `azp` and `at_hash` are null.
    NullProtection => Effect::None,
    /// Claims in languages without names and with odd values.
    OddLanguages => Effect::None,
    /// `sub` is a number, in ID tokens and in userinfo.
    SubjectNumber => Effect::None,
    /// `exp`, `iat` and `nbf` are texts.
    TimesText => Effect::None,
    /// `expires_in` is a text.
    ExpiresInText => Effect::None,
    /// `expires_in` has a fraction.
    ExpiresInFraction => Effect::None,
    /// `expires_in` is a text with a fraction.
    ExpiresInTextFraction => Effect::None,
    /// `expires_in` is negative.
    ExpiresInNegative => Effect::None,
    /// `expires_in` is words.
    ExpiresInWords => Effect::None,
    /// `expires_in` is null.
    ExpiresInNull => Effect::None,
    /// `expires_in` is missing.
    ExpiresInAbsent => Effect::None,
    /// `scope` is a list.
    ScopeList => Effect::None,
    /// `scope` is null.
    ScopeNull => Effect::None,
    /// `token_type` is missing.
    NoTokenType => Effect::None,
    /// `token_type` is in capitals.
    TokenTypeCapitals => Effect::None,
    /// `token_type` is empty.
    TokenTypeEmpty => Effect::None,
    /// Errors that are null or empty are beside the tokens.
    EmptyErrors => Effect::None,
    /// Further members of odd types.
    OddTokenMembers => Effect::None,
    /// The token response is declared as text.
    TextPlain => Effect::None,
    /// The token response is declared as a web page.
    TextHtml => Effect::None,
    /// The token response begins with a byte order mark.
    ByteOrderMark => Effect::None,
    /// The token response is a form.
    Form => Effect::None,
    /// Optional members of the discovery document are of odd types.
    OddDocument => Effect::None,
    /// Optional members of the discovery document are null.
    NullDocument => Effect::None,
    /// Lists of the discovery document are texts.
    TextDocument => Effect::None,
    /// Optional members of the discovery document are missing.
    BareDocument => Effect::None,
    /// The key set holds keys of unknown kinds and odd members.
    OddKeys => Effect::None,
    /// The keys have no names, and there are several.
    NamelessKeys => Effect::None,
    /// The numbers of the keys are in the other alphabet of base64, with padding.
    KeysOtherAlphabet => Effect::None,
    /// The clock is four minutes ahead.
    ClockAhead => Effect::None,
    /// The clock is four minutes behind.
    ClockBehind => Effect::None,
    /// `token_type` and `expires_in` are lists.
    ListedTokenMembers => Effect::None,
    /// The token response is a form with empty pairs and blanks.
    OddForm => Effect::None,
    /// Answers hold what JSON does not have.
    NotANumber => Effect::None,
    /// Answers are compressed, although that was not asked for.
    Gzip => Effect::None,
    /// Every place redirects to another path of the origin.
    RedirectWithin => Effect::None,
    /// Tokens come with status 201.
    TokensCreated => Effect::None,
    /// Every document is declared as text and begins with a byte order mark.
    DocumentsAsText => Effect::None,
    /// Every document is declared as a web page.
    DocumentsAsPages => Effect::None,
    /// The members of the discovery document have blanks around them and schemes in capitals.
    SpacedDocument => Effect::None,
    /// A key for encryption has the name of the one that signs.
    KeysForEncryption => Effect::None,
    /// Another key has the name of the one that signs.
    KeysTwice => Effect::None,
    /// The keys state neither use nor algorithm.
    KeysWithoutUse => Effect::None,
    /// The keys state operations and members of later specifications.
    KeysOperations => Effect::None,
    /// A refresh brings no refresh token.
    RefreshWithout => Effect::None,
    /// A refresh brings an empty refresh token.
    RefreshEmpty => Effect::None,
    /// A refresh brings a refresh token that is null.
    RefreshNull => Effect::None,
    /// A refresh brings another list of scopes.
    RefreshScope => Effect::None,
    /// Errors with the number zero and words of success are in every answer.
    ZeroErrors => Effect::None,
    /// `aud` is a list of one.
    AudienceList => Effect::None,
    /// `aud` is a list with an element that is null.
    AudienceNull => Effect::None,
    /// A claim is nested deep.
    DeepMembers => Effect::None,
    /// `iat` and `exp` have a fraction.
    TimesFraction => Effect::None,
    /// A wrong request, for its token.
    InvalidRequestToken => Effect::Ends,
    /// The code of a refusal in capitals.
    InvalidGrantCapitals => Effect::Ends,
    /// The refusal of a token with the status of a client's.
    InvalidGrantUnauthorized => Effect::Ends,
    /// The code of a refusal within an object.
    NestedGrant => Effect::Ends,
    /// A token that expired, stated by a message without a code.
    ExpiredMessage => Effect::Ends,
    /// Userinfo refuses with a list of errors.
    UserinfoErrors => Effect::Ends,
    /// Userinfo refuses with 403 and a text.
    UserinfoForbiddenText => Effect::Ends,
    /// Userinfo refuses with challenges of several schemes.
    UserinfoChallenges => Effect::Ends,
    /// Google, of a user whom the administrator makes sign in again.
    SignInAgain => Effect::Ends,
    /// Keycloak, of a session that ended.
    SessionEnded => Effect::Ends,
    /// Cognito, of a token that was revoked, without a code of OAuth.
    ClassOfError => Effect::Ends,
    /// GitHub, with status 200 and a form.
    FormWithOk => Effect::Ends,
    /// Zitadel's userinfo, with a number for a code.
    UserinfoNumberedCode => Effect::Ends,
    /// Okta, in its own members.
    OwnMembers => Effect::Ends,
    /// The refresh is refused as it should be.
    InvalidGrant => Effect::Ends,
    /// The refresh is refused with 400 and no body.
    EmptyBadRequest => Effect::Ends,
    /// The refresh is refused with 400 and a text.
    TextBadRequest => Effect::Ends,
    /// The refresh is refused with status 200.
    RefusedWithOk => Effect::Ends,
    /// The refresh is refused with an error that is an object.
    ErrorObject => Effect::Ends,
    /// The refresh is refused with a form.
    ErrorForm => Effect::Ends,
    /// The refresh is refused with a code of its own.
    OwnCode => Effect::Ends,
    /// The refresh is refused with 403 and an empty object.
    EmptyForbidden => Effect::Ends,
    /// The user is blocked, as Auth0 states it: with the code and the status of a client's fault.
    UserBlocked => Effect::Ends,
    /// The user is disabled, stated by a message without a code.
    UserDisabledMessage => Effect::Ends,
    /// The user is deactivated, stated by a text.
    UserDeactivatedText => Effect::Ends,
    /// Userinfo refuses a disabled user with the code of a wrong request, as older Keycloaks do.
    UserinfoUserDisabled => Effect::Ends,
    /// Userinfo does not find the user.
    UserinfoUserNotFound => Effect::Ends,
    /// Userinfo refuses with 401.
    UserinfoUnauthorized => Effect::Ends,
    /// Userinfo refuses with 400 and no body.
    UserinfoBadRequest => Effect::Ends,
    /// Userinfo refuses with status 200.
    UserinfoRefusedWithOk => Effect::Ends,
    /// Slack, in a failure of its own with status 200.
    FatalWithOk => Effect::Silence,
    /// Authentik while it starts.
    Starting => Effect::Silence,
    /// A load balancer without a server, in words.
    NoServers => Effect::Silence,
    /// A load balancer whose server is late, with JSON.
    LateServer => Effect::Silence,
    /// A status that only a proxy has.
    ProxyStatus => Effect::Silence,
    /// Userinfo demands a scope that this server did not ask for.
    UserinfoScope => Effect::Silence,
    /// The token endpoint fails.
    ServerError => Effect::Silence,
    /// The token endpoint is behind a proxy that cannot reach it.
    BadGateway => Effect::Silence,
    /// The token endpoint reports that it is busy.
    Busy => Effect::Silence,
    /// The token endpoint no longer accepts this client.
    InvalidClient => Effect::Silence,
    /// The token endpoint refuses this server with 401 and no body.
    EmptyUnauthorized => Effect::Silence,
    /// A wrong client secret, as Auth0 states it.
    AccessDeniedClient => Effect::Silence,
    /// The client is suspended, as GitHub states it.
    ClientSuspended => Effect::Silence,
    /// A wrong client secret, in words alone, as Twitch states it.
    ClientSecretInWords => Effect::Silence,
    /// An unknown client, in words alone, as HubSpot states it.
    ClientInWords => Effect::Silence,
    /// Userinfo fails.
    UserinfoServerError => Effect::Silence,
    /// A wrong request, for a parameter that it lacks.
    MissingParameter => Effect::Silence,
    /// A wrong request, for the client's assertion.
    ClientAssertion => Effect::Silence,
    /// 408.
    RequestTimeout => Effect::Silence,
    /// Too many requests, for a time with a fraction.
    TooManyFraction => Effect::Wait(600),
    /// Too many requests, in the headers of a standard.
    TooManyStandard => Effect::Wait(450),
    /// Cognito, of too many requests, without a code of OAuth.
    ClassOfLimit => Effect::Wait(300),
    /// A limit in words alone, as GitHub's second one.
    LimitInWords => Effect::Wait(300),
    /// Too many requests, with a time that has a unit.
    TooManyUnit => Effect::Wait(300),
    /// Too many requests, for no time.
    TooManyZero => Effect::Wait(60),
    /// Too many requests, for a time before now.
    TooManyNegative => Effect::Wait(60),
    /// Too many requests, until a time of a clock that is years behind.
    TooManyUntil => Effect::Wait(600),
    /// Maintenance until a time of a clock that is years ahead.
    MaintenanceUntil => Effect::Wait(1800),
    /// Too many requests, with two times.
    TooManyTwice => Effect::Wait(600),
    /// 420.
    Calm => Effect::Wait(600),
    /// Too many requests, for ten minutes.
    TooMany => Effect::Wait(600),
    /// Too many requests, without a time.
    TooManyForever => Effect::Wait(300),
    /// A rate limit in GitHub's form.
    RateLimit => Effect::Wait(900),
    /// 403 with a time.
    ForbiddenForNow => Effect::Wait(700),
    /// Maintenance with a time.
    Maintenance => Effect::Wait(1800),
    /// Userinfo reports too many requests.
    UserinfoTooMany => Effect::Wait(600),
    /// `slow_down`.
    SlowDown => Effect::Wait(300),
    /// A limit as Google tells it.
    Exhausted => Effect::Wait(300),
    /// A limit as Google's older interfaces tell it.
    UserRate => Effect::Wait(300),
    /// A limit as Slack tells it, with status 200.
    LimitedWithOk => Effect::Wait(300),
    /// A limit of a code that is no standard, with 400.
    OwnLimit => Effect::Wait(300),
    /// A failure of its own, with status 200.
    InternalWithOk => Effect::Silence,
    /// A failure of its own, with 403.
    UnavailableForbidden => Effect::Silence,
    /// A web page in place of tokens.
    Page => Effect::Nonsense,
    /// A web page that refuses, as a firewall sends it.
    ForbiddenPage => Effect::Nonsense,
    /// No tokens, no error.
    EmptyObject => Effect::Nonsense,
    /// A redirect.
    Redirect => Effect::Nonsense,
    /// Not found.
    NotFound => Effect::Nonsense,
    /// A firewall that refuses with a text and a number.
    FirewallText => Effect::Nonsense,
    /// A mesh of services that refuses with a text.
    MeshText => Effect::Nonsense,
    /// The userinfo is refused by a firewall with a text and a number.
    UserinfoFirewallText => Effect::Nonsense,
    /// Broken JSON.
    BrokenJson => Effect::Nonsense,
    /// Userinfo is a web page.
    UserinfoPage => Effect::Nonsense,
    /// Userinfo does not name the user.
    UserinfoNameless => Effect::Nonsense,
    /// 204.
    NoContent => Effect::Nonsense,
    /// A list in place of tokens.
    ListOfTokens => Effect::Nonsense,
    /// Tokens that are no bearer tokens.
    OtherTokens => Effect::Nonsense,
    /// 418.
    Teapot => Effect::Nonsense,
    /// Userinfo is a list.
    UserinfoList => Effect::Nonsense,
    /// Userinfo is empty.
    UserinfoEmpty => Effect::Nonsense,
}

/// A value that is nested deep.
fn deep() -> Value {
    (0..100).fold(json!(1), |inner, _| json!([inner]))
}

impl Misbehaviour {
    /// Changes claims of ID tokens and userinfo.
    pub(super) fn claims(self, claims: &mut Value) {
        let unused = [
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "phone_number",
            "phone_number_verified",
            "address",
            "updated_at",
            "c_hash",
        ];
        let mut all = |value: fn(usize) -> Value| {
            for (at, name) in unused.into_iter().enumerate() {
                claims[name] = value(at);
            }
        };
        match self {
            Self::UpdatedAtDate => claims["updated_at"] = json!("2026-01-02T03:04:05.678Z"),
            Self::EmailVerifiedText => claims["email_verified"] = json!("true"),
            Self::EmailVerifiedNumber => claims["email_verified"] = json!(1),
            Self::AddressText => claims["address"] = json!("1 Main Street"),
            Self::LocaleObject => claims["locale"] = json!({"country": "US", "language": "en"}),
            Self::NullClaims => all(|_| Value::Null),
            Self::EmptyClaims => all(|_| json!("")),
            Self::OddClaims => all(|at| match at % 4 {
                0 => json!(at),
                1 => json!([at, null, {}]),
                2 => json!(true),
                _ => json!({"formatted": at}),
            }),
            Self::OddFacts => {
                claims["amr"] = json!("pwd");
                claims["acr"] = json!(1);
                claims["auth_time"] = json!("yesterday");
                claims["sid"] = json!(17);
            }
            // A number that the user of the test has in no other form.
            Self::SubjectNumber => {
                let text = claims["sub"].as_str().unwrap_or_default();
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                claims["sub"] = json!(9_007_199_254_000_000 + digits.parse::<u64>().unwrap_or(0));
            }
            Self::TimesText => {
                for name in ["exp", "iat"] {
                    claims[name] = claims[name].to_string().into();
                }
                claims["nbf"] = claims["iat"].clone();
            }
            Self::NullProtection => {
                claims["azp"] = Value::Null;
                claims["at_hash"] = Value::Null;
            }
            Self::AudienceList if claims["aud"].is_string() => {
                claims["aud"] = json!([claims["aud"]]);
            }
            Self::AudienceNull if claims["aud"].is_string() => {
                claims["aud"] = json!([null, claims["aud"]]);
            }
            Self::DeepMembers => claims["tree"] = deep(),
            Self::TimesFraction => {
                for name in ["exp", "iat"] {
                    if let Some(at) = claims[name].as_f64() {
                        claims[name] = json!(at + 0.25);
                    }
                }
            }
            Self::OddLanguages => {
                claims["name#de"] = Value::Null;
                claims["website#"] = json!(7);
                claims["family_name#ja-Kana-JP"] = json!([]);
            }
            _ => {}
        }
    }

    /// Changes a token response.
    pub(super) fn tokens(self, answer: &mut Value) {
        match self {
            Self::ExpiresInText => answer["expires_in"] = json!("3599"),
            Self::ExpiresInFraction => answer["expires_in"] = json!(3599.5),
            Self::ExpiresInTextFraction => answer["expires_in"] = json!(" 3599.0"),
            Self::ExpiresInNegative => answer["expires_in"] = json!(-1),
            Self::ExpiresInWords => answer["expires_in"] = json!("in an hour"),
            Self::ExpiresInNull => answer["expires_in"] = Value::Null,
            Self::ExpiresInAbsent => {
                answer.as_object_mut().unwrap().remove("expires_in");
            }
            Self::ScopeList => answer["scope"] = json!(["openid", "email"]),
            Self::ScopeNull => answer["scope"] = Value::Null,
            Self::NoTokenType => {
                answer.as_object_mut().unwrap().remove("token_type");
            }
            Self::TokenTypeCapitals => answer["token_type"] = json!("BEARER"),
            Self::TokenTypeEmpty => answer["token_type"] = json!(""),
            Self::EmptyErrors => {
                answer["error"] = Value::Null;
                answer["error_description"] = json!("");
            }
            Self::ListedTokenMembers => {
                answer["token_type"] = json!(["Bearer"]);
                answer["expires_in"] = json!([3600]);
                answer["scope"] = json!({"openid": true});
            }
            Self::OddTokenMembers => {
                answer["ext_expires_in"] = json!("0");
                answer["not-before-policy"] = json!([]);
                answer["user"] = json!({"id": 1, "roles": [null]});
                answer["session_state"] = json!(7);
            }
            _ => {}
        }
    }
}
