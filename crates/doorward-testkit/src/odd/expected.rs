//! The permitted consequence of each misbehaviour.

use super::{Expected, OddHabit as H, OddKind};

impl H {
    /// The consequence for an upstream of a kind and revision; `None` where the misbehaviour does not
    /// occur.
    #[expect(
        clippy::too_many_lines,
        clippy::match_same_arms,
        reason = "one line for each misbehaviour, by group"
    )]
    pub fn expected(self, kind: OddKind, modern: bool) -> Option<Expected> {
        use Expected::{Fails, Named, Unusable, Works};
        use OddKind::{Http, Sse, Stdio};
        // The old transport was never spoken by servers of the newest revision.
        if kind == Sse && modern || kind == OddKind::Api {
            return None;
        }
        let on = |kinds: &[OddKind], expected| kinds.contains(&kind).then_some(expected);
        match self {
            H::CallAccepted => on(&[Http], Fails("returned HTTP 202 (Accepted) without a result")),
            H::CallNoContent => {
                on(&[Http], Fails("returned HTTP 204 (No Content) without a result"))
            }
            H::CallEmpty | H::CallEmptyJson => {
                on(&[Http], Fails("returned HTTP 200 (OK) with an empty body"))
            }
            H::CallPage => on(&[Http], Fails("with a web page: “Welcome (a web page)”")),
            H::CallText => on(&[Http], Fails("with text that is not JSON: “out of order”")),
            H::CallCutOff => on(&[Http], Fails("with text that is not JSON")),
            H::CallEndlessRefusal => {
                on(&[Http, Sse], Fails("returned HTTP 500 (Internal Server Error): “no end”"))
            }
            H::CallConflict => on(&[Http, Sse], Fails("returned HTTP 409 (Conflict): “no, 409”")),
            H::CallForbidden => on(&[Http, Sse], Fails("returned HTTP 403 (Forbidden): “no, 403”")),
            // With a session, a 404 primarily means that the session is unknown.
            H::CallNotFound => on(&[Http, Sse], Fails("returned HTTP 404 (Not Found): “no, 404”")),
            H::CallServerError => {
                on(&[Http, Sse], Fails("returned HTTP 500 (Internal Server Error): “no, 500”"))
            }
            H::CallBadGateway => on(
                &[Http, Sse],
                Fails("returned HTTP 502 (Bad Gateway): “502 Bad Gateway (a web page)”"),
            ),
            H::CallMaintenance | H::CallMaintenanceUntil => {
                on(&[Http, Sse], Fails("asks to wait 90 seconds (HTTP 503"))
            }
            H::CallTooManyUntil => on(&[Http, Sse], Fails("asks to wait 7 seconds (HTTP 429")),
            H::CallTooMany => on(&[Http, Sse], Fails("asks to wait 7 seconds (HTTP 429")),
            H::CallTooManyWithout => on(&[Http, Sse], Fails("asks to wait a while")),
            H::CallCloses => on(&[Http, Sse], Fails("the response broke off")),
            H::CallReset => on(&[Http], Fails("returned HTTP 205 (Reset Content)")),
            H::CallNotModified => on(&[Http, Sse], Fails("returned HTTP 304 (Not Modified)")),
            H::CallGone => on(&[Http, Sse], Fails("returned HTTP 410 (Gone): “no, 410”")),
            H::CallTimeout => on(&[Http, Sse], Fails("returned HTTP 408 (Request Timeout)")),
            H::CallStrangeStatus => on(&[Http, Sse], Fails("returned HTTP 599: “no, 599”")),
            H::CallStreamOtherId => on(&[Http], Fails("to the request with the id")),
            H::CallStreamNullError => {
                on(&[Http], Fails("returned an error: “Parse error of yours”"))
            }
            H::CallNullResult | H::CallResultText => {
                Some(Fails("does not conform to the protocol"))
            }
            H::ErrorWithoutMessage | H::ErrorTrue => Some(Fails("returned an error")),
            H::ErrorCodeAsText => Some(Fails("returned an error: “Parse error of yours”")),
            H::CallStreamEnds => on(&[Http], Fails("its stream ended before the response")),
            H::CallOtherId => Some(Fails("to the request with the id")),
            H::CallNullId | H::CallNoId => Some(Fails("responded without an id")),
            H::CallNotification | H::CallEmptyBatch | H::CallNumber => {
                on(&[Http], Fails("with JSON that is not a response"))
            }
            H::CallUnreadable => Some(Fails("does not conform to the protocol")),
            H::ErrorNullId | H::ErrorNoId | H::ErrorServerErrorId | H::ErrorAsText => {
                Some(Fails("returned an error: “Parse error of yours”"))
            }
            H::IdAsText
            | H::IdWithFraction
            | H::NullErrorBesideResult
            | H::Batch
            | H::UnknownBlock
            | H::ActiveLink
            | H::BlockAsText
            | H::OldVersionOfRpc
            | H::OddExecution
            | H::CutEmoji
            | H::NotANumber
            | H::ControlCharacters
            | H::TooLargeNumber
            | H::ByteOrderMark
            | H::OneBlock
            | H::OddBlockAnnotations
            | H::ImageWithoutType
            | H::LinkWithoutName
            | H::TextAsNumber
            | H::OddStructure
            | H::OddIsError
            | H::OddResultMeta
            | H::SchemaSwitches
            | H::OddBytes
            | H::EmptyCursor => Some(Works),
            H::Forgets400
            | H::Forgets404
            | H::Forgets400ServerErrorId
            | H::Forgets404Page
            | H::Forgets410
            | H::Forgets400OwnId => on(&[Http, Sse], Works).filter(|_| !modern),
            H::ForgetsAlways => {
                on(&[Http], Fails("HTTP 400 (Bad Request): “No valid session”")).filter(|_| !modern)
            }
            H::BadRequestIsAnAnswer => {
                on(&[Http], Fails("returned an error: “the argument is wrong”"))
            }
            H::ExitsOnCall => on(&[Stdio], Fails("its process ended with exit status 3")),
            H::Brotli => on(&[Http], Fails("compressed (br)")),
            H::GzipCut => on(&[Http], Fails("broke off or is damaged")),
            H::GzipBomb => on(&[Http], Fails("returned more than")),
            H::TalksOnOutput | H::Indented => on(&[Stdio], Works),
            H::DiscoverServerError
            | H::DiscoverTooMany
            | H::DiscoverForbidden
            | H::DiscoverPage
            | H::DiscoverNotFoundPage
            | H::DiscoverNotAllowed
            | H::DiscoverNotAcceptable
            | H::DiscoverNotImplemented
            | H::DiscoverTimeout
            | H::DiscoverRedirect
            | H::DiscoverEmpty
            | H::DiscoverStreamEnds
            | H::DiscoverAccepted => on(&[Http], Works).filter(|_| !modern),
            H::DiscoverCloses
            | H::DiscoverSilent
            | H::DiscoverNullId
            | H::DiscoverOtherResult
            | H::DiscoverTextError
            | H::DiscoverInternalError
            | H::DiscoverParseError
            | H::DiscoverEmptyResult
            | H::DiscoverNoVersions
            | H::DiscoverOldVersions => on(&[Http, Stdio], Works).filter(|_| !modern),
            H::NoServerInfo => {
                Some(Named("serverInfo: name (it does not conform")).filter(|_| !modern)
            }
            H::NoVersion | H::OddVersion => {
                Some(Named("result: protocolVersion (it does not conform")).filter(|_| !modern)
            }
            H::PingsFirst | H::FutureVersion | H::StrictCapabilities | H::OnlyOldVersions => {
                Some(Works).filter(|_| !modern)
            }
            H::NullCapabilities | H::ListedCapabilities => {
                Some(Named("capabilities (it does not conform"))
            }
            H::NoCapabilities | H::EmptyListOfCapabilities => {
                Some(Named("capabilities: tools (the upstream does not announce it"))
            }
            H::OddInstructions => Some(Named("result: instructions (it does not conform")),
            H::InitializedFails | H::InitializedCloses | H::InitializedAnswered => {
                on(&[Http, Sse], Works).filter(|_| !modern)
            }
            H::OddDescription => Some(Named("bare: description (it does not conform")),
            H::OddOutputSchema => Some(Named("bare: outputSchema (it does not conform")),
            H::SchemaWithoutType => Some(Named("bare: inputSchema.type (it is missing")),
            H::OddProperties => {
                Some(Named("bare: inputSchema.properties (it is not valid JSON Schema"))
            }
            H::OddRequired => {
                Some(Named("bare: inputSchema.required (it is not valid JSON Schema"))
            }
            H::UncompiledOutput => Some(Named("bare: outputSchema … $ref (it is not valid")),
            H::DeepSchema => Some(Named("list: elements (values in it are nested deeper")),
            H::DeepResult => Some(Fails("values that are nested deeper than 100")),
            H::OddPriority => {
                Some(Named("resource file:///odd: annotations.priority (it does not"))
            }
            H::OddHeader => Some(Named("bare: inputSchema: x-mcp-header (it does not conform")),
            H::TwiceTheName => Some(Named("good (another tool has the same name)")),
            H::OddListMembers => Some(Named("result: _meta (it does not conform")),
            H::OddResultType => Some(Named("result: resultType (it does not conform")),
            H::OddPromptArguments => Some(Named("prompt letter: arguments (it does not conform")),
            H::OddResourceAnnotations => {
                Some(Named("resource file:///odd: annotations (it does not conform"))
            }
            H::ResourceWithoutName => Some(Named("resource file:///odd: name (it is missing")),
            H::BareTool | H::NullSchema | H::SchemaAsList | H::SchemaAsText => {
                Some(Named("bare: inputSchema (it is missing or not an object"))
            }
            H::NamelessTool | H::ToolAsText | H::NumberAsName | H::NullTool => {
                Some(Named("#1 (it has no name or URI)"))
            }
            H::OddAnnotations => Some(Named("bare: annotations (they do not conform")),
            H::OddTitle => Some(Named("bare: title (it does not conform")),
            H::OddIcons | H::IconsAsObject => Some(Named("bare: icons (it does not conform")),
            H::IconElsewhere => {
                Some(Named("bare: icons (the URL of an icon must begin with https"))
            }
            H::ActiveResource => {
                Some(Named("resource javascript:alert(1) (its URI runs a program"))
            }
            H::OddMeta => Some(Named("bare: _meta (it does not conform")),
            H::OddPrompt => Some(Named("prompt #1 (it has no name or URI)")),
            H::OddResource => Some(Named("resource file:///odd: size (it does not conform")),
            H::OddTemplate => Some(Named("resource template #1 (it has no name or URI)")),
            H::OddCapabilities => Some(Named("capabilities: tools (it does not conform")),
            H::Gzip
            | H::GzipEvents
            | H::Deflate
            | H::NamedGzip
            | H::CallCreated
            | H::CallPartial
            | H::Ping
            | H::Heartbeat
            | H::Comments
            | H::UnknownLines
            | H::LinesOfData
            | H::CarriageReturns
            | H::EventFieldSpelled
            | H::OtherEventsWithMessages
            | H::OddRetry
            | H::RedirectRelative
            | H::RedirectWithoutScheme
            | H::Redirect307
            | H::Redirect308
            | H::RedirectTwice => on(&[Http, Sse], Works),
            H::CallStreamAsText
            | H::NoLastLine
            | H::SpelledType
            | H::NoType
            | H::InitializedRefused => on(&[Http], Works),
            H::OldStreamSpelled
            | H::OldStreamUntyped
            | H::OldStreamAsText
            | H::EndpointAbsolute
            | H::EndpointQuoted
            | H::EndpointLate
            | H::EndpointSpelled
            | H::AnswersAtPost => on(&[Sse], Works),
            H::EventsWithReturns
            | H::EventsMarked
            | H::EventsWithoutBlanks
            | H::EventsWithRetry
            | H::EventsWithOddIds
            | H::EventsTwice
            | H::EventsBare => on(&[Http, Sse], Works),
            H::TypeOfVendor | H::TypeOfPage | H::TypeWithParameters => on(&[Http], Works),
            H::NamesByCase
            | H::CursorAsNumber
            | H::NullAnnotations
            | H::NullOutputSchema
            | H::PromptsUnknown
            | H::StructureAlone
            | H::IsErrorNull
            | H::NullContent
            | H::OldToolResult
            | H::BlockWithoutType
            | H::BlockInCapitals
            | H::NullMembers => Some(Works),
            H::ManyTools => Some(Named("there are more tools than list_tools allows")),
            H::ManyPages | H::LoopOfCursors => {
                Some(Named("the list has too many pages or repeats itself"))
            }
            H::LongCursor => Some(Named("a cursor of 9000 bytes")),
            H::SnakeSchema => Some(Named("bare: inputSchema (it is missing or not an object")),
            H::LongName => Some(Named("(its name is empty, too long")),
            H::HiddenName => Some(Named("contains hidden characters")),
            H::ServerInfoText => {
                Some(Named("serverInfo: name (it does not conform")).filter(|_| !modern)
            }
            H::PromptsFail => Some(Named("prompts (the upstream did not respond with the list)")),
            H::ResourcesText => {
                Some(Named("resources (the upstream did not respond with the list)"))
            }
            H::IsErrorText | H::IsErrorNumber => Some(Fails("echo")),
            H::EndlessCursor => Some(Named("the list has too many pages or repeats itself")),
            H::RedirectWithout => on(&[Http, Sse], Unusable("without a location to redirect to")),
            H::RedirectOtherScheme => on(&[Http, Sse], Unusable("redirects to https://127.0.0.1:")),
            H::Redirect301 | H::Redirect303 | H::Redirect302 => {
                on(&[Http, Sse], Unusable("/moved; set `url` to that"))
            }
            H::RedirectElsewhere => on(
                &[Http, Sse],
                Unusable("redirects to http://localhost:9/moved; set `url` to that"),
            ),
            H::RedirectLoop => on(&[Http, Sse], Unusable("redirects more than 5 times")),
            H::RedirectCapitals | H::RedirectFragment | H::RedirectDots | H::RedirectBlanks => {
                on(&[Http, Sse], Works)
            }
            H::RedirectQuery | H::RedirectLetters | H::RedirectCall => on(&[Http], Works),
            H::RedirectUser => on(&[Http, Sse], Unusable("redirects to")),
            H::RedirectOtherPort => {
                on(&[Http, Sse], Unusable("http://127.0.0.1:9/moved; set `url` to that"))
            }
            H::RedirectName => on(&[Http, Sse], Unusable("redirects to http://localhost:")),
            H::RedirectEmpty => on(&[Http, Sse], Unusable("redirect")),
            H::RedirectChoices => on(&[Http, Sse], Unusable("/moved; set `url` to that")),
            H::RedirectOdd => on(&[Http, Sse], Unusable("redirect")),
            H::PropertiesAsList | H::MemberIsNull => {
                Some(Named("bare: inputSchema.properties (it is not valid JSON Schema"))
            }
            H::RequiredTwice => {
                Some(Named("bare: inputSchema.required (it is not valid JSON Schema"))
            }
            H::SchemaOfList => Some(Named("bare (its definition is too long, or its input is not")),
            H::SchemaOrNull => Some(Named("bare: inputSchema.type (it is missing or not")),
            H::NameAsList | H::FunctionAsTool | H::ToolAsList => {
                Some(Named("#1 (it has no name or URI)"))
            }
            H::OutputAsSwitch => Some(Named("bare: outputSchema (it does not conform")),
            H::UriAsNumber | H::ResourceAsList => {
                Some(Named("resource #1 (it has no name or URI)"))
            }
            H::ArgumentsAsMap | H::ArgumentsAsTexts | H::ArgumentRequiredAsText => {
                Some(Named("prompt letter: arguments (it does not conform"))
            }
            H::PromptAsText => Some(Named("prompt #1 (it has no name or URI)")),
        }
    }
}
