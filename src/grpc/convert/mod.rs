//! From the API's messages to the domain's values and back, one file per aggregate.
//!
//! Parses, and names each field that cannot be read; what the values mean is judged by operations.

pub mod api_keys;
pub mod customers;
pub mod dunning;
pub mod events;
pub mod invoices;
pub mod merchants;
pub mod money;
pub mod payment_methods;
pub mod payments;
pub mod plans;
pub mod subscriptions;
pub mod terms;
pub mod test_clocks;
pub mod time;
pub mod webhook_endpoints;

use std::collections::BTreeMap;

use crate::{
    app::{AppError, Result},
    domain::{labels::Labels, version::Version},
};

/// The version that an etag tells, if it was sent.
pub fn etag(field: &str, text: &str) -> Result<Option<Version>> {
    if text.is_empty() {
        return Ok(None);
    }
    text.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .and_then(|count| count.parse().ok())
        .map(|count| Some(Version::from_count(count)))
        .ok_or_else(|| AppError::invalid(field, "must be the etag as it was read, quotes included"))
}

/// The version that an etag tells, of an object by which money is charged: it must be sent (RULES API-4).
pub fn needed_etag(field: &str, text: &str) -> Result<Option<Version>> {
    match etag(field, text)? {
        None => {
            let message = "must be set, so that what you have read is what is changed";
            Err(AppError::invalid(field, message))
        }
        seen => Ok(seen),
    }
}

/// The labels in a field, if they keep to their bounds.
pub fn labels(field: &str, words: &BTreeMap<String, String>) -> Result<Labels> {
    Labels::new(words.clone()).map_err(|bad| AppError::invalid(field, bad.to_string()))
}

/// A count as the API writes it. Counts of ours stay far below what its numbers hold.
pub fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A text, or nothing for an empty one.
pub fn optional(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_reads_back_as_its_version() {
        let version = Version::from_count(17);
        assert_eq!(etag("etag", &version.to_string()).unwrap(), Some(version));
        assert_eq!(etag("etag", "").unwrap(), None);
        assert_eq!(needed_etag("etag", &version.to_string()).unwrap(), Some(version));
        assert!(needed_etag("etag", "").is_err());
        for text in ["17", "\"", "\"\"", "\"x\"", "W/\"17\""] {
            assert!(etag("etag", text).is_err(), "{text}");
        }
    }
}
