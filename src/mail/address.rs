//! E-mail addresses and other header text, made safe where they come in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::error::MailError;

/// An e-mail address (`ana@example.org`) that may stand in a header: no name, no line break.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(lettre::Address);

impl Address {
    /// The part behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    pub(super) fn mailbox(&self, name: Option<&str>) -> lettre::message::Mailbox {
        let name = name.map(one_line).filter(|name| !name.is_empty());
        lettre::message::Mailbox::new(name, self.0.clone())
    }
}

impl FromStr for Address {
    type Err = MailError;

    fn from_str(text: &str) -> Result<Self, MailError> {
        text.parse().map(Self).map_err(|_| MailError::Address(text.to_owned()))
    }
}

impl TryFrom<String> for Address {
    type Error = MailError;

    fn try_from(text: String) -> Result<Self, MailError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `text` as one line: each run of white space and control characters becomes one space, so that a
/// name or subject never starts a header of its own (RULES EML-5).
pub fn one_line(text: &str) -> String {
    text.split(|letter: char| letter.is_control() || letter == ' ' || letter == '\u{2028}')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_nothing_but_an_address() {
        for good in ["ana@example.org", "ana+course@mail.example.org"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in
            ["", "ana", "ana@", "Ana <ana@example.org>", "ana@example.org\r\nBcc: eve@example.net"]
        {
            assert!(matches!(bad.parse::<Address>(), Err(MailError::Address(text)) if text == bad));
        }
    }

    #[test]
    fn a_line_break_in_a_name_becomes_a_space() {
        assert_eq!(one_line("Ana\r\nBcc: eve@example.net"), "Ana Bcc: eve@example.net");
        assert_eq!(one_line(" Ana\t\u{0}Silva "), "Ana Silva");
        assert_eq!(one_line("20,00\u{a0}€"), "20,00\u{a0}€");
    }
}
