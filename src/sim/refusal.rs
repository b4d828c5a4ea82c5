//! What each refusal forbids whoever may try again (RULES §1), written down once more: by network, response
//! code and advice. The judge goes by it, and cards refuse by it; nothing that decides does.

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::payment::decline::Network::{self, Ach, Amex, Bacs, Mastercard, Sepa, Visa};

/// What a refusal forbids on the card that it came on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forbids {
    /// Any further attempt without its payer, for whatever invoice.
    Everything,
    /// The same until its payer has stored the card once more, present: then its data are proven, and its use is
    /// agreed to anew.
    UntilStoredAnew,
    /// Any further attempt without its payer, for the same invoice.
    ThisInvoice,
    /// More than so many further attempts for the same invoice that no person asked for.
    AllBut(usize),
}

/// A row of the tables.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// On these networks; on any card, if there are none.
    networks: &'static [Network],
    codes: &'static [&'static str],
    forbids: Option<Forbids>,
    /// The least hours until the next attempt for the same invoice on that card.
    hours: i64,
}

const fn row(
    networks: &'static [Network],
    codes: &'static [&'static str],
    forbids: Option<Forbids>,
    hours: i64,
) -> Row {
    Row { networks, codes, forbids, hours }
}

const NEVER: Option<Forbids> = Some(Forbids::Everything);
const UNTIL_STORED_ANEW: Option<Forbids> = Some(Forbids::UntilStoredAnew);
const WITH_ITS_PAYER: Option<Forbids> = Some(Forbids::ThisInvoice);
/// The set-up of ours or of the gateway's is wrong: a person mends it first.
const WHEN_MENDED: Option<Forbids> = Some(Forbids::AllBut(0));

/// A row of a network of its own stands before one of all.
const RESPONSES: [Row; 27] = [
    row(&[Visa], &["12", "57"], NEVER, 0),
    row(&[Visa], &["82", "6P", "5C"], UNTIL_STORED_ANEW, 0),
    row(&[Visa], &["1A", "70"], WITH_ITS_PAYER, 0),
    row(&[Visa, Mastercard], &["83"], Some(Forbids::AllBut(1)), 72),
    row(&[Visa], &["9G"], Some(Forbids::AllBut(1)), 72),
    row(&[Mastercard], &["72", "79", "82"], UNTIL_STORED_ANEW, 0),
    row(&[Ach], &["R01", "R09"], Some(Forbids::AllBut(2)), 0),
    row(&[Ach], &["R02", "R03", "R04"], UNTIL_STORED_ANEW, 0),
    row(&[Ach], &["R05", "R07", "R08", "R10", "R29", "R51"], UNTIL_STORED_ANEW, 0),
    row(&[Sepa], &["AM04", "MS03"], Some(Forbids::AllBut(2)), 0),
    row(
        &[Sepa],
        &["AC01", "AC04", "AC06", "AG01", "RC01", "BE05", "DNOR", "MD02"],
        UNTIL_STORED_ANEW,
        0,
    ),
    row(&[Sepa], &["MD01", "MD07", "MS02", "SL01"], UNTIL_STORED_ANEW, 0),
    row(&[Bacs], &["0"], Some(Forbids::AllBut(2)), 0),
    row(&[Bacs], &["1", "2", "B"], UNTIL_STORED_ANEW, 0),
    row(&[], &["04", "07", "14", "15", "41", "43", "46"], NEVER, 0),
    row(&[], &["R1", "R3"], UNTIL_STORED_ANEW, 0),
    row(&[], &["39", "52", "53", "54", "55", "62", "76", "77", "78", "N7"], UNTIL_STORED_ANEW, 0),
    row(&[], &["R0"], WITH_ITS_PAYER, 0),
    row(&[], &["59", "63"], Some(Forbids::AllBut(1)), 72),
    row(&[], &["01", "02", "05"], Some(Forbids::AllBut(4)), 0),
    row(&[], &["03", "12", "13", "30", "57", "58"], WHEN_MENDED, 0),
    row(&[], &["64", "74", "79", "80", "81", "93"], WHEN_MENDED, 0),
    row(&[], &["06", "21", "25", "28"], None, 1),
    row(&[], &["19", "86", "91", "92", "96"], None, 1),
    row(&[], &["75"], None, 24),
    row(&[], &["51", "61", "65", "N3", "N4"], None, 0),
    row(&[], &["70"], None, 0),
];
/// What stands in no table is tried twice, the first time after a day.
const UNKNOWN_RESPONSE: Meaning = Meaning { forbids: Some(Forbids::AllBut(2)), hours: 24 };

