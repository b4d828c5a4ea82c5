//! The webhooks of a simulated provider, and what may meet them on their way: JSON with a signature,
//! which a stranger cannot make.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    charge::{Charge, Standing},
    fault::Fault,
    provider::{Coming, Provider},
    stage::Stage,
};
use crate::{
    domain::{
        hash::fnv1a,
        payment::decline::{Decline, DeclineClass},
    },
    gateway::{Delivery, News, Outcome, Reversal, ReversalState, WebhookError, WebhookNews},
};

const SIGNATURE: &str = "signature";

#[derive(Serialize, Deserialize)]
struct Told {
    id: String,
    news: Vec<News>,
}

impl Provider {
    /// Tells of a charge.
    pub(super) fn tell(&mut self, number: usize, stage: &Stage) {
        let charge = &self.charges[number];
        let from = charge.silent_until.max(stage.truth());
        let news = News::Charge {
            attempt: Some(charge.attempt),
            reference: charge.reference.clone(),
            outcome: charge.outcome(),
        };
        self.send(news, from, stage);
    }

    /// Others may tell of a charge what is not so, at its own account's door or at the other one's.
    pub(super) fn may_be_lied_about(&mut self, number: usize, stage: &Stage) {
        let now = stage.truth();
        if stage.strikes(Fault::WebhookForged) {
            let lie = vec![lie(&self.charges[number])];
            let delivery = self.signed(lie, "a stranger's secret");
            self.plan(now, Coming::Webhook(self.name, delivery));
        }
        if stage.strikes(Fault::WebhookMisdirected) {
            // By its own signature it is refused there; in the other account's name it is of no charge.
            let secret = if stage.dice.says(500) { self.name } else { self.other };
            let lie = vec![lie(&self.charges[number])];
            let delivery = self.signed(lie, secret);
            self.plan(now, Coming::Webhook(self.other, delivery));
        }
    }

    /// Sends a webhook not before `from`, which may meet anything on its way.
    pub(super) fn send(&mut self, news: News, from: DateTime<Utc>, stage: &Stage) {
        // Where no list tells what was missed, nobody could ever learn of a late success.
        if self.capabilities.has_statement && stage.strikes(Fault::WebhookLost) {
            return;
        }
        let mut wait = TimeDelta::seconds(stage.dice.between(1, 5));
        let is_delayed = stage.strikes(Fault::WebhookDelayed);
        // It counts when something else has overtaken it.
        let is_held_back = !is_delayed && stage.threatens(Fault::WebhookReordered);
        if is_delayed {
            wait += TimeDelta::hours(stage.dice.between(24, 200));
        } else if is_held_back {
            let hours = if stage.dice.says(500) { 10 } else { 200 };
            wait += TimeDelta::minutes(stage.dice.between(1, hours * 60));
        }
        self.overtakes(&news, from + wait, stage);
        if is_held_back {
            self.held_back.insert(object(&news), from + wait);
        }
        let delivery = self.signed(vec![news], self.name);
        if stage.strikes(Fault::WebhookTwice) {
            let again = from + wait + TimeDelta::minutes(stage.dice.between(0, 3_000));
            self.plan(again, Coming::Webhook(self.name, delivery.clone()));
        }
        self.plan(from + wait, Coming::Webhook(self.name, delivery));
    }

    /// News that arrives at `at` overtakes what was told of the same object before, if that is held back longer.
    pub(super) fn overtakes(&mut self, news: &News, at: DateTime<Utc>, stage: &Stage) {
        let object = object(news);
        if self.held_back.get(&object).is_some_and(|before| *before > at) {
            self.held_back.remove(&object);
            stage.meets(Fault::WebhookReordered);
        }
    }

    /// A webhook, signed with an account's secret.
    pub(super) fn signed(&mut self, news: Vec<News>, secret: &str) -> Delivery {
        let id = self.name_for("evt");
        let body = serde_json::to_vec(&Told { id, news }).expect("news can be written as JSON");
        let headers = vec![(SIGNATURE.to_owned(), signature(&body, secret))];
        Delivery { headers, body }
    }

