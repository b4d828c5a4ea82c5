//! From a message's facts to what its sentences are filled with: each value formatted once, for
//! one reader, so that subject, HTML and text cannot differ.

mod billing;
mod dunning;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    envelope::Envelope,
    format::Formats,
    locale::Locale,
    message::{Charge, Cycle, CycleUnit, Instrument, Message, Period, Price},
    phrases::{self, Arg, Args},
};
use crate::domain::money::Money;

/// A message in the reader's own formats, before it is put into sentences.
pub struct Letter<'a> {
    voice: &'a Voice,
    /// What the sentences are filled with.
    pub args: Args,
    /// What may stand for some of them where a line would grow too long: it says less, but no word or
    /// amount of it is cut.
    pub short: BTreeMap<&'static str, String>,
    /// The rows of the table: the message that names each, and the argument that it shows.
    rows: Vec<(&'static str, &'static str)>,
    /// Where the one button leads, if the merchant has such a place.
    pub button_url: Option<&'a str>,
    /// Where the quiet line below it leads, if there is one.
    pub second_url: Option<&'a str>,
}

/// A row of the table of facts.
pub struct Fact {
    /// `Amount`.
    pub label: String,
    /// `€20.00`.
    pub value: String,
}

/// How to speak to one reader.
pub struct Voice {
    /// The reader's language.
    pub locale: Locale,
    /// The reader's formats.
    pub formats: Formats,
}

impl Voice {
    /// The voice for the reader on `envelope`.
    pub fn to(envelope: &Envelope) -> Self {
        let conventions = envelope.to.conventions;
        let formats = Formats::new(conventions, envelope.to.zone, envelope.from.symbols);
        Self { locale: conventions.language, formats }
    }

    /// The message `id`, filled with `args`.
    pub fn say(&self, id: &str, args: &Args) -> String {
        phrases::say(self.locale, id, args)
    }

    fn charge(&self, charge: Charge) -> String {
        self.say(
            "charge",
            &Args::from([
                ("amount", Arg::Text(self.formats.money(charge.amount))),
                ("date", Arg::Text(self.formats.day(charge.at))),
            ]),
        )
    }

    fn moment(&self, at: DateTime<Utc>) -> String {
        self.say(
            "moment",
            &Args::from([
                ("date", Arg::Text(self.formats.day(at))),
                ("time", Arg::Text(self.formats.time(at))),
                ("city", Arg::Text(self.formats.zone_city())),
            ]),
        )
    }

    fn price(&self, Price { amount, cycle: Cycle { count, unit } }: Price) -> String {
        let unit = match unit {
            CycleUnit::Day => "day",
            CycleUnit::Week => "week",
            CycleUnit::Month => "month",
            CycleUnit::Year => "year",
        };
        self.say(
            "price",
            &Args::from([
                ("amount", Arg::Text(self.formats.money(amount))),
                ("count", Arg::Count(count)),
                ("unit", Arg::Text(unit.into())),
            ]),
        )
    }

    fn instrument(&self, Instrument { name, last_four }: &Instrument) -> String {
        let Some(last_four) = last_four else { return name.clone() };
        let args = Args::from([
            ("brand", Arg::Text(name.clone())),
            ("last_four", Arg::Text(last_four.clone())),
        ]);
        self.say("card", &args)
    }
}

impl<'a> Letter<'a> {
    /// The letter that tells `message`.
    pub fn of(message: &'a Message, voice: &'a Voice) -> Self {
        match message {
            Message::Welcome(facts) => facts.letter(voice),
            Message::TrialEnding(facts) => facts.letter(voice),
            Message::UpcomingRenewal(facts) => facts.letter(voice),
            Message::Receipt(facts) => facts.letter(voice),
            Message::PaymentFailed(facts) => facts.letter(voice),
            Message::AuthenticationNeeded(facts) => facts.letter(voice),
            Message::CardExpiring(facts) => facts.letter(voice),
            Message::Recovered(facts) => facts.letter(voice),
            Message::Suspended(facts) => facts.letter(voice),
            Message::Cancelled(facts) => facts.letter(voice),
            Message::CancellationUndone(facts) => facts.letter(voice),
            Message::PlanChanging(facts) => facts.letter(voice),
            Message::Refund(facts) => facts.letter(voice),
        }
    }

