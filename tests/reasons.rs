//! Every reason for which a call can be refused is heard in a test: its story tells the message.
//!
//! A scan of the text: in the sources that answer callers, a literal in capitals is a reason, unless it
//! is listed here as something else.

#![expect(clippy::unwrap_used, reason = "tests may unwrap, in their helpers too")]

#[path = "support/rust_files.rs"]
mod rust_files;

use std::{collections::BTreeSet, fs};

/// The sources that give reasons.
const GIVEN_IN: [&str; 3] = ["src/app", "src/grpc", "src/domain/subscription"];

/// The tests that are callers.
const HEARD_IN: [&str; 2] = ["tests/api", "tests/stories"];

/// Literals in capitals that are no reasons: names of the build's, and facts that go with a reason.
const NO_REASONS: [&str; 3] = ["CARGO_", "OUT_DIR", "STATE_"];

/// Reasons that no test can bring about, and why they are there.
const NEVER_HEARD: [(&str, &str); 3] = [
    ("CONCURRENT_WRITE", "others would have to be faster in every one of several tries"),
    ("DUNNING_STEP_NOT_DUE", "the engine alone takes turns"),
    ("NO_ATTEMPT", "the engine alone tells a case of outcomes"),
];

#[test]
fn every_reason_for_a_refusal_is_heard_by_a_caller() {
    let given = reasons();
    assert!(given.len() > 50, "the reasons are found: {given:?}");
    let stories: Vec<_> = HEARD_IN.iter().flat_map(|folder| texts(folder)).collect();
    let unheard: Vec<_> = given
        .iter()
        .map(String::as_str)
        .filter(|reason| !stories.iter().any(|story| words(story).any(|word| word == *reason)))
        .collect();
    assert_eq!(unheard, NEVER_HEARD.map(|(reason, _)| reason));
}

/// The reasons that the product can give.
fn reasons() -> BTreeSet<String> {
    let sources = GIVEN_IN.iter().flat_map(|folder| texts(folder));
    let mut reasons = BTreeSet::new();
    for source in sources {
        let code = source.split("#[cfg(test)]\nmod ").next().unwrap();
        let literals = code.split('"').skip(1).step_by(2).filter(|literal| is_reason(literal));
        reasons.extend(literals.map(str::to_owned));
    }
    reasons
}

fn is_reason(literal: &str) -> bool {
    literal.contains('_')
        && literal.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase())
        && !NO_REASONS.iter().any(|known| literal.starts_with(known))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric())
}

/// The texts of all sources in a folder.
fn texts(folder: &str) -> Vec<String> {
    rust_files::below(folder).iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}
