//! A mail ready to leave: the words of [`Rendered`] under headers made of validated fields only
//! (RULES EML-5).

use chrono::{DateTime, Utc};
use lettre::message::{
    Mailbox, MultiPart,
    header::{HeaderName, HeaderValue},
};

use super::{
    address::one_line, envelope::Envelope, error::MailError, message::MessageKind,
    template::Rendered,
};
use crate::domain::ids::{Id, kind};

/// The header that tells the kind of a mail of ours.
pub const KIND_HEADER: &str = "X-Rondo-Kind";

/// A mail with all its headers. Built from the same outbox row it is the same mail, and so has the
/// same `Message-ID` however often it is sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    message_id: String,
    kind: MessageKind,
    from: Mailbox,
    reply_to: Mailbox,
    to: Mailbox,
    references: Option<String>,
    at: DateTime<Utc>,
    rendered: Rendered,
}

impl Outgoing {
    /// The mail `id` of the outbox, dated `now`.
    pub fn new(
        id: Id<kind::Mail>,
        kind: MessageKind,
        rendered: Rendered,
        envelope: &Envelope,
        now: DateTime<Utc>,
    ) -> Result<Self, MailError> {
        let Envelope { from, to, thread, .. } = envelope;
        let references =
            thread.as_deref().filter(|_| kind.is_dunning()).map(message_id_of).transpose()?;
        Ok(Self {
            message_id: format!("<{id}@{}>", from.address.domain()),
            kind,
            from: from.address.mailbox(Some(&from.name)),
            reply_to: from.reply_to.as_ref().unwrap_or(&from.address).mailbox(Some(&from.name)),
            to: to.address.mailbox(to.name.as_deref()),
            references,
            at: now,
            rendered,
        })
    }

    /// The `Message-ID`, with its angle brackets: what later mails of a dunning case refer to.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// What it is about.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Where it goes.
    pub fn recipient(&self) -> String {
        self.to.email.to_string()
    }

    /// The mail as it goes over the line. No `List-Unsubscribe`: this is service mail (RULES EML-1).
    pub(super) fn message(&self) -> Result<lettre::Message, MailError> {
        let mut message = lettre::Message::builder()
            .message_id(Some(self.message_id.clone()))
            .date(self.at.into())
            .from(self.from.clone())
            .reply_to(self.reply_to.clone())
            .to(self.to.clone())
            .subject(one_line(&self.rendered.subject))
            .raw_header(raw(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated"))
            .raw_header(raw(HeaderName::new_from_ascii_str(KIND_HEADER), self.kind.name()));
        if let Some(first) = &self.references {
            message = message.in_reply_to(first.clone()).references(first.clone());
        }
        message
            .multipart(MultiPart::alternative_plain_html(
                self.rendered.text.clone(),
                self.rendered.html.clone(),
            ))
            .map_err(|error| MailError::Template(error.to_string()))
    }
}

fn raw(name: HeaderName, value: &str) -> HeaderValue {
    HeaderValue::new(name, value.to_owned())
}

/// A `Message-ID` that may stand in a header: `<local@domain>` in visible ASCII.
fn message_id_of(text: &str) -> Result<String, MailError> {
    let inside = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let is_clean = |inside: &str| {
        inside
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
            && inside.chars().all(|letter| letter.is_ascii_graphic() && !"<>".contains(letter))
    };
    if inside.is_some_and(is_clean) {
        Ok(text.to_owned())
    } else {
        Err(MailError::Template(format!("{text:?} is not a Message-ID")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_message_id_is_referred_to() {
        assert!(message_id_of("<mail_0@course-house.example>").is_ok());
        for bad in ["", "mail_0@x", "<>", "<mail_0>", "<a@b>\r\nBcc: eve@example.net", "<a b@c>"] {
            assert!(message_id_of(bad).is_err(), "{bad:?}");
        }
    }
}
