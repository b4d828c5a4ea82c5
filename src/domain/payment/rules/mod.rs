//! The rules of card networks and debit schemes, as dated data (RULES §1, §2): which code means
//! what on which day, what each class asks for, how often one may try.
//!
//! The numbers stand in the `.toml` files beside this one and nowhere else. A day falls into one
//! *edition* of the book; editions change where a row starts or ends. Whoever decides by an
//! edition records its [`Rules::version`]. Nothing here looks at a payment's history: counting is
//! [`super::network`]'s business, scheduling is dunning's.

mod classify;
mod sheet;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use chrono::{NaiveDate, TimeDelta};
use thiserror::Error;

use super::{
    decline::{DeclineClass, Flag, Network, Remedy},
    network::Limit,
};
use sheet::{Row, Sheet};

pub use classify::{Reading, Signals};

/// The sheets that Rondo brings along, by name.
const SHEETS: [(&str, &str); 5] = [
    ("responses.toml", include_str!("responses.toml")),
    ("advice.toml", include_str!("advice.toml")),
    ("debits.toml", include_str!("debits.toml")),
    ("limits.toml", include_str!("limits.toml")),
    ("behaviour.toml", include_str!("behaviour.toml")),
];

static BUILT_IN: LazyLock<RuleBook> = LazyLock::new(|| {
    RuleBook::parse(&SHEETS).expect("a test parses the very sheets that are compiled in")
});

/// What is wrong with a sheet of rules.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{sheet}: {problem}")]
pub struct RuleFault {
    /// The sheet's name.
    pub sheet: String,
    /// What is wrong, and where.
    pub problem: String,
}

/// Every edition of the rules, in order of time.
#[derive(Debug)]
pub struct RuleBook {
    editions: Vec<Rules>,
}

