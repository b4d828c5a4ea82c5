//! The languages that mails are written in, and which of them someone gets.

use std::fmt;

use icu_locale_core::locale;
use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

/// A language that mails are written in, with its conventions for dates and money.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English, as Europe writes it: 31 March 2027, €20.00.
    #[default]
    En,
    /// German: 31. März 2027, 20,00 €.
    De,
    /// Spanish: 31 de marzo de 2027, 20,00 €.
    Es,
}

impl Locale {
    /// Every language, English first.
    pub const ALL: [Self; 3] = [Self::En, Self::De, Self::Es];

    /// The language of a BCP 47 tag, whatever its region: `de-AT` is German. `None` if we do not
    /// write that language.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let language: LanguageIdentifier = tag.parse().ok()?;
        Self::ALL.into_iter().find(|known| known.tag() == language.language.as_str())
    }

    /// The first language of `wishes` that we write, else English. The order to ask in is: the
    /// link's, the customer's, the browser's, the merchant's.
    pub fn negotiate<'a>(wishes: impl IntoIterator<Item = &'a str>) -> Self {
        wishes.into_iter().find_map(Self::from_tag).unwrap_or_default()
    }

    /// The tag for the `lang` attribute.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Es => "es",
        }
    }

    pub(super) const fn conventions(self) -> icu_locale_core::Locale {
        match self {
            Self::En => locale!("en-GB"),
            Self::De => locale!("de"),
            Self::Es => locale!("es"),
        }
    }

    pub(super) fn plurals(self) -> LanguageIdentifier {
        self.tag().parse().expect("our own tags are tags")
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_we_write_is_taken() {
        for (wishes, expected) in [
            (vec!["de-AT"], Locale::De),
            (vec!["es-419", "de"], Locale::Es),
            (vec!["pt", "de-CH"], Locale::De),
            (vec!["nonsense tag", "ES"], Locale::Es),
            (vec!["ja"], Locale::En),
            (vec![], Locale::En),
        ] {
            assert_eq!(Locale::negotiate(wishes.iter().copied()), expected, "{wishes:?}");
        }
    }
}
