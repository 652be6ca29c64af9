//! Refusals of administration as pages show them: each has a text of its own.

use axum::{http::StatusCode, response::Response};
use doorward_admin::{ClientChangeError, Kind, Refusal};
use doorward_federation::ProviderChangeError;
use doorward_gateway::{ServerChangeError, ToolChangeError, UpstreamChangeError};
use doorward_language::{Message, missing, text};
use doorward_model::{
    ResourceError, ToolsetError, UploadFault, csv::CsvError, policy::SelectionError,
};
use doorward_web::{ErrorPage, reasons};

use crate::Console;

/// An alert at the head of a page.
pub(crate) struct Alert {
    /// The status of the response.
    pub(crate) status: StatusCode,
    /// The event.
    pub(crate) text: Message,
    /// The code of the refusal; empty where the form itself is incomplete.
    pub(crate) code: &'static str,
}

impl Alert {
    /// The alert for a form that is incomplete.
    pub(crate) fn incomplete(text: Message) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text, code: "" }
    }

    /// The alert for a refused form.
    pub(crate) fn unanswered(refusal: &Refusal) -> Self {
        let (status, text) = (StatusCode::BAD_REQUEST, reason(refusal));
        Self { status, text, code: refusal.code().as_str() }
    }
}

/// The alert with which a page is shown again, or the page to show instead: for an object that does
/// not exist, and for a server that is unavailable at the moment.
pub(crate) fn alert(console: &Console, refusal: &Refusal) -> Result<Alert, Response> {
    let status = match refusal.kind() {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Conflict | Kind::Changed => StatusCode::CONFLICT,
        Kind::Missing => return Err(ErrorPage::not_found().draw(&console.web)),
        Kind::Unavailable => return Err(refused_now(refusal).draw(&console.web)),
    };
    let text = text::admin_not_changed(reason(refusal));
    Ok(Alert { status, text, code: refusal.code().as_str() })
}

/// The page for an object that does not exist, or is unavailable at the moment.
pub(crate) fn oops(refusal: &Refusal) -> ErrorPage {
    match refusal.kind() {
        Kind::Missing => ErrorPage::not_found(),
        Kind::Unavailable | Kind::Invalid | Kind::Conflict | Kind::Changed => refused_now(refusal),
    }
}

/// The page for an operation that the server cannot do now.
fn refused_now(refusal: &Refusal) -> ErrorPage {
    ErrorPage::new(
        StatusCode::SERVICE_UNAVAILABLE,
        text::error_unavailable(),
        text::admin_not_changed(reason(refusal)),
        text::error_retry(),
    )
}

fn table(error: &CsvError) -> Message {
    match error {
        CsvError::Bytes(most) => text::refusal_csv_bytes(most.to_string()),
        CsvError::Rows(most) => text::refusal_csv_rows(most.to_string()),
        CsvError::Columns(line, most) => {
            text::refusal_csv_columns(line.to_string(), most.to_string())
        }
        CsvError::Field(line, most) => text::refusal_csv_field(line.to_string(), most.to_string()),
        CsvError::Quote(line) => text::refusal_csv_quote(line.to_string()),
        CsvError::Control(line) => text::refusal_csv_control(line.to_string()),
    }
}

