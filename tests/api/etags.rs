//! What has an etag is changed by those who have read it (RULES API-4): asked of every method that the
//! API describes, so that a new one must be told of here.

use rondo::grpc::descriptors::API;
use rstest::rstest;

use crate::{
    bad_input::{about, methods, told, wrong_field},
    given,
    portal::{Portal, reason},
    support::Engine::{self, Postgres, Sqlite},
    wire,
};

/// Whether a method that changes something wants an etag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Etag {
    /// It changes what is charged, to whom, when, or through which account.
    Needed,
    /// Without one, the last one wins.
    Welcome,
    /// There is nothing yet that could have been read.
    OfNothing,
    /// A clock only goes forward, and takes no order while it is on its way; an attempt is settled once.
    OfNoUse,
}

use Etag::{Needed, OfNoUse, OfNothing, Welcome};

const RULES: &[(&str, Etag)] = &[
    ("ApiKeysService/CreateApiKey", OfNothing),
    ("ApiKeysService/RevokeApiKey", Welcome),
    ("CustomersService/CreateCustomer", OfNothing),
    ("CustomersService/DeleteCustomer", Welcome),
    ("CustomersService/UndeleteCustomer", Welcome),
    ("CustomersService/UpdateCustomer", Welcome),
    ("DunningService/CreateDunningPolicy", OfNothing),
    ("DunningService/DeleteDunningPolicy", Needed),
    ("DunningService/HoldDunningCase", Welcome),
    ("DunningService/ReleaseDunningCase", Welcome),
    ("DunningService/RetryDunningCaseNow", Welcome),
    ("DunningService/UpdateDunningPolicy", Needed),
    ("InvoicesService/CreateInvoice", OfNothing),
    ("InvoicesService/PayInvoice", Welcome),
    ("InvoicesService/UpdateInvoice", Needed),
    ("InvoicesService/VoidInvoice", Welcome),
    ("MerchantsService/CreateMerchant", OfNothing),
    ("MerchantsService/UpdateMerchant", Needed),
    ("PaymentMethodsService/CreatePaymentMethod", OfNothing),
    ("PaymentMethodsService/DeletePaymentMethod", Needed),
    ("PaymentMethodsService/SetBackupPaymentMethod", Welcome),
    ("PaymentMethodsService/SetDefaultPaymentMethod", Welcome),
    ("PaymentsService/RefundPayment", Welcome),
    ("PaymentsService/SettleAttempt", OfNoUse),
    ("PlansService/CancelPlan", Needed),
    ("PlansService/CreatePlan", OfNothing),
    ("PlansService/DeletePlan", Needed),
    ("PlansService/UndeletePlan", Welcome),
    ("PlansService/UpdatePlan", Needed),
    ("SubscriptionsService/CancelSubscription", Welcome),
    ("SubscriptionsService/ChangeSubscription", Welcome),
    ("SubscriptionsService/CreateSubscription", OfNothing),
    ("SubscriptionsService/PauseSubscription", Welcome),
    ("SubscriptionsService/ResumeSubscription", Welcome),
    ("SubscriptionsService/UndoCancelSubscription", Welcome),
    ("SubscriptionsService/UndoChangeSubscription", Welcome),
    ("SubscriptionsService/UpdateSubscription", Needed),
    ("TestClocksService/AdvanceTestClock", OfNoUse),
    ("TestClocksService/CreateTestClock", OfNothing),
    ("WebhookEndpointsService/CreateWebhookEndpoint", OfNothing),
    ("WebhookEndpointsService/DeleteWebhookEndpoint", Welcome),
];

/// Where the request to `path` has an etag, its own or that of the object that it holds, and the
/// bytes by which it is `etag`.
fn etag_in(path: &str, etag: &str) -> Option<(String, Vec<u8>)> {
    let described = wire::request_of(path);
    if let Some(field) = wire::field(described, "etag") {
        return Some(("etag".to_owned(), wire::with_bytes(field, etag.as_bytes())));
    }
    described.field.iter().find_map(|outer| {
        let field = wire::field(API.message(outer.type_name())?, "etag")?;
        let object = wire::with_bytes(field, etag.as_bytes());
        Some((format!("{}.etag", outer.name()), wire::with_bytes(outer, &object)))
    })
}

#[test]
fn every_method_that_changes_something_has_a_rule() {
    let changing: Vec<_> = methods()
        .into_iter()
        .filter(|path| wire::field(wire::request_of(path), "validate_only").is_some())
        .filter_map(|path| path.strip_prefix("/rondo.v1."))
        .collect();
    let ruled: Vec<_> = RULES.iter().map(|(method, _)| *method).collect();
    assert_eq!(ruled, changing);
    for (method, rule) in RULES {
        let makes_something = method.contains("/Create");
        assert_eq!(*rule == OfNothing, makes_something, "{method}");
        let has_etag = etag_in(&format!("/rondo.v1.{method}"), "").is_some();
        // What is made bears the etag that it will have, for output alone.
        assert!(makes_something || has_etag == matches!(rule, Needed | Welcome), "{method}");
    }
}

#[rstest]
#[tokio::test]
async fn an_etag_is_needed_where_money_is_charged_by_it_and_compared_everywhere(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let mut asked = 0;
    let comparing = RULES.iter().filter(|(_, rule)| matches!(rule, Needed | Welcome));
    for (method, rule) in comparing.clone() {
        let path = format!("/rondo.v1.{method}");
        let Some((request, _)) = about(&names, &path) else { continue };
        asked += 1;
        let field = etag_in(&path, "").unwrap().0;
        let validate_only = wire::field(wire::request_of(&path), "validate_only").unwrap();
        let ask = async |etag: &str| {
            let etag = etag_in(&path, etag).unwrap().1;
            let request = [request.clone(), etag, wire::with_number(validate_only, 1)].concat();
            wire::call(&portal.channel, &portal.key, &path, request).await
        };
        let stale = ask("\"999\"").await.unwrap_err();
        assert_eq!(reason(&stale), "ETAG_MISMATCH", "{method}");
        let without = ask("").await;
        let heard = without.as_ref().map_or_else(told, |_| String::new());
        let needs_it = "must be set, so that what you have read is what is changed";
        let is_refused_for_it = heard == wrong_field(&field, needs_it);
        assert_eq!(is_refused_for_it, *rule == Needed, "{method}: {heard}");
    }
    // Merchants are changed by administrators alone, in `bad_input::merchants`.
    assert_eq!(asked, comparing.count() - 1);
}
