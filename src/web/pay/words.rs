//! The words of the pay pages, one Fluent file per language in `templates/pages`.
//!
//! A message that is missing or cannot be formatted in one language is said in English and counted
//! (`rondo_page_missing_message_total`); it never fails a page.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use crate::mail::Locale;

type Bundle = FluentBundle<FluentResource>;

/// What a sentence is filled with, by name. What is absent is `none` to Fluent's selectors.
pub(super) type Args<'a> = &'a [(&'static str, Option<&'a str>)];

const fn source(locale: Locale) -> &'static str {
    match locale {
        Locale::En => include_str!("../../../templates/pages/en.ftl"),
        Locale::De => include_str!("../../../templates/pages/de.ftl"),
        Locale::Es => include_str!("../../../templates/pages/es.ftl"),
    }
}

/// The message called `id` in `locale`, filled with `args`.
pub(super) fn say(locale: Locale, id: &str, args: Args<'_>) -> String {
    let args: FluentArgs<'_> = args
        .iter()
        .map(|(name, value)| (*name, FluentValue::from(value.unwrap_or("none"))))
        .collect();
    format(bundle(locale), id, &args).unwrap_or_else(|| {
        let message = id.to_owned();
        metrics::counter!("rondo_page_missing_message_total", "locale" => locale.tag(), "message" => message)
            .increment(1);
        tracing::warn!(%locale, message = id, "a page's message is missing or at fault; said in English");
        format(bundle(Locale::En), id, &args).unwrap_or_default()
    })
}

/// As [`say`], with one number that the grammar depends on.
pub(super) fn say_counted(locale: Locale, id: &str, count: u32, args: Args<'_>) -> String {
    let mut all: FluentArgs<'_> = args
        .iter()
        .map(|(name, value)| (*name, FluentValue::from(value.unwrap_or("none"))))
        .collect();
    all.set("count", count);
    format(bundle(locale), id, &all).unwrap_or_default()
}

fn format(bundle: &Bundle, id: &str, args: &FluentArgs<'_>) -> Option<String> {
    let pattern = bundle.get_message(id)?.value()?;
    let mut faults = Vec::new();
    let text = bundle.format_pattern(pattern, Some(args), &mut faults).into_owned();
    faults.is_empty().then_some(text)
}

fn bundle(locale: Locale) -> &'static Bundle {
    static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| read(Locale::En));
    static GERMAN: LazyLock<Bundle> = LazyLock::new(|| read(Locale::De));
    static SPANISH: LazyLock<Bundle> = LazyLock::new(|| read(Locale::Es));
    match locale {
        Locale::En => &ENGLISH,
        Locale::De => &GERMAN,
        Locale::Es => &SPANISH,
    }
}

fn read(locale: Locale) -> Bundle {
    // What can be read is used; the rest falls back to English.
    let resource = match FluentResource::try_new(source(locale).to_owned()) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    let tag: LanguageIdentifier = locale.tag().parse().expect("our own tags are tags");
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // The marks are invisible on screen but break searching and copying.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Each message's name, with the variables that it uses.
    fn messages(locale: Locale) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let mut messages: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        let mut current = "";
        for line in source(locale).lines().filter(|line| !line.starts_with('#')) {
            if let Some((id, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
                current = id;
            }
            let variables = line.split('$').skip(1).filter_map(|rest| {
                rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
            });
            if !current.is_empty() {
                messages.entry(current).or_default().extend(variables);
            }
        }
        messages
    }

    #[test]
    fn every_language_has_every_message_with_the_same_variables_and_no_fault() {
        for locale in Locale::ALL {
            assert!(FluentResource::try_new(source(locale).to_owned()).is_ok(), "{locale}");
            assert_eq!(messages(locale), messages(Locale::En), "{locale}");
        }
        assert!(messages(Locale::En).len() > 50);
    }

    #[test]
    fn a_price_has_the_plural_of_the_language() {
        let price = |locale, count, unit| {
            say_counted(locale, "price", count, &[("amount", Some("20")), ("unit", Some(unit))])
        };
        assert_eq!(price(Locale::En, 1, "month"), "20 a month");
        assert_eq!(price(Locale::De, 2, "week"), "20 alle 2 Wochen");
        assert_eq!(price(Locale::Es, 1, "year"), "20 al año");
    }
}
