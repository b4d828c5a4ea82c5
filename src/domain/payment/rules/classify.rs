//! Reading an answer: from every signal that came with it to one class (RULES DEC-2 to DEC-4).
//! The most restrictive signal wins; an unknown code is never an approval.

use super::{Rules, sheet};
use crate::domain::payment::decline::{Decline, DeclineClass, Flag, Network, StopScope};

/// Everything that was said with an answer (RULES DEC-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signals {
    /// The network that said it.
    pub network: Network,
    /// The country of the card's issuer, ISO 3166 alpha-2, where known.
    pub issuer_country: Option<String>,
    /// The ISO 8583 response code, or the debit scheme's return code.
    pub response_code: Option<String>,
    /// The network's advice code (Mastercard's MAC).
    pub network_advice: Option<String>,
    /// Visa's category, 1 to 4, where it was sent.
    pub visa_category: Option<u8>,
    /// The gateway's own code.
    pub gateway_code: Option<String>,
    /// The gateway's own advice.
    pub gateway_advice: Option<String>,
    /// What the gateway's adapter made of its own code and advice, if it knows them. Its presence
    /// says that the gateway reports a decline.
    pub gateway_class: Option<DeclineClass>,
    /// The gateway's sentence.
    pub message: Option<String>,
}

impl Signals {
    /// No signal but the network, to be filled in.
    pub const fn on(network: Network) -> Self {
        Self {
            network,
            issuer_country: None,
            response_code: None,
            network_advice: None,
            visa_category: None,
            gateway_code: None,
            gateway_advice: None,
            gateway_class: None,
            message: None,
        }
    }

    /// The signals of a decline that so far only a gateway's adapter read.
    pub fn of(network: Network, decline: &Decline) -> Self {
        Self {
            response_code: decline.response_code.clone(),
            network_advice: decline.network_advice.clone(),
            visa_category: decline.visa_category,
            gateway_code: decline.gateway_code.clone(),
            gateway_advice: decline.gateway_advice.clone(),
            gateway_class: Some(decline.class),
            message: decline.message.clone(),
            ..Self::on(network)
        }
    }
}

/// What an answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Approved; what the advice told of the card stands beside it.
    Approved {
        /// Facts about the card, not about the payment.
        card_facts: Vec<Flag>,
    },
    /// Approved for a part of the amount: reverse it, never keep a part silently; go on as after
    /// this decline.
    ApprovedInPart(Decline),
    /// Declined.
    Declined(Decline),
    /// Nothing is known, for the code says "duplicate": look up the earlier payment (RULES §3).
    OutcomeUnknown,
}

/// What one signal says.
#[derive(Debug, Default)]
struct Finding {
    class: Option<DeclineClass>,
    wait_hours: Option<u32>,
    max_retries: Option<u32>,
    stops: Option<StopScope>,
    flags: Vec<Flag>,
}

impl Finding {
    fn from_row(row: &sheet::Row) -> Self {
        Self {
            class: row.class,
            wait_hours: row.wait_hours,
            max_retries: row.max_retries,
            stops: row.stops,
            flags: row.flags.clone(),
        }
    }

    fn class(class: DeclineClass) -> Self {
        Self { class: Some(class), ..Self::default() }
    }

    fn flag(flag: Flag) -> Self {
        Self { flags: vec![flag], ..Self::default() }
    }
}

/// A code as the tables have it: `" r1 "` is `R1`, `refer to payer` is `REFER_TO_PAYER`.
pub(super) fn normal(code: &str) -> String {
    code.trim().to_ascii_uppercase().replace(' ', "_")
}

impl Rules {
    /// Reads an answer's signals.
    pub fn classify(&self, signals: &Signals) -> Reading {
        let response = signals.response_code.as_deref().map(normal);
        let row = response.as_deref().and_then(|code| self.response(signals, code));
        match row.map(|row| row.reading) {
            Some(sheet::Said::OutcomeUnknown) => Reading::OutcomeUnknown,
            // A gateway that declines what the issuer approved has the last word (DEC-4).
            Some(sheet::Said::Approved) if signals.gateway_class.is_none() => Reading::Approved {
                card_facts: signals
                    .network_advice
                    .as_deref()
                    .map_or_else(Vec::new, |code| self.card_facts(signals.network, code).to_vec()),
            },
            Some(sheet::Said::ApprovedInPart) => {
                Reading::ApprovedInPart(self.decline(signals, response.as_deref(), row))
            }
            Some(sheet::Said::Approved | sheet::Said::Declined) | None => {
                Reading::Declined(self.decline(signals, response.as_deref(), row))
            }
        }
    }

