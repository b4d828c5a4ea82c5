//! Resource names (RULES API-1): `customers/cus_…` at the edge, a typed id inside.

use crate::{
    app::{AppError, Result},
    domain::{
        catalog::VersionNumber,
        ids::{Id, Kind, kind},
    },
};

/// A kind of object that the API names.
pub trait Collection: Kind {
    /// What stands before the slash.
    const COLLECTION: &'static str;
}

macro_rules! collections {
    ($($kind:ident = $collection:literal;)*) => {
        $(impl Collection for kind::$kind {
            const COLLECTION: &'static str = $collection;
        })*

        /// The collection that ids with this prefix belong to.
        fn collection_of(prefix: &str) -> Option<&'static str> {
            $(if prefix == kind::$kind::PREFIX {
                return Some($collection);
            })*
            None
        }

        /// Whether a text is the name of a resource, there or not.
        pub fn is_name(text: &str) -> bool {
            let Some((collection, id)) = text.split_once('/') else { return false };
            $(if collection == $collection {
                return id.parse::<Id<kind::$kind>>().is_ok();
            })*
            false
        }
    };
}

collections! {
    Merchant = "merchants";
    ApiKey = "apiKeys";
    Customer = "customers";
    PaymentMethod = "paymentMethods";
    Plan = "plans";
    Subscription = "subscriptions";
    Invoice = "invoices";
    Payment = "payments";
    Attempt = "attempts";
    Refund = "refunds";
    DunningPolicy = "dunningPolicies";
    DunningCase = "dunningCases";
    Event = "events";
    TestClock = "testClocks";
    WebhookEndpoint = "webhookEndpoints";
}

/// The resource name of an object.
pub fn name<K: Collection>(id: Id<K>) -> String {
    format!("{}/{id}", K::COLLECTION)
}

/// The resource name of an object, or nothing.
pub fn optional_name<K: Collection>(id: Option<Id<K>>) -> String {
    id.map(name).unwrap_or_default()
}

/// The resource name of the object with this id, given as text; the text itself if no resource has
/// such ids.
pub fn name_of_text(id: &str) -> String {
    let prefix = id.rsplit_once('_').map_or(id, |(prefix, _)| prefix);
    collection_of(prefix).map_or_else(|| id.to_owned(), |collection| format!("{collection}/{id}"))
}

/// The id that a field names.
pub fn id<K: Collection>(field: &str, text: &str) -> Result<Id<K>> {
    text.strip_prefix(K::COLLECTION)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| AppError::invalid(field, format!("must be {}", example::<K>())))
}

/// The id that a field names, if it names one.
pub fn optional_id<K: Collection>(field: &str, text: &str) -> Result<Option<Id<K>>> {
    if text.is_empty() { Ok(None) } else { id(field, text).map(Some) }
}

/// The resource name of a version of a plan.
pub fn version_name(plan: Id<kind::Plan>, number: VersionNumber) -> String {
    format!("{}/versions/{}", name(plan), number.0)
}

/// The version of a plan that a field names.
pub fn plan_version(field: &str, text: &str) -> Result<(Id<kind::Plan>, VersionNumber)> {
    let wrong = || {
        let example = example::<kind::Plan>();
        AppError::invalid(field, format!("must be {example}/versions/3"))
    };
    let (plan, number) = text.split_once("/versions/").ok_or_else(wrong)?;
    let plan = id(field, plan).map_err(|_| wrong())?;
    let is_plain = number.bytes().all(|letter| letter.is_ascii_digit()) && !number.starts_with('0');
    let number = number.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
    Ok((plan, VersionNumber(number)))
}

fn example<K: Collection>() -> String {
    format!("a name like {}/{}_06ew5kkq3hx3d1qj9w2t7m8c0g", K::COLLECTION, K::PREFIX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn a_name_reads_back_as_its_id(bits: u128, number in 1..u32::MAX) {
            let plan = Id::<kind::Plan>::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id("name", &name(plan)).unwrap(), plan);
            prop_assert_eq!(name_of_text(&plan.to_string()), name(plan));
            let version = (plan, VersionNumber(number));
            prop_assert_eq!(plan_version("name", &version_name(plan, version.1)).unwrap(), version);
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = id::<kind::Plan>("name", &text);
            let _ = plan_version("name", &text);
            let _ = name_of_text(&text);
        }
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_one_that_would_be() {
        let plan = Id::<kind::Plan>::from_uuid(Uuid::from_u128(7));
        for text in [
            String::new(),
            plan.to_string(),
            format!("plans/{plan}/"),
            format!("customers/{plan}"),
            format!("plans/{}", Id::<kind::Customer>::from_uuid(Uuid::from_u128(7))),
        ] {
            assert_eq!(
                id::<kind::Plan>("name", &text).unwrap_err().to_string(),
                "name must be a name like plans/plan_06ew5kkq3hx3d1qj9w2t7m8c0g",
                "{text}"
            );
        }
        for number in ["", "0", "03", "-1", "+3", "x", "4294967296", "3/"] {
            let text = format!("{}/versions/{number}", name(plan));
            assert!(plan_version("name", &text).is_err(), "{text}");
        }
    }
}
