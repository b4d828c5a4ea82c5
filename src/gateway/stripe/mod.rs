//! Stripe: cards charged off-session by payment intents; pages of Stripe's own for everything that
//! touches card data.
//!
//! - A charge is one call that makes and confirms a payment intent. The idempotency key is the
//!   attempt's id; Stripe keeps the first answer for at least 24 hours and tells it again, a 500
//!   as well. So a 5xx is never resolved by sending again, only by looking.
//! - A refused charge is HTTP 402 and leaves a payment intent behind; its reference is kept.
//!   Off-session, a bank's wish for authentication is such a refusal.
//! - Our ids travel in the metadata. Looking up goes by Stripe's id, else by reading the list of
//!   the customer's payments, which is consistent; Stripe's search lags and is never used.
//! - The stored credential's network transaction id stays in Stripe's vault and is not sent.
//! - A page ([`Gateway::checkout`], [`Gateway::setup`]) is a checkout session, open for 24 hours.
//!   A card refused on it is not the end of the payment: only the session's end is.
//! - Money that is disputed, and a bank debit that is returned, is a dispute of a payment that stays
//!   succeeded ([`returns`]).
//! - Events to subscribe an endpoint to: `payment_intent.*`, `checkout.session.*`, `refund.*`,
//!   `charge.refunded`, `charge.dispute.*`, `payment_method.updated` and
//!   `payment_method.automatically_updated`. They come in any order.
//! - The key tells test from live; an object of the other mode is refused.

mod amount;
mod declines;
mod form;
mod method;
mod outcome;
mod returns;
mod transport;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use self::{
    form::Form,
    transport::{Failure, Mode, Transport},
    webhook::Said,
};
use super::{
    AccountConfig, Capabilities, ChargeOrder, ChargeTrace, CheckoutOrder, Delivery, Gateway,
    GatewayError, HostedPage, Idempotency, Lookup, Outcome, RefundOrder, RefundOutcome,
    RefundSighting, Returns, SetupOrder, SetupState, Sighting, Statement, WebhookError,
    WebhookNews, http::Channel,
};

/// Whether a secret key is one that moves real money, by its beginning: `sk_` or, restricted, `rk_`,
/// then `live_` or `test_`. None: it is no secret key of Stripe's.
pub fn is_live(secret_key: &str) -> Option<bool> {
    Mode::of_key(secret_key).map(|mode| mode == Mode::Live)
}

/// What Stripe can do.
pub const CAPABILITIES: Capabilities = Capabilities {
    idempotency: Idempotency::FrozenReplay { ttl: Duration::from_hours(24) },
    lookup: Lookup::ByReference,
    // Stripe does not say: as long as a key lives at the least.
    max_latency: Duration::from_hours(24),
    answers_later: true,
    // A customer who authenticates a refused payment pays that very payment.
    late_success: true,
    webhooks_cover_declines: true,
    can_cancel: true,
    has_statement: true,
    partial_refunds: true,
    hosted_setup: true,
    hosted_checkout: true,
};

/// The most pages of a list that one look-up reads. A list that goes on is no proof of anything.
const PAGES: usize = 50;

/// The list of refunds.
const REFUNDS: &str = "refunds";
/// The list of disputes.
const DISPUTES: &str = "disputes";
/// How long a dispute may be under way before its end: its list goes by its beginning.
const DISPUTED_FOR: TimeDelta = TimeDelta::days(120);
/// How long after it was made a refund may still fail: its list goes by its making.
const REFUND_FAILS_WITHIN: TimeDelta = TimeDelta::days(30);

/// One Stripe account.
#[derive(Debug)]
pub struct Stripe {
    transport: Transport,
    webhook_secrets: Vec<SecretString>,
}

impl Stripe {
    /// The account that `account` describes, over this channel. Refused if the key or the address cannot be right.
    pub fn new(account: &AccountConfig, channel: Channel) -> Result<Self, GatewayError> {
        let transport = Transport::new(account, channel)?;
        Ok(Self { transport, webhook_secrets: account.webhook_secrets.clone() })
    }

