//! What a gateway says that it took, held against what we have recorded (RULES REC-1).

use std::fmt;

use super::{
    attempt::Attempt,
    outcome::Paid,
    refund::{Heard, Refund, RefundState, ToldRefund},
    reversal::Reversal,
};
use crate::domain::{
    ids::{Id, kind},
    money::Money,
};

/// Money that a gateway says it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taking {
    /// Our attempt, by the reference that we had sent along.
    pub attempt: Option<Id<kind::Attempt>>,
    /// The gateway's own reference.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// What was refunded of it, by whomever.
    pub returned: Money,
    /// What the payer's bank or card scheme has taken back of it, where the gateway's list says so.
    pub taken_back: Option<Money>,
}

impl Taking {
    /// The same as news of the charge.
    pub fn paid(&self) -> Paid {
        Paid::bare(self.reference.clone(), self.amount)
    }
}

/// Where the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The gateway took money for no attempt of ours.
    NotOurs {
        /// The gateway's reference.
        reference: String,
        /// How much.
        amount: Money,
    },
    /// The gateway took money for an attempt that we do not know to have succeeded: its news was
    /// lost. It counts as evidence from now on (RULES CHG-7).
    NotHeard {
        /// The attempt.
        attempt: Id<kind::Attempt>,
    },
    /// The gateway took another amount than was ordered.
    WrongAmount {
        /// The attempt.
        attempt: Id<kind::Attempt>,
        /// What was ordered.
        ordered: Money,
        /// What was taken.
        taken: Money,
    },
    /// The gateway took the money of one attempt a second time.
    TakenTwice {
        /// The attempt.
        attempt: Id<kind::Attempt>,
        /// The gateway's reference of the second charge.
        reference: String,
    },
    /// We have it that an attempt succeeded; the gateway has no such charge.
    NotThere {
        /// The attempt.
        attempt: Id<kind::Attempt>,
    },
    /// A bank or card scheme took money of an attempt back, or gave it again, and its news was lost.
    ReversalNotHeard {
        /// The attempt.
        attempt: Id<kind::Attempt>,
        /// The gateway's reference of the dispute or return.
        reference: String,
    },
    /// Money of an attempt was refunded at the gateway, or a refund ended otherwise than was heard, and its
    /// news was lost.
    RefundNotHeard {
        /// The attempt.
        attempt: Id<kind::Attempt>,
        /// The gateway's reference of the refund, or our own where none was told.
        reference: String,
    },
    /// More, or less, went back than we have recorded.
    ReturnedOtherwise {
        /// The attempt.
        attempt: Id<kind::Attempt>,
        /// What went back, by the gateway's word.
        returned: Money,
        /// What we have sent back.
        recorded: Money,
    },
}

impl Difference {
    /// The names of all kinds.
    pub const NAMES: [&str; 8] = [
        "not_ours",
        "not_heard",
        "wrong_amount",
        "taken_twice",
        "not_there",
        "reversal_not_heard",
        "refund_not_heard",
        "returned_otherwise",
    ];

    /// What it is about: an attempt, or the gateway's reference where we know of none.
    pub fn object(&self) -> String {
        match self {
            Self::NotOurs { reference, .. } => reference.clone(),
            Self::NotHeard { attempt }
            | Self::WrongAmount { attempt, .. }
            | Self::TakenTwice { attempt, .. }
            | Self::NotThere { attempt }
            | Self::ReversalNotHeard { attempt, .. }
            | Self::RefundNotHeard { attempt, .. }
            | Self::ReturnedOtherwise { attempt, .. } => attempt.to_string(),
        }
    }

