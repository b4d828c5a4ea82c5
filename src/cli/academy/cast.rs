//! The first members' parts, which are written and not drawn: so each way that a debt can go is seen
//! however few members join, the more telling ones first.

use super::{
    calendar::STEPS_A_MONTH,
    cards::Card,
    members::{Act, Member, Membership},
};
use crate::grpc::proto::v1::payment_method::Network;

/// What is written of a member; name, home and language stay as they were drawn.
struct Part {
    membership: Membership,
    joins_at: usize,
    /// What the card does: a script of the sandbox's, or its beginning (see [`Part::card`]).
    card: Script,
    mends_after_days: Option<i64>,
    acts: &'static [(usize, Act)],
}

enum Script {
    /// Pays every month but the last.
    FailsAtTheEnd,
    /// Does this.
    Does(&'static str),
    /// Is good until this month of 2026 is over.
    ExpiresIn(i32),
    /// Is a bank account.
    Debit,
}

const fn pays(card: Script) -> Part {
    let membership = Membership::Monthly;
    Part { membership, joins_at: 0, card, mends_after_days: None, acts: &[] }
}

/// The first of the second month, and the 8th.
const NEXT_MONTH: usize = STEPS_A_MONTH;

const PARTS: &[Part] = &[
    // Is past due at the end: charged on the 15th, and the ladder takes three weeks.
    Part { joins_at: 2, ..pays(Script::FailsAtTheEnd) },
    // Recovers by a retry.
    pays(Script::Does("ok_x1_then_insufficient_funds_x2_then_ok")),
    // Is given up.
    pays(Script::Does("ok_x1_then_lost_card")),
    // Recovers by a new card.
    Part { mends_after_days: Some(3), ..pays(Script::Does("ok_x1_then_closed_account")) },
    // Leaves in good order.
    Part { acts: &[(NEXT_MONTH + 1, Act::Cancels)], ..pays(Script::Does("ok")) },
    // Must authenticate.
    Part { mends_after_days: Some(5), ..pays(Script::Does("ok_x1_then_authentication_required")) },
    // Is given half of a payment back.
    Part { acts: &[(2, Act::IsRefunded { whole: false })], ..pays(Script::Does("ok")) },
    // Is a team on trial first.
    Part { membership: Membership::Team, ..pays(Script::Does("ok")) },
    // Is charged while the answer is lost.
    pays(Script::Does("ok_x1_then_reply_lost_x1_then_ok")),
    // Is charged while nobody waits for the answer any more.
    pays(Script::Does("ok_x1_then_slow_3000_x1_then_ok")),
    // Has a card that expires.
    Part { mends_after_days: Some(4), ..pays(Script::ExpiresIn(2)) },
    // Changes to the year.
    Part { acts: &[(3, Act::GoesYearly)], ..pays(Script::Does("ok")) },
    // Pays from a bank account, on the last day of the month.
    Part { joins_at: STEPS_A_MONTH - 1, ..pays(Script::Debit) },
    // Pays by the year.
    Part { membership: Membership::Yearly, ..pays(Script::Does("ok")) },
    // Cancels, and stays after all.
    Part {
        acts: &[(NEXT_MONTH, Act::Cancels), (NEXT_MONTH + 1, Act::Stays)],
        ..pays(Script::Does("ok"))
    },
];

impl Part {
    fn card(&self, months: usize, name: &str) -> Card {
        let (script, network, expiry) = match self.card {
            Script::FailsAtTheEnd => {
                let good = (months - 1).max(1);
                let script = format!("tok_visa_ok_x{good}_then_insufficient_funds");
                (script, Network::Visa, Some(Card::FAR_AWAY))
            }
            Script::Does(what) => (format!("tok_visa_{what}"), Network::Visa, Some(Card::FAR_AWAY)),
            Script::ExpiresIn(last) => {
                let script = format!("tok_visa_exp_{last:02}26_ok_x{last}_then_expired_card");
                (script, Network::Visa, Some((2026, last)))
            }
            Script::Debit => ("tok_sepa_settles_after_1".to_owned(), Network::Sepa, None),
        };
        Card { token: format!("{script}.{name}"), network, expiry }
    }
}

/// Gives the first members their parts, in a story of so many steps.
pub fn give(members: &mut [Member], steps: usize) {
    for (place, (member, part)) in members.iter_mut().zip(PARTS).enumerate() {
        member.membership = part.membership;
        member.seats = if part.membership == Membership::Team { 5 } else { 1 };
        member.joins_at = part.joins_at;
        member.card = part.card(steps / STEPS_A_MONTH, &format!("m{:05}", place + 1));
        if member.card.expiry.is_none() {
            member.currency = "EUR";
        }
        member.mends_after_days = part.mends_after_days;
        // As with all members, nothing is begun in the last month.
        let last = steps.saturating_sub(STEPS_A_MONTH);
        member.acts = part.acts.iter().copied().filter(|(step, _)| *step < last).collect();
    }
}
