//! Money, dates and times as a reader of one language and one time zone writes them.
//!
//! Digits and dates follow CLDR; where the symbol of a currency stands is our own table, as its
//! formatter there is not yet stable. Nothing is rounded here (WEB §2).

use chrono::{DateTime, Datelike, Days, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;
use icu_datetime::{
    DateTimeFormatter, NoCalendarFormatter,
    fieldsets::{MD, T, YM, YMD, zone::ExemplarCity},
    input::{Date, Time, TimeZone},
};
use icu_decimal::{DecimalFormatter, input::Decimal, options::DecimalFormatterOptions};
use serde::{Deserialize, Serialize};

use super::locale::{Conventions, Locale};
use crate::domain::{
    money::{Currency, Money},
    payment::method::Expiry,
};

/// How a currency is written where several share a sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symbols {
    /// `$` for each dollar: right while a merchant bills in one of them only.
    #[default]
    Short,
    /// `US$`, `CA$`, `A$`: for a merchant that bills in two currencies that share a sign.
    Unambiguous,
}

/// The space that never ends a line, between an amount and its currency.
const NO_BREAK: char = '\u{a0}';
const MINUS: char = '\u{2212}';

/// Where the sign of a currency stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `€20.00`, and a word apart: `CHF 20.00`.
    Before,
    /// `€ 20,00`.
    BeforeApart,
    /// `20,00 €`.
    After,
}

/// The formats of one language and region, for one reader's time zone.
pub struct Formats {
    place: Place,
    groups_by_dot: bool,
    zone: Tz,
    symbols: Symbols,
    digits: DecimalFormatter,
    day: DateTimeFormatter<YMD>,
    day_of_year: DateTimeFormatter<MD>,
    month: DateTimeFormatter<YM>,
    time: NoCalendarFormatter<T>,
    city: NoCalendarFormatter<ExemplarCity>,
}

impl Formats {
    /// The formats of `conventions` for someone who lives by `zone`.
    pub fn new(conventions: impl Into<Conventions>, zone: Tz, symbols: Symbols) -> Self {
        const COMPILED_IN: &str = "the data of every locale is compiled in";
        let conventions = conventions.into();
        let place = place(conventions);
        let (language, region) = (conventions.language, conventions.region());
        // Austria parts the thousands of plain numbers by a space, and those of amounts by a dot; the
        // formatter of numbers knows the former only.
        let groups_by_dot = (language, region) == (Locale::De, Some("AT"));
        let conventions = conventions.locale();
        Self {
            place,
            groups_by_dot,
            zone,
            symbols,
            digits: DecimalFormatter::try_new(
                conventions.clone().into(),
                DecimalFormatterOptions::default(),
            )
            .expect(COMPILED_IN),
            day: DateTimeFormatter::try_new(conventions.clone().into(), YMD::long())
                .expect(COMPILED_IN),
            day_of_year: DateTimeFormatter::try_new(conventions.clone().into(), MD::long())
                .expect(COMPILED_IN),
            month: DateTimeFormatter::try_new(conventions.clone().into(), YM::long())
                .expect(COMPILED_IN),
            time: NoCalendarFormatter::try_new(conventions.clone().into(), T::hm())
                .expect(COMPILED_IN),
            city: NoCalendarFormatter::try_new(conventions.into(), ExemplarCity)
                .expect(COMPILED_IN),
        }
    }

    /// `€20.00`, `20,00 €`, `JP¥2,000` (unambiguous), `−€5.00`.
    pub fn money(&self, amount: Money) -> String {
        let currency = amount.currency();
        let mut number = Decimal::from(amount.minor().unsigned_abs());
        number.multiply_pow10(-i16::from(currency.exponent()));
        let mut digits = self.digits.format(&number).to_string();
        if self.groups_by_dot {
            digits = digits.replace(NO_BREAK, ".");
        }
        let sign = if amount.minor() < 0 { String::from(MINUS) } else { String::new() };
        let symbol = symbol(currency, self.symbols);
        // A word (CHF, KWD) keeps its distance from the digits; a sign does not.
        let is_word = symbol.chars().all(|letter| letter.is_ascii_uppercase());
        match self.place {
            Place::Before if !is_word => format!("{sign}{symbol}{digits}"),
            Place::Before | Place::BeforeApart => format!("{sign}{symbol}{NO_BREAK}{digits}"),
            Place::After => format!("{sign}{digits}{NO_BREAK}{symbol}"),
        }
    }