/// The reason of a refusal, as a part of a sentence.
pub(crate) fn reason(refusal: &Refusal) -> Message {
    match refusal {
        Refusal::Missing(object, name) => missing(object.key(), name),
        Refusal::Taken(_, name) => text::refusal_name_taken(name),
        Refusal::Role(role, _) => text::input_role_named(role),
        Refusal::TooManyRoles(most) => text::refusal_too_many_roles(most),
        Refusal::GroupName(name) => text::refusal_group_name(name),
        Refusal::GroupOfServices => text::refusal_group_of_services(),
        Refusal::TooManyGroups(most) => text::refusal_too_many_groups(most),
        Refusal::TooManyMembers(most) => text::refusal_too_many_members(most),
        Refusal::Description(most) => text::refusal_description(most),
        Refusal::MemberByRule(user, group) => text::refusal_member_by_rule(user, group),
        Refusal::GroupOfAdministrators(name) => text::refusal_group_of_administrators(name),
        Refusal::Csv(error) => table(error),
        Refusal::ImportColumn(name) => text::refusal_import_column(name),
        Refusal::ImportWithoutNames => text::refusal_import_without_names(),
        Refusal::ImportedTwice(name, line) => text::refusal_imported_twice(name, line.to_string()),
        Refusal::ImportRefused(count, _) => text::refusal_import_refused(count),
        Refusal::ImportOfAdministrators => text::refusal_import_of_administrators(),
        Refusal::EmailNeeded => text::refusal_email_needed(),
        Refusal::ProviderOff(name) => text::refusal_provider_off(name),
        Refusal::User(error) => reasons::user(error),
        Refusal::Provider(error) => provider(error),
        Refusal::Link(error) => text::refusal_provider(error.to_string()),
        Refusal::Client(error) => client(error),
        Refusal::Days(least, most) => text::refusal_days(least, most),
        Refusal::Token(error) => reasons::token(error),
        Refusal::Scope(name) => text::refusal_scope(name),
        Refusal::NoScope => text::refusal_no_scope(),
        Refusal::Resource(error) => resource(error),
        Refusal::Toolset(error) => toolset(error),
        Refusal::SelectedUpstream { name, near: None } => text::refusal_toolset_upstream(name),
        Refusal::SelectedUpstream { name, near: Some(near) } => {
            text::refusal_toolset_upstream_near(name, near)
        }
        Refusal::TooManyToolsets(most) => text::refusal_too_many_toolsets(most),
        Refusal::Keys => text::refusal_keys(),
        Refusal::NotAService(name) => text::refusal_not_a_service(name),
        Refusal::UpstreamName(name) => text::refusal_upstream_name(name),
        Refusal::Upstream(error) => upstream(error),
        Refusal::Server(error) => server(error),
        Refusal::Tool(error) => tool(error),
        Refusal::Settings(detail) => text::refusal_setting(detail),
        Refusal::OfTheMachine(setting) => text::refusal_machine(setting),
        Refusal::OpensNetworks(setting) => text::refusal_networks(setting),
        Refusal::Rules(detail) => text::refusal_rules(detail),
        Refusal::RulesInFile(set) => text::refusal_rules_in_file(set.as_str()),
        Refusal::RulesChanged => text::refusal_rules_changed(),
        Refusal::PolicyCase(name, detail) => text::refusal_policy_case(name, detail),
        Refusal::AuditorNeeded => text::refusal_auditor_needed(),
        Refusal::ListParameter(name, _) => text::refusal_list_parameter(name),
        Refusal::OneItem => text::refusal_one_item(),
        Refusal::Key(error) => text::refusal_key(error.to_string()),
        Refusal::RotatedMeanwhile => text::refusal_rotated_meanwhile(),
        Refusal::Notice(most) => text::refusal_notice(most),
        Refusal::NotAcknowledged(_) => text::refusal_not_acknowledged(),
        Refusal::NoMailServer => text::refusal_no_mail_server(),
        Refusal::MailNotSent(error) => text::refusal_mail_not_sent(error.to_string()),
        Refusal::Upload(fault) => upload(fault),
        Refusal::SettingsChanged => text::refusal_settings_changed(),
        Refusal::Store(_) => text::input_database(),
    }
}

fn upload(fault: &UploadFault) -> Message {
    match fault {
        UploadFault::NoFolder(name) => text::refusal_no_uploads(name),
        UploadFault::Path => text::refusal_upload_path(),
        UploadFault::InTheWay => text::refusal_upload_in_the_way(),
        UploadFault::Outside => text::refusal_upload_outside(),
        UploadFault::Format => text::refusal_upload_format(),
        UploadFault::Empty => text::refusal_upload_empty(),
        UploadFault::TooLarge(most) => text::refusal_upload_too_large(most.to_string()),
        UploadFault::TooMany(most) => text::refusal_upload_too_many(most.to_string()),
        UploadFault::Full(most) => text::refusal_upload_full(most.to_string()),
        UploadFault::Unknown(path) => text::refusal_missing_document(path),
        UploadFault::Folder(detail) => text::refusal_upload_folder(detail),
    }
}

