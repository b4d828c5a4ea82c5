//! The merchant's staff: once a day they look at what is set aside, say what became of charges that nobody
//! else can decide, by what they see in the provider's dashboard, and give back there what was taken twice.

use chrono::{DateTime, TimeDelta, Utc};

use super::{dice::PerMille, gateway::SimGateway, world::World};
use crate::{
    app::settle_attempt::settle_attempt,
    domain::{
        ids::{Id, kind},
        payment::{
            attempt::Attempt,
            verdict::{Note, Verdict},
        },
    },
    gateway::{ChargeTrace, Outcome, Sighting},
    store::StoreError,
};

/// Of a thousand, how many of the things that are set aside they try again on one day. When all goes well, they try
/// all but the undecided.
const TRIED_AGAIN: PerMille = 60;
/// So long they leave a second charge to the list that is read each week.
const LEFT_TO_THE_LIST: TimeDelta = TimeDelta::days(10);

impl World {
    /// A day's look at what is set aside.
    pub(super) async fn look_after_stuck(&mut self) -> Result<(), StoreError> {
        let merchant = self.merchant().clone();
        let mut repo = self.rondo.store.begin().await?;
        let stuck = repo.stuck(Some(merchant.id), 1_000).await?;
        let (mut undecided, mut cases, mut payments) = (Vec::new(), Vec::new(), Vec::new());
        for one in &stuck {
            self.stage.note(format_args!("stuck: {} {}", one.object, one.reason));
            for gateway in &self.gateways {
                let mut provider = gateway.provider();
                let mut strangers = provider.strangers.iter_mut();
                if let Some(it) = strangers.find(|it| it.reference == one.object) {
                    it.is_told = true;
                }
            }
            let attempt = one.object.parse::<Id<kind::Attempt>>().ok();
            undecided.extend(attempt);
            // What they would settle they seldom ask about once more.
            let all_is_well = self.stage.faults.is_calm() && attempt.is_none();
            let is_put_back = all_is_well || self.stage.dice.says(TRIED_AGAIN);
            if let Some((_, second)) = one.reason.split_once("a second time, as ") {
                let waited = self.rondo.clock.now() - one.since > LEFT_TO_THE_LIST;
                let second = second.split(':').next().unwrap_or_default();
                // Nobody takes it off the list who has not seen to it.
                self.give_back(second, waited || is_put_back);
            }
            if is_put_back {
                repo.put_back(&one.object, self.rondo.clock.now()).await?;
                if let Ok(refund) = one.object.parse::<Id<kind::Refund>>() {
                    for gateway in &self.gateways {
                        gateway.provider().refund_by_hand(refund, &self.stage);
                    }
                }
                cases.extend(one.object.parse::<Id<kind::DunningCase>>().ok());
                payments.extend(one.object.parse::<Id<kind::Payment>>().ok());
            }
        }
        let cases = repo.dunning_cases(merchant.id, &cases).await?;
        let payments = repo.payments(merchant.id, &payments).await?;
        let undecided = repo.attempts(merchant.id, &undecided).await?;
        // Whoever hears of no end of it may have been heard.
        let now = self.rondo.clock.now();
        let of_payments = payments.iter().map(|payment| payment.invoice);
        for invoice in cases.iter().map(|case| case.invoice).chain(of_payments) {
            self.granted.asks(invoice, now);
        }
        repo.commit().await?;
        let note: Note = "seen in the dashboard".parse().expect("a note");
        for attempt in undecided.iter().filter(|known| known.state.is_open()) {
            let gateway = self.gateways.iter().find(|known| known.name() == attempt.gateway);
            let Some(verdict) = gateway.and_then(|known| seen(known, attempt)) else { continue };
            if matches!(verdict, Verdict::NotCharged) {
                self.granted.not_charged.insert(attempt.id);
            }
            let said = settle_attempt(&self.rondo, &merchant, attempt.id, &verdict, &note).await;
            let (id, verdict) = (attempt.id, verdict.name());
            match said {
                Ok(_) => self.stage.note(format_args!("staff says of {id}: {verdict}")),
                Err(error) => {
                    self.stage
                        .note(format_args!("staff says of {id}: {verdict}, and hears {error}"));
                }
            }
        }
        Ok(())
    }

    /// Gives a second charge back in the dashboard: at once where no list of the provider's lets that happen by
    /// itself, and where one does not although there was time.
    fn give_back(&self, reference: &str, is_left: bool) {
        for gateway in &self.gateways {
            let mut provider = gateway.provider();
            let by_hand = is_left || !provider.capabilities.has_statement;
            if by_hand && provider.refund_all_here(reference, &self.stage) {
                self.stage.note(format_args!("staff gives {reference} back"));
            }
        }
    }
}

/// What the dashboard shows of an attempt, if it shows how it ended. They wait for no payer for whom nobody
/// waits any more: should that one confirm yet, it is a late success.
fn seen(gateway: &SimGateway, attempt: &Attempt) -> Option<Verdict> {
    let trace = ChargeTrace { not_before: DateTime::<Utc>::MIN_UTC, ..ChargeTrace::of(attempt) };
    match gateway.provider().find(&trace, DateTime::<Utc>::MAX_UTC).ok()? {
        Sighting::Found(Outcome::Paid(paid)) => paid.reference.parse().ok().map(Verdict::Charged),
        Sighting::Found(Outcome::Declined { .. } | Outcome::ActionRequired { .. })
        | Sighting::NotFound => Some(Verdict::NotCharged),
        Sighting::Found(Outcome::Pending { .. }) => None,
    }
}
