//! Tests of the catalogue: the texts that the build accepts, those that code and templates use, and
//! their wording.

use std::{collections::BTreeSet, fs, path::Path};

use doorward_model::{AuditKind, AuditSubject};

use crate::{
    Language, SaidNames, audit_kind, audit_sentence, bundles,
    check::{Texts, compare, read},
    missing, text,
};

/// The faults of a text in German beside one in English.
fn faults(english: &str, german: &str) -> Vec<String> {
    let (mut first, mut second, mut faults) = (Texts::new(), Texts::new(), Vec::new());
    read("a", english, &mut first, &mut faults);
    read("a", german, &mut second, &mut faults);
    compare("de", &second, &first, &mut faults);
    faults
}

#[test]
fn languages_that_differ_in_keys_placeholders_or_markup_are_not_built() {
    let plural =
        "a_b =\n    { $n ->\n        [one] { $n } tool\n       *[other] { $n } tools\n    }\n";
    for (english, german) in [
        ("a_b = x\n", "a_b = y\n"),
        ("a_b = { $x } and { $y }\n", "a_b = { $y } und { $x }\n"),
        ("a_b = <strong>{ $x }</strong>\n", "a_b = so: <strong>{ $x }</strong>\n"),
        ("a_b = <a href=\"{ $u }\">x</a>\n", "a_b = <a href=\"{ $u }\">y</a>\n"),
        ("a_b = <bdi>{ $x }</bdi>\n", "a_b = so: <bdi>{ $x }</bdi>\n"),
        (plural, plural),
    ] {
        assert_eq!(faults(english, german), Vec::<String>::new(), "{english}");
    }
    for (english, german) in [
        ("a_b = x\n", ""),
        ("", "a_b = x\n"),
        ("a_b = { $x }\n", "a_b = { $y }\n"),
        ("a_b = { $x }\n", "a_b = x\n"),
        (plural, "a_b = Werkzeuge\n"),
        ("a_b = <strong>x</strong>\n", "a_b = x\n"),
        ("a_b = <strong>x\n", "a_b = <strong>x\n"),
        ("a_b = <bdi>{ $x }</bdi>\n", "a_b = { $x }\n"),
        ("a_b = <bdi dir=\"rtl\">x</bdi>\n", "a_b = <bdi dir=\"rtl\">x</bdi>\n"),
        ("a_b = <script>x</script>\n", "a_b = <script>x</script>\n"),
        ("a_b = <a href=\"javascript:x\">x</a>\n", "a_b = <a href=\"javascript:x\">x</a>\n"),
        ("a_b = <strong onclick=\"x\">x</strong>\n", "a_b = <strong onclick=\"x\">x</strong>\n"),
        ("a_b = { a_c }\n", "a_b = { a_c }\n"),
        ("a_b = x\na_b = x\n", "a_b = x\n"),
        ("b_b = x\n", "b_b = x\n"),
        ("a_b = {\n", "a_b = x\n"),
        ("-a_b = x\n", "-a_b = x\n"),
    ] {
        assert!(!faults(english, german).is_empty(), "{english} beside {german}");
    }
}

/// The keys that sources and templates name, as `text::KEY`.
fn used(folder: &Path, keys: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            used(&path, keys);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "html")
        {
            let source = fs::read_to_string(&path).unwrap();
            keys.extend(source.split("text::").skip(1).map(|rest| {
                rest.chars()
                    .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                    .collect()
            }));
        }
    }
}

/// The templates of a folder that put a colon behind a text, which French writes with a space.
fn colons(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        found.extend(
            source
                .lines()
                .filter(|line| line.contains("}}:"))
                .map(|line| format!("{}: {line}; write text::common_label", path.display())),
        );
    }
}

