//! The bugs that `tests/mutants/run` plants still fit the code: each changes one place, and says what it
//! does. That the simulator sees them is told in docs/reliability.md.

use std::{collections::BTreeSet, fs, path::Path};

use toml_edit::{DocumentMut, Table};

fn text<'t>(mutant: &'t Table, key: &str) -> &'t str {
    let found = mutant.get(key).and_then(|value| value.as_str());
    found.unwrap_or_else(|| panic!("a bug has no `{key}`: {mutant}"))
}

#[test]
fn every_planted_bug_changes_exactly_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(root.join("tests/mutants/list.toml")).unwrap();
    let list: DocumentMut = list.parse().unwrap();
    let mutants = list["mutant"].as_array_of_tables().unwrap();
    let mut names = BTreeSet::new();
    for mutant in mutants {
        let name = text(mutant, "name");
        assert!(names.insert(name), "two bugs are named {name}");
        assert!(text(mutant, "says").ends_with('.'), "{name} does not say what it does");
        let code = fs::read_to_string(root.join(text(mutant, "file"))).unwrap();
        let was = text(mutant, "was").trim_matches('\n');
        assert_eq!(code.matches(was).count(), 1, "{name} does not fit its file");
        assert_ne!(was, text(mutant, "is").trim_matches('\n'), "{name} changes nothing");
    }
    assert!(names.len() >= 12, "{names:?}");
}
