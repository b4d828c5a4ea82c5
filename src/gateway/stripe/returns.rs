//! What Stripe tells of money that went back: disputes, which are how banks and card schemes take it,
//! and refunds that staff made in Stripe's dashboard.
//!
//! - A returned bank debit is a dispute too, of a payment that stays `succeeded`.
//! - Funds move with the dispute's balance transactions: out with the first, in again with a second if it
//!   is won. Those amounts are in the account's own currency; what counts is the disputed amount.
//! - An inquiry (`warning_…`) moves nothing, and may never come to more.

use super::{amount, outcome, wire};
use crate::{
    domain::payment::decline::{Decline, DeclineClass, Flag},
    gateway::{GatewayError, News, RefundState, Reversal, ReversalState, ToldRefund},
};

/// What a dispute says, if it has moved money of a payment. `told` is what an event's own name says.
pub fn of_dispute(
    dispute: &wire::Dispute,
    told: Option<ReversalState>,
) -> Result<Option<News>, GatewayError> {
    let Some(intent) = &dispute.payment_intent else { return Ok(None) };
    let moved =
        |is_it: fn(i64) -> bool| dispute.balance_transactions.iter().any(|t| is_it(t.amount));
    let seen = if moved(|amount| amount > 0) {
        Some(ReversalState::Reinstated)
    } else {
        moved(|amount| amount < 0).then_some(ReversalState::TakenBack)
    };
    // An event tells of its own time; the dispute in it may have gone further.
    let Some(state) = seen.max(told) else { return Ok(None) };
    let amount = amount::decode(dispute.amount, &dispute.currency)
        .ok_or_else(|| outcome::unreadable("a dispute in a currency that we cannot hold"))?;
    let reference = dispute.id.clone();
    let reversal = Reversal { reference, amount, state, why: why(dispute) };
    Ok(Some(News::Reversal { attempt: None, charge: intent.id().to_owned(), reversal }))
}

/// Why the money was taken back. Only want of money is said of bank debits alone; what a cardholder
/// disputes is never charged that way again.
fn why(dispute: &wire::Dispute) -> Decline {
    let (class, flags): (_, &[Flag]) = match dispute.reason.as_str() {
        "insufficient_funds" => (DeclineClass::WaitFunds, &[]),
        "incorrect_account_details" => (DeclineClass::FixData, &[]),
        "debit_not_authorized" => (DeclineClass::StopMandate, &[Flag::Unauthorised]),
        "customer_initiated" => (DeclineClass::StopMandate, &[Flag::RefundedAfterSettlement]),
        _ => (DeclineClass::Never, &[]),
    };
    let details = dispute.payment_method_details.as_ref();
    let code = details.and_then(|details| details.card.as_ref()?.network_reason_code.as_ref());
    Decline {
        gateway_code: Some(dispute.reason.clone()),
        message: code.map(|code| format!("the network's reason {code}")),
        flags: flags.into(),
        ..Decline::of(class)
    }
}

