//! A mail as it would look, from made-up facts.

use super::{
    envelope::Envelope,
    error::MailError,
    locale::Conventions,
    message::{Message, MessageKind},
    overrides::Overrides,
    template::{Rendered, render},
};

/// The mail of `kind` in a language, for the `number`-th sample of the kind (from 1), in a merchant's
/// words where `overrides` has them.
pub fn preview(
    kind: MessageKind,
    conventions: impl Into<Conventions>,
    overrides: &Overrides,
    number: usize,
) -> Result<Rendered, MailError> {
    let samples = Message::samples(kind);
    let sample = number.checked_sub(1).and_then(|index| samples.get(index));
    let sample = sample.ok_or(MailError::NoSample { kind, count: samples.len() })?;
    render(sample, &Envelope::sample(conventions), overrides)
}
