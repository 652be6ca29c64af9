//! Makes one Rust function of each text: its name is the key, its parameters are the placeholders.
//! The build fails if the languages differ in keys, placeholders or markup, so that a text that is
//! missing cannot be compiled, and no page can name a key that does not exist.

mod check;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use check::{FIRST, Text, Texts, compare};

fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

/// The function of a text.
fn function(key: &str, text: &Text, counts: &BTreeSet<String>, code: &mut String) {
    let kind = |name: &String| if counts.contains(name) { "Count" } else { "Fill" };
    let parameters: Vec<_> =
        text.order.iter().map(|name| format!("{name}: impl {}", kind(name))).collect();
    let values: Vec<_> = text
        .order
        .iter()
        .map(|name| format!("({name:?}, {}::value(&{name}))", kind(name)))
        .collect();
    let (returns, begin, end) = if text.shape.tags.is_empty() {
        ("Message", "", "")
    } else {
        ("Markup", "Markup::new(", ")")
    };
    let values = if values.is_empty() {
        "Vec::new()".to_owned()
    } else {
        format!("vec![{}]", values.join(", "))
    };
    let _ = write!(
        code,
        "/// {}\n#[must_use]\npub fn {key}({}) -> {returns} {{\n    {begin}Message::new({key:?}, {values}){end}\n}}\n",
        text.source.replace('\n', " ").replace(['[', ']', '<', '>', '`', '*', '_'], " "),
        parameters.join(", "),
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=languages");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=check.rs");
    let mut faults = Vec::new();
    let mut languages = BTreeMap::new();
    for folder in files(Path::new("languages"))? {
        let tag = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut texts = Texts::new();
        for file in files(&folder)? {
            let area = file.file_stem().unwrap_or_default().to_string_lossy();
            let mut found = Vec::new();
            check::read(&area, &fs::read_to_string(&file)?, &mut texts, &mut found);
            faults.extend(found.iter().map(|fault| format!("{tag}: {fault}")));
        }
        languages.insert(tag, texts);
    }
    let first = languages.get(FIRST).ok_or("there is no folder languages/en")?;
    for (tag, texts) in languages.iter().filter(|(tag, _)| *tag != FIRST) {
        compare(tag, texts, first, &mut faults);
    }
    if !faults.is_empty() {
        for fault in faults {
            println!("cargo::error={fault}");
        }
        return Ok(());
    }
    let mut code = String::new();
    for (key, text) in first {
        let counts = languages
            .values()
            .filter_map(|texts| texts.get(key))
            .flat_map(|text| text.counts.iter().cloned())
            .collect();
        function(key, text, &counts, &mut code);
    }
    let mut tables = String::new();
    for tag in languages.keys() {
        let sources: Vec<_> = files(&Path::new("languages").join(tag))?
            .iter()
            .map(|file| {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
                format!("include_str!({:?})", path.to_string_lossy())
            })
            .collect();
        let _ = writeln!(tables, "    ({tag:?}, &[{}]),", sources.join(", "));
    }
    let keys: Vec<_> = first.keys().map(|key| format!("{key:?}")).collect();
    let tables = format!(
        "/// The sources of each language, by its tag.\npub(crate) const SOURCES: &[(&str, &[&str])] = &[\n{tables}];\n\n/// Every key, in order.\npub(crate) const KEYS: &[&str] = &[{}];\n",
        keys.join(", ")
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("text.rs"), code)?;
    fs::write(out.join("tables.rs"), tables)?;
    Ok(())
}