    /// The name in figures and JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotOurs { .. } => "not_ours",
            Self::NotHeard { .. } => "not_heard",
            Self::WrongAmount { .. } => "wrong_amount",
            Self::TakenTwice { .. } => "taken_twice",
            Self::NotThere { .. } => "not_there",
            Self::ReversalNotHeard { .. } => "reversal_not_heard",
            Self::RefundNotHeard { .. } => "refund_not_heard",
            Self::ReturnedOtherwise { .. } => "returned_otherwise",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs { reference, amount } => {
                write!(f, "the gateway took {amount} as {reference}, for no attempt of ours")
            }
            Self::NotHeard { attempt } => {
                write!(f, "the gateway took the money of {attempt}, and its news was lost")
            }
            Self::WrongAmount { attempt, ordered, taken } => {
                write!(f, "{ordered} was ordered for {attempt}, and the gateway took {taken}")
            }
            Self::TakenTwice { attempt, reference } => write!(
                f,
                "the gateway took the money of {attempt} a second time, as {reference}: it goes back by itself if the \
                 gateway's list shows both and nothing of either went back, else by hand"
            ),
            Self::NotThere { attempt } => {
                write!(f, "{attempt} is recorded as paid, and the gateway has no such charge")
            }
            Self::ReversalNotHeard { attempt, reference } => {
                write!(
                    f,
                    "money of {attempt} was taken back or given again, as {reference}, and its news was lost"
                )
            }
            Self::RefundNotHeard { attempt, reference } => {
                write!(
                    f,
                    "the refund {reference} of {attempt} stands otherwise at the gateway, and its news was lost"
                )
            }
            Self::ReturnedOtherwise { attempt, returned, recorded } => write!(
                f,
                "{returned} of {attempt} went back by the gateway's word, and {recorded} by ours"
            ),
        }
    }
}

/// Holds one taking against the attempt that it names, with that attempt's refunds.
pub fn of_taking(
    taking: &Taking,
    attempt: Option<&Attempt>,
    refunds: &[Refund],
) -> Option<Difference> {
    let Some(attempt) = attempt else {
        let (reference, amount) = (taking.reference.clone(), taking.amount);
        return Some(Difference::NotOurs { reference, amount });
    };
    let id = attempt.id;
    if taking.amount != attempt.amount {
        let (ordered, taken) = (attempt.amount, taking.amount);
        return Some(Difference::WrongAmount { attempt: id, ordered, taken });
    }
    if !attempt.state.took_money() {
        return Some(Difference::NotHeard { attempt: id });
    }
    if attempt.reference.as_ref() != Some(&taking.reference) {
        let reference = taking.reference.clone();
        return Some(Difference::TakenTwice { attempt: id, reference });
    }
    // What is on its way back may or may not have arrived.
    let sum = |counts: fn(RefundState) -> bool| {
        let ours = refunds.iter().filter(|refund| refund.attempt == id && counts(refund.state));
        ours.map(|refund| refund.amount.minor()).sum::<i64>()
    };
    // Where the list does not tell what was taken back, what we know of it stands.
    let (taken_back, booked) = (taking.taken_back.unwrap_or(attempt.reversed), attempt.reversed);
    let surely = booked.minor() + sum(|state| state == RefundState::Succeeded);
    let at_most = booked.minor() + sum(|state| state != RefundState::Failed);
    let returned =
        Money::new(taking.returned.minor() + taken_back.minor(), taking.returned.currency());
    (!(surely..=at_most).contains(&returned.minor())).then(|| {
        let recorded = Money::new(surely, returned.currency());
        Difference::ReturnedOtherwise { attempt: id, returned, recorded }
    })
}

/// Whether a reversal that the gateway lists is news of `attempt`.
pub fn of_reversal(told: &Reversal, attempt: &Attempt) -> Option<Difference> {
    let is_known =
        |known: &Reversal| known.reference == told.reference && known.state >= told.state;
    let (attempt, is_known) = (attempt.id, attempt.reversals.iter().any(is_known));
    let reference = told.reference.clone();
    (!is_known).then_some(Difference::ReversalNotHeard { attempt, reference })
}

/// Whether a refund that the gateway lists and that is not ours is news, given all of the payment's.
pub fn of_refund(told: &ToldRefund, attempt: &Attempt, refunds: &[Refund]) -> Option<Difference> {
    let reference = told.reference.clone();
    match told.hear(attempt, refunds) {
        Heard::Known => None,
        Heard::New | Heard::Moved(_) | Heard::NotYet(_) => {
            Some(Difference::RefundNotHeard { attempt: attempt.id, reference })
        }
    }
}

