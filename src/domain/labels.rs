//! Labels: what a portal wants to keep with an object, in its own words. Rondo gives them back and
//! finds objects by them, and decides nothing by them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most labels of one object (RULES API-8).
const LABELS_MAX: usize = 64;
/// The longest key, in letters.
const KEY_MAX_CHARS: usize = 40;
/// The longest value, in characters.
const VALUE_MAX_CHARS: usize = 500;

/// A portal's own words about an object, each a value under a key.
///
/// Keys are plain, so that both databases find an object by them: `course/level`, for example.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

/// Why these are no labels.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadLabels {
    /// There are too many.
    #[error("must hold at most {LABELS_MAX}")]
    TooMany,
    /// A key is not plain.
    #[error(
        "must have keys of 1 to {KEY_MAX_CHARS} letters without accents, digits, `_`, `-`, `.` and \
         `/`, of which the first is a letter or a digit; not `{0}`"
    )]
    Key(String),
    /// A value is too long.
    #[error("must have values of at most {VALUE_MAX_CHARS} characters, also under `{0}`")]
    Value(String),
}

impl Labels {
    /// Takes words that keep to the bounds.
    pub fn new(words: BTreeMap<String, String>) -> Result<Self, BadLabels> {
        if words.len() > LABELS_MAX {
            return Err(BadLabels::TooMany);
        }
        for (key, value) in &words {
            if !is_key(key) {
                return Err(BadLabels::Key(key.chars().take(KEY_MAX_CHARS).collect()));
            }
            if value.chars().count() > VALUE_MAX_CHARS {
                return Err(BadLabels::Value(key.clone()));
            }
        }
        Ok(Self(words))
    }

    /// The words by their keys.
    pub fn words(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

fn is_key(key: &str) -> bool {
    key.len() <= KEY_MAX_CHARS
        && key.starts_with(|first: char| first.is_ascii_alphanumeric())
        && key.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_-./".contains(&letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, value: &str) -> Result<Labels, BadLabels> {
        Labels::new(BTreeMap::from([(key.to_owned(), value.to_owned())]))
    }

    #[test]
    fn keys_are_plain_and_values_what_one_likes() {
        let longest = "x".repeat(40);
        for key in ["a", "7", "course/level", "Term-2.winter_b", longest.as_str()] {
            assert!(one(key, "").is_ok(), "{key}");
            assert!(one(key, &"ü".repeat(500)).is_ok(), "{key}");
            assert_eq!(one(key, &"ü".repeat(501)), Err(BadLabels::Value(key.to_owned())));
        }
        let too_long = "x".repeat(41);
        for key in ["", " a", "a b", "$.a", "-a", "ä", "a\"b", "a[0]", too_long.as_str()] {
            assert!(matches!(one(key, ""), Err(BadLabels::Key(_))), "{key}");
        }
    }

    #[test]
    fn there_are_64_at_most() {
        let words = |count: usize| (0..count).map(|n| (n.to_string(), String::new())).collect();
        assert!(Labels::new(words(64)).is_ok());
        assert_eq!(Labels::new(words(65)), Err(BadLabels::TooMany));
    }
}