    /// `31 March 2027`, `31. März 2027`, `31 de marzo de 2027`: the day on which `at` falls for the
    /// reader.
    pub fn day(&self, at: DateTime<Utc>) -> String {
        self.civil_day(self.local_date(at))
    }

    /// As [`Self::day`], for a date that is the same in every zone.
    pub fn civil_day(&self, date: NaiveDate) -> String {
        self.day.format(&calendar_date(date)).to_string()
    }

    /// `31 March`: where the year goes without saying, as in a subject.
    pub fn day_of_year(&self, at: DateTime<Utc>) -> String {
        self.day_of_year.format(&calendar_date(self.local_date(at))).to_string()
    }

    /// `28 February 2027 – 30 March 2027`: the first and the last day of the half-open span. The
    /// day on which the next span starts is the next one's, at whatever hour it does. A single day
    /// stands alone.
    pub fn period(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> String {
        let [first, next] = [from, until].map(|at| self.local_date(at));
        let last = (next - Days::new(1)).max(first);
        if first == last {
            return self.civil_day(first);
        }
        format!("{} – {}", self.civil_day(first), self.civil_day(last))
    }

    /// `14:02`, `2:02 PM`.
    pub fn time(&self, at: DateTime<Utc>) -> String {
        let local = at.with_timezone(&self.zone);
        self.time.format(&clock_time(local.hour(), local.minute())).to_string()
    }

    /// The city that names the reader's zone, in the reader's language: `Lisbon`, `Lissabon`. A zone
    /// without a city is named as it is: `UTC`.
    pub fn zone_city(&self) -> String {
        let city = |zone: TimeZone| self.city.format(&zone.without_offset()).to_string();
        let found = city(TimeZone::from_iana_id(self.zone.name()));
        if found == city(TimeZone::UNKNOWN) {
            let name = self.zone.name();
            name.rsplit('/').next().unwrap_or(name).replace('_', " ")
        } else {
            found
        }
    }

    /// `August 2027`, `agosto de 2027`.
    pub fn month(&self, month: Expiry) -> String {
        let first = NaiveDate::from_ymd_opt(month.year.into(), month.month.into(), 1);
        first.map_or_else(
            || format!("{:02}/{}", month.month, month.year),
            |first| self.month.format(&calendar_date(first)).to_string(),
        )
    }

    fn local_date(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }
}

fn calendar_date(date: NaiveDate) -> Date<icu_calendar::Iso> {
    let [month, day] = [date.month(), date.day()]
        .map(|part| u8::try_from(part).expect("months and days are below 32"));
    Date::try_new_iso(date.year(), month, day).expect("every civil date is one of this calendar")
}

fn clock_time(hour: u32, minute: u32) -> Time {
    let [hour, minute] =
        [hour, minute].map(|part| u8::try_from(part).expect("hours and minutes are below 60"));
    Time::try_new(hour, minute, 0, 0).expect("a time of day is one")
}

/// Where the sign stands, by CLDR's patterns for amounts. A region that is not named here writes as most
/// of its language do: in Spanish, those of America.
fn place(conventions: Conventions) -> Place {
    match (conventions.language, conventions.region()) {
        (Locale::En, Some("AT" | "CH" | "NL"))
        | (Locale::De, Some("AT" | "CH" | "LI"))
        | (Locale::Es, Some("AR" | "CO" | "PE" | "PY" | "UY")) => Place::BeforeApart,
        (Locale::En, Some("BE" | "DE" | "DK" | "FI" | "SE" | "SI"))
        | (Locale::De, _)
        | (Locale::Es, None | Some("ES" | "EA" | "IC")) => Place::After,
        (Locale::En | Locale::Es, _) => Place::Before,
    }
}

/// The sign of `currency`, or its code where no sign is widely known.
fn symbol(currency: Currency, symbols: Symbols) -> &'static str {
    let (short, unambiguous) = match currency.code() {
        "EUR" => ("€", "€"),
        "GBP" => ("£", "£"),
        "INR" => ("₹", "₹"),
        "ILS" => ("₪", "₪"),
        "KRW" => ("₩", "₩"),
        "VND" => ("₫", "₫"),
        "PHP" => ("₱", "₱"),
        "NGN" => ("₦", "₦"),
        "UAH" => ("₴", "₴"),
        "JPY" => ("¥", "JP¥"),
        "CNY" => ("¥", "CN¥"),
        "BRL" => ("R$", "R$"),
        "USD" => ("$", "US$"),
        "CAD" => ("$", "CA$"),
        "AUD" => ("$", "A$"),
        "NZD" => ("$", "NZ$"),
        "HKD" => ("$", "HK$"),
        "SGD" => ("$", "S$"),
        "MXN" => ("$", "MX$"),
        "TWD" => ("$", "NT$"),
        _ => (currency.code(), currency.code()),
    };
    match symbols {
        Symbols::Short => short,
        Symbols::Unambiguous => unambiguous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(locale: Locale) -> Formats {
        Formats::new(locale, chrono_tz::Europe::Lisbon, Symbols::Short)
    }

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().unwrap())
    }

    #[test]
    fn money_is_written_as_each_language_writes_it() {
        for (amount, en, de, es) in [
            (money(2_000, "EUR"), "€20.00", "20,00 €", "20,00 €"),
            (money(5, "EUR"), "€0.05", "0,05 €", "0,05 €"),
            (money(0, "EUR"), "€0.00", "0,00 €", "0,00 €"),
            (money(-500, "EUR"), "−€5.00", "−5,00 €", "−5,00 €"),
            (money(123_456, "EUR"), "€1,234.56", "1.234,56 €", "1234,56 €"),
            (money(123_456_789, "EUR"), "€1,234,567.89", "1.234.567,89 €", "1.234.567,89 €"),
            (money(2_000, "JPY"), "¥2,000", "2.000 ¥", "2000 ¥"),
            (money(20_000, "KWD"), "KWD 20.000", "20,000 KWD", "20,000 KWD"),
            (money(2_000, "CHF"), "CHF 20.00", "20,00 CHF", "20,00 CHF"),
            (money(2_000, "USD"), "$20.00", "20,00 $", "20,00 $"),
            (
                money(i64::MIN, "JPY"),
                "−¥9,223,372,036,854,775,808",
                "−9.223.372.036.854.775.808 ¥",
                "−9.223.372.036.854.775.808 ¥",
            ),
        ] {
            for (locale, expected) in [(Locale::En, en), (Locale::De, de), (Locale::Es, es)] {
                assert_eq!(formats(locale).money(amount).replace(NO_BREAK, " "), expected);
            }
        }
    }

    #[test]
    fn a_region_writes_dates_times_and_amounts_as_it_is_used_to() {
        let at = "2027-03-31T13:02:00Z".parse().unwrap();
        for (tag, amount, negative, day, short, time) in [
            ("en-US", "$1,234.50", "−$5.00", "March 31, 2027", "March 31", "2:02 PM"),
            ("en-GB", "$1,234.50", "−$5.00", "31 March 2027", "31 March", "14:02"),
            ("en-TH", "$1,234.50", "−$5.00", "March 31, 2027", "March 31", "2:02 PM"),
            ("en-DE", "1.234,50 $", "−5,00 $", "31 March 2027", "31 March", "14:02"),
            ("es-MX", "$1,234.50", "−$5.00", "31 de marzo de 2027", "31 de marzo", "02:02 p.m."),
            ("es-AR", "$ 1.234,50", "−$ 5,00", "31 de marzo de 2027", "31 de marzo", "14:02"),
            ("es-ES", "1234,50 $", "−5,00 $", "31 de marzo de 2027", "31 de marzo", "14:02"),
            ("de-AT", "$ 1.234,50", "−$ 5,00", "31. März 2027", "31. März", "14:02"),
            ("de-CH", "$ 1'234.50", "−$ 5.00", "31. März 2027", "31. März", "14:02"),
            ("de-DE", "1.234,50 $", "−5,00 $", "31. März 2027", "31. März", "14:02"),
        ] {
            let conventions = Conventions::from_tag(tag).unwrap();
            let formats = Formats::new(conventions, chrono_tz::Europe::Lisbon, Symbols::Short);
            let plain = |text: String| text.replace([NO_BREAK, '\u{202f}'], " ");
            assert_eq!(plain(formats.money(money(123_450, "USD"))), amount, "{tag}");
            assert_eq!(plain(formats.money(money(-500, "USD"))), negative, "{tag}");
            assert_eq!(formats.day(at), day, "{tag}");
            assert_eq!(formats.day_of_year(at), short, "{tag}");
            assert_eq!(plain(formats.time(at)), time, "{tag}");
        }
        let swiss = Conventions::from_tag("de-CH").unwrap();
        let swiss = Formats::new(swiss, chrono_tz::Europe::Zurich, Symbols::Short);
        assert_eq!(swiss.money(money(2_000, "CHF")), "CHF\u{a0}20.00");
    }

    #[test]
    fn dollars_and_yen_can_be_told_apart() {
        let formats = Formats::new(Locale::En, chrono_tz::UTC, Symbols::Unambiguous);
        for (code, expected) in
            [("USD", "US$20.00"), ("CAD", "CA$20.00"), ("AUD", "A$20.00"), ("EUR", "€20.00")]
        {
            assert_eq!(formats.money(money(2_000, code)), expected);
        }
        assert_eq!(formats.money(money(2_000, "JPY")), "JP¥2,000");
    }

    #[test]
    fn dates_are_those_of_the_readers_zone_and_language() {
        // Half past eleven UTC is half past midnight of the next day in Lisbon's summer time.
        let at = "2027-03-30T23:30:00Z".parse().unwrap();
        for (locale, day, short, time, city) in [
            (Locale::En, "31 March 2027", "31 March", "00:30", "Lisbon"),
            (Locale::De, "31. März 2027", "31. März", "00:30", "Lissabon"),
            (Locale::Es, "31 de marzo de 2027", "31 de marzo", "00:30", "Lisboa"),
        ] {
            let formats = formats(locale);
            assert_eq!(formats.day(at), day);
            assert_eq!(formats.day_of_year(at), short);
            assert_eq!(formats.time(at), time);
            assert_eq!(formats.zone_city(), city);
        }
        let nowhere = |locale| Formats::new(locale, chrono_tz::UTC, Symbols::Short).zone_city();
        assert_eq!(Locale::ALL.map(nowhere), ["UTC"; 3]);
        for zone in chrono_tz::TZ_VARIANTS {
            let city = Formats::new(Locale::En, zone, Symbols::Short).zone_city();
            assert!(!city.contains("Unknown"), "{zone}: {city}");
        }
    }

    #[test]
    fn a_period_shows_its_first_and_last_day() {
        for (from, until, expected) in [
            ("2027-02-28T00:00:00Z", "2027-03-30T23:00:00Z", "28 February 2027 – 30 March 2027"),
            ("2027-02-28T09:00:00Z", "2027-03-31T08:00:00Z", "28 February 2027 – 30 March 2027"),
            ("2027-02-28T09:00:00Z", "2027-02-28T19:00:00Z", "28 February 2027"),
        ] {
            let [from, until] = [from, until].map(|at| at.parse().unwrap());
            assert_eq!(formats(Locale::En).period(from, until), expected);
        }
    }

    #[test]
    fn a_cards_month_is_written_out() {
        let august = Expiry { year: 2027, month: 8 };
        assert_eq!(formats(Locale::En).month(august), "August 2027");
        assert_eq!(formats(Locale::Es).month(august), "agosto de 2027");
    }
}
