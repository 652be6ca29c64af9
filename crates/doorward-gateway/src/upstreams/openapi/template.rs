//! Path templates in the forms that documents have: with the patterns of a router, with parts of the
//! query, or with the places of other template languages.

/// A path whose places all have the form `{name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template {
    /// The path, and the fixed query behind a question mark.
    pub(super) text: String,
    /// The names of the places.
    pub(super) names: Vec<Place>,
    /// The names of fields of the query that the template itself describes.
    pub(super) fields: Vec<String>,
}

/// A place of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    /// It may be filled with several segments.
    pub(super) wide: bool,
}

/// The described parameters of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described<'d> {
    pub(super) in_path: &'d [&'d str],
    pub(super) in_query: &'d [&'d str],
}

/// Reads the template of a path. `None` if a brace has no partner, or holds an expression instead of
/// a name.
pub(super) fn read(path: &str, described: Described<'_>) -> Option<Template> {
    let path = path.split('#').next().unwrap_or_default();
    let path = ["%7B", "%7b"].iter().fold(path.to_owned(), |path, code| path.replace(code, "{"));
    let path = ["%7D", "%7d"].iter().fold(path, |path, code| path.replace(code, "}"));
    let mut template = Template::default();
    let (mut rest, mut bare) = (path.as_str(), String::new());
    while let Some((before, after)) = rest.split_once('{') {
        if before.contains('}') {
            return None;
        }
        bare.push_str(before);
        let (inner, after) = within(after)?;
        rest = after;
        if let Some(fields) = inner.strip_prefix(['?', '&']) {
            template
                .fields
                .extend(fields.split(',').map(|name| name.trim_end_matches('*').to_owned()));
            continue;
        }
        let place = place(inner, described.in_path)?;
        bare.push('{');
        bare.push_str(&place.name);
        bare.push('}');
        if !template.names.contains(&place) {
            template.names.push(place);
        }
    }
    if rest.contains('}') {
        return None;
    }
    bare.push_str(rest);
    let (path, query) = bare.split_once('?').unwrap_or((&bare, ""));
    template.text = template.with_segments(path, described.in_path);
    let query = template.with_fields(query, described);
    if !query.is_empty() {
        template.text.push('?');
        template.text.push_str(&query);
    }
    Some(template)
}

