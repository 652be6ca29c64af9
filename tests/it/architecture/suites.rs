//! The modules that `tests/run` leaves out on PostgreSQL, and the operations that are measured.

use std::fs;

use super::root;

/// Expressions that open a database.
const OPENS: [&str; 5] =
    ["TestServer::", "fresh_database", "DoorwardProcess::", "App::open", "Store::open"];

#[test]
fn only_modules_that_open_no_database_are_left_out_on_postgresql() {
    let runner = fs::read_to_string(root().join("tests/run")).unwrap();
    let (_, rest) = runner.split_once("\nwithout_database=(").unwrap();
    let (listed, _) = rest.split_once(')').unwrap();
    let modules: Vec<&str> =
        listed.split_whitespace().map(|name| name.strip_suffix("::").unwrap()).collect();
    assert!(modules.contains(&"architecture"), "{modules:?}");
    for module in modules {
        let base = root().join("tests/it").join(module);
        let mut files = vec![base.with_extension("rs")];
        let folder = fs::read_dir(&base).into_iter().flatten();
        files.extend(folder.map(|entry| entry.unwrap().path()));
        for file in files.iter().filter(|file| !file.ends_with("architecture/suites.rs")) {
            let text = fs::read_to_string(file).unwrap();
            let opened = OPENS.iter().find(|form| text.contains(**form));
            let file = file.display();
            assert!(opened.is_none(), "{file} has {opened:?}: it belongs to both databases");
        }
    }
}

#[test]
fn each_grant_type_has_an_operation_in_the_measurements() {
    let source = root().join("tests/load/src");
    let files = ["work.rs", "work/grants.rs", "work/page.rs"];
    let text = files.map(|file| fs::read_to_string(source.join(file)).unwrap()).concat();
    for kind in doorward_model::GrantType::ALL {
        let name = kind.as_str();
        let forms = [format!("grant_type={name}"), format!("\"{name}\"")];
        let is_sent = forms.iter().any(|form| text.contains(form));
        assert!(is_sent, "no operation of tests/load sends {name}");
    }
}
