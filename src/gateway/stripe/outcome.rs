//! What Stripe's objects mean to us: pure translations, one a kind of object.
//!
//! Whatever has not surely ended is [`Outcome::Pending`]; only Stripe's own word ends a charge.

use std::str::FromStr;

use super::{
    amount, declines, method,
    transport::{Failure, Mode},
    wire::{self, Expandable, IntentStatus, SessionMode, SessionStatus},
};
use crate::gateway::{
    GatewayError, HostedPage, Outcome, Paid, RefundOutcome, SetupState, StoredMethod, Taking,
};

/// How a payment stands.
pub fn of_intent(intent: &wire::PaymentIntent, mode: Mode) -> Result<Outcome, GatewayError> {
    if !mode.admits(intent.livemode) {
        return Err(unreadable("a payment of the other mode (test or live)"));
    }
    if is_a_repeat(intent) {
        return Err(a_repeat());
    }
    let reference = intent.id.clone();
    Ok(match intent.status {
        IntentStatus::Succeeded => Outcome::Paid(paid(intent)?),
        // A card's challenge, or a bank's page to confirm on.
        IntentStatus::RequiresAction => {
            let redirect =
                intent.next_action.as_ref().and_then(|next| next.redirect_to_url.as_ref());
            let url = redirect.and_then(|redirect| redirect.url.clone());
            Outcome::ActionRequired { reference, url }
        }
        IntentStatus::RequiresPaymentMethod => match &intent.last_payment_error {
            Some(error) => {
                Outcome::Declined { reference: Some(reference), decline: declines::decline(error) }
            }
            // Not tried yet: the call that makes and confirms it may still run.
            None => Outcome::Pending { reference },
        },
        IntentStatus::Canceled => {
            let decline =
                declines::closed("payment_intent_canceled", intent.cancellation_reason.as_deref());
            Outcome::Declined { reference: Some(reference), decline }
        }
        IntentStatus::Processing
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresCapture
        | IntentStatus::Unheard => Outcome::Pending { reference },
    })
}

/// Of several payments under one reference, the one that counts. A key that outlived its day could
/// have made two; then money taken weighs more than money that may be, and that more than none.
pub fn weightiest(intents: &[wire::PaymentIntent]) -> Option<&wire::PaymentIntent> {
    intents.iter().min_by_key(|intent| match intent.status {
        IntentStatus::Succeeded => 0,
        IntentStatus::Processing
        | IntentStatus::RequiresAction
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresCapture
        | IntentStatus::Unheard => 1,
        IntentStatus::RequiresPaymentMethod | IntentStatus::Canceled => 2,
    })
}

/// What a payment in Stripe's list took, if it took anything in this mode.
pub fn taking(intent: &wire::PaymentIntent, mode: Mode) -> Option<Result<Taking, GatewayError>> {
    if intent.status != IntentStatus::Succeeded || !mode.admits(intent.livemode) {
        return None;
    }
    let charge = intent.latest_charge.as_ref().and_then(Expandable::object);
    let returned = charge.and_then(|charge| charge.amount_refunded).unwrap_or_default();
    let returned = amount::decode(returned, &intent.currency)
        .ok_or_else(|| unreadable("an amount in a currency that we cannot hold"));
    Some(paid(intent).and_then(|paid| {
        Ok(Taking {
            attempt: own_id(&intent.metadata, wire::ATTEMPT),
            reference: paid.reference,
            amount: paid.amount,
            returned: returned?,
            // A charge tells that it was disputed, and not what for.
            taken_back: None,
        })
    }))
}

/// How a payment stands that Stripe refused in the call's own answer. The refused payment stays
/// behind, open, so its reference is kept.
pub fn of_refusal(error: &wire::ApiError) -> Result<Outcome, GatewayError> {
    if declines::names_a_duplicate(error) {
        return Err(a_repeat());
    }
    let reference = error.payment_intent.as_ref().map(|intent| intent.id().to_owned());
    Ok(Outcome::Declined { reference, decline: declines::decline(error) })
}

/// A payment that the issuer takes for one that it already has: it tells nothing of that one (RULES §1.1).
fn a_repeat() -> GatewayError {
    unreadable("a payment that its issuer takes for an earlier one's repeat")
}

/// Whether the issuer refused a payment as the repeat of another, and said nothing since.
pub fn is_a_repeat(intent: &wire::PaymentIntent) -> bool {
    intent.status == IntentStatus::RequiresPaymentMethod
        && intent.last_payment_error.as_ref().is_some_and(declines::names_a_duplicate)
}