    fn response(&self, signals: &Signals, code: &str) -> Option<&sheet::Row> {
        let key = (signals.network, code.to_owned());
        let is_eea_uk = signals
            .issuer_country
            .as_deref()
            .is_some_and(|country| self.eea_uk.contains(&normal(country)));
        let special = is_eea_uk.then(|| self.eea_uk_responses.get(&key)).flatten();
        special.or_else(|| self.responses.get(&key))
    }

    fn decline(
        &self,
        signals: &Signals,
        response: Option<&str>,
        row: Option<&sheet::Row>,
    ) -> Decline {
        let mut findings = self.findings_of_codes(signals, response, row);
        findings.extend(signals.visa_category.map(|category| {
            self.visa_categories
                .get(&category)
                .map_or_else(|| Finding::flag(Flag::UnknownVisaCategory), |&c| Finding::class(c))
        }));
        findings.extend(signals.gateway_class.map(Finding::class));

        let heard = findings.iter().filter_map(|finding| finding.class).max();
        if heard.is_none() && response.is_none() {
            findings.push(Finding::flag(Flag::NothingSaid));
        }
        let class = heard.unwrap_or(DeclineClass::Generic);
        let mut flags: Vec<Flag> = findings.iter().flat_map(|f| f.flags.clone()).collect();
        flags.sort_unstable();
        flags.dedup();
        let guessed =
            flags.iter().any(|flag| matches!(flag, Flag::UnknownResponseCode | Flag::NothingSaid));
        if guessed && class == DeclineClass::Generic {
            findings.push(Finding {
                wait_hours: Some(self.unknown_response.wait_hours),
                max_retries: Some(self.unknown_response.max_retries),
                ..Finding::default()
            });
        }
        let stops = (class == DeclineClass::StopMandate).then(|| {
            let told = findings.iter().filter_map(|finding| finding.stops).max();
            told.unwrap_or(StopScope::Agreement)
        });
        Decline {
            class,
            gateway_code: signals.gateway_code.clone(),
            gateway_advice: signals.gateway_advice.clone(),
            response_code: signals.response_code.clone(),
            network_advice: signals.network_advice.clone(),
            message: signals.message.clone(),
            wait_hours: findings.iter().filter_map(|finding| finding.wait_hours).max(),
            visa_category: signals.visa_category,
            max_retries: findings.iter().filter_map(|finding| finding.max_retries).min(),
            stops,
            flags: flags.into_boxed_slice(),
            rule_version: Some(self.version.as_str().into()),
        }
    }

    /// The response code's and the advice's findings, or the one of the two together.
    fn findings_of_codes(
        &self,
        signals: &Signals,
        response: Option<&str>,
        row: Option<&sheet::Row>,
    ) -> Vec<Finding> {
        let advice = signals.network_advice.as_deref().map(normal);
        let pair = response
            .zip(advice.as_deref())
            .and_then(|(code, advice)| {
                self.pairs.get(&(signals.network, code.to_owned(), advice.to_owned()))
            })
            .map(Finding::from_row);
        if let Some(pair) = pair {
            return vec![pair];
        }
        let by_response = response.map(|_| {
            row.map_or_else(|| Finding::flag(Flag::UnknownResponseCode), Finding::from_row)
        });
        let by_advice = advice.map(|code| {
            self.advice.get(&(signals.network, code)).map_or_else(
                || Finding {
                    wait_hours: Some(self.unknown_advice_wait_hours),
                    flags: vec![Flag::UnknownNetworkAdvice],
                    ..Finding::default()
                },
                Finding::from_row,
            )
        });
        by_response.into_iter().chain(by_advice).collect()
    }
}
