//! What every mail knows beside its facts: who writes, to whom, and in which conventions.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{address::Address, format::Symbols, locale::Conventions};

/// The merchant in whose name a mail is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The name that customers know: `Lisbon Course House`.
    pub name: String,
    /// Where the mail comes from.
    pub address: Address,
    /// Where a person reads the answers; `None` if that is `address`.
    pub reply_to: Option<Address>,
    /// Legal name, postal address, register and tax numbers, a line each: the merchant's own words,
    /// the same in every language.
    pub legal_lines: Vec<String>,
    /// How the merchant's currencies are told apart.
    pub symbols: Symbols,
}

/// The customer who gets a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The customer's name, if known.
    pub name: Option<String>,
    /// Where the mail goes.
    pub address: Address,
    /// The language to write in, and how the reader writes dates and amounts.
    pub conventions: Conventions,
    /// The time zone that dates are told in.
    pub zone: Tz,
}

/// Everything around a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Who writes.
    pub from: Sender,
    /// To whom.
    pub to: Recipient,
    /// What the merchant's test clock shows; `None` in live mode. Subject and body say so.
    pub test_clock: Option<DateTime<Utc>>,
    /// The `Message-ID` of the first mail of the dunning case, which later ones refer to.
    pub thread: Option<String>,
}

impl Envelope {
    /// A made-up envelope: what previews and tests are addressed with.
    pub fn sample(conventions: impl Into<Conventions>) -> Self {
        let address = |text: &str| text.parse().expect("samples are written with care");
        Self {
            from: Sender {
                name: "Lisbon Course House".into(),
                address: address("billing@course-house.example"),
                reply_to: Some(address("help@course-house.example")),
                legal_lines: vec![
                    "Lisbon Course House Lda., Rua do Exemplo 7, 1100-000 Lisboa".into(),
                    "NIPC 999 999 990".into(),
                ],
                symbols: Symbols::Short,
            },
            to: Recipient {
                name: Some("Ana Silva".into()),
                address: address("ana@example.org"),
                conventions: conventions.into(),
                zone: Tz::Europe__Lisbon,
            },
            test_clock: None,
            thread: None,
        }
    }
}
