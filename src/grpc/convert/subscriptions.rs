//! Subscriptions.

use super::{customers, labels, money, number, time};
use crate::{
    app::{
        AppError, Result,
        subscriptions::{Change, NewSubscription, Trial},
    },
    domain::{
        calendar::Period,
        labels::Labels,
        subscription::{
            Cancellation, CancellationCause, Subscription, SubscriptionState, lifecycle::EndWhen,
        },
    },
    grpc::{
        faults::{Faults, required},
        masks::Mask,
        names,
        proto::{
            google::r#type::Date,
            v1::{
                self,
                cancel_subscription_request::When,
                subscription::{self, State},
            },
        },
    },
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};

/// A subscription as the API writes it.
pub fn subscription(known: &Subscription) -> v1::Subscription {
    let next_bill_at = next_bill_at(known);
    let zone = known.anchor.zone();
    v1::Subscription {
        name: names::name(known.id),
        uid: known.id.uuid().to_string(),
        customer: names::name(known.customer),
        plan: names::name(known.plan),
        plan_version: names::version_name(known.plan, known.plan_version),
        currency_code: known.currency.code().to_owned(),
        quantity: number(known.quantity),
        payment_method: names::optional_name(known.payment_method),
        state: state(known.state).into(),
        access: customers::access(known.access).into(),
        current_period: known.current_period.map(period),
        next_bill_time: next_bill_at.map(time::timestamp),
        trial_end_time: known.trial_end.map(time::timestamp),
        cancellation: known.cancellation.as_ref().map(cancellation),
        scheduled_change: known.scheduled_change.map(|change| subscription::ScheduledChange {
            plan_version: names::version_name(change.plan, change.plan_version),
            quantity: number(change.quantity),
        }),
        pause: known.pause.map(|pause| subscription::Pause {
            start_time: Some(time::timestamp(pause.since)),
            resume_time: pause.resumes_at.map(time::timestamp),
        }),
        time_zone: zone.name().to_owned(),
        labels: known.labels.words().clone(),
        etag: known.version.to_string(),
        create_time: Some(time::timestamp(known.started_at)),
        end_time: known.ended_at.map(time::timestamp),
        next_bill_date: next_bill_at.map(|at| date(zone.local_date(at))),
    }
}

/// A period as the API writes it.
pub fn period(period: Period) -> subscription::Period {
    subscription::Period {
        start_time: Some(time::timestamp(period.start())),
        end_time: Some(time::timestamp(period.end())),
    }
}

/// The subscription that a request wants to begin.
pub fn new_subscription(request: &v1::CreateSubscriptionRequest) -> Result<NewSubscription> {
    let told = required("subscription", request.subscription.as_ref())?;
    let mut faults = Faults::new();
    let customer = faults.keep(names::id("subscription.customer", &told.customer));
    let plan = faults.keep(names::id("subscription.plan", &told.plan));
    let quantity = faults.keep(quantity("subscription.quantity", told.quantity));
    let method = "subscription.payment_method";
    let payment_method = faults.keep(names::optional_id(method, &told.payment_method));
    let currency = faults.keep(match told.currency_code.as_str() {
        "" => Ok(None),
        code => money::currency("subscription.currency_code", code).map(Some),
    });
    let labels = faults.keep(labels("subscription.labels", &told.labels));
    let trial = if request.skip_trial { Trial::Skipped } else { Trial::AsPlanned };
    let parties = customer.zip(plan);
    let payment = payment_method.zip(currency);
    let whole = parties.zip(quantity).zip(payment).zip(labels);
    faults.finish(whole.map(
        |((((customer, plan), quantity), (payment_method, currency)), labels)| NewSubscription {
            customer,
            plan,
            currency,
            quantity: quantity.unwrap_or(1),
            payment_method,
            trial,
            labels,
        },
    ))
}

/// The labels that a request wants a subscription to have, if it is about them.
pub fn new_labels(
    told: &v1::Subscription,
    request: &v1::UpdateSubscriptionRequest,
) -> Result<Option<Labels>> {
    let writable = [("labels", !told.labels.is_empty())];
    let mask = Mask::read(request.update_mask.as_ref(), &writable, &OUTPUT_ONLY)?;
    mask.has("labels").then(|| labels("subscription.labels", &told.labels)).transpose()
}

/// What no update changes: it is told, or changed by methods of its own.
const OUTPUT_ONLY: [&str; 21] = [
    "name",
    "uid",
    "customer",
    "plan",
    "plan_version",
    "currency_code",
    "quantity",
    "payment_method",
    "state",
    "access",
    "current_period",
    "next_bill_time",
    "next_bill_date",
    "trial_end_time",
    "cancellation",
    "scheduled_change",
    "pause",
    "time_zone",
    "etag",
    "create_time",
    "end_time",
];

