//! The magic cards, as data: networks, reasons to decline, faults, and the cards offered on pages.
//!
//! This is the table to look things up in; [`super::script`] says how its words make a token.

/// A network that a token can name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Network {
    /// The word in a token, and the network's name in the API.
    pub word: &'static str,
    /// What people call it.
    pub brand: &'static str,
    /// The last four digits of its cards, or of its accounts.
    pub last_four: &'static str,
    /// Whether there is a month of expiry.
    pub expires: bool,
}

pub(super) const NETWORKS: &[Network] = &[
    Network { word: "visa", brand: "Visa", last_four: "4242", expires: true },
    Network { word: "mastercard", brand: "Mastercard", last_four: "4444", expires: true },
    Network { word: "amex", brand: "American Express", last_four: "0005", expires: true },
    Network { word: "discover", brand: "Discover", last_four: "1117", expires: true },
    Network { word: "jcb", brand: "JCB", last_four: "0505", expires: true },
    Network { word: "unionpay", brand: "UnionPay", last_four: "0004", expires: true },
    Network { word: "ach", brand: "US bank account", last_four: "6789", expires: false },
    Network { word: "sepa", brand: "SEPA debit", last_four: "3000", expires: false },
    Network { word: "bacs", brand: "Bacs debit", last_four: "2345", expires: false },
    Network { word: "wallet", brand: "Wallet", last_four: "0000", expires: false },
];

/// One way to say no.
#[derive(Debug)]
pub(super) struct Reason {
    /// The word in a token.
    pub word: &'static str,
    /// The sandbox's own decline code.
    pub code: &'static str,
    /// The ISO 8583 response code, or the bank scheme's return code.
    pub response_code: &'static str,
    /// Mastercard's advice code.
    pub network_advice: Option<&'static str>,
    /// The sandbox's own advice.
    pub advice: Option<&'static str>,
    /// The network wants this many hours of rest before the next try.
    pub wait_hours: Option<u32>,
    /// A sentence for staff.
    pub message: &'static str,
}

const LATER: Option<&str> = Some("try_again_later");
const NEVER: Option<&str> = Some("do_not_try_again");
const CONFIRM: Option<&str> = Some("confirm_card_data");

const fn reason(
    word: &'static str,
    code: &'static str,
    response_code: &'static str,
    advice: Option<&'static str>,
    message: &'static str,
) -> Reason {
    Reason { word, code, response_code, network_advice: None, advice, wait_hours: None, message }
}

const fn advised(
    word: &'static str,
    mac: &'static str,
    code: &'static str,
    response_code: &'static str,
    wait_hours: Option<u32>,
    message: &'static str,
) -> Reason {
    let network_advice = Some(mac);
    Reason { word, code, response_code, network_advice, advice: None, wait_hours, message }
}