/// How a payment stands that is made on a page. A refused card is not the end of it while the
/// page is open.
pub fn of_checkout(session: &wire::Session, mode: Mode) -> Result<Outcome, GatewayError> {
    if !mode.admits(session.livemode) {
        return Err(unreadable("a page of the other mode (test or live)"));
    }
    let reference = session.id.clone();
    match session.status {
        Some(SessionStatus::Open) => {
            Ok(Outcome::ActionRequired { reference, url: session.url.clone() })
        }
        Some(SessionStatus::Expired) => Ok(Outcome::Declined {
            reference: Some(reference),
            decline: declines::closed("checkout_session_expired", None),
        }),
        Some(SessionStatus::Complete) => {
            match session.payment_intent.as_ref().and_then(Expandable::object) {
                Some(intent) => of_intent(intent, mode),
                None => Err(unreadable("a finished page without its payment")),
            }
        }
        None => Err(unreadable("a page without a status")),
    }
}

/// What became of a page that stores a card.
pub fn of_setup(session: &wire::Session, mode: Mode) -> Result<SetupState, GatewayError> {
    if !mode.admits(session.livemode) || session.mode != SessionMode::Setup {
        return Err(unreadable("a page of another mode or for another end"));
    }
    match session.status {
        Some(SessionStatus::Open) => Ok(SetupState::Open),
        Some(SessionStatus::Expired) => Ok(SetupState::Failed),
        Some(SessionStatus::Complete) => {
            let setup = session.setup_intent.as_ref().and_then(Expandable::object);
            let setup = setup.ok_or_else(|| unreadable("a finished page without its set-up"))?;
            let method = setup.payment_method.as_ref().and_then(Expandable::object);
            Ok(match (setup.status.as_str(), method) {
                ("succeeded", Some(method)) => {
                    let holder = session.customer.as_ref().map(|customer| customer.id().to_owned());
                    let method = method::stored(method);
                    let customer_reference = method.customer_reference.or(holder);
                    SetupState::Stored(StoredMethod { customer_reference, ..method })
                }
                // A bank account whose holder must still confirm small deposits.
                ("processing" | "requires_action", _) => SetupState::Open,
                _ => SetupState::Failed,
            })
        }
        None => Err(unreadable("a page without a status")),
    }
}

/// Where to send the customer.
pub fn hosted_page(session: wire::Session, mode: Mode) -> Result<HostedPage, GatewayError> {
    match session.url {
        Some(url) if mode.admits(session.livemode) => Ok(HostedPage { reference: session.id, url }),
        _ => Err(unreadable("a page without an address, or of the other mode")),
    }
}

/// How a refund stands.
pub fn of_refund(refund: &wire::Refund) -> RefundOutcome {
    let reference = refund.id.clone();
    match refund.status.as_deref() {
        Some("succeeded") => RefundOutcome::Refunded { reference },
        Some(ended @ ("failed" | "canceled")) => RefundOutcome::Failed {
            reason: refund.failure_reason.clone().unwrap_or_else(|| ended.to_owned()),
        },
        _ => RefundOutcome::Pending { reference },
    }
}

/// What Stripe's refusal to refund means: an answer if it speaks of the charge, else our mistake.
pub fn of_refused_refund(failure: Failure) -> Result<RefundOutcome, GatewayError> {
    const SPENT: [&str; 2] = ["charge_already_refunded", "charge_disputed"];
    match failure {
        Failure::Refused(refusal)
            if refusal.is_payment_failure()
                || refusal.error.param.as_deref() == Some("amount")
                || refusal.error.code.as_deref().is_some_and(|code| SPENT.contains(&code)) =>
        {
            let reason = refusal.error.message.or(refusal.error.code).unwrap_or_default();
            Ok(RefundOutcome::Failed { reason })
        }
        failure => Err(failure.into()),
    }
}

/// The id that we wrote under `key`, if it is ours.
pub fn own_id<T: FromStr>(metadata: &wire::Metadata, key: &str) -> Option<T> {
    metadata.get(key)?.parse().ok()
}

/// Whether the customer chose the method on a page and agreed to its being charged later.
pub fn stores_its_method(intent: &wire::PaymentIntent) -> bool {
    is_made_on_a_page(intent) && intent.setup_future_usage.as_deref() == Some("off_session")
}

/// Whether the customer makes this payment on a page, trying cards until one works.
pub fn is_made_on_a_page(intent: &wire::PaymentIntent) -> bool {
    intent.metadata.get(wire::PAGE).is_some_and(|page| page == wire::CHECKOUT)
}

/// An answer that came and does not say what it must.
pub fn unreadable(what: &str) -> GatewayError {
    GatewayError::Unknown(format!("Stripe told of {what}").into())
}

