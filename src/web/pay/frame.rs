//! How a page speaks to one reader: language, formats, and what stands around every page.

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    domain::{
        calendar::{Interval, Unit, Zone},
        merchant::Merchant,
        money::Money,
        payment::method::Shown,
    },
    mail::{
        Conventions, Locale,
        format::{Formats, Symbols},
    },
};

use super::words::{self, Args};

/// One reader's language, with what it writes money and dates like.
pub(super) struct Voice {
    locale: Locale,
    formats: Formats,
}

/// An amount, for people and for machines.
pub(super) struct Amount {
    pub(super) text: String,
    pub(super) value: String,
}

impl Voice {
    /// The voice for someone who reads by `conventions` and lives by `zone`.
    pub(super) fn new(conventions: impl Into<Conventions>, zone: Zone) -> Self {
        let conventions = conventions.into();
        let formats = Formats::new(conventions, zone.tz(), Symbols::Short);
        Self { locale: conventions.language, formats }
    }

    pub(super) fn say(&self, id: &str, args: Args<'_>) -> String {
        words::say(self.locale, id, args)
    }

    /// `€20.00`.
    pub(super) fn money(&self, amount: Money) -> String {
        self.formats.money(amount)
    }

    pub(super) fn amount(&self, amount: Money) -> Amount {
        let digits = amount.to_string();
        let number = digits.split(' ').next().unwrap_or_default();
        Amount { text: self.money(amount), value: format!("{} {number}", amount.currency()) }
    }

    /// `31 March 2027`.
    pub(super) fn day(&self, at: DateTime<Utc>) -> String {
        self.formats.day(at)
    }

    /// `14:02`.
    pub(super) fn time(&self, at: DateTime<Utc>) -> String {
        self.formats.time(at)
    }

    /// As [`Self::day`], for a date that is the same in every zone.
    pub(super) fn civil_day(&self, date: NaiveDate) -> String {
        self.formats.civil_day(date)
    }

    /// `28 February 2027 – 30 March 2027`.
    pub(super) fn period(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> String {
        self.formats.period(from, until)
    }

    /// `Visa ending 4242`.
    pub(super) fn card(&self, shown: &Shown) -> String {
        let args =
            [("brand", Some(shown.brand.as_str())), ("last_four", Some(shown.last_four.as_str()))];
        self.say("card", &args)
    }

    /// `€20.00 a month`.
    pub(super) fn price(&self, amount: Money, interval: Interval) -> String {
        let unit = match interval.unit() {
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Year => "year",
        };
        let amount = self.money(amount);
        let args = [("amount", Some(amount.as_str())), ("unit", Some(unit))];
        words::say_counted(self.locale, "price", interval.count(), &args)
    }
}

/// What stands around every page.
pub(super) struct Frame {
    pub(super) voice: Voice,
    pub(super) house: Option<House>,
    /// That no real money moves, where that is so.
    pub(super) band: Option<String>,
    /// Whose time the dates are in.
    pub(super) zone: Option<String>,
}

/// Whose page it is, and how to reach them.
pub(super) struct House {
    pub(super) name: String,
    pub(super) contact: String,
    pub(super) address: Option<String>,
    pub(super) portal: Option<String>,
    pub(super) to_portal: String,
    pub(super) legal_lines: Vec<String>,
}

impl Frame {
    /// A page of `merchant`'s, for a reader who lives by `zone`.
    pub(super) fn of(merchant: &Merchant, conventions: Conventions, zone: Zone) -> Self {
        let voice = Voice::new(conventions, zone);
        let name = [("merchant", Some(merchant.name.as_str()))];
        let house = House {
            name: merchant.name.clone(),
            contact: voice.say("contact", &name),
            address: merchant.reply_to.clone(),
            portal: merchant.portal_url.clone().filter(|url| is_web(url)),
            to_portal: voice.say("portal", &name),
            legal_lines: merchant.legal_lines.lines().map(str::to_owned).collect(),
        };
        let band = merchant.test_clock.map(|clock| {
            let date = voice.day(clock.now);
            voice.say("test-mode", &[("date", Some(&date))])
        });
        let city = voice.formats.zone_city();
        let zone = Some(voice.say("zone", &[("city", Some(&city))]));
        Self { voice, house: Some(house), band, zone }
    }

    /// A page of which nothing may be told: not even whose it is.
    pub(super) fn of_nobody(conventions: Conventions) -> Self {
        let voice = Voice::new(conventions, Zone::UTC);
        Self { voice, house: None, band: None, zone: None }
    }

    /// The language, for the page's `lang`.
    pub(super) fn lang(&self) -> &'static str {
        self.voice.locale.tag()
    }

    /// A message without variables.
    pub(super) fn word(&self, id: &str) -> String {
        self.voice.say(id, &[])
    }
}

/// Whether a link may be shown: no other scheme runs or opens anything.
pub(super) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
