//! Cards of the sandbox by what they do; what a token can say stands in the sandbox's `script`.

/// Pays.
pub const GOOD: &str = "tok_visa_ok";
/// Another that pays.
pub const GOOD_MASTERCARD: &str = "tok_mastercard_ok";
/// Never has enough money.
pub const EMPTY: &str = "tok_visa_insufficient_funds";
/// Has no money once, then pays.
pub const EMPTY_ONCE: &str = "tok_visa_insufficient_funds_x1_then_ok";
/// Pays once, then never has enough money.
pub const EMPTY_AFTER_ONE: &str = "tok_visa_ok_x1_then_insufficient_funds";
/// Pays once, has no money once, and pays from then on.
pub const EMPTY_IN_THE_SECOND_MONTH: &str = "tok_visa_ok_x1_then_insufficient_funds_x1_then_ok";
/// Reported lost.
pub const LOST: &str = "tok_visa_lost_card";
/// Pays, but not at the first moment: the fifth look-up, four days and an hour later, finds it paid.
pub const PAYS_AFTER_FOUR_DAYS: &str = "tok_sepa_settles_after_5";
/// Is declined in the end: the fifth look-up, four days and an hour later, finds it so.
pub const DECLINED_AFTER_FOUR_DAYS: &str = "tok_sepa_fails_after_5";
