//! The languages that mails are written in, and which of them someone gets.

use std::fmt;

use icu_locale_core::{locale, subtags::Region};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use unic_langid::LanguageIdentifier;

/// A language that mails are written in.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English; without a region as Europe writes it: 31 March 2027, €20.00.
    #[default]
    En,
    /// German; without a region: 31. März 2027, 20,00 €.
    De,
    /// Spanish; without a region: 31 de marzo de 2027, 20,00 €.
    Es,
}

impl Locale {
    /// Every language, English first.
    pub const ALL: [Self; 3] = [Self::En, Self::De, Self::Es];

    /// The language of a BCP 47 tag, whatever its region: `de-AT` is German. `None` if we do not
    /// write that language.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Conventions::from_tag(tag).map(|conventions| conventions.language)
    }

    /// The tag for the `lang` attribute.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Es => "es",
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

/// A language, and the region by whose habits its reader writes dates, times and amounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Conventions {
    /// What the text is written in, the same in every region.
    pub language: Locale,
    region: Option<Region>,
}

impl Conventions {
    /// Those of a BCP 47 tag: `es-MX`. `None` if we do not write that language.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let id = tag.parse::<icu_locale_core::Locale>().ok()?.id;
        let language = Locale::ALL.into_iter().find(|known| known.tag() == id.language.as_str())?;
        Some(Self { language, region: id.region })
    }

    /// The first language of `wishes` that we write, else English, with the first region that a
    /// wish for this language names: who asks for `de` at a merchant of `de-CH` reads `CHF 20.00`.
    /// The order to ask in is: the link's, the customer's, the browser's, the merchant's.
    pub fn negotiate<'a>(wishes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known = wishes.into_iter().filter_map(Self::from_tag);
        let Some(first) = known.next() else { return Self::default() };
        let alike = known.filter(|wish| wish.language == first.language);
        Self {
            region: first.region.or_else(|| alike.into_iter().find_map(|wish| wish.region)),
            ..first
        }
    }

    /// The region, if one is known: `MX`.
    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_ref().map(Region::as_str)
    }

    pub(super) fn locale(self) -> icu_locale_core::Locale {
        // By whatever calendar a region counts, what is billed goes by this one.
        let mut locale = match self.language {
            Locale::En => locale!("en-GB-u-ca-gregory"),
            Locale::De => locale!("de-u-ca-gregory"),
            Locale::Es => locale!("es-u-ca-gregory"),
        };
        locale.id.region = self.region.or(locale.id.region);
        locale
    }
}

impl From<Locale> for Conventions {
    fn from(language: Locale) -> Self {
        Self { language, region: None }
    }
}

impl fmt::Display for Conventions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { language, region } = self;
        write!(f, "{language}")?;
        region.map_or(Ok(()), |region| write!(f, "-{region}"))
    }
}

impl From<Conventions> for String {
    fn from(conventions: Conventions) -> Self {
        conventions.to_string()
    }
}

/// The tag is of no language that we write.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be en, de or es, with or without a region such as en-US")]
pub struct UnknownLanguage;

impl TryFrom<String> for Conventions {
    type Error = UnknownLanguage;

    fn try_from(tag: String) -> Result<Self, UnknownLanguage> {
        Self::from_tag(&tag).ok_or(UnknownLanguage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_we_write_is_taken_with_its_region() {
        for (wishes, expected) in [
            (vec!["de-AT"], "de-AT"),
            (vec!["es-419", "de"], "es-419"),
            (vec!["pt", "de-CH"], "de-CH"),
            (vec!["nonsense tag", "ES"], "es"),
            // Whoever names no region gets the next one's who asks for the same language.
            (vec!["de", "en-US", "de-CH", "de-AT"], "de-CH"),
            (vec!["en", "de-CH"], "en"),
            (vec!["en-US-u-hc-h12"], "en-US"),
            (vec!["ja"], "en"),
            (vec![], "en"),
        ] {
            let negotiated = Conventions::negotiate(wishes.iter().copied());
            assert_eq!(negotiated.to_string(), expected, "{wishes:?}");
            assert_eq!(Conventions::try_from(expected.to_owned()), Ok(negotiated));
        }
        assert_eq!(Conventions::try_from("ja".to_owned()), Err(UnknownLanguage));
    }
}