    /// A webhook that was not taken is sent again.
    pub(super) fn send_again(&mut self, at: DateTime<Utc>, account: &'static str, what: Delivery) {
        self.plan(at, Coming::Webhook(account, what));
    }
}

/// What news is of: a charge, whatever became of its money, or a refund that was ordered.
fn object(news: &News) -> String {
    match news {
        News::Charge { reference, .. } | News::Setup { reference } => reference.clone(),
        News::Reversal { charge, .. } => charge.clone(),
        News::ForeignRefund(told) => told.charge.clone(),
        News::Refund { refund, .. } => refund.map(|id| id.to_string()).unwrap_or_default(),
        News::MethodUpdated(stored) => stored.token.clone(),
    }
}

/// What is not true of a charge: that it took the money; or that a bank has taken that back, if it did.
fn lie(charge: &Charge) -> News {
    let (attempt, reference) = (Some(charge.attempt), charge.reference.clone());
    match charge.standing {
        Standing::Captured => News::Reversal {
            attempt,
            reversal: Reversal {
                reference: format!("dp_lie_{reference}"),
                amount: charge.amount,
                state: ReversalState::TakenBack,
                why: Decline::of(DeclineClass::Never),
            },
            charge: reference,
        },
        Standing::Declined(_) | Standing::Pending | Standing::Waiting | Standing::Ended => {
            News::Charge { attempt, reference, outcome: Outcome::Paid(charge.paid()) }
        }
    }
}

/// What a webhook tells, if this account's secret has signed it.
pub(super) fn read(delivery: &Delivery, secret: &str) -> Result<WebhookNews, WebhookError> {
    if delivery.header(SIGNATURE) != Some(&signature(&delivery.body, secret)) {
        return Err(WebhookError::Signature);
    }
    let told: Told = serde_json::from_slice(&delivery.body)
        .map_err(|error| WebhookError::Unreadable(error.to_string()))?;
    Ok(WebhookNews { event_id: told.id, news: told.news, reply_body: None })
}

fn signature(body: &[u8], secret: &str) -> String {
    format!("{:016x}", fnv1a(body.iter().copied().chain(secret.bytes())))
}

#[cfg(test)]
mod tests {
    use super::{super::charge::Ordered, *};
    use crate::{
        domain::{
            ids::{Id, kind},
            money::{Currency, Money},
            payment::decline::Network,
        },
        gateway::Initiator,
    };

    #[test]
    fn a_lie_is_never_what_the_provider_would_tell() {
        let id = |number| uuid::Uuid::from_u128(number);
        let (attempt, invoice) = (Id::<kind::Attempt>::from_uuid(id(1)), Id::from_uuid(id(2)));
        let amount = Money::new(2_000, Currency::from_code("EUR").unwrap());
        let (token, now) = ("tok_1".to_owned(), DateTime::UNIX_EPOCH);
        let ordered = Ordered { token, network: Network::Visa, initiator: Initiator::Merchant };
        let decline = Box::new(Decline::of(DeclineClass::Generic));
        for standing in [
            Standing::Captured,
            Standing::Declined(decline),
            Standing::Pending,
            Standing::Waiting,
            Standing::Ended,
        ] {
            let (whose, what) = ((attempt, invoice), (amount, ordered.clone()));
            let mut charge = Charge::begun("alpha", "ch_1".to_owned(), whose, what, now);
            charge.come_to(standing.clone(), now);
            let is_paid = standing == Standing::Captured;
            match lie(&charge) {
                News::Charge { outcome, .. } => {
                    assert!(matches!(outcome, Outcome::Paid(_)) && !is_paid, "{standing}");
                }
                News::Reversal { reversal, .. } => assert!(is_paid && reversal.amount == amount),
                told => panic!("{told:?}"),
            }
        }
    }
}