fn paid(intent: &wire::PaymentIntent) -> Result<Paid, GatewayError> {
    // We never capture by part, so what was asked for stands in for a missing account of it.
    let taken = intent.amount_received.unwrap_or(intent.amount);
    let amount = amount::decode(taken, &intent.currency)
        .ok_or_else(|| unreadable("an amount in a currency that we cannot hold"))?;
    let charge = intent.latest_charge.as_ref().and_then(Expandable::object);
    let card = charge.and_then(|charge| charge.payment_method_details.as_ref()?.card.as_ref());
    let said = charge.and_then(|charge| charge.outcome.as_ref());
    let method = intent.payment_method.as_ref().and_then(Expandable::object);
    Ok(Paid {
        network_transaction: card.and_then(|card| card.network_transaction_id.clone()),
        network_advice: said.and_then(|said| said.network_advice_code.clone()),
        method: method.filter(|_| stores_its_method(intent)).map(method::stored).map(Box::new),
        is_brief: matches!(intent.latest_charge, Some(Expandable::Id(_))),
        ..Paid::bare(intent.id.clone(), amount)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{
        money::{Currency, Money},
        payment::decline::DeclineClass,
    };

    fn read<T: serde::de::DeserializeOwned>(json: Value) -> T {
        serde_json::from_value(json).unwrap()
    }

    fn merged(mut base: Value, more: &Value) -> Value {
        let more = more.as_object().unwrap().clone();
        base.as_object_mut().unwrap().extend(more);
        base
    }

    fn intent(more: &Value) -> wire::PaymentIntent {
        let base = json!({
            "id": "pi_1", "object": "payment_intent", "livemode": false, "metadata": {},
            "amount": 1999, "amount_received": 0, "currency": "usd",
            "latest_charge": null, "payment_method": "pm_1", "last_payment_error": null,
        });
        read(merged(base, more))
    }

    fn session(more: &Value) -> wire::Session {
        let base = json!({
            "id": "cs_1", "object": "checkout.session", "livemode": false, "metadata": {},
            "url": "https://checkout.example/cs_1", "customer": "cus_1",
        });
        read(merged(base, more))
    }

    fn card() -> Value {
        json!({
            "id": "pm_1", "object": "payment_method", "type": "card", "customer": "cus_1",
            "card": {
                "brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030,
                "fingerprint": "AOB934RVNwzk6xtn",
                "networks": { "available": ["visa"], "preferred": null },
            },
        })
    }

    fn dollars(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("USD").unwrap())
    }

    #[rstest]
    #[case("processing")]
    #[case("requires_confirmation")]
    #[case("requires_capture")]
    #[case("requires_payment_method")]
    #[case("a_status_of_tomorrow")]
    fn what_has_not_ended_is_pending(#[case] status: &str) {
        let outcome = of_intent(&intent(&json!({ "status": status })), Mode::Test).unwrap();
        assert_eq!(outcome, Outcome::Pending { reference: "pi_1".to_owned() });
    }

    #[test]
    fn a_payment_counts_for_what_it_received_and_keeps_the_networks_id() {
        let charge = json!({ "payment_method_details": { "card": {
            "network_transaction_id": "104102978678771",
        } } });
        let paid = intent(&json!({
            "status": "succeeded", "amount_received": 1500, "latest_charge": charge,
            "payment_method": card(),
        }));
        assert_eq!(
            of_intent(&paid, Mode::Test).unwrap(),
            Outcome::Paid(Paid {
                network_transaction: Some("104102978678771".to_owned()),
                ..Paid::bare("pi_1".to_owned(), dollars(1500))
            })
        );
    }

    #[test]
    fn a_payment_without_its_charge_is_told_in_brief() {
        let paid = intent(&json!({ "status": "succeeded", "latest_charge": "ch_1" }));
        let Outcome::Paid(paid) = of_intent(&paid, Mode::Test).unwrap() else { panic!("not paid") };
        assert!(paid.is_brief);
    }

    #[rstest]
    #[case::agreed_on_the_page(json!("off_session"), "checkout", true)]
    #[case::not_agreed(json!(null), "checkout", false)]
    #[case::not_on_a_page(json!("off_session"), "", false)]
    fn a_method_is_kept_only_if_the_customer_agreed_on_the_page(
        #[case] setup_future_usage: Value,
        #[case] page: &str,
        #[case] is_kept: bool,
    ) {
        let paid = intent(&json!({
            "status": "succeeded", "amount_received": 1999, "payment_method": card(),
            "setup_future_usage": setup_future_usage, "metadata": { "rondo_page": page },
        }));
        let Outcome::Paid(paid) = of_intent(&paid, Mode::Test).unwrap() else { panic!("not paid") };
        assert_eq!(paid.method.is_some(), is_kept);
    }

    #[test]
    fn a_challenge_tells_where_to_answer_it() {
        let next = json!({ "type": "redirect_to_url", "redirect_to_url": { "url": "https://a" } });
        let challenged = intent(&json!({ "status": "requires_action", "next_action": next }));
        assert_eq!(
            of_intent(&challenged, Mode::Test).unwrap(),
            Outcome::ActionRequired {
                reference: "pi_1".to_owned(),
                url: Some("https://a".to_owned())
            }
        );
    }

    #[rstest]
    #[case::refused(
        json!({ "status": "requires_payment_method", "last_payment_error": {
            "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
        } }),
        DeclineClass::WaitFunds
    )]
    #[case::cancelled(
        json!({ "status": "canceled", "cancellation_reason": "abandoned" }),
        DeclineClass::Generic
    )]
    fn a_payment_that_failed_is_declined_with_its_reference(
        #[case] more: Value,
        #[case] class: DeclineClass,
    ) {
        let outcome = of_intent(&intent(&more), Mode::Test).unwrap();
        let Outcome::Declined { reference, decline } = outcome else { panic!("not declined") };
        assert_eq!((reference.as_deref(), decline.class), (Some("pi_1"), class));
    }

    #[rstest]
    #[case("duplicate_transaction", "")]
    #[case("do_not_honor", "94")]
    fn a_refusal_as_a_repeat_is_no_verdict(#[case] decline_code: &str, #[case] network: &str) {
        let error = read(json!({ "decline_code": decline_code, "network_decline_code": network }));
        assert!(matches!(of_refusal(&error), Err(GatewayError::Unknown(_))));
        let refused = json!({ "status": "requires_payment_method", "last_payment_error": {
            "decline_code": decline_code, "network_decline_code": network,
        } });
        assert!(matches!(of_intent(&intent(&refused), Mode::Test), Err(GatewayError::Unknown(_))));
    }

    #[test]
    fn a_payment_of_the_other_mode_is_no_answer() {
        let live = intent(&json!({ "status": "succeeded", "livemode": true }));
        assert!(matches!(of_intent(&live, Mode::Test), Err(GatewayError::Unknown(_))));
    }

    #[rstest]
    #[case::open(json!({ "status": "open" }), "ActionRequired")]
    #[case::expired(json!({ "status": "expired" }), "Declined")]
    #[case::paid(
        json!({ "status": "complete", "payment_intent": {
            "id": "pi_1", "amount": 5, "currency": "eur", "status": "succeeded",
        } }),
        "Paid"
    )]
    #[case::a_bank_still_works_on_it(
        json!({ "status": "complete", "payment_intent": {
            "id": "pi_1", "amount": 5, "currency": "eur", "status": "processing",
        } }),
        "Pending"
    )]
    fn a_page_ends_as_its_session_does(#[case] more: Value, #[case] kind: &str) {
        let session = session(&merged(json!({ "mode": "payment" }), &more));
        let outcome = format!("{:?}", of_checkout(&session, Mode::Test).unwrap());
        assert!(outcome.starts_with(kind), "{outcome}");
    }

    #[rstest]
    #[case::open("open", json!(null), SetupState::Open)]
    #[case::expired("expired", json!(null), SetupState::Failed)]
    #[case::refused("complete", json!({ "status": "canceled" }), SetupState::Failed)]
    #[case::small_deposits_to_confirm(
        "complete", json!({ "status": "processing" }), SetupState::Open
    )]
    #[case::stored(
        "complete",
        json!({ "status": "succeeded", "payment_method": card() }),
        SetupState::Stored(method::stored(&read(card())))
    )]
    fn a_set_up_page_ends_with_its_set_up(
        #[case] status: &str,
        #[case] setup_intent: Value,
        #[case] state: SetupState,
    ) {
        let session =
            session(&json!({ "mode": "setup", "status": status, "setup_intent": setup_intent }));
        assert_eq!(of_setup(&session, Mode::Test).unwrap(), state);
    }

    #[rstest]
    #[case("succeeded", "Refunded")]
    #[case("pending", "Pending")]
    #[case("requires_action", "Pending")]
    #[case("failed", "Failed")]
    #[case("canceled", "Failed")]
    fn a_refund_stands_as_stripe_says(#[case] status: &str, #[case] kind: &str) {
        let refund = read(json!({ "id": "re_1", "status": status }));
        let outcome = format!("{:?}", of_refund(&refund));
        assert!(outcome.starts_with(kind), "{outcome}");
    }

    #[test]
    fn of_two_payments_under_one_reference_the_one_that_took_money_counts() {
        let declined = || intent(&json!({ "status": "canceled" }));
        let waiting = || intent(&json!({ "status": "processing" }));
        let paid = || intent(&json!({ "status": "succeeded" }));
        let counts = |intents: Vec<_>| weightiest(&intents).unwrap().status;
        assert_eq!(counts(vec![declined(), waiting(), paid()]), IntentStatus::Succeeded);
        assert_eq!(counts(vec![declined(), waiting()]), IntentStatus::Processing);
        assert!(weightiest(&[]).is_none());
    }
}
