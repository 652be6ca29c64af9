//! Reads the texts of a language and compares languages: keys, placeholders and markup. Used by the
//! build, which fails on the first fault, and tested with the crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use fluent_syntax::{
    ast::{Entry, Expression, InlineExpression, Pattern, PatternElement},
    parser,
};

/// The language that the functions are made of; the others must agree with it.
pub(crate) const FIRST: &str = "en";

/// The tags that a text may contain. Attributes other than `href` are not allowed. `bdi` isolates a
/// name written from right to left.
const TAGS: [&str; 4] = ["strong", "code", "a", "bdi"];

/// The form of a text, in which all languages agree.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) placeholders: BTreeSet<String>,
    pub(crate) tags: BTreeMap<String, usize>,
}

/// A text of one language.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) shape: Shape,
    /// The placeholders that select a plural form.
    pub(crate) counts: BTreeSet<String>,
    /// The placeholders in the order in which the text names them.
    pub(crate) order: Vec<String>,
    pub(crate) source: String,
}

/// The texts of one language by their keys.
pub(crate) type Texts = BTreeMap<String, Text>;

impl Text {
    fn name(&mut self, placeholder: &str) {
        if self.shape.placeholders.insert(placeholder.to_owned()) {
            self.order.push(placeholder.to_owned());
        }
    }

    fn read(&mut self, pattern: &Pattern<&str>) -> Result<(), String> {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => self.source.push_str(value),
                PatternElement::Placeable { expression } => self.expression(expression)?,
            }
        }
        Ok(())
    }

    fn expression(&mut self, expression: &Expression<&str>) -> Result<(), String> {
        match expression {
            Expression::Inline(InlineExpression::VariableReference { id }) => {
                self.name(id.name);
                let _ = write!(self.source, "{{${}}}", id.name);
                Ok(())
            }
            Expression::Inline(InlineExpression::StringLiteral { value }) => {
                self.source.push_str(value);
                Ok(())
            }
            Expression::Select {
                selector: InlineExpression::VariableReference { id },
                variants,
            } => {
                self.name(id.name);
                self.counts.insert(id.name.to_owned());
                variants.iter().try_for_each(|variant| self.read(&variant.value))
            }
            Expression::Select { .. } | Expression::Inline(_) => {
                Err("only placeholders, strings in quotes and plurals of a placeholder are allowed"
                    .to_owned())
            }
        }
    }

    /// Counts the tags, of which only some are allowed.
    fn count_tags(&mut self) -> Result<(), String> {
        for part in self.source.split('<').skip(1) {
            let (tag, _) = part.split_once('>').ok_or("a tag has no end")?;
            let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
            let plain = tag == name || tag.strip_prefix('/') == Some(name);
            let link = tag.strip_prefix("a href=\"{$").is_some_and(|rest| rest.ends_with("}\""));
            if !TAGS.contains(&name) || !(plain || link) {
                return Err(format!("the tag <{tag}> is not allowed"));
            }
            *self.shape.tags.entry(tag.to_owned()).or_default() += 1;
        }
        if TAGS.iter().any(|tag| {
            let open =
                self.shape.tags.iter().filter(|(name, _)| name.split(' ').next() == Some(tag));
            open.map(|(_, count)| count).sum::<usize>()
                != self.shape.tags.get(&format!("/{tag}")).copied().unwrap_or_default()
        }) {
            return Err("a tag is not closed".to_owned());
        }
        Ok(())
    }
}

/// Reads the texts of one file. A key begins with the area, which is the name of the file.
pub(crate) fn read(area: &str, source: &str, texts: &mut Texts, faults: &mut Vec<String>) {
    let resource = match parser::parse(source) {
        Ok(resource) => resource,
        Err((_, errors)) => {
            faults.extend(errors.iter().map(|error| format!("{area}: {error}")));
            return;
        }
    };
    for entry in &resource.body {
        let message = match entry {
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => continue,
            Entry::Message(message) if message.attributes.is_empty() => message,
            Entry::Message(message) => {
                faults.push(format!("{}: attributes are not allowed", message.id.name));
                continue;
            }
            Entry::Term(_) | Entry::Junk { .. } => {
                faults.push(format!("{area}: only messages and comments are allowed"));
                continue;
            }
        };
        let key = message.id.name;
        let plain = key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !plain || !key.strip_prefix(area).is_some_and(|rest| rest.starts_with('_')) {
            faults.push(format!("{key}: a key of this file is {area}_… in lower case"));
        }
        let mut text = Text::default();
        let done = message
            .value
            .as_ref()
            .ok_or_else(|| "it is empty".to_owned())
            .and_then(|pattern| text.read(pattern))
            .and_then(|()| text.count_tags());
        faults.extend(done.err().map(|fault| format!("{key}: {fault}")));
        if texts.insert(key.to_owned(), text).is_some() {
            faults.push(format!("{key}: it is there twice"));
        }
    }
}

/// Compares a language with the first one.
pub(crate) fn compare(tag: &str, texts: &Texts, first: &Texts, faults: &mut Vec<String>) {
    faults.extend(
        first
            .keys()
            .filter(|key| !texts.contains_key(*key))
            .map(|key| format!("{tag}: {key} is missing")),
    );
    for (key, text) in texts {
        match first.get(key) {
            None => faults.push(format!("{tag}: {key} is not in {FIRST}")),
            Some(other) if other.shape != text.shape => {
                faults.push(format!("{tag}: {key} has other placeholders or tags than {FIRST}"));
            }
            Some(_) => {}
        }
    }
}
