//! The frame of every page.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::Response,
};
use doorward_transport::answer::{self, PagePolicy, Scripts};

use crate::{Web, assets, browser::Browser, language::Language};
pub use doorward_language::moment;
use doorward_language::text;
use doorward_model::setting;

/// The frame of a page.
pub struct Frame {
    /// The name of the server.
    pub name: String,
    /// The path of the public URL.
    pub base: String,
    /// The signed-in user.
    pub visitor: Option<FrameVisitor>,
    /// The administrators' notice for all users.
    pub notice: String,
    /// The language of the page.
    pub language: &'static str,
    /// The page or mailbox with help for users, if the operator names one.
    pub support: String,
    /// The operator's own picture instead of Doorward's.
    pub logo: Option<String>,
    /// The style sheet with the operator's own colours.
    pub colours: Option<String>,
}

impl Frame {
    /// The path of a style sheet, icon or script, which changes with its contents.
    pub fn asset(&self, name: &str) -> String {
        format!("{}/assets/{}", self.base, assets::named(name))
    }
}

/// The signed-in user, as the frame shows it.
pub struct FrameVisitor {
    /// The sign-in name.
    pub name: String,
    /// True if the user is an administrator.
    pub administrator: bool,
    /// True if they see usage: an administrator, or a user with the role auditor.
    pub auditor: bool,
    /// The form token for signing out.
    pub logout_csrf: String,
}

/// The text between a provider's name and its URL on a page.
pub(crate) struct ProviderButton {
    pub(crate) name: String,
    pub(crate) icon: &'static str,
    pub(crate) href: String,
}

tokio::task_local! {
    static NOTICE: String;
}

fn notice() -> String {
    NOTICE.try_with(Clone::clone).unwrap_or_default()
}

/// The language that a browser prefers.
pub(crate) fn language_of(headers: &HeaderMap) -> Language {
    let liked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::of(liked.unwrap_or_default())
}

/// Middleware: the asynchronous part of a page's frame.
pub(crate) async fn prepare(State(web): State<Web>, request: Request, next: Next) -> Response {
    let notice =
        web.services.store.setting(setting::NOTICE).await.ok().flatten().unwrap_or_default();
    language_of(request.headers()).speaking(NOTICE.scope(notice, next.run(request))).await
}

impl Web {
    /// The frame of a page in this browser.
    pub fn frame(&self, browser: Option<&Browser>) -> Frame {
        let visitor =
            browser.and_then(|browser| browser.visitor.as_ref().map(|visitor| (browser, visitor)));
        Frame {
            name: self.settings.config.name.clone(),
            base: self.settings.public_url.path().to_owned(),
            notice: notice(),
            language: Language::current().tag(),
            support: self.settings.config.support.clone(),
            logo: self.settings.brand.logo_name().map(ToOwned::to_owned),
            colours: self.settings.brand.css_name(),
            visitor: visitor.map(|(browser, visitor)| FrameVisitor {
                name: visitor.user.name.to_string(),
                administrator: visitor.user.is_administrator(),
                auditor: !visitor.user.administrative_scopes().is_empty(),
                logout_csrf: self.csrf(browser, "logout"),
            }),
        }
    }

    /// The name of the server.
    pub fn name(&self) -> &str {
        &self.settings.config.name
    }

    /// The token of a form in this browser.
    pub fn csrf(&self, browser: &Browser, form: &str) -> String {
        self.services.csrf.token(&browser.binding, form)
    }
}

/// Draws a page; a template that cannot be drawn is a fault of this server.
pub fn draw(status: StatusCode, template: &impl Template, submits_elsewhere: bool) -> Response {
    draw_with(status, template, PagePolicy { submits_elsewhere, ..PagePolicy::default() })
}

/// Draws a page with scripts of this server, for local times and copy buttons.
pub fn draw_scripted(status: StatusCode, template: &impl Template) -> Response {
    draw_with(status, template, PagePolicy { scripts: Scripts::Own, ..PagePolicy::default() })
}

/// Draws a page with scripts of this server, one of which requests pages of it.
pub fn draw_following(status: StatusCode, template: &impl Template) -> Response {
    let allowed = PagePolicy { scripts: Scripts::Requesting, ..PagePolicy::default() };
    draw_with(status, template, allowed)
}

/// Draws a page with scripts of this server that also shows images which it carries in itself.
pub fn draw_with_images(status: StatusCode, template: &impl Template) -> Response {
    let allowed = PagePolicy { scripts: Scripts::Own, data_images: true, ..PagePolicy::default() };
    draw_with(status, template, allowed)
}

/// Draws a page that may do more than others.
pub(crate) fn draw_with(
    status: StatusCode,
    template: &impl Template,
    allowed: PagePolicy,
) -> Response {
    match template.render() {
        Ok(html) => answer::page(status, html, allowed),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            answer::page(
                StatusCode::INTERNAL_SERVER_ERROR,
                "<!doctype html><title>Error</title><p>Internal error. Try again.".to_owned(),
                PagePolicy::default(),
            )
        }
    }
}

/// The initials of a name, in the place of a logo: of its first two words.
pub(crate) fn initials(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let first = words.filter_map(|word| word.chars().next()).take(2);
    first.flat_map(char::to_uppercase).collect()
}

/// The words of a user agent that users recognise.
pub fn browser_name(user_agent: &str) -> String {
    let known = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    let systems = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |words: &[(&str, &str)]| {
        words.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| (*name).to_owned())
    };
    match (find(&known), find(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} ({system})"),
        (Some(browser), None) => browser,
        _ if user_agent.is_empty() => text::common_unknown_browser().to_string(),
        _ => user_agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser_name;

    #[test]
    fn browsers_are_named_as_users_know_them() {
        assert_eq!(
            browser_name(
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
            ),
            "Chrome (Linux)"
        );
        assert_eq!(
            browser_name(
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15) Gecko/20100101 Firefox/140.0"
            ),
            "Firefox (macOS)"
        );
        assert_eq!(browser_name(""), "Unknown browser");
    }
}
