//! What Stripe's codes mean to us: the decline table, as data (RULES §1).
//!
//! The order of reading is `decline_code`, then `code`; what neither tells is [`Generic`].
//! Stripe's `advice_code` can only make the class stricter (RULES DEC-3). The network's own codes
//! are kept raw and not read here: their digits mean different things on different networks.

use super::wire;
use crate::domain::payment::decline::{
    Decline,
    DeclineClass::{
        self, Config, FixData, Generic, NeedsSca, Never, StopMandate, WaitFunds, WaitIssuer,
    },
};

/// Every code that we know, by class. A `decline_code` and a `code` of one name mean the same.
const TABLE: &[(DeclineClass, &[&str])] = &[
    (
        Generic,
        &[
            "approve_with_id",
            "call_issuer",
            "card_declined",
            "card_decline_rate_limit_exceeded",
            "do_not_honor",
            "generic_decline",
            "no_action_taken",
            "not_permitted",
        ],
    ),
    (
        WaitIssuer,
        &[
            "issuer_not_available",
            "payment_intent_payment_attempt_expired",
            "payment_method_provider_timeout",
            "processing_error",
            "reenter_transaction",
            "try_again_later",
        ],
    ),
    (
        WaitFunds,
        &[
            "card_velocity_exceeded",
            "charge_exceeds_transaction_limit",
            "insufficient_funds",
            "withdrawal_count_limit_exceeded",
        ],
    ),
    (
        Config,
        &[
            "amount_too_large",
            "amount_too_small",
            "api_key_expired",
            "livemode_mismatch",
            "resource_missing",
            "secret_key_required",
            "test_mode_live_card",
            "testmode_charges_only",
            "testmode_decline",
        ],
    ),
    (
        FixData,
        &[
            "bank_account_restricted",
            "bank_account_unusable",
            "card_not_supported",
            "currency_not_supported",
            "expired_card",
            "incorrect_address",
            "incorrect_cvc",
            "incorrect_pin",
            "incorrect_zip",
            "invalid_cvc",
            "invalid_expiry_month",
            "invalid_expiry_year",
            "invalid_pin",
            "new_account_information_available",
            "pin_try_exceeded",
        ],
    ),
    (
        NeedsSca,
        &[
            "authentication_not_handled",
            "authentication_required",
            "offline_pin_required",
            "online_or_offline_pin_required",
            "payment_intent_action_required",
            "payment_intent_authentication_failure",
            "setup_intent_authentication_failure",
        ],
    ),
    (
        StopMandate,
        &[
            "billing_invalid_mandate",
            "debit_not_authorized",
            "india_recurring_payment_mandate_canceled",
            "payment_intent_mandate_invalid",
            "refer_to_customer",
            "revocation_of_all_authorizations",
            "revocation_of_authorization",
            "setup_intent_mandate_invalid",
            "stop_payment_order",
        ],
    ),
    (
        Never,
        &[
            "account_closed",
            "do_not_try_again",
            // Stripe or the issuer holds the payer for a fraud: stricter than a mere suspicion.
            "fraudulent",
            "incorrect_number",
            "invalid_account",
            "invalid_number",
            "lost_card",
            "merchant_blacklist",
            "no_account",
            "payment_method_customer_decline",
            "pickup_card",
            "restricted_card",
            "revoked_card",
            "security_violation",
            "service_not_allowed",
            "stolen_card",
            "transaction_not_allowed",
        ],
    ),
];

/// The code of a payment that the issuer takes for one that it already has.
const DUPLICATE: &str = "duplicate_transaction";
/// ISO 8583's word for the same.
const DUPLICATE_TRANSMISSION: &str = "94";

/// How long Stripe blocks a card that was declined too often: it then asks for a day.
const BLOCKED_CARD: (&str, u32) = ("card_decline_rate_limit_exceeded", 24);

/// What was said with a refusal, and what we understand by it.
pub fn decline(error: &wire::ApiError) -> Decline {
    let code = error.decline_code.as_ref().or(error.code.as_ref());
    let by_code = [&error.decline_code, &error.code]
        .into_iter()
        .flatten()
        .find_map(|code| class_of(code))
        .unwrap_or(Generic);
    let by_advice = error.advice_code.as_deref().and_then(class_of_advice);
    let class = by_advice.map_or(by_code, |advised| advised.max(by_code));
    Decline {
        gateway_code: code.cloned(),
        gateway_advice: error.advice_code.clone(),
        response_code: error.network_decline_code.clone(),
        network_advice: error.network_advice_code.clone(),
        message: error.message.clone(),
        wait_hours: code.filter(|code| *code == BLOCKED_CARD.0).map(|_| BLOCKED_CARD.1),
        ..Decline::of(class)
    }
}

