//! The line between Rondo and its gateway. It hands every call on to the real adapter, remembers
//! which calls were made, and can be told to fail the ways that a line or a set-up does.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rondo::gateway::{
    Capabilities, ChargeOrder, ChargeTrace, CheckoutOrder, Delivery, Gateway, GatewayError,
    HostedPage, Idempotency, Outcome, RefundOrder, RefundOutcome, RefundSighting, Returns,
    SetupOrder, SetupState, Sighting, Statement, WebhookError, WebhookNews,
};
use tokio::sync::Notify;

/// A call to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Charge a stored card.
    Charge,
    /// Open a page to pay on.
    Checkout,
    /// Look for a charge.
    FindCharge,
    /// End one that waits for the customer.
    CancelCharge,
    /// Read the list of what was taken.
    Statement,
    /// Read the list of what went back.
    Returns,
    /// Give money back.
    Refund,
    /// Look for a refund.
    FindRefund,
    /// Open a page to store a card on.
    Setup,
    /// Look for what became of that page.
    FindSetup,
}

/// Where a call gets stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before it leaves: the gateway never hears of it.
    OnTheWayThere,
    /// After the gateway did it: nobody hears of that.
    OnTheWayBack,
}

/// The line.
#[derive(Debug)]
pub struct Line {
    gateway: Arc<dyn Gateway>,
    /// The same gateway, under a key that it refuses.
    with_wrong_key: Arc<dyn Gateway>,
    /// What it can do, where that is less than it says.
    capabilities: OnceLock<Capabilities>,
    trouble: Mutex<Trouble>,
    stuck: Notify,
    free: Notify,
}

#[derive(Debug, Default)]
struct Trouble {
    made: Vec<Call>,
    refused: Vec<Call>,
    failing: Option<(Call, fn() -> GatewayError)>,
    failing_once: Option<(Call, fn() -> GatewayError)>,
    stuck: Option<(Call, Place)>,
    reply: Option<String>,
}

impl Line {
    /// A line that works.
    pub fn new(gateway: Arc<dyn Gateway>, with_wrong_key: Arc<dyn Gateway>) -> Self {
        Self {
            gateway,
            with_wrong_key,
            capabilities: OnceLock::new(),
            trouble: Mutex::default(),
            stuck: Notify::new(),
            free: Notify::new(),
        }
    }

    /// The calls made since this was asked last, in their order.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.trouble().made)
    }

    /// The gateway keeps its idempotency keys for so long.
    pub fn keeps_keys_for(&self, ttl: Duration) {
        let idempotency = Idempotency::FrozenReplay { ttl };
        let capabilities = Capabilities { idempotency, ..self.gateway.capabilities().clone() };
        self.capabilities.set(capabilities).expect("a story says it once");
    }

    /// From now on the set-up is wrong for these calls: the gateway refuses the key they bear.
    pub fn refuses(&self, calls: &[Call]) {
        self.trouble().refused = calls.to_vec();
    }

    /// From now on such a call fails in this way, before it leaves.
    pub fn fails(&self, call: Call, how: fn() -> GatewayError) {
        self.trouble().failing = Some((call, how));
    }

    /// The next such call fails in this way, before it leaves.
    pub fn fails_once(&self, call: Call, how: fn() -> GatewayError) {
        self.trouble().failing_once = Some((call, how));
    }

    /// From now on no call fails any more.
    pub fn works(&self) {
        self.trouble().failing = None;
    }

    /// From now on the gateway wants to read this in the reply to each of its webhooks.
    pub fn wants_to_read(&self, reply: &str) {
        self.trouble().reply = Some(reply.to_owned());
    }

    /// The next such call gets stuck there.
    pub fn gets_stuck(&self, call: Call, place: Place) {
        self.trouble().stuck = Some((call, place));
    }

    /// Comes back when that call is stuck.
    pub async fn is_stuck(&self) {
        self.stuck.notified().await;
    }

    /// Lets the stuck call go on.
    pub fn goes_on(&self) {
        self.free.notify_one();
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap()
    }

    /// Notes the call and waits if it is to get stuck before it leaves. Who answers it.
    async fn leave(&self, call: Call) -> Result<&dyn Gateway, GatewayError> {
        self.trouble().made.push(call);
        self.wait(call, Place::OnTheWayThere).await;
        let once = self.trouble().failing_once.take_if(|(failing, _)| *failing == call);
        if let Some((_, how)) = once {
            return Err(how());
        }
        let trouble = self.trouble();
        match trouble.failing {
            Some((failing, how)) if failing == call => Err(how()),
            Some(_) | None if trouble.refused.contains(&call) => Ok(self.with_wrong_key.as_ref()),
            Some(_) | None => Ok(self.gateway.as_ref()),
        }
    }

    async fn wait(&self, call: Call, place: Place) {
        let is_here = self.trouble().stuck.take_if(|stuck| *stuck == (call, place)).is_some();
        if is_here {
            self.stuck.notify_one();
            self.free.notified().await;
        }
    }
}

#[async_trait]
impl Gateway for Line {
    fn capabilities(&self) -> &Capabilities {
        self.capabilities.get().unwrap_or_else(|| self.gateway.capabilities())
    }

    fn charge_prefix(&self) -> &'static str {
        self.gateway.charge_prefix()
    }

    fn moves_real_money(&self) -> bool {
        self.gateway.moves_real_money()
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<Outcome, GatewayError> {
        let answer = self.leave(Call::Charge).await?.charge(order).await;
        self.wait(Call::Charge, Place::OnTheWayBack).await;
        answer
    }

    async fn checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, GatewayError> {
        let answer = self.leave(Call::Checkout).await?.checkout(order).await;
        self.wait(Call::Checkout, Place::OnTheWayBack).await;
        answer
    }

    async fn find_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError> {
        self.leave(Call::FindCharge).await?.find_charge(trace).await
    }

    async fn cancel_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError> {
        self.leave(Call::CancelCharge).await?.cancel_charge(trace).await
    }

    async fn statement(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Statement, GatewayError> {
        self.leave(Call::Statement).await?.statement(since, after).await
    }

    async fn returns(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Returns, GatewayError> {
        self.leave(Call::Returns).await?.returns(since, after).await
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError> {
        let answer = self.leave(Call::Refund).await?.refund(order).await;
        self.wait(Call::Refund, Place::OnTheWayBack).await;
        answer
    }

    async fn find_refund(&self, order: &RefundOrder) -> Result<RefundSighting, GatewayError> {
        self.leave(Call::FindRefund).await?.find_refund(order).await
    }

    async fn setup(&self, order: &SetupOrder) -> Result<HostedPage, GatewayError> {
        self.leave(Call::Setup).await?.setup(order).await
    }

    async fn find_setup(&self, reference: &str) -> Result<SetupState, GatewayError> {
        self.leave(Call::FindSetup).await?.find_setup(reference).await
    }

    async fn parse_webhook(
        &self,
        delivery: &Delivery,
        now: DateTime<Utc>,
    ) -> Result<WebhookNews, WebhookError> {
        let told = self.gateway.parse_webhook(delivery, now).await?;
        let reply_body = self.trouble().reply.clone().or(told.reply_body);
        Ok(WebhookNews { reply_body, ..told })
    }
}