#[test]
fn no_template_puts_a_colon_behind_a_text() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for of in ["doorward-web", "doorward-console"] {
        colons(&crates.join(of).join("templates"), &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(text::common_label("Nom").say(Language::French), "Nom\u{a0}:");
}

#[test]
fn every_text_is_used() {
    let mut keys = BTreeSet::new();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    used(&crates, &mut keys);
    for (kind, _) in AuditKind::ALL {
        let said = audit_sentence(&(*kind).into(), SaidNames::default());
        keys.extend([audit_kind(*kind).key().to_owned(), said.key().to_owned()]);
    }
    let objects = fs::read_to_string(crates.join("doorward-admin/src/refusal/object.rs")).unwrap();
    keys.extend(objects.split('"').map(|object| missing(object, "").key().to_owned()));
    keys.extend(AuditSubject::ALL.iter().map(|of| missing(of.as_str(), "").key().to_owned()));
    let unused: Vec<_> = bundles::KEYS.iter().filter(|key| !keys.contains(**key)).collect();
    assert!(bundles::KEYS.len() > 300, "{}", bundles::KEYS.len());
    assert!(unused.is_empty(), "{unused:#?}");
}

#[test]
fn every_kind_of_audit_entry_and_every_administered_object_has_a_text() {
    for (kind, text) in AuditKind::ALL {
        assert_ne!(audit_kind(*kind).key(), "audit_unknown", "{text}");
        let names = SaidNames { user: "carol", object: "wiki_search", client: "Claude" };
        let said = audit_sentence(&(*kind).into(), names);
        assert!(said.key().starts_with("said_"), "{text}");
        for (language, _) in Language::ALL {
            let told = said.say(language);
            assert!(!told.contains(['{', '$', '\u{2068}']) && !told.ends_with('.'), "{told}");
        }
    }
    // Objects that no operation of administration is asked for by a name.
    let unnamed = ["grant", "identity", "invitation", "sign_in", "access_token", "key", "setting"];
    let without: Vec<_> = AuditSubject::ALL
        .iter()
        .map(|subject| subject.as_str())
        .filter(|subject| missing(subject, "x").key() == "refusal_missing")
        .collect();
    assert_eq!(without, unnamed);
    let group = missing("group", "staff").say(Language::English);
    assert_eq!(group, text::refusal_missing_group("staff").say(Language::English));
}

#[test]
fn every_language_has_every_text_and_fills_its_placeholders() {
    for (language, tag) in Language::ALL {
        for key in bundles::KEYS {
            assert!(bundles::has(language, key), "{tag}: {key}");
        }
        let said = text::mail_invitation_account("Corp & Co", "kim").say(language);
        assert!(
            said.contains("Corp & Co") && said.contains("kim") && !said.contains('{'),
            "{said}"
        );
    }
}

/// The lines of a language's files that have text.
fn lines(tag: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("languages").join(tag);
    let files = fs::read_dir(folder).expect("the folder of the language");
    files
        .flat_map(|file| {
            let text = fs::read_to_string(file.expect("a file").path()).expect("a text");
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn texts_have_the_typography_of_their_language() {
    for (_, tag) in Language::ALL {
        let lines = lines(tag);
        assert!(lines.len() > 300, "{tag}");
        let straight: Vec<_> = lines.iter().filter(|line| line.contains('\'')).collect();
        assert!(straight.is_empty(), "{tag}: {straight:#?}");
    }
    // A line of text never begins with such a mark, nor ends with an opening one.
    let breaking = [" ;", " !", " ?", " »", "« "];
    let broken: Vec<_> = lines("fr")
        .into_iter()
        .filter(|line| {
            let colon = line.contains(" : ") || line.ends_with(" :");
            colon || breaking.iter().any(|mark| line.contains(mark))
        })
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn numbers_choose_the_plural_of_the_language() {
    let said = |count: usize, language| text::chats_days(count).say(language).into_owned();
    assert_eq!(said(1, Language::English), "1 day");
    assert_eq!(said(0, Language::English), "0 days");
    assert_eq!(said(1, Language::French), "1 jour");
    // French counts zero as one.
    assert_eq!(said(0, Language::French), "0 jour");
    assert_eq!(said(1200, Language::German), "1200 Tage");
}

#[tokio::test]
async fn a_text_within_a_text_is_formatted_in_the_same_language() {
    let told = text::account_password_not_changed(text::input_password_wrong());
    assert!(told.to_string().ends_with("the current password is wrong."), "{told}");
    let german = Language::German.speaking(async { told.to_string() }).await;
    assert_eq!(german, "Das Passwort wurde nicht geändert: das aktuelle Passwort ist falsch.");
}

#[test]
fn browsers_choose_the_language() {
    assert_eq!(Language::of("de-AT,de;q=0.9,en;q=0.5"), Language::German);
    assert_eq!(Language::of("ja, fr;q=0.4, en;q=0.3"), Language::French);
    assert_eq!(Language::of("en-GB, de;q=0.9"), Language::English);
    assert_eq!(Language::of("de;q=0, xx"), Language::English);
    assert_eq!(Language::of(""), Language::English);
}
