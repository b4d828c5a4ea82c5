//! The words of the sandbox's tokens, as a list to look things up in. It is made of the very tables
//! that [`super::script`] reads tokens by, so it cannot tell anything else.

use serde::Serialize;

use super::{
    cards::{NETWORKS, ON_PAGES, REASONS},
    words::{FAULTS, Number, RESULTS},
};

/// How words make a token.
pub const GRAMMAR: &str = "\
token  = \"tok_\" network [ \"_exp_\" MMYY ] [ \"_\" step { \"_then_\" step } ] [ \".\" name ]
step   = { fault \"_\" } ( fault | result ) [ \"_x\" N ]

A step with _xN serves N charges, then the next one's turn comes; the last stays. Without a step a card
pays. The name after the dot makes a card of its own, with its own count.";

/// A word of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Word {
    /// Where it may stand: `network`, `result` or `fault`; `example` for a whole token.
    pub part: &'static str,
    /// The word; N stands for a number.
    pub word: String,
    /// What it means.
    pub meaning: String,
}

/// All words, and whole tokens to begin with.
pub fn all() -> Vec<Word> {
    let word = |part, word: String, meaning: &str| Word { part, word, meaning: meaning.to_owned() };
    let examples =
        ON_PAGES.iter().map(|(token, meaning)| word("example", (*token).to_owned(), meaning));
    let networks =
        NETWORKS.iter().map(|network| word("network", network.word.to_owned(), network.brand));
    let results = RESULTS
        .iter()
        .map(|result| word("result", spelled(result.word, result.number), result.meaning));
    let reasons = REASONS
        .iter()
        // `authentication_required` is a result of its own.
        .filter(|reason| RESULTS.iter().all(|result| result.word != reason.word))
        .map(|reason| {
            let advice = reason.network_advice.map(|advice| format!(", advice {advice}"));
            let meaning = format!(
                "declined: {} ({}{})",
                reason.message,
                reason.response_code,
                advice.unwrap_or_default()
            );
            Word { part: "result", word: reason.word.to_owned(), meaning }
        });
    let raw = [
        ("rc_CODE", "declined with this response code, for example rc_41"),
        ("rc_CODE_mac_CODE", "and with this advice of Mastercard's, for example rc_79_mac_01"),
    ];
    let raw = raw.map(|(code, meaning)| word("result", code.to_owned(), meaning));
    let faults =
        FAULTS.iter().map(|fault| word("fault", spelled(fault.word, fault.number), fault.meaning));
    examples.chain(networks).chain(results).chain(reasons).chain(raw).chain(faults).collect()
}

fn spelled(word: &str, number: Number) -> String {
    match number {
        Number::None => word.to_owned(),
        Number::Needed => format!("{word}_N"),
        Number::Or(_) => format!("{word}, {word}_N"),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{super::script::Card, *};

    const DOCUMENT: &str = "docs/sandbox.md";
    const BEGINS: &str = "<!-- the words, made by `rondo sandbox tokens` -->\n";

    #[test]
    fn every_word_that_is_listed_makes_a_token() {
        for Word { part, word, .. } in all() {
            for spelling in word.split(", ") {
                let spelling = spelling
                    .replace("_N", "_2")
                    .replace("mac_CODE", "mac_01")
                    .replace("CODE", "41");
                let token = match part {
                    "example" => spelling,
                    "network" => format!("tok_{spelling}"),
                    _ => format!("tok_visa_{spelling}"),
                };
                assert!(Card::parse(&token).is_some(), "{token}");
            }
        }
    }

    /// With `RONDO_TEST_WRITE_DOCS=1` the document is written instead.
    #[test]
    fn the_document_lists_the_words_that_the_sandbox_reads() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
        let written = fs::read_to_string(&path).unwrap();
        let (before, _) = written.split_once(BEGINS).unwrap();
        let row = |word: &Word| format!("| {} | `{}` | {} |", word.part, word.word, word.meaning);
        let rows = all().iter().map(row).collect::<Vec<_>>().join("\n");
        let made = format!(
            "{before}{BEGINS}\n```text\n{GRAMMAR}\n```\n\n| part | word | meaning |\n| --- | --- | --- \
             |\n{rows}\n"
        );
        if std::env::var_os("RONDO_TEST_WRITE_DOCS").is_some() {
            fs::write(&path, &made).unwrap();
            return;
        }
        assert!(
            written == made,
            "{DOCUMENT} lists other words; make it with\n\
             RONDO_TEST_WRITE_DOCS=1 cargo test --lib the_document_lists\n\n{made}"
        );
    }
}