const ADVICE: [Row; 12] = [
    row(&[Mastercard], &["01", "40"], UNTIL_STORED_ANEW, 0),
    row(&[Mastercard], &["02"], None, 72),
    row(&[Mastercard], &["03", "41", "42"], NEVER, 0),
    row(&[Mastercard], &["04", "05", "22"], WHEN_MENDED, 0),
    row(&[Mastercard], &["21"], UNTIL_STORED_ANEW, 0),
    row(&[Mastercard], &["24"], None, 1),
    row(&[Mastercard], &["25"], None, 24),
    row(&[Mastercard], &["26"], None, 48),
    row(&[Mastercard], &["27"], None, 96),
    row(&[Mastercard], &["28"], None, 144),
    row(&[Mastercard], &["29"], None, 192),
    row(&[Mastercard], &["30"], None, 240),
];
const UNKNOWN_ADVICE: Meaning = Meaning { forbids: None, hours: 72 };

/// What these codes say is Mastercard's advice to tell, where it comes with them.
const BY_ADVICE: [&str; 3] = ["79", "82", "83"];

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// What it forbids.
    pub(super) forbids: Option<Forbids>,
    /// The least hours until the next attempt for the same invoice on that card.
    pub(super) hours: i64,
}

/// What each part of a refusal by `network` means, of which all hold together.
pub(super) fn meanings(
    network: Network,
    code: Option<&str>,
    advice: Option<&str>,
    at: DateTime<Utc>,
) -> Vec<Meaning> {
    let advice = advice.filter(|_| network == Mastercard);
    let is_pair = code.is_some_and(|code| BY_ADVICE.contains(&code))
        && advice.is_some_and(|advice| ["01", "02", "03"].contains(&advice));
    if is_pair && (code, advice) == (Some("83"), Some("01")) {
        return vec![Meaning { forbids: WITH_ITS_PAYER, hours: 0 }];
    }
    let is_advised = advice.is_some_and(|advice| looked_up(&ADVICE, network, advice).is_some());
    let of_code = code.filter(|_| !is_pair).and_then(|code| {
        if network == Visa && ["57", "83"].contains(&code) && at < october_2026() {
            return None;
        }
        // A code that nobody knows says nothing beside advice that is known.
        looked_up(&RESPONSES, network, code).or((!is_advised).then_some(UNKNOWN_RESPONSE))
    });
    let of_advice =
        advice.map(|advice| looked_up(&ADVICE, network, advice).unwrap_or(UNKNOWN_ADVICE));
    of_code.into_iter().chain(of_advice).collect()
}

/// Whether a refusal is of something that is over in hours, so that quick tries come before the ladder.
pub(super) fn is_technical(code: &str) -> bool {
    ["06", "19", "21", "25", "28", "86", "91", "92", "96"].contains(&code)
}

/// From then on Visa's codes of that month mean what they do.
fn october_2026() -> DateTime<Utc> {
    let day = NaiveDate::from_ymd_opt(2026, 10, 25).expect("a day of the calendar");
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}

fn looked_up(table: &[Row], network: Network, code: &str) -> Option<Meaning> {
    let is_it = |row: &&Row| {
        let is_meant = row.networks.contains(&network)
            || (row.networks.is_empty() && !network.is_bank_debit());
        is_meant && row.codes.contains(&code)
    };
    table.iter().find(is_it).map(|row| Meaning { forbids: row.forbids, hours: row.hours })
}

