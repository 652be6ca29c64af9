//! Texts of the pages in the language of the request.

pub(crate) use doorward_language::Language;
use time::{PrimitiveDateTime, macros::format_description};

/// Filters of templates.
#[expect(
    missing_docs,
    clippy::inline_always,
    reason = "the macro makes of this what the function says, in its own way"
)]
pub mod filters {
    use std::{borrow::Cow, fmt::Display};

    use askama::filters::Safe;
    use doorward_language::Markup;

    /// Shows a text with its tags, in the language of the request. The values in it are escaped.
    #[askama::filter_fn]
    pub fn html(markup: Markup, _: &dyn askama::Values) -> askama::Result<Safe<Cow<'static, str>>> {
        Ok(Safe(markup.into_html()))
    }

    /// Shows a moment as a `<time>`, whose text the script `time.js` makes local. Other texts, such
    /// as "never", are shown as they are.
    #[askama::filter_fn]
    pub fn time<T: Display>(
        moment: T,
        _: &dyn askama::Values,
    ) -> askama::Result<Safe<Cow<'static, str>>> {
        Ok(Safe(super::time_element(&moment.to_string()).into()))
    }
}

/// A moment as `doorward_language::moment` writes it, as an element; other texts escaped.
fn time_element(text: &str) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    match PrimitiveDateTime::parse(text, format) {
        Ok(_) => {
            let stamp = text.trim_end_matches(" UTC").replace(' ', "T");
            format!("<time datetime=\"{stamp}Z\">{text}</time>")
        }
        Err(_) => askama::filters::escape(text, askama::filters::Html)
            .map_or_else(|_| String::new(), |text| text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::time_element;

    #[test]
    fn moments_become_elements_and_other_texts_stay_texts() {
        assert_eq!(
            time_element("2026-11-26 19:40 UTC"),
            "<time datetime=\"2026-11-26T19:40Z\">2026-11-26 19:40 UTC</time>"
        );
        assert_eq!(time_element("never <b>"), "never &#60;b&#62;");
        assert_eq!(time_element(""), "");
    }
}