impl RuleBook {
    /// The rules in force on `date` (UTC), by the book that Rondo brings along.
    pub fn at(date: NaiveDate) -> &'static Rules {
        BUILT_IN.edition(date)
    }

    /// The newest rules known, in force or announced: what a configuration is checked against, so
    /// that it stays right when they come into force.
    pub fn newest() -> &'static Rules {
        BUILT_IN.edition(NaiveDate::MAX)
    }

    /// Reads and checks a whole book of `(name, text)` sheets.
    pub fn parse(sheets: &[(&str, &str)]) -> Result<Self, Vec<RuleFault>> {
        let sheet = Sheet::merged(sheets)?;
        let mut faults = sheet.faults();
        let starts: BTreeSet<Option<NaiveDate>> =
            std::iter::once(None).chain(sheet.turning_days().into_iter().map(Some)).collect();
        let mut editions = Vec::new();
        for start in starts {
            match Rules::on(start, &sheet) {
                Ok(rules) => editions.push(rules),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() { Ok(Self { editions }) } else { Err(faults) }
    }

    /// The edition of `date`. The first one reaches back for ever.
    pub fn edition(&self, date: NaiveDate) -> &Rules {
        self.editions
            .iter()
            .rev()
            .find(|rules| rules.start.is_none_or(|start| start <= date))
            .expect("the first edition has no start")
    }
}

/// One edition: the rules of every day from its start to the next one's.
#[derive(Debug)]
pub struct Rules {
    start: Option<NaiveDate>,
    version: String,
    responses: BTreeMap<(Network, String), Row>,
    /// Rows for cards issued in the EEA or the UK; they go before `responses`.
    eea_uk_responses: BTreeMap<(Network, String), Row>,
    eea_uk: BTreeSet<String>,
    advice: BTreeMap<(Network, String), Row>,
    /// By network, response code and advice.
    pairs: BTreeMap<(Network, String, String), Row>,
    visa_categories: BTreeMap<u8, DeclineClass>,
    limits: BTreeMap<Network, Vec<Limit>>,
    remedies: BTreeMap<DeclineClass, Remedy>,
    unknown_response: UnknownResponse,
    unknown_advice_wait_hours: u32,
    mail_spacing: TimeDelta,
}

/// What an unknown response code gets (RULES DEC-4).
#[derive(Debug, Clone, Copy)]
struct UnknownResponse {
    max_retries: u32,
    wait_hours: u32,
}

impl Rules {
    /// The version to record with a decision: the data's revision and the day from which this
    /// edition holds, for example `2026-11/2026-10-25`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What `class` asks for.
    pub fn remedy(&self, class: DeclineClass) -> Remedy {
        *self.remedies.get(&class).expect("a book without every class is refused when parsed")
    }

    /// How often one may try on `network`.
    pub fn limits(&self, network: Network) -> &[Limit] {
        self.limits.get(&network).expect("a book without every network is refused when parsed")
    }

    /// The least time between two mails of one dunning case (RULES EML-5).
    pub const fn mail_spacing(&self) -> TimeDelta {
        self.mail_spacing
    }

    /// Visa's categories of a response code, as its own tables have them (RULES §1.1).
    pub fn visa_categories(&self, response_code: &str) -> &[u8] {
        self.responses
            .get(&(Network::Visa, classify::normal(response_code)))
            .map_or(&[], |row| &row.visa_categories)
    }

    /// What an advice code tells of the card itself; also when it came with an approval.
    pub fn card_facts(&self, network: Network, advice: &str) -> &[Flag] {
        self.advice.get(&(network, classify::normal(advice))).map_or(&[], |row| &row.flags)
    }

    /// The rows of `sheet` that hold from `start` on.
    fn on(start: Option<NaiveDate>, sheet: &Sheet) -> Result<Self, Vec<RuleFault>> {
        let mut faults = Vec::new();
        let mut rules = Self {
            start,
            version: format!(
                "{}/{}",
                sheet.revision.as_deref().unwrap_or_default(),
                start.map_or_else(|| "start".to_owned(), |day| day.to_string()),
            ),
            responses: BTreeMap::new(),
            eea_uk_responses: BTreeMap::new(),
            eea_uk: sheet.eea_uk.iter().cloned().collect(),
            advice: BTreeMap::new(),
            pairs: BTreeMap::new(),
            visa_categories: BTreeMap::new(),
            limits: BTreeMap::new(),
            remedies: BTreeMap::new(),
            unknown_response: UnknownResponse {
                max_retries: sheet.unknown_response.map_or(0, |unknown| unknown.max_retries),
                wait_hours: sheet.unknown_response.map_or(0, |unknown| unknown.wait_hours),
            },
            unknown_advice_wait_hours: sheet.unknown_advice.map_or(0, |unknown| unknown.wait_hours),
            mail_spacing: TimeDelta::hours(sheet.mail.map_or(0, |mail| mail.spacing_hours.into())),
        };
        let mut blame = |what: String| faults.push(RuleFault::in_book(start, &what));

        rules.lay_responses(sheet, &mut blame);
        for row in sheet.advice.iter().filter(|row| row.effective.holds(start)) {
            for key in row.keys() {
                if rules.advice.insert(key.clone(), row.clone()).is_some() {
                    blame(format!("advice {key:?} stands twice"));
                }
            }
        }
        for row in sheet.pair.iter().filter(|row| row.effective.holds(start)) {
            let advice = row.advice.clone().unwrap_or_default();
            for (network, code) in row.keys() {
                let key = (network, code, advice.clone());
                if rules.pairs.insert(key.clone(), row.clone()).is_some() {
                    blame(format!("pair {key:?} stands twice"));
                }
            }
        }
        for row in sheet.visa_category.iter().filter(|row| row.effective.holds(start)) {
            if rules.visa_categories.insert(row.category, row.class).is_some() {
                blame(format!("category {} stands twice", row.category));
            }
        }
        for row in sheet.behaviour.iter().filter(|row| row.effective.holds(start)) {
            if rules.remedies.insert(row.class, row.remedy).is_some() {
                blame(format!("behaviour of {:?} stands twice", row.class));
            }
        }
        for row in sheet.limit.iter().filter(|row| row.effective.holds(start)) {
            for &network in &row.networks {
                rules.limits.entry(network).or_default().push(row.limit());
            }
        }
        for class in DeclineClass::ALL.iter().filter(|class| !rules.remedies.contains_key(class)) {
            blame(format!("no behaviour for {class:?}"));
        }
        for network in Network::ALL.iter().filter(|network| !rules.limits.contains_key(network)) {
            blame(format!("no limit for {network:?}"));
        }
        if faults.is_empty() { Ok(rules) } else { Err(faults) }
    }

    /// Rows for all card networks first, then those for some, which go before them.
    fn lay_responses(&mut self, sheet: &Sheet, blame: &mut impl FnMut(String)) {
        let current: Vec<&Row> =
            sheet.response.iter().filter(|row| row.effective.holds(self.start)).collect();
        for named_networks in [false, true] {
            let mut laid = BTreeSet::new();
            for row in current.iter().filter(|row| row.networks.is_empty() != named_networks) {
                for key in row.keys() {
                    if !laid.insert((row.issuers, key.clone())) {
                        blame(format!("response {key:?} stands twice"));
                    }
                    let table = match row.issuers {
                        None => &mut self.responses,
                        Some(sheet::Issuers::EeaUk) => &mut self.eea_uk_responses,
                    };
                    table.insert(key, (*row).clone());
                }
            }
        }
    }
}

impl RuleFault {
    fn in_book(start: Option<NaiveDate>, problem: &str) -> Self {
        let from = start.map_or_else(|| "the beginning".to_owned(), |day| day.to_string());
        Self { sheet: format!("the edition from {from}"), problem: problem.to_owned() }
    }
}

#[cfg(test)]
mod tests;
