//! Texts of the pages in the language of the request.

pub(crate) use doorward_language::Language;

/// Filters of templates.
#[expect(
    missing_docs,
    clippy::inline_always,
    reason = "the macro makes of this what the function says, in its own way"
)]
pub mod filters {
    use std::borrow::Cow;

    use askama::filters::Safe;
    use doorward_language::Markup;

    /// Shows a text with its tags, in the language of the request. The values in it are escaped.
    #[askama::filter_fn]
    pub fn html(markup: Markup, _: &dyn askama::Values) -> askama::Result<Safe<Cow<'static, str>>> {
        Ok(Safe(markup.into_html()))
    }
}