fn resource(error: &ResourceError) -> Message {
    match error {
        ResourceError::NotAUrl(text) => text::refusal_resource_not_a_url(text),
        ResourceError::Insecure => text::refusal_resource_insecure(),
        ResourceError::Extras => text::refusal_resource_extras(),
        ResourceError::NotCanonical(canonical) => text::refusal_resource_canonical(canonical),
        ResourceError::Own => text::refusal_resource_own(),
        ResourceError::Long(most) => text::refusal_resource_long(most),
        ResourceError::Scope(name, _) => text::refusal_resource_scope(name),
        ResourceError::Scopes(most) => text::refusal_resource_scopes(most),
        ResourceError::Name(most) => text::refusal_resource_name(most),
    }
}

fn toolset(error: &ToolsetError) -> Message {
    match error {
        ToolsetError::Name(_) => text::refusal_toolset_name(),
        ToolsetError::Title(most) => text::refusal_toolset_title(most),
        ToolsetError::Description(most) => text::refusal_toolset_description(most),
        ToolsetError::Selection(SelectionError::Line(line, why)) => {
            text::refusal_toolset_line(line.to_string(), why)
        }
        ToolsetError::Selection(SelectionError::Lines(most)) => text::refusal_toolset_lines(most),
    }
}

fn provider(error: &ProviderChangeError) -> Message {
    match error {
        ProviderChangeError::Setting(error) => text::refusal_setting(error.to_string()),
        ProviderChangeError::Taken(name) => text::refusal_name_taken(name),
        ProviderChangeError::Unknown(name) => text::refusal_missing_provider(name),
        ProviderChangeError::InFile(name) => text::refusal_in_configuration(name),
        ProviderChangeError::Changed(name) => text::refusal_object_changed(name),
        ProviderChangeError::Store(_) => text::input_database(),
    }
}

fn client(error: &ClientChangeError) -> Message {
    match error {
        ClientChangeError::Refused(error) => text::refusal_client_metadata(error.to_string()),
        ClientChangeError::Unknown(id) => text::refusal_missing_client(id.as_str()),
        ClientChangeError::Changed => text::refusal_client_changed(),
        ClientChangeError::OwnMetadata => text::refusal_own_metadata(),
        ClientChangeError::Sector => text::refusal_client_sector(),
        ClientChangeError::Pairwise => text::refusal_client_pairwise(),
        ClientChangeError::NoDocument => text::refusal_no_document(),
        ClientChangeError::Store(_) => text::input_database(),
    }
}

fn upstream(error: &UpstreamChangeError) -> Message {
    match error {
        UpstreamChangeError::Setting(error) => text::refusal_setting(error.to_string()),
        UpstreamChangeError::Taken(name) => text::refusal_name_taken(name),
        UpstreamChangeError::Unknown(name) => text::refusal_missing_upstream(name),
        UpstreamChangeError::InFile(name) => text::refusal_in_configuration(name),
        UpstreamChangeError::Changed(name) => text::refusal_object_changed(name),
        UpstreamChangeError::Store(_) => text::input_database(),
    }
}

fn server(error: &ServerChangeError) -> Message {
    match error {
        ServerChangeError::Unknown(name) => text::refusal_missing_upstream(name),
        ServerChangeError::Nothing(name) => text::refusal_server_accepted(name),
        ServerChangeError::Changed(name) => text::refusal_server_changed(name),
        ServerChangeError::Store(_) => text::input_database(),
    }
}

fn tool(error: &ToolChangeError) -> Message {
    match error {
        ToolChangeError::Unknown(name) => text::refusal_missing_tool(name),
        ToolChangeError::Changed => text::refusal_tool_changed(),
        ToolChangeError::Store(_) => text::input_database(),
    }
}
