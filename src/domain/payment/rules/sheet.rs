//! The written form of the rules: how a sheet is read, and what makes one wrong. A sheet that is
//! wrong is refused whole, with every fault named; nothing is guessed.

use chrono::NaiveDate;
use figment::providers::{Format, Toml};
use serde::Deserialize;

use super::{RuleFault, classify::normal};
use crate::domain::payment::{
    decline::{DeclineClass, Flag, Network, Remedy, StopScope},
    network::{Limit, Scope},
};

/// The networks whose codes are those of ISO 8583, unless a row says otherwise. Where the network
/// was not told, the code is read as most of them mean it.
const CARDS: [Network; 7] = [
    Network::Visa,
    Network::Mastercard,
    Network::Amex,
    Network::Discover,
    Network::Jcb,
    Network::UnionPay,
    Network::Other,
];

/// All sheets in one, or one of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sheet {
    pub(super) revision: Option<String>,
    pub(super) eea_uk: Vec<String>,
    pub(super) unknown_response: Option<UnknownResponse>,
    pub(super) unknown_advice: Option<UnknownAdvice>,
    pub(super) mail: Option<Mail>,
    pub(super) response: Vec<Row>,
    pub(super) advice: Vec<Row>,
    pub(super) pair: Vec<Row>,
    pub(super) visa_category: Vec<CategoryRow>,
    pub(super) limit: Vec<LimitRow>,
    pub(super) behaviour: Vec<BehaviourRow>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnknownResponse {
    pub(super) max_retries: u32,
    pub(super) wait_hours: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnknownAdvice {
    pub(super) wait_hours: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mail {
    pub(super) spacing_hours: u32,
}

/// The days on which a row holds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Effective {
    /// The first day; none is for ever back.
    from: Option<NaiveDate>,
    /// The first day no longer; none is for ever on.
    to: Option<NaiveDate>,
}

impl Effective {
    /// Whether the row holds in the edition that starts on `start`.
    pub(super) fn holds(self, start: Option<NaiveDate>) -> bool {
        let begun = self.from.is_none_or(|from| start.is_some_and(|start| from <= start));
        let over = self.to.is_some_and(|to| start.is_some_and(|start| to <= start));
        begun && !over
    }
}

/// What a code says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    #[default]
    Declined,
    Approved,
    ApprovedInPart,
    OutcomeUnknown,
}

/// Whose cards a row is for, where not for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Issuers {
    EeaUk,
}

/// A row of the tables of response codes, advice codes, and pairs of the two.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Row {
    pub(super) codes: Vec<String>,
    pub(super) networks: Vec<Network>,
    pub(super) issuers: Option<Issuers>,
    /// In a pair, the advice beside the response codes.
    pub(super) advice: Option<String>,
    /// For the reader of the sheet.
    meaning: String,
    pub(super) reading: Said,
    pub(super) class: Option<DeclineClass>,
    pub(super) wait_hours: Option<u32>,
    pub(super) max_retries: Option<u32>,
    pub(super) stops: Option<StopScope>,
    pub(super) flags: Vec<Flag>,
    pub(super) visa_categories: Vec<u8>,
    pub(super) effective: Effective,
}

impl Row {
    /// Every network and code that the row is for.
    pub(super) fn keys(&self) -> Vec<(Network, String)> {
        let networks: &[Network] = if self.networks.is_empty() { &CARDS } else { &self.networks };
        networks
            .iter()
            .flat_map(|&network| self.codes.iter().map(move |code| (network, code.clone())))
            .collect()
    }

    fn faults(&self) -> Vec<&'static str> {
        let classed = self.class.is_some();
        let wrong = [
            (self.codes.is_empty(), "has no codes"),
            (
                self.codes.iter().chain(&self.advice).any(|code| *code != normal(code)),
                "codes are capitals and digits without spaces",
            ),
            (
                matches!(self.reading, Said::Approved | Said::OutcomeUnknown) && classed,
                "what is no decline has no class",
            ),
            (self.reading == Said::ApprovedInPart && !classed, "a part needs a class"),
            (
                (self.class == Some(DeclineClass::StopMandate)) != self.stops.is_some(),
                "`stops` goes with stop_mandate, and with it alone",
            ),
            (self.wait_hours == Some(0), "a wait of 0 hours is none: leave it out"),
            (
                self.visa_categories.iter().any(|category| !(1..=4).contains(category)),
                "Visa has categories 1 to 4",
            ),
            (self.effective.is_empty(), "ends before it starts"),
        ];
        wrong.into_iter().filter_map(|(is_wrong, what)| is_wrong.then_some(what)).collect()
    }
}

