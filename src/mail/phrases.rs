//! The words of mails, one Fluent file per language in `templates/mail`.
//!
//! A message that is missing or cannot be formatted in one language is said in English and counted
//! (`rondo_mail_missing_message_total`); it never fails a mail.

use std::{collections::BTreeMap, sync::LazyLock};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use serde::{Serialize, Serializer};

use super::locale::Locale;

/// What a sentence is filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// Words, an amount or a date, as the reader is to see it.
    Text(String),
    /// A number that the grammar depends on.
    Count(u32),
    /// Not this time: `none` to Fluent's selectors, empty to the templates of overrides.
    Absent,
}

/// The values that a mail's sentences are filled with, by name.
pub type Args = BTreeMap<&'static str, Arg>;

impl Serialize for Arg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Absent => serializer.serialize_str(""),
        }
    }
}

impl<'a> From<&'a Arg> for FluentValue<'a> {
    fn from(arg: &'a Arg) -> Self {
        match arg {
            Arg::Text(text) => text.as_str().into(),
            Arg::Count(count) => (*count).into(),
            Arg::Absent => "none".into(),
        }
    }
}

/// The Fluent source of `locale`, which is part of what a sent mail's template hash covers.
pub const fn source(locale: Locale) -> &'static str {
    match locale {
        Locale::En => include_str!("../../templates/mail/en.ftl"),
        Locale::De => include_str!("../../templates/mail/de.ftl"),
        Locale::Es => include_str!("../../templates/mail/es.ftl"),
    }
}

/// The message called `id` in `locale`, filled with `args`.
pub fn say(locale: Locale, id: &str, args: &Args) -> String {
    let args: FluentArgs<'_> =
        args.iter().map(|(name, arg)| (*name, FluentValue::from(arg))).collect();
    format(bundle(locale), id, &args).unwrap_or_else(|| {
        metrics::counter!("rondo_mail_missing_message_total", "locale" => locale.tag(), "message" => id.to_owned())
            .increment(1);
        tracing::warn!(%locale, message = id, "a mail's message is missing or at fault; said in English");
        format(bundle(Locale::En), id, &args).unwrap_or_default()
    })
}

fn format(
    bundle: &FluentBundle<FluentResource>,
    id: &str,
    args: &FluentArgs<'_>,
) -> Option<String> {
    let pattern = bundle.get_message(id)?.value()?;
    let mut faults = Vec::new();
    let text = bundle.format_pattern(pattern, Some(args), &mut faults).into_owned();
    faults.is_empty().then_some(text)
}

fn bundle(locale: Locale) -> &'static FluentBundle<FluentResource> {
    static ENGLISH: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| read(Locale::En));
    static GERMAN: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| read(Locale::De));
    static SPANISH: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| read(Locale::Es));
    match locale {
        Locale::En => &ENGLISH,
        Locale::De => &GERMAN,
        Locale::Es => &SPANISH,
    }
}

fn read(locale: Locale) -> FluentBundle<FluentResource> {
    // What can be read is used; the rest falls back to English.
    let resource = match FluentResource::try_new(source(locale).to_owned()) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    let mut bundle = FluentBundle::new_concurrent(vec![locale.plurals()]);
    // The marks are invisible on screen but break searching, comparing and plain text.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(locale: Locale) -> BTreeSet<&'static str> {
        source(locale)
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
            .filter_map(|line| line.split_once(" =").map(|(id, _)| id))
            .collect()
    }

    fn price(count: u32, unit: &str) -> Args {
        Args::from([
            ("amount", Arg::Text("20".into())),
            ("count", Arg::Count(count)),
            ("unit", Arg::Text(unit.into())),
        ])
    }

    #[test]
    fn every_language_has_every_message_and_no_fault() {
        for locale in Locale::ALL {
            assert!(FluentResource::try_new(source(locale).to_owned()).is_ok(), "{locale}");
            assert_eq!(ids(locale), ids(Locale::En), "{locale}");
        }
        assert!(ids(Locale::En).len() > 100);
    }

    #[test]
    fn numbers_have_the_plural_of_the_language() {
        for (locale, count, unit, expected) in [
            (Locale::En, 1, "month", "20 a month"),
            (Locale::En, 3, "month", "20 every 3 months"),
            (Locale::De, 1, "year", "20 pro Jahr"),
            (Locale::De, 2, "week", "20 alle 2 Wochen"),
            (Locale::Es, 1, "week", "20 a la semana"),
            (Locale::Es, 15, "day", "20 cada 15 días"),
        ] {
            assert_eq!(say(locale, "price", &price(count, unit)), expected);
        }
    }

    #[test]
    fn what_cannot_be_said_is_said_in_english_or_not_at_all() {
        let without = Args::new();
        assert_eq!(say(Locale::De, "no-such-message", &without), "");
        assert_eq!(say(Locale::De, "receipt-heading", &without), "Beleg");
    }
}
