//! The words of a token that are no networks and no reasons to decline, as data: what
//! [`super::script`] reads tokens by.

use super::script::{Arrival, Refunds, Step, Telling, Verdict};

/// How long an answer takes that is slow, in milliseconds.
const DEFAULT_DELAY_MS: u32 = 300;

/// A number that a word may have behind it, as `lookup_stale_2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    None,
    Needed,
    Or(u32),
}

/// A word that tells how a charge goes wrong.
#[derive(Debug)]
pub(super) struct Fault {
    pub word: &'static str,
    pub number: Number,
    /// What it does to a charge.
    pub does: fn(&mut Step, u32),
    pub meaning: &'static str,
}

const fn fault(
    word: &'static str,
    number: Number,
    does: fn(&mut Step, u32),
    meaning: &'static str,
) -> Fault {
    Fault { word, number, does, meaning }
}

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "request_lost",
        Number::None,
        |step, _| step.arrival = Arrival::Lost,
        "nothing is done, the connection closes",
    ),
    fault(
        "error_before",
        Number::None,
        |step, _| step.arrival = Arrival::Failed,
        "nothing is done, 500",
    ),
    fault(
        "rate_limited",
        Number::None,
        |step, _| step.arrival = Arrival::RateLimited,
        "nothing is done, 429",
    ),
    fault(
        "reply_lost",
        Number::None,
        |step, _| step.telling = Telling::Lost,
        "done, the connection closes",
    ),
    fault(
        "error_after",
        Number::None,
        |step, _| step.telling = Telling::Failed,
        "done, 500, and 500 again for the same key",
    ),
    fault(
        "malformed",
        Number::None,
        |step, _| step.telling = Telling::Malformed,
        "done, 200 with half a body",
    ),
    fault(
        "duplicate",
        Number::None,
        |step, _| step.telling = Telling::AsDuplicate,
        "done, answered as declined with 94",
    ),
    fault(
        "wrong_amount",
        Number::None,
        |step, _| step.takes_too_little = true,
        "one minor unit less is taken, and told",
    ),
    fault(
        "key_forgotten",
        Number::None,
        |step, _| step.forgets_key = true,
        "done, and the idempotency key is not kept",
    ),
    fault(
        "slow",
        Number::Or(DEFAULT_DELAY_MS),
        |step, n| step.delay_ms = n,
        "done, then the answer takes N milliseconds, 300 without N",
    ),
    fault(
        "lookup_stale",
        Number::Needed,
        |step, n| step.stale_lookups = n,
        "the first N look-ups do not find it",
    ),
    fault(
        "lookup_down",
        Number::Needed,
        |step, n| step.failing_lookups = n,
        "the first N look-ups fail with 500",
    ),
    fault(
        "refund_refused",
        Number::None,
        |step, _| step.refunds = Refunds::Refused,
        "its refunds fail",
    ),
    fault(
        "refund_late",
        Number::Needed,
        |step, n| step.refunds = Refunds::LateBy(n),
        "its refunds are pending for N look-ups",
    ),
    fault(
        "refund_lost",
        Number::None,
        |step, _| step.refunds = Refunds::AnswerLost,
        "its refunds are done, and the connection closes",
    ),
];

/// A word that tells what the gateway decides, other than the reasons to decline.
#[derive(Debug)]
pub(super) struct Outcome {
    pub word: &'static str,
    pub number: Number,
    /// The verdict that it is.
    pub is: fn(u32) -> Verdict,
    pub meaning: &'static str,
}

const fn result(
    word: &'static str,
    number: Number,
    is: fn(u32) -> Verdict,
    meaning: &'static str,
) -> Outcome {
    Outcome { word, number, is, meaning }
}

pub(super) const RESULTS: &[Outcome] = &[
    result("ok", Number::None, |_| Verdict::Paid, "paid"),
    result(
        "ok_mac",
        Number::Needed,
        Verdict::PaidWithAdvice,
        "paid, with this advice of Mastercard's about the card: 41 is a number for one use",
    ),
    result(
        "authentication_required",
        Number::None,
        |_| Verdict::AuthenticationRequired,
        "off-session declined with 1A; on a page the customer is asked",
    ),
    result(
        "action_required",
        Number::None,
        |_| Verdict::ActionRequired,
        "answered with a page on which the customer must confirm",
    ),
    result(
        "settles_after",
        Number::Needed,
        Verdict::SettlesAfter,
        "pending; the N-th look-up finds it paid",
    ),
    result(
        "fails_after",
        Number::Needed,
        Verdict::FailsAfter,
        "pending; the N-th look-up finds it declined",
    ),
    result(
        "late_success_after",
        Number::Needed,
        Verdict::LateSuccessAfter,
        "declined; the N-th look-up (0: the next moment) finds it paid",
    ),
];