/// Splits at the brace that ends a place; patterns of routers contain braces of their own.
fn within(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The place that an expression in braces means.
fn place(inner: &str, described: &[&str]) -> Option<Place> {
    let named = |name: &str, wide: bool| Some(Place { name: name.to_owned(), wide });
    if described.contains(&inner) {
        return named(inner, false);
    }
    // Any number of segments: `{+name}` (RFC 6570), `{*name}`, `{name*}`, `{name+}`.
    let open = inner.trim_start_matches(['+', '*']);
    let open = open.trim_end_matches(['*', '+']);
    if open != inner && described.contains(&open) {
        return named(open, true);
    }
    // A pattern of the router: `{id:[0-9]+}`, `{name=projects/*}`; or an optional part: `{id?}`.
    let (plain, pattern) = inner
        .find([':', '='])
        .and_then(|at| Some((inner.get(..at)?, inner.get(at + 1..)?)))
        .unwrap_or((inner.trim_end_matches('?'), ""));
    let plain = plain.trim();
    if plain != inner && described.contains(&plain) {
        return named(
            plain,
            pattern.contains('/') || pattern.contains(".*") || pattern.contains("**"),
        );
    }
    let is_name = !inner.is_empty()
        && !inner.contains('{')
        && !inner.starts_with(['?', '&', '/', '#', ';', '.', '+', '*']);
    if is_name { named(inner, false) } else { None }
}

impl Template {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|place| place.name == name)
    }

    /// Finds the places of other template languages: whole segments `:name`, `<name>`,
    /// `<type:name>` and `*name` that a parameter in the path describes.
    fn with_segments(&mut self, path: &str, described: &[&str]) -> String {
        let segments = path.split('/').map(|segment| {
            let inner = segment.strip_prefix('<').and_then(|inner| inner.strip_suffix('>'));
            let inner = inner.map(|inner| inner.rsplit(':').next().unwrap_or(inner));
            let (name, wide) = match (inner, segment.strip_prefix('*')) {
                (Some(inner), _) => (Some(inner), segment.starts_with("<path:")),
                (None, Some(name)) => (Some(name), true),
                (None, None) => (segment.strip_prefix(':'), false),
            };
            let name = name.filter(|name| described.contains(name) && !self.has(name));
            let Some(name) = name else { return segment.to_owned() };
            self.names.push(Place { name: name.to_owned(), wide });
            format!("{{{name}}}")
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// The fixed part of the query, without fields that a parameter in the query fills.
    fn with_fields(&mut self, query: &str, described: Described<'_>) -> String {
        let mut kept = Vec::new();
        let mut sent = Vec::new();
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let inner = value.strip_prefix('{').and_then(|value| value.strip_suffix('}'));
            let by_query = |name: &str| described.in_query.contains(&name);
            match inner {
                Some(inner)
                    if !described.in_path.contains(&inner)
                        && (by_query(inner) || by_query(name)) =>
                {
                    sent.push(inner.to_owned());
                }
                _ => kept.push(field),
            }
        }
        let kept = kept.join("&");
        let in_use = |name: &str| {
            let place = format!("{{{name}}}");
            self.text.contains(&place) || kept.contains(&place)
        };
        let gone: Vec<String> = sent.into_iter().filter(|name| !in_use(name)).collect();
        self.names.retain(|place| !gone.contains(&place.name));
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        path: &str,
        in_path: &[&str],
        in_query: &[&str],
    ) -> Option<(String, Vec<String>, Vec<String>)> {
        let template = read(path, Described { in_path, in_query })?;
        let names = template
            .names
            .iter()
            .map(|place| if place.wide { format!("{}/", place.name) } else { place.name.clone() });
        Some((template.text.clone(), names.collect(), template.fields.clone()))
    }

    #[test]
    fn templates_of_other_languages_have_places_with_plain_names() {
        for (path, in_path, text, names) in [
            ("/a/{b}/{c-d}.{e}", &[][..], "/a/{b}/{c-d}.{e}", &["b", "c-d", "e"][..]),
            ("/a", &[], "/a", &[]),
            ("/a/{b}#x={y}", &[], "/a/{b}", &["b"]),
            ("/a/%7Bb%7d", &["b"], "/a/{b}", &["b"]),
            ("/a/{b:[0-9]{2,3}}/x", &["b"], "/a/{b}/x", &["b"]),
            ("/a/{b:.*}", &["b"], "/a/{b}", &["b/"]),
            ("/{n=projects/*/x/*}:stop", &["n"], "/{n}:stop", &["n/"]),
            ("/{+n}/x", &["n"], "/{n}/x", &["n/"]),
            ("/{*n}", &["n"], "/{n}", &["n/"]),
            ("/{n?}", &["n"], "/{n}", &["n"]),
            (
                "/a/:b/<c>/<int:d>/<path:e>",
                &["b", "c", "d", "e"],
                "/a/{b}/{c}/{d}/{e}",
                &["b", "c", "d", "e/"],
            ),
            ("/a/:b/<c>", &[], "/a/:b/<c>", &[]),
            ("/a/x:b", &["b"], "/a/x:b", &[]),
            ("/a/{user id}", &["user id"], "/a/{user id}", &["user id"]),
            // Without a description the whole is the name.
            ("/a/{b:[0-9]+}", &[], "/a/{b:[0-9]+}", &["b:[0-9]+"]),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(
                of(path, in_path, &[]),
                Some((text.to_owned(), names, Vec::new())),
                "{path}"
            );
        }
        for bad in ["/a/{b", "/a/b}", "/{}", "/{/x}", "/{{b}}", "/}{", "/{+x}", "/{;x}"] {
            assert_eq!(of(bad, &[], &[]), None, "{bad}");
        }
    }

    #[test]
    fn a_template_within_the_query_is_filled_or_left_to_the_parameter_of_the_query() {
        for (path, in_path, in_query, text, names, fields) in [
            ("/q?id={id}&fix=1", &["id"][..], &[][..], "/q?id={id}&fix=1", &["id"][..], &[][..]),
            ("/q?id={id}&fix=1", &[], &["id"], "/q?fix=1", &[], &[]),
            ("/q?x={id}", &[], &["x"], "/q", &[], &[]),
            ("/q?x={id}", &[], &[], "/q?x={id}", &["id"], &[]),
            ("/q/{id}?x={id}", &[], &["id"], "/q/{id}", &["id"], &[]),
            ("/q{?a,b*}", &[], &["a"], "/q", &[], &["a", "b"]),
            ("/q?z=1{&a}", &[], &[], "/q?z=1", &[], &["a"]),
        ] {
            let owned =
                |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let wanted = (text.to_owned(), owned(names), owned(fields));
            assert_eq!(of(path, in_path, in_query), Some(wanted), "{path}");
        }
    }
}
