//! Payments, attempts and refunds.

use super::{money, number, time};
use crate::{
    app::{AppError, Result},
    domain::payment::{
        Payment, PaymentState,
        attempt::{Attempt, AttemptState, Initiator},
        decline::{Decline, DeclineClass},
        refund::{Refund, RefundOrigin, RefundState},
        verdict::{Note, Unfit, Verdict},
    },
    grpc::{
        names,
        proto::v1::{self, attempt, decline, payment::State, refund},
    },
};

/// A payment as the API writes it, with these attempts.
pub fn payment(known: &Payment, attempts: &[Attempt]) -> v1::Payment {
    v1::Payment {
        name: names::name(known.id),
        uid: known.id.uuid().to_string(),
        invoice: names::name(known.invoice),
        customer: names::name(known.customer),
        amount: Some(money::money(known.amount)),
        refunded: Some(money::money(known.refunded)),
        reversed: Some(money::money(known.reversed)),
        state: state(known.state).into(),
        collect_time: known.collect_at.map(time::timestamp),
        attempts: attempts.iter().map(attempt).collect(),
        attempt_count: number(known.attempts),
        etag: known.version.to_string(),
        create_time: Some(time::timestamp(known.created_at)),
        success_time: known.succeeded_at.map(time::timestamp),
    }
}

/// A refund as the API writes it.
pub fn refund(known: &Refund) -> v1::Refund {
    let state = match known.state {
        RefundState::Queued => refund::State::Queued,
        RefundState::Pending => refund::State::Pending,
        RefundState::Succeeded => refund::State::Succeeded,
        RefundState::Failed => refund::State::Failed,
    };
    let origin = match known.origin {
        RefundOrigin::Requested => refund::Origin::Requested,
        RefundOrigin::LateSuccess => refund::Origin::LateSuccess,
        RefundOrigin::AtGateway => refund::Origin::AtGateway,
    };
    v1::Refund {
        name: names::name(known.id),
        uid: known.id.uuid().to_string(),
        payment: names::name(known.payment),
        invoice: names::name(known.invoice),
        customer: names::name(known.customer),
        amount: Some(money::money(known.amount)),
        reason: known.reason.clone(),
        origin: origin.into(),
        state: state.into(),
        gateway_reference: known.reference.clone().unwrap_or_default(),
        failure: known.failure.clone().unwrap_or_default(),
        etag: known.version.to_string(),
        create_time: Some(time::timestamp(known.created_at)),
        settle_time: known.settled_at.map(time::timestamp),
    }
}

/// What a request says became of an attempt.
pub fn verdict(told: Option<&v1::settle_attempt_request::Verdict>) -> Result<Verdict> {
    match told {
        Some(v1::settle_attempt_request::Verdict::Charged(charged)) => {
            let reference = charged.gateway_reference.parse();
            let unfit =
                |unfit: Unfit| AppError::invalid("charged.gateway_reference", unfit.to_string());
            Ok(Verdict::Charged(reference.map_err(unfit)?))
        }
        Some(v1::settle_attempt_request::Verdict::NotCharged(_)) => Ok(Verdict::NotCharged),
        None => Err(AppError::invalid("verdict", "must be charged or not_charged")),
    }
}

/// Who says so, and why.
pub fn note(told: &str) -> Result<Note> {
    told.parse().map_err(|unfit: Unfit| AppError::invalid("note", unfit.to_string()))
}

/// What a decline means for the next step, as the API writes it.
pub fn decline_class(class: DeclineClass) -> decline::Class {
    match class {
        DeclineClass::Generic => decline::Class::Generic,
        DeclineClass::WaitIssuer => decline::Class::WaitIssuer,
        DeclineClass::WaitFunds => decline::Class::WaitFunds,
        DeclineClass::HoldRisk => decline::Class::HoldRisk,
        DeclineClass::Config => decline::Class::Config,
        DeclineClass::FixData => decline::Class::FixData,
        DeclineClass::NeedsSca => decline::Class::NeedsAuthentication,
        DeclineClass::StopMandate => decline::Class::StopMandate,
        DeclineClass::Never => decline::Class::Never,
    }
}

/// The states that a list is narrowed to.
pub fn wanted_states(states: impl Iterator<Item = State>) -> Result<Vec<PaymentState>> {
    states
        .map(|state| match state {
            State::Scheduled => Ok(PaymentState::Scheduled),
            State::Collecting => Ok(PaymentState::Collecting),
            State::Waiting => Ok(PaymentState::Waiting),
            State::Succeeded => Ok(PaymentState::Succeeded),
            State::Abandoned => Ok(PaymentState::Abandoned),
            State::Unspecified => Err(AppError::invalid("states", "must not be unspecified")),
        })
        .collect()
}

fn state(state: PaymentState) -> State {
    match state {
        PaymentState::Scheduled => State::Scheduled,
        PaymentState::Collecting => State::Collecting,
        PaymentState::Waiting => State::Waiting,
        PaymentState::Succeeded => State::Succeeded,
        PaymentState::Abandoned => State::Abandoned,
    }
}

fn attempt(known: &Attempt) -> v1::Attempt {
    let initiator = match known.initiator {
        Initiator::Customer => attempt::Initiator::Customer,
        Initiator::Merchant => attempt::Initiator::Merchant,
    };
    v1::Attempt {
        name: names::name(known.id),
        uid: known.id.uuid().to_string(),
        payment_method: names::optional_name(known.method),
        gateway: known.gateway.clone(),
        gateway_reference: known.reference.clone().unwrap_or_default(),
        amount: Some(money::money(known.amount)),
        initiator: initiator.into(),
        state: attempt_state(known.state).into(),
        decline: known.decline.as_ref().map(decline),
        reversed: Some(money::money(known.reversed)),
        action_url: known.action_url.clone().unwrap_or_default(),
        send_time: Some(time::timestamp(known.sent_at)),
        settle_time: known.settled_at.map(time::timestamp),
    }
}

fn attempt_state(state: AttemptState) -> attempt::State {
    match state {
        AttemptState::InFlight => attempt::State::InFlight,
        AttemptState::Succeeded => attempt::State::Succeeded,
        AttemptState::Reversed => attempt::State::Reversed,
        AttemptState::Declined => attempt::State::Declined,
        AttemptState::Rejected => attempt::State::Rejected,
        AttemptState::NotExecuted => attempt::State::NotExecuted,
        AttemptState::Pending => attempt::State::Pending,
        AttemptState::ActionRequired => attempt::State::ActionRequired,
        AttemptState::Unknown => attempt::State::Unknown,
    }
}

fn decline(known: &Decline) -> v1::Decline {
    v1::Decline {
        class: decline_class(known.class).into(),
        gateway_code: known.gateway_code.clone().unwrap_or_default(),
        response_code: known.response_code.clone().unwrap_or_default(),
        network_advice_code: known.network_advice.clone().unwrap_or_default(),
        message: known.message.clone().unwrap_or_default(),
    }
}
