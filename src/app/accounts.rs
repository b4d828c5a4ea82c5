//! Gateway accounts: which a merchant goes by, and that none other is ever charged for it.
//!
//! Administrators give a merchant its accounts; what a merchant names beyond those is refused, and
//! is answered alike whether another has it or nobody. No account that moves real money goes with a
//! test clock, whose days are made up.

use super::{AppError, Result, Rondo, Violation};
use crate::{
    domain::merchant::Merchant,
    gateway::{Gateway, GatewayError},
};

/// Refuses to give a merchant accounts that are not configured, or one of them twice. To be asked for
/// administrators alone: the answer names what is configured.
pub fn check_configured(rondo: &Rondo, gateway: &str, others: &[String]) -> Result<()> {
    let known: Vec<_> = rondo.gateways.keys().map(String::as_str).collect();
    let mut faults = Vec::new();
    let mut look = |field: String, account: &str, before: &[String]| {
        let message = if !rondo.gateways.contains_key(account) {
            format!("must be a configured gateway account: {}", known.join(", "))
        } else if before.iter().any(|before| before == account) || account == gateway {
            "must be another than `gateway` and than those before it".to_owned()
        } else {
            return;
        };
        faults.push(Violation { field, message });
    };
    for (place, account) in others.iter().enumerate() {
        look(format!("merchant.other_gateways[{place}]"), account, &others[..place]);
    }
    if !rondo.gateways.contains_key(gateway) {
        let message = format!("must be a configured gateway account: {}", known.join(", "));
        faults.insert(0, Violation { field: "merchant.gateway".to_owned(), message });
    }
    if faults.is_empty() { Ok(()) } else { Err(AppError::Invalid(faults)) }
}

/// Refuses a merchant that would charge real cards in a time that is made up.
pub fn check_time(rondo: &Rondo, merchant: &Merchant) -> Result<()> {
    let moves_real_money = |account: &&str| {
        rondo.gateways.get(*account).is_some_and(|gateway| gateway.moves_real_money())
    };
    let found = merchant.gateways().find(moves_real_money);
    match found.filter(|_| merchant.test_clock.is_some()) {
        Some(account) => {
            let message = format!(
                "the gateway account {account} moves real money, which no test clock may; take an \
                 account for tests"
            );
            let refusal = AppError::precondition("GATEWAY_MOVES_REAL_MONEY", merchant.id, message);
            Err(refusal.with("gateway", account))
        }
        None => Ok(()),
    }
}

/// Refuses what `field` names unless it is one of the merchant's own accounts.
pub fn check_own(rondo: &Rondo, merchant: &Merchant, field: &str, account: &str) -> Result<()> {
    let own: Vec<_> = merchant.gateways().collect();
    if !own.contains(&account) {
        let message = format!("must be one of your gateway accounts: {}", own.join(", "));
        return Err(AppError::invalid(field, message));
    }
    usable(rondo, merchant, account).map(drop)
}

/// The gateway behind an account of the merchant's, or that nobody has configured it any more.
pub fn usable<'a>(rondo: &'a Rondo, merchant: &Merchant, account: &str) -> Result<&'a dyn Gateway> {
    check_time(rondo, merchant)?;
    rondo.gateways.get(account).map(AsRef::as_ref).ok_or_else(|| {
        let message = format!("the gateway account {account} is not configured here");
        let refusal = AppError::precondition("GATEWAY_NOT_CONFIGURED", merchant.id, message);
        refusal.with("gateway", account)
    })
}

/// The same for a page on which real cards are entered: that it is not usable is the gateway's failure
/// to whoever is before it.
pub fn page_maker<'a>(
    rondo: &'a Rondo,
    merchant: &Merchant,
    account: &str,
) -> std::result::Result<&'a dyn Gateway, GatewayError> {
    usable(rondo, merchant, account).map_err(|refusal| {
        tracing::warn!(merchant = %merchant.id, account, %refusal, "no page can be opened");
        GatewayError::Unsupported("be reached: it is not configured")
    })
}
