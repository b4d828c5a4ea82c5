//! Money on its way back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    attempt::Attempt,
    reversal::{least, less},
};
use crate::domain::{
    event::{Event, EventKind, Subject},
    ids::{Id, Mint, kind},
    money::Money,
    version::Version,
};

/// A refund of a payment, in full or in part. Its id is the idempotency key of every sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id, and the idempotency key.
    pub id: Id<kind::Refund>,
    /// What is refunded.
    pub payment: Id<kind::Payment>,
    /// The invoice that was paid.
    pub invoice: Id<kind::Invoice>,
    /// Who gets it.
    pub customer: Id<kind::Customer>,
    /// The attempt that took the money, and so the charge that gives it back.
    pub attempt: Id<kind::Attempt>,
    /// How much.
    pub amount: Money,
    /// What of that was not owed when it came (RULES CHG-7). The rest had paid the invoice.
    pub unowed: Money,
    /// Why, in staff's words or ours.
    pub reason: String,
    /// What it gives back.
    pub origin: RefundOrigin,
    /// Where it stands.
    pub state: RefundState,
    /// The gateway's reference, once told.
    pub reference: Option<String>,
    /// Why it failed, in the gateway's words.
    pub failure: Option<String>,
    /// When it is sent or asked after next.
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was sent or asked after.
    pub tries: u32,
    /// The world's time at which it was first sent under its key, since the gateway last proved to know nothing of it.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// The world's time until which a worker may be busy with it.
    pub leased_until: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// What a refund gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOrigin {
    /// A payment that was owed.
    Requested,
    /// Money that came although nothing was owed any more (RULES CHG-7).
    LateSuccess,
    /// A payment, by staff in the gateway's own dashboard: Rondo heard of it and never sends it.
    AtGateway,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// To be sent, or sent without a usable answer: the same key is sent again or looked up.
    Queued,
    /// Accepted; the answer comes later.
    Pending,
    /// On its way back.
    Succeeded,
    /// Refused; staff decides.
    Failed,
}

impl RefundState {
    /// Whether it has come to an end, as far as anyone knows.
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed => true,
            Self::Queued | Self::Pending => false,
        }
    }
}