/// What a refund says: ours by the reference that it bears, else somebody's at Stripe. One of a charge
/// without a payment intent is of none of our payments.
pub fn of_refund(refund: &wire::Refund) -> Result<Option<News>, GatewayError> {
    if let Some(ours) = outcome::own_id(&refund.metadata, wire::REFUND) {
        return Ok(Some(News::Refund { refund: Some(ours), outcome: outcome::of_refund(refund) }));
    }
    let Some(intent) = &refund.payment_intent else { return Ok(None) };
    let told = refund.amount.zip(refund.currency.as_deref());
    let amount = told.and_then(|(amount, currency)| amount::decode(amount, currency));
    let amount = amount.ok_or_else(|| outcome::unreadable("a refund without its amount"))?;
    Ok(Some(News::ForeignRefund(ToldRefund {
        attempt: None,
        charge: intent.id().to_owned(),
        reference: refund.id.clone(),
        amount,
        state: match refund.status.as_deref() {
            Some("succeeded") => RefundState::Succeeded,
            Some("failed" | "canceled") => RefundState::Failed,
            _ => RefundState::Pending,
        },
        failure: refund.failure_reason.clone(),
    })))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::money::{Currency, Money};

    fn dispute(reason: &str, moved: &[i64]) -> wire::Dispute {
        let moved: Vec<_> = moved.iter().map(|amount| json!({ "amount": amount })).collect();
        let dispute = json!({
            "id": "dp_1", "object": "dispute", "amount": 1999, "currency": "usd",
            "charge": "ch_1", "payment_intent": "pi_1", "reason": reason, "status": "under_review",
            "balance_transactions": moved, "livemode": false,
            "payment_method_details": { "type": "card", "card": {
                "brand": "visa", "network_reason_code": "10.4",
            } },
        });
        serde_json::from_value(dispute).unwrap()
    }

    use ReversalState::{Reinstated, TakenBack};

    #[rstest]
    #[case::an_inquiry_moves_nothing(&[], None, None)]
    #[case::by_its_balance(&[-1999], None, Some(TakenBack))]
    #[case::by_its_event(&[], Some(TakenBack), Some(TakenBack))]
    #[case::won(&[-1999, 1999], None, Some(Reinstated))]
    #[case::won_by_its_event(&[-1999], Some(Reinstated), Some(Reinstated))]
    #[case::an_event_that_is_behind(&[-1999, 1999], Some(TakenBack), Some(Reinstated))]
    #[case::in_the_accounts_currency(&[-1850], None, Some(TakenBack))]
    fn a_dispute_takes_money_when_its_funds_move(
        #[case] moved: &[i64],
        #[case] told: Option<ReversalState>,
        #[case] expected: Option<ReversalState>,
    ) {
        let news = of_dispute(&dispute("fraudulent", moved), told).unwrap();
        let told = news.map(|news| {
            let News::Reversal { charge, reversal, .. } = news else { panic!("{news:?}") };
            assert_eq!((charge.as_str(), reversal.reference.as_str()), ("pi_1", "dp_1"));
            let dollars = Money::new(1999, Currency::from_code("USD").unwrap());
            assert_eq!(reversal.amount, dollars, "what is disputed, in the charge's currency");
            reversal.state
        });
        assert_eq!(told, expected);
    }

    #[rstest]
    #[case("insufficient_funds", DeclineClass::WaitFunds)]
    #[case("incorrect_account_details", DeclineClass::FixData)]
    #[case("debit_not_authorized", DeclineClass::StopMandate)]
    #[case("customer_initiated", DeclineClass::StopMandate)]
    #[case("fraudulent", DeclineClass::Never)]
    #[case("general", DeclineClass::Never)]
    #[case("a_reason_of_tomorrow", DeclineClass::Never)]
    fn only_want_of_money_is_waited_for(#[case] reason: &str, #[case] class: DeclineClass) {
        assert_eq!(why(&dispute(reason, &[])).class, class);
    }

    fn refund(more: &Value) -> wire::Refund {
        let mut refund = json!({
            "id": "re_1", "object": "refund", "amount": 500, "currency": "usd", "charge": "ch_1",
            "payment_intent": "pi_1", "status": "succeeded", "metadata": {},
        });
        refund.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(refund).unwrap()
    }

    #[test]
    fn a_refund_is_ours_by_the_reference_that_it_bears() {
        let ours = json!({ "metadata": { "rondo_refund": "ref_00000000000000000000000007" } });
        let news = of_refund(&refund(&ours)).unwrap();
        assert!(matches!(news, Some(News::Refund { refund: Some(_), .. })), "{news:?}");

        let Some(News::ForeignRefund(told)) = of_refund(&refund(&json!({}))).unwrap() else {
            panic!("somebody else's")
        };
        assert_eq!((told.charge.as_str(), told.reference.as_str()), ("pi_1", "re_1"));
        assert_eq!((told.amount.minor(), told.state), (500, RefundState::Succeeded));
        assert_eq!(of_refund(&refund(&json!({ "payment_intent": null }))).unwrap(), None);
    }
}
