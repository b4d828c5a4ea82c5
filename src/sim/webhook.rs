//! The webhooks of a simulated provider, and what may meet them on their way: JSON with a signature,
//! which a stranger cannot make.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    provider::{Coming, Provider},
    stage::Stage,
};
use crate::{
    domain::hash::fnv1a,
    gateway::{Delivery, News, Outcome, WebhookError, WebhookNews},
};

const SIGNATURE: &str = "signature";

#[derive(Serialize, Deserialize)]
struct Told {
    id: String,
    news: Vec<News>,
}

impl Provider {
    /// Tells of a charge; a stranger may tell of it too.
    pub(super) fn tell(&mut self, number: usize, stage: &Stage) {
        let now = stage.truth();
        let charge = &self.charges[number];
        let from = charge.silent_until.max(now);
        let news = News::Charge {
            attempt: Some(charge.attempt),
            reference: charge.reference.clone(),
            outcome: charge.outcome(),
        };
        if stage.strikes(Fault::WebhookForged) {
            let forged = News::Charge {
                attempt: Some(charge.attempt),
                reference: charge.reference.clone(),
                outcome: Outcome::Paid(charge.paid()),
            };
            let delivery = self.signed(vec![forged], "a stranger's secret");
            self.plan(from, Coming::Webhook(self.name, delivery));
        }
        self.send(news, from, stage);
    }

    /// Sends a webhook not before `from`, which may meet anything on its way.
    pub(super) fn send(&mut self, news: News, from: DateTime<Utc>, stage: &Stage) {
        if stage.strikes(Fault::WebhookMisdirected) {
            // By its own signature it is refused there; in the other account's name it is of no charge.
            let secret = if stage.dice.says(500) { self.name } else { self.other };
            let delivery = self.signed(vec![news.clone()], secret);
            self.plan(from, Coming::Webhook(self.other, delivery));
        }
        // Where no list tells what was missed, nobody could ever learn of a late success.
        if self.capabilities.has_statement && stage.strikes(Fault::WebhookLost) {
            return;
        }
        let mut wait = TimeDelta::seconds(stage.dice.between(1, 5));
        if stage.strikes(Fault::WebhookDelayed) {
            wait += TimeDelta::hours(stage.dice.between(24, 200));
        } else if stage.strikes(Fault::WebhookReordered) {
            wait += TimeDelta::minutes(stage.dice.between(1, 600));
        }
        let delivery = self.signed(vec![news], self.name);
        if stage.strikes(Fault::WebhookTwice) {
            let again = from + wait + TimeDelta::minutes(stage.dice.between(0, 3_000));
            self.plan(again, Coming::Webhook(self.name, delivery.clone()));
        }
        self.plan(from + wait, Coming::Webhook(self.name, delivery));
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
