//! The gateway of a simulated world, as Rondo sees it: a provider at the end of a bad line.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    dice::PerMille,
    fault::Fault,
    provider::{Provider, unknown, who},
    stage::{Mishap, Place, Stage},
    webhook,
};
use crate::{
    domain::money::Money,
    gateway::{
        Capabilities, ChargeOrder, ChargeTrace, CheckoutOrder, Delivery, Gateway, GatewayError,
        HostedPage, Idempotency, Lookup, Outcome, RefundOrder, RefundOutcome, RefundSighting,
        Returns, SetupOrder, SetupState, Sighting, Statement, WebhookError, WebhookNews,
    },
};

/// An account at a simulated provider.
#[derive(Debug)]
pub(super) struct SimGateway {
    stage: Arc<Stage>,
    name: &'static str,
    capabilities: Capabilities,
    provider: Mutex<Provider>,
}

/// Of a thousand orders that were carried out, how many are answered as if they were repeats of their own.
const TAKEN_FOR_A_REPEAT: PerMille = 4;
/// An order that comes late comes so late at most.
const LATEST_SECONDS: i64 = 1_200;
/// So long look-ups may show them as that: longer than anybody asks.
const REPEAT_KEPT_TO_MINUTES: i64 = 9 * 24 * 60;

/// What an account can do in this world: every kind of idempotency and of look-up comes up.
fn drawn(stage: &Stage) -> Capabilities {
    let (dice, day) = (&stage.dice, Duration::from_hours(24));
    // Where clocks may be hours off, nobody can tell the age of a key that lives for hours.
    let hours = if stage.clock_error().is_zero() { Duration::from_hours(6) } else { day };
    let (idempotency, lookup) = *dice.pick(&[
        (Idempotency::FrozenReplay { ttl: day }, Lookup::ByReference),
        (
            Idempotency::FrozenReplay { ttl: day },
            Lookup::ByReferenceEventually { lag: Duration::from_hours(5) },
        ),
        (Idempotency::LatestState { ttl: hours }, Lookup::ByReference),
        (Idempotency::LatestState { ttl: hours }, Lookup::ByReference),
        (Idempotency::FrozenReplay { ttl: hours }, Lookup::ByReference),
        (Idempotency::FrozenReplay { ttl: hours }, Lookup::ByReference),
        (Idempotency::LatestState { ttl: day * 3 }, Lookup::ByReference),
        (Idempotency::ClientNamed, Lookup::ByReference),
        (Idempotency::UniqueReference, Lookup::ByReference),
        (Idempotency::UniqueReference, Lookup::ByReference),
        (
            Idempotency::DuplicateWindow { window: Duration::from_mins(2) },
            Lookup::ByReferenceEventually { lag: Duration::from_hours(5) },
        ),
        (Idempotency::None, Lookup::ByReference),
        (Idempotency::FrozenReplay { ttl: day }, Lookup::ById),
        (Idempotency::FrozenReplay { ttl: day }, Lookup::None),
    ]);
    Capabilities {
        idempotency,
        lookup,
        max_latency: Duration::from_secs(LATEST_SECONDS.unsigned_abs()),
        answers_later: true,
        late_success: true,
        webhooks_cover_declines: dice.says(700),
        can_cancel: dice.says(800),
        has_statement: dice.says(800),
        partial_refunds: true,
        hosted_setup: false,
        hosted_checkout: true,
    }
}

impl SimGateway {
    /// The account `name`; webhooks that lose their way go to `other`.
    pub(super) fn new(stage: Arc<Stage>, name: &'static str, other: &'static str) -> Self {
        let capabilities = drawn(&stage);
        let names_attempts = stage.dice.says(500);
        let of = if names_attempts { "attempts" } else { "charges" };
        stage.note(format_args!(
            "{name}: {:?}, {:?}, money goes back of {of}",
            capabilities.idempotency, capabilities.lookup
        ));
        let provider = Provider::new(name, other, capabilities.clone(), names_attempts);
        let provider = Mutex::new(provider);
        Self { stage, name, capabilities, provider }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// The provider's own books.
    pub(super) fn provider(&self) -> MutexGuard<'_, Provider> {
        self.provider.lock().expect("no holder of the provider can panic")
    }

    /// Whether a call arrives.
    fn sends(&self, what: &str) -> Result<(), GatewayError> {
        if self.stage.strikes(Fault::NeverLeft) {
            return Err(GatewayError::NotSent(Box::new(Mishap("nobody is there"))));
        }
        self.is_let_in()?;
        if self.stage.strikes(Fault::OrderRefused) {
            return Err(GatewayError::Rejected { reason: "a field is not understood".to_owned() });
        }
        if self.stage.strikes(Fault::RateLimited) {
            let seconds = self.stage.dice.between(1, 300).unsigned_abs();
            return Err(GatewayError::RateLimited {
                retry_after: Some(Duration::from_secs(seconds)),
            });
        }
        if self.stage.strikes(Fault::RequestLost) {
            return Err(unknown("the call timed out"));
        }
        if self.stage.strikes(Fault::ServerErrorNotExecuted) {
            return Err(unknown("503"));
        }
        self.stage.note(format_args!("{}: {what}", self.name));
        Ok(())
    }

    /// What comes back of a call that was carried out.
    fn hears<T>(&self, answer: T) -> Result<T, GatewayError> {
        if self.stage.strikes(Fault::ReplyLost) {
            return Err(unknown("the connection was reset"));
        }
        if self.stage.strikes(Fault::MalformedReply) {
            return Err(unknown("what came back is no JSON"));
        }
        Ok(answer)
    }

