//! The files of a crate use each other in one direction.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::{root, sources};

/// A module by its path below the crate's root, such as `["upstreams", "http"]`.
type Module = Vec<String>;

/// The uses of each module: files that it names by `use` or by a path.
type Uses = BTreeMap<Module, BTreeSet<Module>>;

/// Tables, which name their entries while the entries use the types of the table: the module of the
/// table, and the one whose children the entries are.
const TABLES: &[(&str, &str, &str)] = &[
    ("doorward", "commands", "commands"),
    ("doorward-console", "api", "api"),
    ("doorward-console", "pages", "pages"),
    ("doorward-federation", "kinds", "kinds"),
    ("doorward-gateway", "upstreams", "upstreams"),
    ("doorward-issuer", "grants", "grants"),
    ("doorward-knowledge", "format", "format"),
    ("doorward-knowledge", "tools", "tools"),
    ("doorward-mcp", "tools/builtin", "tools"),
    ("doorward-store", "tables", "tables"),
    ("doorward-testkit", "odd", "odd"),
    ("doorward-testkit", "upstream", "upstream"),
];

fn module(text: &str) -> Module {
    text.split('/').map(str::to_owned).collect()
}

/// The code of a file without comments and unit tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// The paths of a `use` declaration, without its groups.
fn flat(prefix: &str, tree: &str, into: &mut Vec<String>) {
    let (mut depth, mut from) = (0, 0);
    let mut parts = Vec::new();
    for (at, letter) in tree.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[from..]);
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('{') {
            Some((head, rest)) => {
                let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
                flat(&format!("{prefix}{head}"), inner, into);
            }
            None => into.push(format!("{prefix}{part}")),
        }
    }
}

/// The paths that a file names. A public `use` re-exports a name and uses nothing.
fn named(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        let is_public = start.starts_with("pub") && start.contains(" use ");
        if !start.starts_with("use ") && !is_public {
            rest += line;
            rest.push('\n');
            continue;
        }
        let mut declaration = start.to_owned();
        while !declaration.contains(';') {
            let Some(next) = lines.next() else { break };
            declaration += next;
        }
        if !is_public {
            let tree = declaration.trim_start_matches("use ").split(';').next().unwrap_or_default();
            flat("", tree, &mut paths);
        }
    }
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    paths.extend(
        rest.split(|letter: char| !is_part(letter))
            .filter(|word| word.contains("::") && !word.starts_with(':'))
            .map(str::to_owned),
    );
    paths
}

/// The file that a path leads to, seen from a module.
fn target(from: &Module, path: &str, known: &BTreeSet<Module>) -> Option<Module> {
    let mut parts = path.split("::").map(str::trim).peekable();
    let mut base = match *parts.peek()? {
        "crate" => Vec::new(),
        "self" => from.clone(),
        "super" => from[..from.len().saturating_sub(1)].to_vec(),
        child => {
            let mut base = from.clone();
            base.push(child.to_owned());
            known.contains(&base).then(|| from.clone())?
        }
    };
    if ["crate", "self", "super"].contains(parts.peek()?) {
        parts.next();
    }
    while parts.peek() == Some(&"super") {
        parts.next();
        base.pop();
    }
    for part in parts {
        base.push(part.to_owned());
        if !known.contains(&base) {
            base.pop();
            break;
        }
    }
    (base != *from && known.contains(&base)).then_some(base)
}

/// The uses among the files of a crate. The root is left out: it holds the type that all modules
/// extend, and re-exports names.
fn uses(name: &str) -> Uses {
    let source = root().join("crates").join(name).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut texts = BTreeMap::new();
    for path in files {
        let shown = path.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
        let shown = shown.trim_end_matches(".rs").trim_end_matches("/mod");
        if !["lib", "main"].contains(&shown) {
            texts.insert(module(shown), code(&fs::read_to_string(&path).unwrap()));
        }
    }
    let known: BTreeSet<Module> = texts.keys().cloned().collect();
    let all = |(from, text): (Module, String)| {
        let used = named(&text).iter().filter_map(|path| target(&from, path, &known)).collect();
        (from, used)
    };
    texts.into_iter().map(all).collect()
}

/// Takes modules away that use only modules that are taken away already, until none is left to
/// take.
fn in_circles(mut graph: Uses) -> Uses {
    loop {
        let done: Vec<Module> =
            graph.iter().filter(|(_, used)| used.is_empty()).map(|(one, _)| one.clone()).collect();
        if done.is_empty() {
            return graph;
        }
        for one in done {
            graph.remove(&one);
            for used in graph.values_mut() {
                used.remove(&one);
            }
        }
    }
}

/// The uses without those of tables.
fn without_tables(name: &str, mut graph: Uses) -> Uses {
    for (_, table, entries) in TABLES.iter().filter(|(of, ..)| *of == name) {
        let entries = module(entries);
        if let Some(used) = graph.get_mut(&module(table)) {
            used.retain(|used| !used.starts_with(&entries) || *used == entries);
        }
    }
    graph
}

#[test]
fn files_of_a_crate_form_no_cycle() {
    let mut crates = 0;
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let left = in_circles(without_tables(&name, uses(&name)));
        let shown: Vec<String> = left
            .iter()
            .map(|(one, used)| {
                let used: Vec<String> = used.iter().map(|used| used.join("/")).collect();
                format!("{} uses {}", one.join("/"), used.join(", "))
            })
            .collect();
        assert!(
            shown.is_empty(),
            "{name}: files use each other in a circle:\n{}",
            shown.join("\n")
        );
        crates += 1;
    }
    assert!(crates > 15, "the crates were not found");
}

#[test]
fn uses_are_found_in_every_form() {
    let text = "use crate::{a::b::C, d};\nuse super::{\n    e::f,\n    G,\n};\npub use crate::h::I;\nfn x() { crate::j::k(); l::m() }\n";
    assert_eq!(
        named(text),
        ["crate::a::b::C", "crate::d", "super::e::f", "super::G", "crate::j::k", "l::m"]
    );
    let known = BTreeSet::from(["a", "a/b", "n", "n/e", "n/o", "n/o/l"].map(module));
    let of = |path: &str| target(&module("n/o"), path, &known).map(|found| found.join("/"));
    assert_eq!(of("crate::a::b::C"), Some("a/b".to_owned()));
    assert_eq!(of("super::e::f"), Some("n/e".to_owned()));
    assert_eq!(of("super::G"), Some("n".to_owned()));
    assert_eq!(of("l::m"), Some("n/o/l".to_owned()));
    assert_eq!((of("std::fs"), of("self::G"), of("crate::x")), (None, None, None));
}