/// How issuers refuse for good or for long: network, where it matters, response code and advice.
pub(super) const FINAL: [(Option<Network>, &str, Option<&str>); 34] = [
    (None, "04", None),
    (None, "07", None),
    (None, "14", None),
    (None, "15", None),
    (None, "41", None),
    (None, "43", None),
    (None, "46", None),
    (None, "R0", None),
    (None, "R1", None),
    (None, "R3", None),
    (None, "39", None),
    (None, "54", None),
    (None, "55", None),
    (None, "62", None),
    (None, "78", None),
    (Some(Visa), "12", None),
    (Some(Visa), "57", None),
    (Some(Visa), "82", None),
    (Some(Visa), "5C", None),
    (Some(Visa), "70", None),
    (Some(Visa), "83", None),
    (Some(Visa), "9G", None),
    (Some(Amex), "9G", None),
    (Some(Mastercard), "72", None),
    (Some(Mastercard), "79", None),
    (Some(Mastercard), "79", Some("03")),
    (Some(Mastercard), "82", Some("01")),
    (Some(Mastercard), "83", Some("01")),
    (Some(Mastercard), "83", Some("02")),
    (Some(Mastercard), "05", Some("21")),
    (Some(Mastercard), "51", Some("40")),
    (Some(Mastercard), "05", Some("41")),
    (Some(Mastercard), "05", Some("42")),
    (Some(Mastercard), "51", Some("01")),
];

/// How issuers refuse now and then: no table of anyone's knows the last of them.
pub(super) const PASSING: [&str; 16] = [
    "01", "02", "05", "06", "19", "51", "59", "61", "63", "65", "75", "91", "92", "96", "B1", "Q1",
];

/// How they refuse what was set up wrongly.
pub(super) const MISUSED: [&str; 5] = ["03", "13", "58", "80", "93"];

/// Mastercard's advice to wait; the last of them is in no table.
pub(super) const WAIT: [&str; 9] = ["24", "25", "26", "27", "28", "29", "30", "02", "99"];

/// How a bank refuses a debit now and then, and for good.
pub(super) const fn of_debits(
    network: Network,
) -> (&'static [&'static str], &'static [&'static str]) {
    match network {
        Ach => (&["R01", "R09"], &["R02", "R03", "R04", "R05", "R07", "R08", "R10", "R29", "R51"]),
        Sepa => (
            &["AM04", "MS03"],
            &["AC01", "AC04", "AC06", "AG01", "DNOR", "MD01", "MD07", "MS02", "SL01"],
        ),
        _ => (&["0"], &["1", "2", "B"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_row_a_network() {
        for table in [&RESPONSES[..], &ADVICE[..]] {
            let rows = table.iter().enumerate();
            for (place, row) in rows {
                for other in &table[place + 1..] {
                    let same = row.networks.is_empty() == other.networks.is_empty()
                        && (row.networks.is_empty()
                            || row.networks.iter().any(|one| other.networks.contains(one)));
                    let twice = row.codes.iter().find(|code| other.codes.contains(code));
                    assert!(!same || twice.is_none(), "{twice:?} has two rows");
                }
            }
        }
    }

    #[test]
    fn what_issuers_say_is_in_the_tables_but_for_what_is_to_be_unknown() {
        for (network, code, advice) in FINAL {
            let known = looked_up(&RESPONSES, network.unwrap_or(Visa), code);
            assert_eq!(known.is_none(), network == Some(Amex), "{code}");
            let is_known = |advice| looked_up(&ADVICE, Mastercard, advice).is_some();
            assert!(advice.is_none_or(is_known), "{advice:?}");
        }
        for network in [Ach, Sepa, Bacs] {
            let (now_and_then, for_good) = of_debits(network);
            for code in now_and_then.iter().chain(for_good) {
                let meaning = looked_up(&RESPONSES, network, code).expect("it is in the table");
                assert_eq!(meaning.forbids == UNTIL_STORED_ANEW, for_good.contains(code), "{code}");
            }
        }
    }
}
