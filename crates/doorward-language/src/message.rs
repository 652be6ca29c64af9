//! Texts with the values of their placeholders, rendered in the language of the request.

use std::{borrow::Cow, fmt};

use fluent_bundle::{FluentArgs, FluentValue};

use crate::{Language, bundles};

/// The value of a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text that is the same in every language.
    Text(String),
    /// A number, which may choose a plural form.
    Number(u64),
    /// Another text, rendered in the same language.
    Message(Message),
}

/// A text of the catalogue with the values of its placeholders. Made by the functions of
/// [`crate::text`] alone, so that its key exists and its placeholders are filled. `Display` renders
/// it in the language of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    key: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Message {
    pub(crate) const fn new(key: &'static str, values: Vec<(&'static str, Value)>) -> Self {
        Self { key, values }
    }

    /// The key, which is the same in every language.
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// The text in this language.
    pub fn say(&self, language: Language) -> Cow<'static, str> {
        self.filled(language, plain)
    }

    /// The text in this language. The values of placeholders pass `escape`.
    fn filled(&self, language: Language, escape: fn(&str) -> Cow<'_, str>) -> Cow<'static, str> {
        if self.values.is_empty() {
            return bundles::say(language, self.key, None);
        }
        let mut values = FluentArgs::with_capacity(self.values.len());
        for (name, value) in &self.values {
            let value = match value {
                Value::Text(text) => FluentValue::from(escape(text)),
                Value::Number(number) => FluentValue::from(*number),
                Value::Message(message) => FluentValue::from(message.filled(language, escape)),
            };
            values.set(*name, value);
        }
        bundles::say(language, self.key, Some(&values))
    }
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.say(Language::current()))
    }
}

/// A text that contains tags of HTML. It cannot be printed, only taken as HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markup(Message);

impl Markup {
    pub(crate) const fn new(message: Message) -> Self {
        Self(message)
    }

    /// The text as HTML in the language of the request. The tags are the catalogue's; the values of
    /// the placeholders are escaped.
    pub fn into_html(self) -> Cow<'static, str> {
        self.0.filled(Language::current(), escaped)
    }
}

fn plain(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

/// Text for HTML, also within an attribute, escaped as templates escape it.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&#38;"),
            '<' => safe.push_str("&#60;"),
            '>' => safe.push_str("&#62;"),
            '"' => safe.push_str("&#34;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    Cow::Owned(safe)
}

/// A value that can fill a placeholder.
pub trait Fill {
    /// The value.
    fn value(&self) -> Value;
}

impl<T: Fill + ?Sized> Fill for &T {
    fn value(&self) -> Value {
        T::value(self)
    }
}

impl Fill for str {
    fn value(&self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl Fill for String {
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Fill for Cow<'_, str> {
    fn value(&self) -> Value {
        Value::Text(self.clone().into_owned())
    }
}

impl Fill for Message {
    fn value(&self) -> Value {
        Value::Message(self.clone())
    }
}

/// A number that can fill a placeholder and choose a plural form.
pub trait Count {
    /// The value.
    fn value(&self) -> Value;
}

impl<T: Count + ?Sized> Count for &T {
    fn value(&self) -> Value {
        T::value(self)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(
            impl Count for $number {
                fn value(&self) -> Value {
                    Value::Number(u64::try_from(*self).unwrap_or_default())
                }
            }

            impl Fill for $number {
                fn value(&self) -> Value {
                    Count::value(self)
                }
            }
        )*
    };
}

numbers!(u16, u32, u64, usize, i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_markup_are_escaped_and_its_tags_are_not() {
        let name = "<b onclick=\"x\">'&";
        let markup = Markup::new(Message::new(
            "mail_greeting",
            vec![("name", Value::Text(name.to_owned()))],
        ));
        let html = markup.into_html();
        assert_eq!(html, "Hello &#60;b onclick=&#34;x&#34;&#62;&#39;&#38;,");
    }
}
