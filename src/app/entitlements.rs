//! Entitlements, as they are written down: words of a portal's own for what a plan or a purchase
//! opens. What they open for whom is decided in [`super::access`].

use super::Violation;

/// The most of one plan or invoice.
const MOST: usize = 64;
/// The longest, in characters.
const MAX_CHARS: usize = 200;

/// All that is wrong with the entitlements that `field` holds.
pub(super) fn faults(field: &str, entitlements: &[String]) -> Vec<Violation> {
    let mut faults = Vec::new();
    let mut fault = |field: String, message: String| faults.push(Violation { field, message });
    if entitlements.len() > MOST {
        fault(field.to_owned(), format!("must hold at most {MOST}"));
    }
    for (index, entitlement) in entitlements.iter().enumerate() {
        let length = entitlement.chars().count();
        if entitlement.trim() != entitlement || !(1..=MAX_CHARS).contains(&length) {
            let message =
                format!("must have 1 to {MAX_CHARS} characters, without spaces around them");
            fault(format!("{field}[{index}]"), message);
        }
    }
    faults
}
