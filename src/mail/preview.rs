//! A mail as it would look, from made-up facts.

use super::{
    envelope::Envelope,
    error::MailError,
    locale::Locale,
    message::{Message, MessageKind},
    overrides::Overrides,
    template::{Rendered, render},
};

/// The mail of `kind` in `locale`, for the `number`-th sample of the kind (from 1), in a merchant's
/// words where `overrides` has them.
pub fn preview(
    kind: MessageKind,
    locale: Locale,
    overrides: &Overrides,
    number: usize,
) -> Result<Rendered, MailError> {
    let samples = Message::samples(kind);
    let sample = number.checked_sub(1).and_then(|index| samples.get(index));
    let sample = sample.ok_or(MailError::NoSample { kind, count: samples.len() })?;
    render(sample, &Envelope::sample(locale), overrides)
}
