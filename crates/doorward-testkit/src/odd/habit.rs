//! The misbehaviours of upstreams, and what each of them may cost.

use super::OddKind;

/// The consequence of a misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// None: the tool `good` is offered and answers.
    Works,
    /// The same, and this is named as left out or mended.
    Named(&'static str),
    /// A call ends at once, with an error that contains this.
    Fails(&'static str),
    /// Nothing is offered, and the reason contains this.
    Unusable(&'static str),
}

/// One misbehaviour of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say what happens; `serve.rs` does it")]
pub enum OddHabit {
    // A call is answered with something that does not answer it.
    CallAccepted,
    CallNoContent,
    CallEmpty,
    CallEmptyJson,
    CallPage,
    CallText,
    CallCutOff,
    CallConflict,
    CallEndlessRefusal,
    CallForbidden,
    CallNotFound,
    CallServerError,
    CallBadGateway,
    CallMaintenance,
    CallTooMany,
    CallTooManyWithout,
    CallCloses,
    CallStreamEnds,
    CallOtherId,
    CallNullId,
    CallNoId,
    CallNotification,
    CallUnreadable,
    ErrorNullId,
    ErrorNoId,
    ErrorServerErrorId,
    ErrorAsText,
    IdAsText,
    IdWithFraction,
    NullErrorBesideResult,
    Batch,
    // The session is lost before the first call, as by a restart.
    Forgets400,
    Forgets404,
    Forgets400ServerErrorId,
    Forgets404Page,
    Forgets400OwnId,
    ForgetsAlways,
    BadRequestIsAnAnswer,
    // The process ends, or says something else.
    ExitsOnCall,
    TalksOnOutput,
    // The question for the revisions is answered with anything but a result.
    DiscoverServerError,
    DiscoverForbidden,
    DiscoverPage,
    DiscoverNotFoundPage,
    DiscoverAccepted,
    DiscoverCloses,
    DiscoverSilent,
    DiscoverNullId,
    DiscoverOtherResult,
    DiscoverOldVersions,
    // One element cannot be read.
    BareTool,
    NullSchema,
    SchemaAsList,
    NamelessTool,
    ToolAsText,
    OddAnnotations,
    OddTitle,
    OddIcons,
    OddMeta,
    OddPrompt,
    OddResource,
    OddTemplate,
    OddCapabilities,
    UnknownBlock,
    BlockAsText,
    // Something that is no message comes before the answer, or headers have another spelling.
    Ping,
    Heartbeat,
    Comments,
    UnknownLines,
    NoLastLine,
    SpelledType,
    NoType,
    InitializedRefused,
    EmptyCursor,
    EndlessCursor,
    // Redirects.
    Redirect307,
    Redirect308,
    RedirectTwice,
    Redirect302,
    RedirectElsewhere,
    RedirectLoop,
}

use OddHabit as H;

impl OddHabit {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        H::CallAccepted,
        H::CallNoContent,
        H::CallEmpty,
        H::CallEmptyJson,
        H::CallPage,
        H::CallText,
        H::CallCutOff,
        H::CallConflict,
        H::CallEndlessRefusal,
        H::CallForbidden,
        H::CallNotFound,
        H::CallServerError,
        H::CallBadGateway,
        H::CallMaintenance,
        H::CallTooMany,
        H::CallTooManyWithout,
        H::CallCloses,
        H::CallStreamEnds,
        H::CallOtherId,
        H::CallNullId,
        H::CallNoId,
        H::CallNotification,
        H::CallUnreadable,
        H::ErrorNullId,
        H::ErrorNoId,
        H::ErrorServerErrorId,
        H::ErrorAsText,
        H::IdAsText,
        H::IdWithFraction,
        H::NullErrorBesideResult,
        H::Batch,
        H::Forgets400,
        H::Forgets404,
        H::Forgets400ServerErrorId,
        H::Forgets404Page,
        H::Forgets400OwnId,
        H::ForgetsAlways,
        H::BadRequestIsAnAnswer,
        H::ExitsOnCall,
        H::TalksOnOutput,
        H::DiscoverServerError,
        H::DiscoverForbidden,
        H::DiscoverPage,
        H::DiscoverNotFoundPage,
        H::DiscoverAccepted,
        H::DiscoverCloses,
        H::DiscoverSilent,
        H::DiscoverNullId,
        H::DiscoverOtherResult,
        H::DiscoverOldVersions,
        H::BareTool,
        H::NullSchema,
        H::SchemaAsList,
        H::NamelessTool,
        H::ToolAsText,
        H::OddAnnotations,
        H::OddTitle,
        H::OddIcons,
        H::OddMeta,
        H::OddPrompt,
        H::OddResource,
        H::OddTemplate,
        H::OddCapabilities,
        H::UnknownBlock,
        H::BlockAsText,
        H::Ping,
        H::Heartbeat,
        H::Comments,
        H::UnknownLines,
        H::NoLastLine,
        H::SpelledType,
        H::NoType,
        H::InitializedRefused,
        H::EmptyCursor,
        H::EndlessCursor,
        H::Redirect307,
        H::Redirect308,
        H::RedirectTwice,
        H::Redirect302,
        H::RedirectElsewhere,
        H::RedirectLoop,
    ];

    /// The consequence for an upstream of a kind and revision; `None` where the misbehaviour does not
    /// occur.
    #[expect(clippy::too_many_lines, reason = "one line for each misbehaviour")]
    pub fn expected(self, kind: OddKind, modern: bool) -> Option<Expected> {
        use Expected::{Fails, Named, Unusable, Works};
        use OddKind::{Http, Sse, Stdio};
        // The old transport was never spoken by servers of the newest revision.
        if kind == Sse && modern {
            return None;
        }
        let on = |kinds: &[OddKind], expected| kinds.contains(&kind).then_some(expected);
        match self {
            H::CallAccepted => on(&[Http], Fails("answered HTTP 202 (Accepted) without a result")),
            H::CallNoContent => {
                on(&[Http], Fails("answered HTTP 204 (No Content) without a result"))
            }
            H::CallEmpty | H::CallEmptyJson => {
                on(&[Http], Fails("answered HTTP 200 (OK) with an empty body"))
            }
            H::CallPage => on(&[Http], Fails("with a web page: “Welcome (a web page)”")),
            H::CallText => on(&[Http], Fails("with text that is no JSON: “out of order”")),
            H::CallCutOff => on(&[Http], Fails("with text that is no JSON")),
            H::CallEndlessRefusal => {
                on(&[Http, Sse], Fails("answered HTTP 500 (Internal Server Error): “no end”"))
            }
            H::CallConflict => on(&[Http, Sse], Fails("answered HTTP 409 (Conflict): “no, 409”")),
            H::CallForbidden => on(&[Http, Sse], Fails("answered HTTP 403 (Forbidden): “no, 403”")),
            // With a session, 404 says first of all that it is not known.
            H::CallNotFound => on(&[Http, Sse], Fails("answered HTTP 404 (Not Found): “no, 404”")),
            H::CallServerError => {
                on(&[Http, Sse], Fails("answered HTTP 500 (Internal Server Error): “no, 500”"))
            }
            H::CallBadGateway => on(
                &[Http, Sse],
                Fails("answered HTTP 502 (Bad Gateway): “502 Bad Gateway (a web page)”"),
            ),
            H::CallMaintenance => on(&[Http, Sse], Fails("asks to wait 90 seconds (HTTP 503")),
            H::CallTooMany => on(&[Http, Sse], Fails("asks to wait 7 seconds (HTTP 429")),
            H::CallTooManyWithout => on(&[Http, Sse], Fails("asks to wait a while")),
            H::CallCloses => on(&[Http, Sse], Fails("the answer broke off")),
            H::CallStreamEnds => on(&[Http], Fails("its stream ended before the answer")),
            H::CallOtherId => Some(Fails("where the request has the id")),
            H::CallNullId | H::CallNoId => Some(Fails("answered without an id")),
            H::CallNotification => on(&[Http], Fails("with JSON that is no answer")),
            H::CallUnreadable => Some(Fails("that is not what the protocol specifies")),
            H::ErrorNullId | H::ErrorNoId | H::ErrorServerErrorId | H::ErrorAsText => {
                Some(Fails("answered with an error: “Parse error of yours”"))
            }
            H::IdAsText
            | H::IdWithFraction
            | H::NullErrorBesideResult
            | H::Batch
            | H::UnknownBlock
            | H::BlockAsText
            | H::EmptyCursor => Some(Works),
            H::Forgets400
            | H::Forgets404
            | H::Forgets400ServerErrorId
            | H::Forgets404Page
            | H::Forgets400OwnId => on(&[Http, Sse], Works).filter(|_| !modern),
            H::ForgetsAlways => {
                on(&[Http], Fails("HTTP 400 (Bad Request): “No valid session”")).filter(|_| !modern)
            }
            H::BadRequestIsAnAnswer => {
                on(&[Http], Fails("answered with an error: “the argument is wrong”"))
            }
            H::ExitsOnCall => on(&[Stdio], Fails("its process ended with exit status 3")),
            H::TalksOnOutput => on(&[Stdio], Works),
            H::DiscoverServerError
            | H::DiscoverForbidden
            | H::DiscoverPage
            | H::DiscoverNotFoundPage
            | H::DiscoverAccepted => on(&[Http], Works).filter(|_| !modern),
            H::DiscoverCloses
            | H::DiscoverSilent
            | H::DiscoverNullId
            | H::DiscoverOtherResult
            | H::DiscoverOldVersions => on(&[Http, Stdio], Works).filter(|_| !modern),
            H::BareTool | H::NullSchema | H::SchemaAsList => {
                Some(Named("bare: inputSchema (it is missing or not an object"))
            }
            H::NamelessTool | H::ToolAsText => Some(Named("#1 (it has no name or URI)")),
            H::OddAnnotations => Some(Named("bare: annotations (they are not what")),
            H::OddTitle => Some(Named("bare: title (it is not what")),
            H::OddIcons => Some(Named("bare: icons (it is not what")),
            H::OddMeta => Some(Named("bare: _meta (it is not what")),
            H::OddPrompt => Some(Named("prompt #1 (it has no name or URI)")),
            H::OddResource => Some(Named("resource file:///odd: size (it is not what")),
            H::OddTemplate => Some(Named("resource template #1 (it has no name or URI)")),
            H::OddCapabilities => Some(Named("capabilities: tools (it is not what")),
            H::Ping
            | H::Heartbeat
            | H::Comments
            | H::UnknownLines
            | H::Redirect307
            | H::Redirect308
            | H::RedirectTwice => on(&[Http, Sse], Works),
            H::NoLastLine | H::SpelledType | H::NoType | H::InitializedRefused => {
                on(&[Http], Works)
            }
            H::EndlessCursor => Some(Named("the list has too many pages or repeats itself")),
            H::Redirect302 => on(&[Http, Sse], Unusable("/moved; set `url` to that")),
            H::RedirectElsewhere => on(
                &[Http, Sse],
                Unusable("redirects to http://localhost:9/moved; set `url` to that"),
            ),
            H::RedirectLoop => on(&[Http, Sse], Unusable("redirects more than 5 times")),
        }
    }

    /// True if the server answers the question for its revisions in its own way.
    pub(super) fn is_about_discover(self) -> bool {
        matches!(
            self,
            H::DiscoverServerError
                | H::DiscoverForbidden
                | H::DiscoverPage
                | H::DiscoverNotFoundPage
                | H::DiscoverAccepted
                | H::DiscoverCloses
                | H::DiscoverSilent
                | H::DiscoverNullId
                | H::DiscoverOtherResult
                | H::DiscoverOldVersions
        )
    }

    /// True if the server loses its sessions.
    pub(super) fn forgets(self) -> bool {
        matches!(
            self,
            H::Forgets400
                | H::Forgets404
                | H::Forgets400ServerErrorId
                | H::Forgets404Page
                | H::Forgets400OwnId
                | H::ForgetsAlways
                | H::BadRequestIsAnAnswer
        )
    }

    /// The status with which a redirect begins.
    pub(super) fn redirects(self) -> Option<u16> {
        match self {
            H::Redirect307 | H::RedirectTwice | H::RedirectElsewhere | H::RedirectLoop => Some(307),
            H::Redirect308 => Some(308),
            H::Redirect302 => Some(302),
            _ => None,
        }
    }
}
