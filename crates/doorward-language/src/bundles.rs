//! The texts of all languages, parsed once.

use std::{borrow::Cow, sync::OnceLock};

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};

use crate::Language;

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

type Bundle = FluentBundle<FluentResource>;

fn parse(language: Language) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![language.tag().parse().unwrap_or_default()]);
    // Pages on which a user decides isolate names that others chose by `bdi` in the texts; the marks
    // of Unicode would go into mails and attributes.
    bundle.set_use_isolating(false);
    let sources = SOURCES.iter().find(|(tag, _)| *tag == language.tag());
    for source in sources.map(|(_, sources)| *sources).unwrap_or_default() {
        // The build has parsed the same text without a fault.
        let (Ok(resource) | Err((resource, _))) = FluentResource::try_new((*source).to_owned());
        bundle.add_resource_overriding(resource);
    }
    bundle
}

fn bundle(language: Language) -> &'static Bundle {
    static ENGLISH: OnceLock<Bundle> = OnceLock::new();
    static GERMAN: OnceLock<Bundle> = OnceLock::new();
    static FRENCH: OnceLock<Bundle> = OnceLock::new();
    let bundle = match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
        Language::French => &FRENCH,
    };
    bundle.get_or_init(|| parse(language))
}

/// The text of this key. The build ensures that it exists; otherwise its key is returned.
pub(crate) fn say(
    language: Language,
    key: &'static str,
    values: Option<&FluentArgs<'_>>,
) -> Cow<'static, str> {
    let bundle = bundle(language);
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        return Cow::Borrowed(key);
    };
    let mut errors = Vec::new();
    match values {
        None => bundle.format_pattern(pattern, None, &mut errors),
        Some(values) => {
            Cow::Owned(bundle.format_pattern(pattern, Some(values), &mut errors).into_owned())
        }
    }
}

/// True if the language has a text of this key.
#[cfg(test)]
pub(crate) fn has(language: Language, key: &str) -> bool {
    bundle(language).has_message(key)
}
