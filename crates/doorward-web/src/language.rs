//! Texts of the pages in the language of the request.

use std::fmt::Write as _;

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

    /// Shows each moment in a text as a `<time>`, whose text the script `time.js` makes local. The
    /// rest of the text, and a text such as "never", is shown as it is.
    #[askama::filter_fn]
    pub fn time<T: Display>(
        moment: T,
        _: &dyn askama::Values,
    ) -> askama::Result<Safe<Cow<'static, str>>> {
        Ok(Safe(super::time_element(&moment.to_string()).into()))
    }
}

/// The end of a moment, and the number of bytes before it.
const ZONE: &str = " UTC";
const BEFORE: usize = "2026-11-28 12:00".len();

/// A text with an element for each moment that `doorward_language::moment` wrote in it; the rest is
/// escaped.
fn time_element(text: &str) -> String {
    let escaped = |text: &str| {
        askama::filters::escape(text, askama::filters::Html)
            .map_or_else(|_| String::new(), |text| text.to_string())
    };
    let (mut shown, mut written) = (String::new(), 0);
    for (zone, _) in text.match_indices(ZONE) {
        let Some(begin) = zone.checked_sub(BEFORE).filter(|begin| *begin >= written) else {
            continue;
        };
        let end = zone + ZONE.len();
        let (Some(before), Some(moment)) = (text.get(written..begin), text.get(begin..end)) else {
            continue;
        };
        let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
        if PrimitiveDateTime::parse(moment, format).is_ok() {
            let stamp = moment.trim_end_matches(ZONE).replace(' ', "T");
            shown.push_str(&escaped(before));
            let _ = write!(shown, "<time datetime=\"{stamp}Z\">{moment}</time>");
            written = end;
        }
    }
    shown.push_str(&escaped(text.get(written..).unwrap_or_default()));
    shown
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
        assert_eq!(
            time_element("é <a>, 2026-11-26 19:40 UTC · 2026-11-27 08:05 UTC, é UTC"),
            "é &#60;a&#62;, <time datetime=\"2026-11-26T19:40Z\">2026-11-26 19:40 UTC</time> · \
             <time datetime=\"2026-11-27T08:05Z\">2026-11-27 08:05 UTC</time>, é UTC"
        );
        assert_eq!(time_element("2026-13-26 19:40 UTC"), "2026-13-26 19:40 UTC");
        assert_eq!(time_element(""), "");
    }
}