    /// Orders one charge, over a line that may lose, delay and repeat.
    fn order(&self, order: &ChargeOrder) -> Result<Outcome, GatewayError> {
        self.sends(&format!("order of {} by the {}", order.attempt, who(order.initiator)))?;
        let stage = &self.stage;
        if stage.strikes(Fault::ReplyLate) {
            let at = stage.truth() + TimeDelta::seconds(stage.dice.between(26, LATEST_SECONDS));
            self.provider().order_late(at, order);
            return Err(unknown("the call timed out"));
        }
        let errs = stage.strikes(Fault::ServerErrorExecuted);
        let mut answer = self.provider().charge(order, stage.truth(), stage, errs);
        if !errs {
            answer = self.provider().once_more(order, answer, stage);
        }
        if errs {
            return Err(unknown("500"));
        }
        let mut outcome = self.hears(answer?)?;
        let network = self.provider().cards.network(&order.method_token);
        let is_card = network.is_some_and(|network| !network.is_bank_debit());
        if is_card && !stage.faults.is_calm() && stage.dice.says(TAKEN_FOR_A_REPEAT) {
            stage.note(format_args!("{}: answers 94, it has that one already", self.name));
            let is_kept_to = stage.dice.says(500);
            let minutes =
                if is_kept_to { stage.dice.between(1, REPEAT_KEPT_TO_MINUTES) } else { 0 };
            let until = stage.truth() + TimeDelta::minutes(minutes);
            let told = self.provider().take_for_a_repeat(order.attempt, until);
            return Ok(told.unwrap_or(outcome));
        }
        if let Outcome::Paid(paid) = &mut outcome
            && stage.strikes(Fault::WrongAmount)
        {
            let wrong = stage.dice.between(1, 900);
            paid.amount = Money::new(paid.amount.minor() + wrong, paid.amount.currency());
        }
        Ok(outcome)
    }

    /// Goes through the gate before a call.
    async fn leaves(&self) -> Result<(), GatewayError> {
        let leaves = self.stage.gate(Place::BeforeCall).await;
        if leaves { Ok(()) } else { Err(unknown("the call timed out")) }
    }

    fn is_let_in(&self) -> Result<(), GatewayError> {
        let is_refused = self.stage.strikes(Fault::CredentialsRefused);
        if is_refused { Err(GatewayError::Unauthorised) } else { Ok(()) }
    }

    fn looks_up(&self) -> Result<(), GatewayError> {
        self.is_let_in()?;
        if self.stage.strikes(Fault::LookupDown) {
            return Err(unknown("the look-up timed out"));
        }
        Ok(())
    }
}

#[async_trait]
impl Gateway for SimGateway {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn moves_real_money(&self) -> bool {
        false
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<Outcome, GatewayError> {
        self.leaves().await?;
        let answer = self.order(order);
        self.stage.gate(Place::AfterCall).await;
        answer
    }

    async fn checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, GatewayError> {
        self.leaves().await?;
        let answer = self
            .sends(&format!("page for {}", order.attempt))
            .map(|()| self.provider().checkout(order))
            .and_then(|page| self.hears(page));
        self.stage.gate(Place::AfterCall).await;
        answer
    }

    async fn find_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError> {
        if !self.provider().can_find(trace.reference.as_deref()) {
            return Err(GatewayError::Unsupported("look up a charge"));
        }
        self.looks_up()?;
        self.provider().is_asked_after(trace.attempt, &self.stage);
        let found = self.provider().find(trace, self.stage.truth())?;
        self.stage.note(format_args!("{}: look-up of {}", self.name, trace.attempt));
        self.stage.gate(Place::AfterCall).await;
        Ok(found)
    }

    async fn cancel_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError> {
        self.looks_up()?;
        self.provider().cancel(trace.attempt, &self.stage);
        self.stage.gate(Place::AfterCall).await;
        self.provider().find(trace, self.stage.truth())
    }

    async fn statement(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Statement, GatewayError> {
        self.looks_up()?;
        Ok(self.provider().statement(since, after, self.stage.truth()))
    }

    async fn returns(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Returns, GatewayError> {
        self.looks_up()?;
        Ok(self.provider().returns(since, after))
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError> {
        self.leaves().await?;
        let answer = self
            .sends(&format!("refund {}", order.refund))
            .map(|()| self.provider().refund(order, &self.stage))
            .and_then(|outcome| self.hears(outcome));
        self.stage.gate(Place::AfterCall).await;
        answer
    }

    async fn find_refund(&self, order: &RefundOrder) -> Result<RefundSighting, GatewayError> {
        self.looks_up()?;
        Ok(self.provider().find_refund(order))
    }

    async fn setup(&self, _order: &SetupOrder) -> Result<HostedPage, GatewayError> {
        Err(GatewayError::Unsupported("store a method on a page of its own"))
    }

    async fn find_setup(&self, _reference: &str) -> Result<SetupState, GatewayError> {
        Err(GatewayError::Unsupported("store a method on a page of its own"))
    }

    async fn parse_webhook(
        &self,
        delivery: &Delivery,
        _now: DateTime<Utc>,
    ) -> Result<WebhookNews, WebhookError> {
        webhook::read(delivery, self.name)
    }
}
