//! A mail as it would look, from made-up facts.

use super::{
    envelope::Envelope,
    error::MailError,
    locale::Locale,
    message::{Message, MessageKind},
    overrides::Overrides,
    template::{Rendered, render},
};

/// The mail of `kind` in `locale`, for the first sample of the kind and in our own words.
pub fn preview(kind: MessageKind, locale: Locale) -> Result<Rendered, MailError> {
    preview_with(kind, locale, &Overrides::default())
}

/// As [`preview`], in a merchant's words where `overrides` has them.
pub fn preview_with(
    kind: MessageKind,
    locale: Locale,
    overrides: &Overrides,
) -> Result<Rendered, MailError> {
    let samples = Message::samples(kind);
    render(&samples[0], &Envelope::sample(locale), overrides)
}