/// A refusal for reasons that Stripe gives outside of an error: a cancelled or expired payment.
pub fn closed(code: &str, reason: Option<&str>) -> Decline {
    decline(&wire::ApiError {
        code: Some(code.to_owned()),
        message: reason.map(str::to_owned),
        ..wire::ApiError::default()
    })
}

/// Whether the refusal says that the payment repeats another. Then there is no verdict, and the
/// earlier one must be looked up first (RULES §3, code 94).
pub fn names_a_duplicate(error: &wire::ApiError) -> bool {
    error.decline_code.as_deref() == Some(DUPLICATE)
        || error.code.as_deref() == Some(DUPLICATE)
        || error.network_decline_code.as_deref() == Some(DUPLICATE_TRANSMISSION)
}

fn class_of(code: &str) -> Option<DeclineClass> {
    TABLE.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class)
}

/// `try_again_later` is missing: it asks for nothing that the code's own class does not.
fn class_of_advice(advice: &str) -> Option<DeclineClass> {
    match advice {
        "do_not_try_again" => Some(Never),
        "confirm_card_data" => Some(FixData),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn error(decline_code: &str, code: &str, advice: &str) -> wire::ApiError {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        wire::ApiError {
            decline_code: said(decline_code),
            code: said(code),
            advice_code: said(advice),
            ..wire::ApiError::default()
        }
    }

    // The rows of Stripe's test cards, then one row or more for each class.
    #[rstest]
    #[case("generic_decline", "card_declined", "try_again_later", Generic)]
    #[case("insufficient_funds", "card_declined", "try_again_later", WaitFunds)]
    #[case("lost_card", "card_declined", "do_not_try_again", Never)]
    #[case("stolen_card", "card_declined", "do_not_try_again", Never)]
    #[case("", "expired_card", "confirm_card_data", FixData)]
    #[case("", "incorrect_cvc", "confirm_card_data", FixData)]
    #[case("", "processing_error", "try_again_later", WaitIssuer)]
    #[case("fraudulent", "card_declined", "", Never)]
    #[case("card_velocity_exceeded", "card_declined", "", WaitFunds)]
    #[case("authentication_required", "card_declined", "", NeedsSca)]
    #[case("", "authentication_required", "", NeedsSca)]
    #[case("stop_payment_order", "card_declined", "", StopMandate)]
    #[case("testmode_decline", "card_declined", "", Config)]
    #[case("currency_not_supported", "card_declined", "", FixData)]
    #[case("", "payment_intent_mandate_invalid", "", StopMandate)]
    #[case("issuer_not_available", "card_declined", "", WaitIssuer)]
    fn a_code_has_its_class(
        #[case] decline_code: &str,
        #[case] code: &str,
        #[case] advice: &str,
        #[case] class: DeclineClass,
    ) {
        assert_eq!(decline(&error(decline_code, code, advice)).class, class);
    }

    #[rstest]
    #[case::never_again("do_not_honor", "do_not_try_again", Never)]
    #[case::wrong_data("do_not_honor", "confirm_card_data", FixData)]
    #[case::no_softening("lost_card", "try_again_later", Never)]
    #[case::no_way_around_the_customer("authentication_required", "confirm_card_data", NeedsSca)]
    #[case::an_unheard_advice("insufficient_funds", "ask_a_friend", WaitFunds)]
    fn advice_makes_a_class_stricter_and_never_softer(
        #[case] decline_code: &str,
        #[case] advice: &str,
        #[case] class: DeclineClass,
    ) {
        assert_eq!(decline(&error(decline_code, "card_declined", advice)).class, class);
    }

    #[test]
    fn an_unknown_decline_code_is_read_by_the_code_and_else_generic() {
        assert_eq!(decline(&error("brand_new", "expired_card", "")).class, FixData);
        assert_eq!(decline(&error("brand_new", "card_declined", "")).class, Generic);
        assert_eq!(decline(&error("", "", "")).class, Generic);
    }

    #[test]
    fn every_raw_signal_is_kept() {
        let said = wire::ApiError {
            network_decline_code: Some("51".to_owned()),
            network_advice_code: Some("24".to_owned()),
            message: Some("Your card has insufficient funds.".to_owned()),
            ..error("insufficient_funds", "card_declined", "try_again_later")
        };
        assert_eq!(
            decline(&said),
            Decline {
                gateway_code: Some("insufficient_funds".to_owned()),
                gateway_advice: Some("try_again_later".to_owned()),
                response_code: Some("51".to_owned()),
                network_advice: Some("24".to_owned()),
                message: Some("Your card has insufficient funds.".to_owned()),
                ..Decline::of(WaitFunds)
            }
        );
    }

    #[test]
    fn a_card_that_stripe_blocks_waits_a_day() {
        assert_eq!(decline(&error("", BLOCKED_CARD.0, "")).wait_hours, Some(24));
    }

    #[test]
    fn no_code_has_two_classes() {
        let mut codes: Vec<_> = TABLE.iter().flat_map(|(_, codes)| *codes).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