    /// The rows that have something to show, in order.
    pub fn facts(&self) -> Vec<Fact> {
        let none = Args::new();
        self.rows
            .iter()
            .filter_map(|(label, arg)| match self.args.get(arg) {
                Some(Arg::Text(value)) => {
                    Some(Fact { label: self.voice.say(label, &none), value: value.clone() })
                }
                Some(Arg::Count(count)) => {
                    Some(Fact { label: self.voice.say(label, &none), value: count.to_string() })
                }
                Some(Arg::Absent) | None => None,
            })
            .collect()
    }

    /// The city whose time the letter's dates are in.
    pub fn zone_city(&self) -> String {
        self.voice.formats.zone_city()
    }

    fn new(voice: &'a Voice, button_url: Option<&'a str>) -> Self {
        let (args, short, rows) = (Args::new(), BTreeMap::new(), Vec::new());
        Self { voice, args, short, rows, button_url, second_url: None }
    }

    fn second(mut self, url: Option<&'a str>) -> Self {
        self.second_url = url;
        self
    }

    fn rows<const N: usize>(mut self, rows: [(&'static str, &'static str); N]) -> Self {
        self.rows = rows.into();
        self
    }

    /// Takes a row out, whose value a sentence may still tell.
    fn without_row(mut self, label: &str) -> Self {
        self.rows.retain(|(known, _)| *known != label);
        self
    }

    fn text(self, name: &'static str, text: impl Into<String>) -> Self {
        self.arg(name, Arg::Text(text.into()))
    }

    fn maybe(self, name: &'static str, text: Option<String>) -> Self {
        self.arg(name, text.map_or(Arg::Absent, Arg::Text))
    }

    fn count(self, name: &'static str, count: u32) -> Self {
        self.arg(name, Arg::Count(count))
    }

    fn money(self, name: &'static str, amount: Money) -> Self {
        self.maybe_money(name, Some(amount))
    }

    fn maybe_money(self, name: &'static str, amount: Option<Money>) -> Self {
        let text = amount.map(|amount| self.voice.formats.money(amount));
        self.maybe(name, text)
    }

    fn price(mut self, name: &'static str, price: Price) -> Self {
        let text = self.voice.price(price);
        self.short.insert(name, self.voice.formats.money(price.amount));
        self.text(name, text)
    }

    fn day(self, name: &'static str, at: DateTime<Utc>) -> Self {
        self.maybe_day(name, Some(at))
    }

    fn maybe_day(self, name: &'static str, at: Option<DateTime<Utc>>) -> Self {
        let text = at.map(|at| self.voice.formats.day(at));
        self.maybe(name, text)
    }

    /// The day without its year, for subjects and preheaders.
    fn short_day(self, name: &'static str, at: Option<DateTime<Utc>>) -> Self {
        let text = at.map(|at| self.voice.formats.day_of_year(at));
        self.maybe(name, text)
    }

    fn moment(self, name: &'static str, at: DateTime<Utc>) -> Self {
        let text = self.voice.moment(at);
        self.text(name, text)
    }

    fn maybe_charge(self, name: &'static str, charge: Option<Charge>) -> Self {
        let text = charge.map(|charge| self.voice.charge(charge));
        self.maybe(name, text)
    }

    fn maybe_period(self, name: &'static str, period: Option<Period>) -> Self {
        let text = period.map(|period| self.voice.formats.period(period.from, period.until));
        self.maybe(name, text)
    }

    fn instrument(self, instrument: Option<&Instrument>) -> Self {
        match instrument {
            Some(instrument) => self.paying("instrument", instrument),
            None => self.maybe("instrument", None),
        }
    }

    fn paying(mut self, name: &'static str, instrument: &Instrument) -> Self {
        let Instrument { name: brand, last_four } = instrument;
        if let Some(last_four) = last_four {
            self.short.insert(name, format!("{brand} {last_four}"));
        }
        let text = self.voice.instrument(instrument);
        self.text(name, text)
    }

    fn arg(mut self, name: &'static str, arg: Arg) -> Self {
        self.args.insert(name, arg);
        self
    }
}