impl Refund {
    /// A refund of `amount` that `attempt` took, to be sent at once.
    pub fn of(
        attempt: &Attempt,
        amount: Money,
        reason: String,
        origin: RefundOrigin,
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Self {
        Self {
            merchant: attempt.merchant,
            id: mint.id(now),
            payment: attempt.payment,
            invoice: attempt.invoice,
            customer: attempt.customer,
            attempt: attempt.id,
            amount,
            unowed: match origin {
                RefundOrigin::LateSuccess => amount,
                RefundOrigin::Requested | RefundOrigin::AtGateway => Money::zero(amount.currency()),
            },
            reason,
            origin,
            state: RefundState::Queued,
            reference: None,
            failure: None,
            due_at: Some(now),
            tries: 0,
            first_sent_at: None,
            leased_until: None,
            created_at: now,
            settled_at: None,
            version: Version::NEW,
        }
    }

    /// What of it had paid the invoice, and counts as gone back of the payment.
    pub fn owed(&self) -> Money {
        less(self.amount, self.unowed)
    }

    /// A refund that the gateway tells of and Rondo did not order, among all `refunds` of the payment. It
    /// is never sent.
    pub fn told(
        told: &ToldRefund,
        attempt: &Attempt,
        refunds: &[Self],
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Self {
        let reason = "refunded at the gateway".to_owned();
        let origin = RefundOrigin::AtGateway;
        Self {
            unowed: least(told.amount, attempt.left_unowed(refunds)),
            state: RefundState::Pending,
            reference: Some(told.reference.clone()),
            due_at: None,
            ..Self::of(attempt, told.amount, reason, origin, now, mint)
        }
    }

    /// Orders back what is left of money that was not owed, given all `refunds` of the payment: our order of
    /// all of it was refused, since a part had gone back by another hand. Nothing, if none was.
    pub fn of_the_rest(
        attempt: &Attempt,
        refunds: &[Self],
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Option<Self> {
        let is_refused = |refund: &&Self| {
            refund.attempt == attempt.id
                && refund.origin == RefundOrigin::LateSuccess
                && refund.state == RefundState::Failed
        };
        let refused = refunds.iter().rfind(is_refused)?;
        let rest = least(attempt.left_unowed(refunds), attempt.left(refunds));
        let reason = refused.reason.clone();
        rest.is_positive().then(|| Self::of(attempt, rest, reason, refused.origin, now, mint))
    }

    /// An event about it as it stands, which will be committed with it.
    pub fn event(&self, kind: EventKind, now: DateTime<Utc>, mint: &Mint) -> Event {
        Event {
            customer: Some(self.customer),
            amount: Some(self.amount),
            ..Event::new(kind, self.merchant, Subject::Refund(self.id), self.version, now, mint)
        }
    }
}

/// A refund that a gateway tells of and that bears no reference of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldRefund {
    /// Our attempt, if the gateway tells it.
    pub attempt: Option<Id<kind::Attempt>>,
    /// The gateway's reference of the charge.
    pub charge: String,
    /// The gateway's reference of the refund: the same in all that is told of it.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// How it stands.
    pub state: RefundState,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// What to make of a refund that the gateway tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Nothing new.
    Known,
    /// One that Rondo did not order: it is recorded.
    New,
    /// One that is recorded, and stands otherwise now.
    Moved(Box<Refund>),
    /// It cannot be told yet whose it is or what it means; it is heard again later.
    NotYet(&'static str),
}

impl ToldRefund {
    /// What to make of it, given all refunds of the payment. One that Rondo itself has sent is known by
    /// its reference, or else by its amount while its own answer is still missing.
    pub fn hear(&self, attempt: &Attempt, refunds: &[Refund]) -> Heard {
        let of_charge = || refunds.iter().filter(|refund| refund.attempt == attempt.id);
        let is_it = |refund: &&Refund| refund.reference.as_deref() == Some(&self.reference);
        if let Some(known) = of_charge().find(is_it) {
            // Nobody can be asked how a refund stands that Rondo did not send, and news comes late and twice: one
            // that came to nothing stays so.
            let is_over =
                known.origin == RefundOrigin::AtGateway && known.state == RefundState::Failed;
            let is_old = is_over || known.state == self.state || !self.state.is_settled();
            return if is_old { Heard::Known } else { Heard::Moved(Box::new(known.clone())) };
        }
        if !attempt.state.took_money() {
            return Heard::NotYet("its charge is not known to have taken money");
        }
        let is_under_way = |refund: &&Refund| !refund.state.is_settled();
        let may_be_ours = |refund: &Refund| {
            refund.origin != RefundOrigin::AtGateway
                && refund.reference.is_none()
                && refund.amount == self.amount
        };
        if of_charge().filter(is_under_way).any(may_be_ours) {
            return Heard::NotYet("it may be a refund of ours whose answer is still missing");
        }
        let is_gone = self.state != RefundState::Failed;
        if is_gone && self.amount.minor() > attempt.left(refunds).minor() {
            return Heard::NotYet("more would have gone back than was taken");
        }
        Heard::New
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::{
        attempt::{AttemptState, Initiator},
        settle::given::{START, at, attempt, eur, mint},
    };

    fn charge() -> Attempt {
        Attempt {
            state: AttemptState::Succeeded,
            applied: eur(2_000),
            ..attempt(8, Initiator::Merchant, at(START))
        }
    }

    fn told(minor: i64, state: RefundState) -> ToldRefund {
        ToldRefund {
            attempt: None,
            charge: "ch_1".to_owned(),
            reference: "re_1".to_owned(),
            amount: eur(minor),
            state,
            failure: None,
        }
    }

    fn known(minor: i64, state: RefundState, reference: Option<&str>) -> Refund {
        let origin = RefundOrigin::Requested;
        let refund = Refund::of(&charge(), eur(minor), String::new(), origin, at(START), &mint());
        Refund { state, reference: reference.map(str::to_owned), ..refund }
    }

    fn failed_there() -> Refund {
        Refund { origin: RefundOrigin::AtGateway, ..known(500, Failed, Some("re_1")) }
    }

    use RefundState::{Failed, Pending, Queued, Succeeded};

    #[rstest]
    #[case::nobody_here_ordered_it(told(500, Succeeded), &[], "New")]
    #[case::it_is_on_its_way(told(500, Pending), &[], "New")]
    #[case::it_never_moved(told(500, Failed), &[], "New")]
    #[case::older_than_that_it_failed(told(500, Succeeded), &[failed_there()], "Known")]
    #[case::ours_by_its_reference(
        told(500, Succeeded), &[known(500, Succeeded, Some("re_1"))], "Known"
    )]
    #[case::ours_and_done_meanwhile(
        told(500, Succeeded), &[known(500, Pending, Some("re_1"))], "Moved"
    )]
    #[case::older_than_what_we_know(
        told(500, Pending), &[known(500, Succeeded, Some("re_1"))], "Known"
    )]
    #[case::perhaps_ours(told(500, Succeeded), &[known(500, Queued, None)], "NotYet")]
    #[case::beside_one_of_ours(
        told(500, Succeeded), &[known(700, Queued, None)], "New"
    )]
    #[case::beside_one_of_ours_that_is_done(
        told(500, Succeeded), &[known(500, Succeeded, Some("re_0"))], "New"
    )]
    #[case::no_room_while_ours_is_open(
        told(1_500, Succeeded), &[known(700, Queued, None)], "NotYet"
    )]
    #[case::room_again_when_ours_has_failed(
        told(1_500, Succeeded), &[known(700, Failed, None)], "New"
    )]
    fn a_refund_of_somebody_else_is_told_from_ours(
        #[case] told: ToldRefund,
        #[case] refunds: &[Refund],
        #[case] expected: &str,
    ) {
        let heard = format!("{:?}", told.hear(&charge(), refunds));
        assert!(heard.starts_with(expected), "{heard}");
    }

    #[test]
    fn what_pays_nothing_goes_back_as_that_and_what_is_not_known_waits() {
        let unowed = Attempt { applied: eur(0), ..charge() };
        let found = told(2_000, Succeeded);
        assert_eq!(found.hear(&unowed, &[]), Heard::New);
        let refund = Refund::told(&found, &unowed, &[], at(START), &mint());
        assert_eq!((refund.unowed, refund.owed()), (eur(2_000), eur(0)));
        assert_eq!(refund.due_at, None, "it is never sent");
        let open = Attempt { state: AttemptState::Pending, ..charge() };
        assert!(matches!(told(2_000, Succeeded).hear(&open, &[]), Heard::NotYet(_)));
    }
}
