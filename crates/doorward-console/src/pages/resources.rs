//! External resource servers: the page of one shows how its operator sets it up.

use askama::Template;
use doorward_accounts::Authority;
use doorward_admin::{Objects, Refusal, ResourceDetails, Resources, Snippet};
use doorward_language::{Message, text};
use doorward_model::{ExternalResource, routes};
use doorward_transport::Params;
use doorward_web::table::{Cell, Column};
use doorward_web::{Frame, filters};

use crate::{
    Console,
    pages::{
        inputs::{Hint, Label},
        kind::{Common, FormResult, ObjectPages, PageRequest, Shown, Texts},
        list::{SortKey, by},
    },
};

/// The page of a resource server.
#[derive(Template)]
#[template(path = "admin_resource.html")]
pub(crate) struct Page {
    frame: Frame,
    tab: &'static str,
    common: Common,
    id: String,
    url: String,
    metadata_url: String,
    metadata: String,
    snippets: Vec<Snippet>,
}

/// The pages of resource servers.
pub(super) struct ResourcePages;

impl ObjectPages for ResourcePages {
    type Objects = Resources;
    type Page = Page;

    const TAB: &'static str = "resources";
    const LIST: &'static str = routes::ADMIN_RESOURCES;
    const PAGE: &'static str = routes::ADMIN_RESOURCE;
    const ORDER: &'static [SortKey<Shown<Resources>>] =
        &[by("name", |shown| shown.view.name.clone()), by("url", |shown| shown.view.url.clone())];
    const ACTIONS: &'static [&'static str] = &["secret"];

    fn texts() -> Texts {
        Texts {
            title: text::admin_resources(),
            add: text::admin_resource_add(),
            about: text::admin_resources_explained(),
            search: text::console_search_resources(),
            none: text::admin_resources_none(),
            settings: text::console_settings(),
            saved: text::admin_resource_changed(),
            effect: text::admin_resources_delete_effect(),
        }
    }

    fn question(count: usize) -> Message {
        text::admin_resources_delete_question(count)
    }

    fn removed(count: usize) -> Message {
        text::admin_resources_were_deleted(count)
    }

    fn added(title: String) -> Message {
        text::admin_resource_added(title)
    }

    fn label(name: &str, is_new: bool) -> Label {
        let (text, required) = match name {
            "url" => (text::admin_resource_url(), true),
            "name" if is_new => (text::admin_resource_name(), false),
            "name" => (text::common_name(), true),
            "scopes" => (text::admin_resource_scopes(), true),
            _ => (text::admin_resource_roles(), false),
        };
        Label { required, ..Label::new(text, Hint::None) }
    }

    fn found_by(Shown { view, .. }: &Shown<Resources>) -> Vec<String> {
        vec![view.name.clone(), view.url.clone(), view.id.clone()]
    }

    fn columns() -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::sorted(text::console_url(), "url"),
            Column::plain(text::admin_tokens_scopes()),
            Column::plain(text::admin_user_roles()),
        ]
    }

    fn cells(Shown { view, .. }: &Shown<Resources>) -> (String, Vec<Cell>) {
        let cells = vec![
            Cell::Text(view.url.clone()),
            Cell::Text(view.scopes.join(" ")),
            Cell::Text(view.roles.join(" ")),
        ];
        (String::new(), cells)
    }

    async fn page(
        asked: PageRequest<'_>,
        frame: Frame,
        common: Common,
        resource: &ExternalResource,
    ) -> Result<Page, Refusal> {
        let ResourceDetails { resource, guide } =
            asked.console.admin.resources.details(resource).await?;
        Ok(Page {
            frame,
            tab: Self::TAB,
            common,
            id: resource.id,
            url: resource.url,
            metadata_url: guide.metadata_url,
            metadata: format!("{:#}", guide.metadata),
            snippets: guide.snippets,
        })
    }

    async fn act(
        console: &Console,
        authority: &Authority,
        name: &str,
        _: &Params,
    ) -> Result<FormResult, Refusal> {
        let made = console.admin.resources.new_secret(authority, name).await?;
        Ok(FormResult {
            message: text::admin_resource_secret_replaced(),
            secret: Some(made.secret),
        })
    }
}