/// What a request wants to be changed at the next renewal.
pub fn change(request: &v1::ChangeSubscriptionRequest) -> Result<Change> {
    let mut faults = Faults::new();
    let plan = faults.keep(names::optional_id("plan", &request.plan));
    let quantity = faults.keep(quantity("quantity", request.quantity));
    faults.finish(plan.zip(quantity).map(|(plan, quantity)| Change { plan, quantity }))
}

/// When a request wants it to end.
pub fn end_when(when: When) -> Result<EndWhen> {
    match when {
        When::Now => Ok(EndWhen::Now),
        When::PeriodEnd => Ok(EndWhen::AtPeriodEnd),
        When::Unspecified => Err(AppError::invalid("when", "must be WHEN_NOW or WHEN_PERIOD_END")),
    }
}

/// The states that a list is narrowed to.
pub fn wanted_states(states: impl Iterator<Item = State>) -> Result<Vec<SubscriptionState>> {
    states
        .map(|state| match state {
            State::Incomplete => Ok(SubscriptionState::Incomplete),
            State::Trialing => Ok(SubscriptionState::Trialing),
            State::Active => Ok(SubscriptionState::Active),
            State::PastDue => Ok(SubscriptionState::PastDue),
            State::Unpaid => Ok(SubscriptionState::Unpaid),
            State::Paused => Ok(SubscriptionState::Paused),
            State::Canceled => Ok(SubscriptionState::Canceled),
            State::Expired => Ok(SubscriptionState::Expired),
            State::Unspecified => Err(AppError::invalid("states", "must not be unspecified")),
        })
        .collect()
}

fn state(state: SubscriptionState) -> State {
    match state {
        SubscriptionState::Incomplete => State::Incomplete,
        SubscriptionState::Trialing => State::Trialing,
        SubscriptionState::Active => State::Active,
        SubscriptionState::PastDue => State::PastDue,
        SubscriptionState::Unpaid => State::Unpaid,
        SubscriptionState::Paused => State::Paused,
        SubscriptionState::Canceled => State::Canceled,
        SubscriptionState::Expired => State::Expired,
    }
}

fn cancellation(planned: &Cancellation) -> subscription::Cancellation {
    use subscription::cancellation::Cause;
    let cause = match planned.cause {
        CancellationCause::Requested => Cause::Requested,
        CancellationCause::Dunning => Cause::Dunning,
        CancellationCause::PlanRetired => Cause::PlanRetired,
        CancellationCause::MandateStopped => Cause::MandateStopped,
    };
    subscription::Cancellation {
        request_time: Some(time::timestamp(planned.requested_at)),
        end_time: Some(time::timestamp(planned.ends_at)),
        cause: cause.into(),
    }
}

/// When it is billed next. What is due otherwise, an end or a deadline, is no bill.
fn next_bill_at(known: &Subscription) -> Option<DateTime<Utc>> {
    match known.state {
        SubscriptionState::Trialing | SubscriptionState::Active | SubscriptionState::PastDue => {
            known.due_at.filter(|_| known.cancellation.is_none())
        }
        SubscriptionState::Incomplete
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => None,
    }
}

fn date(date: NaiveDate) -> Date {
    let small = |part: u32| i32::try_from(part).expect("a month or a day is a small number");
    Date { year: date.year(), month: small(date.month()), day: small(date.day()) }
}

/// A number of seats, absent if 0.
fn quantity(field: &str, count: i32) -> Result<Option<u32>> {
    let count = u32::try_from(count);
    let count = count.map_err(|_| AppError::invalid(field, "must not be negative"))?;
    Ok((count != 0).then_some(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_cannot_be_read_of_a_new_subscription_is_told_at_once() {
        let request = v1::CreateSubscriptionRequest {
            subscription: Some(v1::Subscription {
                customer: "ana".to_owned(),
                quantity: -1,
                currency_code: "euro".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let AppError::Invalid(faults) = new_subscription(&request).unwrap_err() else {
            panic!("the fields are wrong");
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "subscription.customer",
                "subscription.plan",
                "subscription.quantity",
                "subscription.currency_code",
            ]
        );
    }

    #[test]
    fn an_end_must_say_when() {
        let refusal = end_when(When::Unspecified).unwrap_err().to_string();
        assert_eq!(refusal, "when must be WHEN_NOW or WHEN_PERIOD_END");
    }

    #[test]
    fn a_state_reads_back_as_itself() {
        for known in [
            SubscriptionState::Incomplete,
            SubscriptionState::Trialing,
            SubscriptionState::Active,
            SubscriptionState::PastDue,
            SubscriptionState::Unpaid,
            SubscriptionState::Paused,
            SubscriptionState::Canceled,
            SubscriptionState::Expired,
        ] {
            assert_eq!(wanted_states([state(known)].into_iter()).unwrap(), [known]);
        }
    }
}