/// Whether it is news how a refund of ours stands that the gateway lists. What it has yet to decide is asked after
/// by itself.
pub fn of_our_refund(told: RefundState, refund: &Refund) -> Option<Difference> {
    (told.is_settled() && told != refund.state).then(|| {
        let reference = refund.reference.clone().unwrap_or_else(|| refund.id.to_string());
        Difference::RefundNotHeard { attempt: refund.attempt, reference }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::{
        attempt::{AttemptState, Initiator},
        refund::RefundOrigin,
        settle::given::{START, at, attempt, eur, mint},
    };

    fn paid() -> Attempt {
        Attempt {
            state: AttemptState::Succeeded,
            reference: Some("ch_1".to_owned()),
            ..attempt(8, Initiator::Merchant, at(START))
        }
    }

    fn taking() -> Taking {
        Taking {
            attempt: Some(paid().id),
            reference: "ch_1".to_owned(),
            amount: eur(2_000),
            returned: eur(0),
            taken_back: Some(eur(0)),
        }
    }

    fn refund(minor: i64, state: RefundState) -> Refund {
        let (reason, origin) = (String::new(), RefundOrigin::Requested);
        let refund = Refund::of(&paid(), eur(minor), reason, origin, at(START), &mint());
        Refund { state, ..refund }
    }

    #[rstest]
    #[case::came_back(RefundState::Succeeded, RefundState::Failed, true)]
    #[case::went_through_after_all(RefundState::Failed, RefundState::Succeeded, true)]
    #[case::its_answer_was_lost(RefundState::Queued, RefundState::Succeeded, true)]
    #[case::was_refused_later(RefundState::Pending, RefundState::Failed, true)]
    #[case::known_to_be_through(RefundState::Succeeded, RefundState::Succeeded, false)]
    #[case::known_to_have_failed(RefundState::Failed, RefundState::Failed, false)]
    #[case::to_be_decided(RefundState::Queued, RefundState::Pending, false)]
    #[case::told_to_be_through_before(RefundState::Succeeded, RefundState::Pending, false)]
    fn the_end_of_a_refund_of_ours_is_news_unless_it_is_known(
        #[case] recorded: RefundState,
        #[case] told: RefundState,
        #[case] is_news: bool,
    ) {
        let refund = refund(500, recorded);
        let (attempt, reference) = (paid().id, refund.id.to_string());
        let expected = is_news.then_some(Difference::RefundNotHeard { attempt, reference });
        assert_eq!(of_our_refund(told, &refund), expected);
    }

    fn name(taking: &Taking, attempt: Option<&Attempt>, refunds: &[Refund]) -> &'static str {
        of_taking(taking, attempt, refunds).map_or("none", |difference| difference.name())
    }

    #[test]
    fn what_both_know_alike_is_no_difference() {
        assert_eq!(of_taking(&taking(), Some(&paid()), &[]), None);
    }

    #[rstest]
    #[case(AttemptState::Declined)]
    #[case(AttemptState::NotExecuted)]
    #[case(AttemptState::Unknown)]
    fn money_for_an_attempt_that_is_not_paid_is_news(#[case] state: AttemptState) {
        let attempt = Attempt { state, ..paid() };
        assert_eq!(name(&taking(), Some(&attempt), &[]), "not_heard");
    }

    #[test]
    fn money_that_nobody_ordered_or_otherwise_or_twice_is_told_apart() {
        assert_eq!(name(&taking(), None, &[]), "not_ours");
        let less = Taking { amount: eur(1_999), ..taking() };
        assert_eq!(name(&less, Some(&paid()), &[]), "wrong_amount");
        let second = Taking { reference: "ch_2".to_owned(), ..taking() };
        assert_eq!(name(&second, Some(&paid()), &[]), "taken_twice");
    }

    #[rstest]
    #[case::nothing_of_nothing(0, &[], "none")]
    #[case::at_the_gateway_alone(500, &[], "returned_otherwise")]
    #[case::as_we_sent_it(500, &[(500, RefundState::Succeeded)], "none")]
    #[case::less_than_we_sent(200, &[(500, RefundState::Succeeded)], "returned_otherwise")]
    #[case::on_its_way(0, &[(500, RefundState::Queued)], "none")]
    #[case::arrived_before_we_knew(500, &[(500, RefundState::Pending)], "none")]
    #[case::refused(500, &[(500, RefundState::Failed)], "returned_otherwise")]
    fn what_went_back_is_what_we_sent_back(
        #[case] returned: i64,
        #[case] sent: &[(i64, RefundState)],
        #[case] expected: &str,
    ) {
        let refunds: Vec<_> = sent.iter().map(|&(minor, state)| refund(minor, state)).collect();
        let taking = Taking { returned: eur(returned), ..taking() };
        assert_eq!(name(&taking, Some(&paid()), &refunds), expected);
    }
}
