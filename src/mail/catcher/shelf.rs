//! The mails that the catcher keeps: the latest ones whole, the rest as a count.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::DateTime;
use mail_parser::{Message, MessageParser};

use crate::mail::outgoing::KIND_HEADER;

/// How many mails are kept whole.
pub const KEPT_MAX: usize = 5_000;
/// How many bytes of mails are kept, whatever their number.
const BYTES_MAX: usize = 128 << 20;

/// A mail as it came over the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtMail {
    /// Its place in the order of arrival, from 1.
    pub number: u64,
    /// What `X-Rondo-Kind` says, if anything.
    pub kind: Option<String>,
    /// The sender that the server was told (`MAIL FROM`).
    pub from: String,
    /// The recipients that the server was told (`RCPT TO`).
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The `Date` header, which is the merchant's clock: `2027-02-28 12:00 UTC`.
    pub date: String,
    /// The mail itself, headers and all.
    pub source: Vec<u8>,
}

impl CaughtMail {
    /// The HTML part, decoded.
    pub fn html(&self) -> Option<String> {
        // The parser would make HTML of the text, or text of the HTML; only what is there counts.
        let message = self.parsed()?;
        let part = message.html_part(0).filter(|part| part.is_text_html())?;
        part.text_contents().map(ToOwned::to_owned)
    }

    /// The text part, decoded.
    pub fn text(&self) -> Option<String> {
        let message = self.parsed()?;
        let part = message.text_part(0).filter(|part| part.is_text() && !part.is_text_html())?;
        part.text_contents().map(ToOwned::to_owned)
    }

    /// The value of the header `name`, as it stands in the mail.
    pub fn header(&self, name: &str) -> Option<String> {
        self.parsed()?.header_raw(name).map(|value| value.trim().to_owned())
    }

    fn parsed(&self) -> Option<Message<'_>> {
        MessageParser::default().parse(&self.source)
    }

    fn mentions(&self, words: &str) -> bool {
        let holds = |text: &str| text.to_lowercase().contains(words);
        holds(&self.subject) || self.to.iter().any(|to| holds(to)) || holds(&self.from)
    }
}

/// Which mails someone looks for.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// In lower case; in the subject or an address. Empty fits all.
    pub words: &'a str,
    /// Empty fits all.
    pub kind: &'a str,
    /// Only those that came before this one.
    pub before: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Shelf {
    kept: Mutex<Kept>,
    is_endless: bool,
}

#[derive(Debug, Default)]
struct Kept {
    mails: VecDeque<Arc<CaughtMail>>,
    counts: BTreeMap<String, u64>,
    bytes: usize,
    arrived: u64,
}

impl Shelf {
    /// A shelf; an endless one forgets no mail.
    pub fn new(is_endless: bool) -> Self {
        Self { is_endless, ..Self::default() }
    }

    pub fn put(&self, from: String, to: Vec<String>, source: Vec<u8>) {
        let message = MessageParser::default().parse(&source);
        let subject = message.as_ref().and_then(Message::subject).unwrap_or_default().to_owned();
        let date = message
            .as_ref()
            .and_then(Message::date)
            .and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0))
            .map(|date| date.format("%Y-%m-%d %H:%M UTC").to_string());
        let kind = message
            .as_ref()
            .and_then(|message| message.header_raw(KIND_HEADER))
            .map(|kind| kind.trim().to_owned());

        let mut kept = self.kept();
        kept.arrived += 1;
        let number = kept.arrived;
        *kept.counts.entry(kind.clone().unwrap_or_else(|| "other".into())).or_default() += 1;
        kept.bytes += source.len();
        let date = date.unwrap_or_default();
        kept.mails.push_back(Arc::new(CaughtMail {
            number,
            kind,
            from,
            to,
            subject,
            date,
            source,
        }));
        while !self.is_endless && (kept.mails.len() > KEPT_MAX || kept.bytes > BYTES_MAX) {
            let Some(oldest) = kept.mails.pop_front() else { break };
            kept.bytes -= oldest.source.len();
        }
    }

    pub fn mails(&self) -> Vec<Arc<CaughtMail>> {
        self.kept().mails.iter().cloned().collect()
    }

    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.kept().counts.clone()
    }

    pub fn mail(&self, number: u64) -> Option<Arc<CaughtMail>> {
        let kept = self.kept();
        let first = kept.mails.front()?.number;
        kept.mails.get(usize::try_from(number.checked_sub(first)?).ok()?).cloned()
    }

    /// At most `limit` mails that fit, the latest first.
    pub fn find(&self, wanted: &Wanted<'_>, limit: usize) -> Vec<Arc<CaughtMail>> {
        let Wanted { words, kind, before } = wanted;
        self.mails()
            .into_iter()
            .rev()
            .filter(|mail| before.is_none_or(|before| mail.number < before))
            .filter(|mail| kind.is_empty() || mail.kind.as_deref() == Some(kind))
            .filter(|mail| words.is_empty() || mail.mentions(words))
            .take(limit)
            .collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(shelf: &Shelf, kind: &str, subject: &str) {
        let source = format!("X-Rondo-Kind: {kind}\r\nSubject: {subject}\r\n\r\nHello\r\n");
        shelf.put("a@example.org".into(), vec!["b@example.org".into()], source.into_bytes());
    }

    #[test]
    fn the_oldest_mails_go_and_the_counts_stay() {
        let shelf = Shelf::default();
        let all = KEPT_MAX + 3;
        (0..all).for_each(|number| put(&shelf, "receipt", &format!("Receipt {number}")));
        assert_eq!(shelf.mails().len(), KEPT_MAX);
        assert_eq!(shelf.counts(), BTreeMap::from([("receipt".into(), all as u64)]));
        assert_eq!(shelf.mail(3), None);
        assert_eq!(shelf.mail(4).unwrap().subject, "Receipt 3");
    }

    #[test]
    fn an_endless_shelf_keeps_them_all() {
        let shelf = Shelf::new(true);
        let all = KEPT_MAX + 3;
        (0..all).for_each(|number| put(&shelf, "receipt", &format!("Receipt {number}")));
        assert_eq!(shelf.mails().len(), all);
    }

    #[test]
    fn a_mail_is_found_by_kind_and_words_the_latest_first() {
        let shelf = Shelf::default();
        put(&shelf, "receipt", "Receipt one");
        put(&shelf, "refund", "Money back");
        put(&shelf, "receipt", "Receipt two");
        let found = |wanted: Wanted<'_>| -> Vec<_> {
            shelf.find(&wanted, 10).iter().map(|mail| mail.number).collect()
        };
        assert_eq!(found(Wanted::default()), [3, 2, 1]);
        assert_eq!(found(Wanted { kind: "receipt", ..Wanted::default() }), [3, 1]);
        assert_eq!(found(Wanted { words: "receipt", before: Some(3), ..Wanted::default() }), [1]);
        assert_eq!(found(Wanted { words: "nobody", ..Wanted::default() }), Vec::<u64>::new());
    }
}
