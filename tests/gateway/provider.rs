//! What the suite needs of a gateway beside its adapter: cards that do as told, a customer who
//! visits its pages, and its own record of what was taken.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rondo::{
    domain::{
        ids::{Id, Kind, Mint, kind},
        money::{Currency, Money},
        payment::decline::DeclineClass,
    },
    gateway::{
        ChargeOrder, ChargeTrace, CheckoutOrder, Gateway, GatewayError, HostedPage, Initiator,
        Outcome, RefundOrder, SetupOrder, Sighting,
    },
};

use crate::sandbox::SandboxWorld;

/// Every gateway that the suite runs against, each freshly started.
pub async fn all() -> Vec<Box<dyn Provider>> {
    vec![Box::new(SandboxWorld::start().await)]
}

/// A running gateway, and how to make it do what a story needs.
#[async_trait]
pub trait Provider: Send + Sync {
    fn gateway(&self) -> &dyn Gateway;

    /// A stored card that does this; `None` if this gateway cannot be made to.
    fn card(&self, card: Card) -> Option<String>;

    /// Stored cards that are declined, and what must be understood by it.
    fn declining_cards(&self) -> Vec<(String, DeclineClass)>;

    /// What the gateway's own record says was taken under this attempt.
    async fn captures(&self, attempt: Id<kind::Attempt>) -> Vec<Money>;

    /// The customer goes to a page, does this, and comes back to the return address.
    async fn visit(&self, page: &HostedPage, visit: Visit);
}

/// What a card is to do when it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    Pays,
    LacksFunds,
    AsksToAuthenticate,
    WaitsForTheCustomer,
    SettlesLater,
    FailsLater,
    SucceedsAfterItsDecline,
    LosesTheRequest,
    LosesTheReply,
    FailsAfterCharging,
    FailsBeforeCharging,
    AnswersGibberish,
    AnswersDuplicate,
    TakesTooLittle,
    IsRateLimitedOnce,
    LosesTheRefundsReply,
    RefusesRefunds,
    RefundsLater,
}

/// What a customer does on a page.
#[derive(Debug, Clone, Copy)]
pub enum Visit {
    Chooses(Card),
    ChoosesAndApproves(Card),
    /// Refuses to authenticate, then leaves without another try.
    ChoosesAndRefuses(Card),
    GivesUp,
}

pub const RETURN_URL: &str = "https://portal.example/back?from=gateway";

/// The day on which all stories play.
pub fn now() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

pub fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("EUR").unwrap())
}

/// An id of its own for every place of the suite that asks by another number.
pub fn id<K: Kind>(number: u8) -> Id<K> {
    Mint::seeded([number; 32]).id(now())
}

pub fn charge(number: u8, method_token: &str) -> ChargeOrder {
    ChargeOrder {
        attempt: id(number),
        invoice: id(number),
        amount: eur(20_00),
        method_token: method_token.to_owned(),
        customer_reference: None,
        initiator: Initiator::Merchant,
        original_transaction: None,
        description: "Course monthly".to_owned(),
    }
}

pub fn checkout(number: u8, store_method: bool) -> CheckoutOrder {
    CheckoutOrder {
        attempt: id(number),
        invoice: id(number),
        amount: eur(20_00),
        customer_reference: None,
        store_method,
        description: "Course <monthly>".to_owned(),
        return_url: RETURN_URL.to_owned(),
    }
}

pub fn setup(number: u8) -> SetupOrder {
    SetupOrder {
        reference: id::<kind::PaymentMethod>(number).to_string(),
        customer: id(number),
        customer_reference: None,
        return_url: RETURN_URL.to_owned(),
    }
}

pub fn refund(number: u8, charge_reference: &str, amount: Money) -> RefundOrder {
    RefundOrder { refund: id(number), charge_reference: charge_reference.to_owned(), amount }
}

pub fn trace(attempt: Id<kind::Attempt>) -> ChargeTrace {
    ChargeTrace { attempt, reference: None, customer_reference: None, not_before: now() }
}

pub async fn find(provider: &dyn Provider, attempt: Id<kind::Attempt>) -> Sighting {
    provider.gateway().find_charge(&trace(attempt)).await.unwrap()
}

pub fn paid_amount(outcome: &Outcome) -> Money {
    let Outcome::Paid(paid) = outcome else { panic!("not paid: {outcome:?}") };
    paid.amount
}

pub fn is_paid(sighting: &Sighting) -> bool {
    matches!(sighting, Sighting::Found(Outcome::Paid(_)))
}

pub fn is_unknown<T: std::fmt::Debug>(answer: &Result<T, GatewayError>) -> bool {
    matches!(answer, Err(GatewayError::Unknown(_)))
}