impl Effective {
    fn is_empty(self) -> bool {
        self.from.zip(self.to).is_some_and(|(from, to)| to <= from)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryRow {
    pub(super) category: u8,
    #[expect(dead_code, reason = "the sheet's own documentation, kept where it is checked")]
    meaning: String,
    pub(super) class: DeclineClass,
    #[serde(default)]
    pub(super) effective: Effective,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitRow {
    pub(super) networks: Vec<Network>,
    scope: Scope,
    max: u32,
    scheme_max: Option<u32>,
    window_hours: Option<u32>,
    #[serde(default)]
    separate_initiators: bool,
    ends_after_hours: Option<u32>,
    #[serde(default)]
    pub(super) effective: Effective,
}

impl LimitRow {
    pub(super) const fn limit(&self) -> Limit {
        Limit {
            scope: self.scope,
            max: self.max,
            window_hours: self.window_hours,
            separate_initiators: self.separate_initiators,
            ends_after_hours: self.ends_after_hours,
        }
    }

    fn faults(&self) -> Vec<&'static str> {
        let wrong = [
            (self.networks.is_empty(), "a limit names its networks"),
            (self.max == 0, "a limit of 0 would forbid the first attempt"),
            (
                self.scheme_max.is_some_and(|scheme| self.max > scheme),
                "more than the scheme allows",
            ),
            (self.window_hours == Some(0), "a window of 0 hours limits nothing"),
            (
                matches!(self.scope, Scope::PerCard | Scope::PerCardAmount)
                    && self.window_hours.is_none(),
                "a limit on a card without a window would end the card",
            ),
            (self.effective.is_empty(), "ends before it starts"),
        ];
        wrong.into_iter().filter_map(|(is_wrong, what)| is_wrong.then_some(what)).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BehaviourRow {
    pub(super) class: DeclineClass,
    pub(super) remedy: Remedy,
    #[serde(default)]
    pub(super) effective: Effective,
}

impl Sheet {
    /// All sheets as one.
    pub(super) fn merged(sheets: &[(&str, &str)]) -> Result<Self, Vec<RuleFault>> {
        let mut all = Self::default();
        let mut faults = Vec::new();
        for &(name, text) in sheets {
            match Toml::from_str::<Self>(text) {
                Ok(sheet) => all.take_in(sheet),
                Err(error) => {
                    let problem = error.to_string();
                    faults.push(RuleFault { sheet: name.to_owned(), problem });
                }
            }
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    fn take_in(&mut self, other: Self) {
        self.revision = other.revision.or(self.revision.take());
        self.eea_uk.extend(other.eea_uk);
        self.unknown_response = other.unknown_response.or(self.unknown_response);
        self.unknown_advice = other.unknown_advice.or(self.unknown_advice);
        self.mail = other.mail.or(self.mail);
        self.response.extend(other.response);
        self.advice.extend(other.advice);
        self.pair.extend(other.pair);
        self.visa_category.extend(other.visa_category);
        self.limit.extend(other.limit);
        self.behaviour.extend(other.behaviour);
    }

    /// What is wrong with single rows. Whether rows agree with each other is seen per edition.
    pub(super) fn faults(&self) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        let mut blame = |table: &str, row: String, problem: &str| {
            faults.push(RuleFault { sheet: format!("{table} {row}"), problem: problem.to_owned() });
        };
        for (table, rows) in
            [("response", &self.response), ("advice", &self.advice), ("pair", &self.pair)]
        {
            for row in rows {
                for problem in row.faults() {
                    blame(table, format!("{:?}", row.codes), problem);
                }
                if row.advice.is_some() != (table == "pair") {
                    blame(
                        table,
                        format!("{:?}", row.codes),
                        "`advice` makes a pair, and only that",
                    );
                }
                if row.networks.is_empty() && table != "response" {
                    blame(table, format!("{:?}", row.codes), "names its networks");
                }
                if row.reading == Said::Declined && row.class.is_none() && table != "advice" {
                    blame(table, format!("{:?}", row.codes), "a decline has a class");
                }
            }
        }
        for row in &self.limit {
            for problem in row.faults() {
                blame("limit", format!("{:?}", row.networks), problem);
            }
        }
        for (name, is_missing) in [
            ("revision", self.revision.is_none()),
            ("unknown_response", self.unknown_response.is_none()),
            ("unknown_advice", self.unknown_advice.is_none()),
            ("mail", self.mail.is_none()),
        ] {
            if is_missing {
                blame(name, String::new(), "is missing");
            }
        }
        faults
    }

    /// The days on which any row starts or ends.
    pub(super) fn turning_days(&self) -> Vec<NaiveDate> {
        let rows = self.response.iter().chain(&self.advice).chain(&self.pair);
        rows.map(|row| row.effective)
            .chain(self.visa_category.iter().map(|row| row.effective))
            .chain(self.limit.iter().map(|row| row.effective))
            .chain(self.behaviour.iter().map(|row| row.effective))
            .flat_map(|effective| [effective.from, effective.to])
            .flatten()
            .collect()
    }
}