/// Every reason, by its own word (`tok_visa_lost_card`) or, raw, by its codes (`tok_visa_rc_41`,
/// `tok_mastercard_mac_03`, `tok_mastercard_rc_79_mac_01`). A raw code that is not here is told
/// as it is, with the code `declined`.
pub(super) const REASONS: &[Reason] = &[
    // Soft: another day may do.
    reason("insufficient_funds", "insufficient_funds", "51", LATER, "not enough money"),
    reason("do_not_honor", "do_not_honor", "05", None, "the issuer gives no reason"),
    reason("over_limit", "limit_exceeded", "61", LATER, "over the card's amount limit"),
    reason("too_often", "limit_exceeded", "65", LATER, "over the card's frequency limit"),
    reason("issuer_down", "issuer_unavailable", "91", LATER, "the issuer does not answer"),
    reason("system_error", "issuer_unavailable", "96", LATER, "a system malfunction"),
    // Hard: this credential is over.
    reason("lost_card", "lost_card", "41", NEVER, "reported lost"),
    reason("stolen_card", "stolen_card", "43", NEVER, "reported stolen"),
    reason("pick_up_card", "pick_up_card", "04", NEVER, "the issuer wants the card back"),
    reason("closed_account", "closed_account", "46", NEVER, "the account is closed"),
    reason("no_such_card", "no_such_card", "14", NEVER, "there is no such card"),
    // The payer withdrew.
    reason("stop_payment", "stop_payment", "R0", None, "the payer stopped this payment"),
    reason("stop_recurring", "stop_recurring", "R1", None, "the payer stopped the agreement"),
    reason("stop_all", "stop_recurring", "R3", None, "the payer stopped all agreements"),
    // The data must change first.
    reason("expired_card", "expired_card", "54", CONFIRM, "the card has expired"),
    reason("restricted_card", "restricted_card", "62", CONFIRM, "not usable here"),
    reason("blocked_by_issuer", "restricted_card", "5C", CONFIRM, "not for this kind of payment"),
    // Only the customer can help.
    reason("authentication_required", "authentication_required", "1A", None, "authenticate first"),
    reason("authentication_failed", "authentication_failed", "1A", None, "not authenticated"),
    // Risk, and our own set-up.
    reason("suspected_fraud", "suspected_fraud", "59", None, "the issuer suspects fraud"),
    reason("security_violation", "suspected_fraud", "63", None, "a security violation"),
    reason("invalid_merchant", "invalid_merchant", "03", None, "not valid for this merchant"),
    reason("invalid_amount", "invalid_request", "13", None, "the amount is not valid"),
    // Mastercard's advice.
    advised("mac_01", "01", "new_card_data", "05", None, "newer card data exists"),
    advised("mac_02", "02", "try_later", "05", Some(72), "cannot approve now"),
    advised("mac_03", "03", "do_not_try_again", "05", None, "do not try again"),
    advised("mac_04", "04", "invalid_request", "05", None, "token requirements not met"),
    advised("mac_21", "21", "stop_recurring", "05", None, "the payer cancelled the agreement"),
    advised("mac_24", "24", "insufficient_funds", "51", Some(1), "try again after 1 hour"),
    advised("mac_25", "25", "insufficient_funds", "51", Some(24), "try again after 24 hours"),
    advised("mac_26", "26", "insufficient_funds", "51", Some(48), "try again after 2 days"),
    advised("mac_27", "27", "insufficient_funds", "51", Some(96), "try again after 4 days"),
    advised("mac_28", "28", "insufficient_funds", "51", Some(144), "try again after 6 days"),
    advised("mac_29", "29", "insufficient_funds", "51", Some(192), "try again after 8 days"),
    advised("mac_30", "30", "insufficient_funds", "51", Some(240), "try again after 10 days"),
    // Bank debits.
    reason("ach_no_funds", "insufficient_funds", "R01", None, "not enough money"),
    reason("ach_closed", "incorrect_account", "R02", None, "the account is closed"),
    reason("ach_revoked", "stop_recurring", "R07", None, "the authorisation was revoked"),
    reason("sepa_no_funds", "insufficient_funds", "AM04", None, "not enough money"),
    reason("sepa_closed", "incorrect_account", "AC04", None, "the account is closed"),
    reason("sepa_no_mandate", "stop_recurring", "MD01", None, "there is no mandate"),
];

/// The cards that the hosted pages offer: a script, and what to tell the person who picks.
pub(super) const ON_PAGES: &[(&str, &str)] = &[
    ("tok_visa", "Visa that always pays"),
    ("tok_mastercard", "Mastercard that always pays"),
    ("tok_amex", "American Express that always pays"),
    ("tok_sepa_settles_after_1", "SEPA debit: pending first, then paid"),
    ("tok_visa_authentication_required_x1_then_ok", "Visa: authenticate now, pays from then on"),
    ("tok_visa_authentication_required", "Visa: authenticate every time"),
    ("tok_visa_ok_x1_then_insufficient_funds_x2_then_ok", "Visa: pays, is empty twice, pays again"),
    ("tok_visa_ok_x1_then_expired_card", "Visa: pays once, then expires"),
    ("tok_visa_insufficient_funds", "Visa: not enough money"),
    ("tok_visa_lost_card", "Visa: lost"),
    ("tok_mastercard_mac_03", "Mastercard: do not try again"),
    ("tok_visa_suspected_fraud", "Visa: suspected fraud"),
];