    async fn intent(&self, reference: &str) -> Result<wire::PaymentIntent, GatewayError> {
        let query = Form::default().expanding(&["latest_charge", "payment_method"]);
        Ok(self.transport.get(&["payment_intents", reference], &query).await?)
    }

    async fn session(&self, id: &str, expand: &[&str]) -> Result<wire::Session, GatewayError> {
        let query = Form::default().expanding(expand);
        Ok(self.transport.get(&["checkout", "sessions", id], &query).await?)
    }

    async fn open_page(&self, key: &str, form: &Form) -> Result<HostedPage, GatewayError> {
        let session = self.transport.post(&["checkout", "sessions"], key, form).await?;
        outcome::hosted_page(session, self.transport.mode())
    }

    /// The outcome of a charge whose reference is known.
    async fn known(&self, reference: &str) -> Result<Outcome, GatewayError> {
        let mode = self.transport.mode();
        if reference.starts_with("cs_") {
            let expand = ["payment_intent.latest_charge", "payment_intent.payment_method"];
            return outcome::of_checkout(&self.session(reference, &expand).await?, mode);
        }
        outcome::of_intent(&self.intent(reference).await?, mode)
    }

    /// Everything in a list that `is_ours`, provided that the list can be read to its end.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: impl Fn() -> Form,
        id: impl Fn(&T) -> &String,
        is_ours: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, GatewayError> {
        let mut ours = Vec::new();
        let mut last = None;
        for _ in 0..PAGES {
            let query = query().after(last.as_ref());
            let page: wire::List<T> = self.transport.get(&[path], &query).await?;
            last = page.data.last().map(|item| id(item).clone());
            let has_more = page.has_more && last.is_some();
            ours.extend(page.data.into_iter().filter(|item| is_ours(item)));
            if !has_more {
                return Ok(ours);
            }
        }
        Err(outcome::unreadable("more than can be read through"))
    }
}

#[async_trait]
impl Gateway for Stripe {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn charge_prefix(&self) -> &'static str {
        "pi_"
    }

    fn moves_real_money(&self) -> bool {
        self.transport.mode() == Mode::Live
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<Outcome, GatewayError> {
        let (key, form) = (order.attempt.to_string(), form::charge(order)?);
        match self.transport.post(&["payment_intents"], &key, &form).await {
            Ok(intent) => outcome::of_intent(&intent, self.transport.mode()),
            Err(Failure::Refused(refusal)) if refusal.is_payment_failure() => {
                outcome::of_refusal(&refusal.error)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, GatewayError> {
        self.open_page(&order.attempt.to_string(), &form::checkout(order)?).await
    }

    async fn find_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError> {
        if let Some(reference) = &trace.reference {
            return self.known(reference).await.map(Sighting::Found);
        }
        let is_ours = |intent: &wire::PaymentIntent| {
            outcome::own_id(&intent.metadata, wire::ATTEMPT) == Some(trace.attempt)
        };
        let query = || form::payments_since(trace);
        let found = self.list("payment_intents", query, |intent| &intent.id, is_ours).await?;
        match outcome::weightiest(&found) {
            Some(intent) => outcome::of_intent(intent, self.transport.mode()).map(Sighting::Found),
            None => Ok(Sighting::NotFound),
        }
    }

    async fn cancel_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError> {
        let Some(reference) = &trace.reference else { return self.find_charge(trace).await };
        let key = format!("{}-cancel", trace.attempt);
        let (path, form) = if reference.starts_with("cs_") {
            (["checkout", "sessions", reference, "expire"].to_vec(), Form::default())
        } else {
            (["payment_intents", reference, "cancel"].to_vec(), form::abandoned())
        };
        match self.transport.post::<serde::de::IgnoredAny>(&path, &key, &form).await {
            // What has come to its end already is refused; how it ended, the look-up says.
            Ok(_) | Err(Failure::Refused(_)) => self.find_charge(trace).await,
            Err(failure) => Err(failure.into()),
        }
    }

    async fn statement(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Statement, GatewayError> {
        let query = form::taken_since(since).after(after.map(str::to_owned).as_ref());
        let page: wire::List<wire::PaymentIntent> =
            self.transport.get(&["payment_intents"], &query).await?;
        let last = page.data.last().map(|intent| intent.id.clone());
        let mode = self.transport.mode();
        let takings = page.data.iter().filter_map(|intent| outcome::taking(intent, mode));
        let takings = takings.collect::<Result<_, _>>()?;
        Ok(Statement { takings, next: last.filter(|_| page.has_more) })
    }

    async fn returns(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Returns, GatewayError> {
        // First all refunds, then all disputes: each page is named by its list and what came before.
        let (list, from) = after.and_then(|after| after.split_once(':')).unwrap_or((REFUNDS, ""));
        let from = Some(from.to_owned()).filter(|from| !from.is_empty());
        if list == REFUNDS {
            let query = form::made_since(since - REFUND_FAILS_WITHIN).after(from.as_ref());
            let page: wire::List<wire::Refund> = self.transport.get(&[REFUNDS], &query).await?;
            let more = page.data.last().filter(|_| page.has_more);
            let next = more.map_or(format!("{DISPUTES}:"), |last| format!("{REFUNDS}:{}", last.id));
            let news = page.data.iter().filter_map(|refund| returns::of_refund(refund).transpose());
            return Ok(Returns { news: news.collect::<Result<_, _>>()?, next: Some(next) });
        }
        let query = form::made_since(since - DISPUTED_FOR).after(from.as_ref());
        let page: wire::List<wire::Dispute> = self.transport.get(&[DISPUTES], &query).await?;
        let more = page.data.last().filter(|_| page.has_more);
        let next = more.map(|last| format!("{DISPUTES}:{}", last.id));
        let news = page.data.iter().filter_map(|one| returns::of_dispute(one, None).transpose());
        Ok(Returns { news: news.collect::<Result<_, _>>()?, next })
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError> {
        let (key, form) = (order.refund.to_string(), form::refund(order)?);
        match self.transport.post(&["refunds"], &key, &form).await {
            Ok(refund) => Ok(outcome::of_refund(&refund)),
            Err(failure) => outcome::of_refused_refund(failure),
        }
    }

    async fn find_refund(&self, order: &RefundOrder) -> Result<RefundSighting, GatewayError> {
        let is_ours = |refund: &wire::Refund| {
            outcome::own_id(&refund.metadata, wire::REFUND) == Some(order.refund)
        };
        let query = || form::refunds_of(order);
        let found = self.list("refunds", query, |refund| &refund.id, is_ours).await?;
        Ok(found.first().map_or(RefundSighting::NotFound, |refund| {
            RefundSighting::Found(outcome::of_refund(refund))
        }))
    }

    async fn setup(&self, order: &SetupOrder) -> Result<HostedPage, GatewayError> {
        self.open_page(&order.reference, &form::setup(order)).await
    }

    async fn find_setup(&self, reference: &str) -> Result<SetupState, GatewayError> {
        let session = self.session(reference, &["setup_intent.payment_method"]).await?;
        outcome::of_setup(&session, self.transport.mode())
    }

    async fn parse_webhook(
        &self,
        delivery: &Delivery,
        now: DateTime<Utc>,
    ) -> Result<WebhookNews, WebhookError> {
        let mode = self.transport.mode();
        webhook::verify(delivery, &self.webhook_secrets, now)?;
        let event = webhook::read_event(&delivery.body, mode)?;
        let news = match webhook::said(&event, mode)? {
            Said::News(news) => news,
            Said::ReadBack(reference) => {
                let intent = self.intent(&reference).await.map_err(WebhookError::Unverifiable)?;
                webhook::charge_news(&intent, mode).map_err(WebhookError::Unverifiable)?
            }
            Said::ReadRefunds(intent) => {
                let query = || form::refunds_of_payment(&intent);
                let refunds =
                    self.list(REFUNDS, query, |refund: &wire::Refund| &refund.id, |_| true);
                let refunds = refunds.await.map_err(WebhookError::Unverifiable)?;
                let news = refunds.iter().filter_map(|one| returns::of_refund(one).transpose());
                news.collect::<Result<_, _>>().map_err(WebhookError::Unverifiable)?
            }
        };
        Ok(WebhookNews { event_id: event.id, news, reply_body: None })
    }
}
