//! What each method needs, and what each role has: one table, and what is not in it is refused
//! (RULES AUT-1).

use crate::domain::api_key::Role;

/// What a method needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// To look at what a merchant has.
    Read,
    /// To change what a merchant has.
    Write,
    /// To make and change merchants.
    Administer,
}

use Permission::{Administer, Read, Write};

/// Each service with its methods and what they need.
const TABLE: &[(&str, &[(&str, Permission)])] = &[
    (
        "ApiKeysService",
        &[
            ("CreateApiKey", Write),
            ("GetApiKey", Read),
            ("ListApiKeys", Read),
            ("RevokeApiKey", Write),
        ],
    ),
    (
        "CustomersService",
        &[
            ("CheckAccess", Read),
            ("CreateCustomer", Write),
            ("DeleteCustomer", Write),
            ("GetCustomer", Read),
            ("ListCustomers", Read),
            ("UndeleteCustomer", Write),
            ("UpdateCustomer", Write),
        ],
    ),
    (
        "DunningService",
        &[
            ("CreateDunningPolicy", Write),
            ("DeleteDunningPolicy", Write),
            ("GetDunningCase", Read),
            ("GetDunningPolicy", Read),
            ("HoldDunningCase", Write),
            ("ListDunningCases", Read),
            ("ListDunningPolicies", Read),
            ("ReleaseDunningCase", Write),
            ("RetryDunningCaseNow", Write),
            ("UpdateDunningPolicy", Write),
        ],
    ),
    ("EventsService", &[("GetEvent", Read), ("ListEvents", Read), ("StreamEvents", Read)]),
    (
        "InvoicesService",
        &[
            ("CreateInvoice", Write),
            ("GetInvoice", Read),
            // A pay link can store a new card: more than looking.
            ("GetPayLink", Write),
            ("ListInvoices", Read),
            ("PayInvoice", Write),
            ("UpdateInvoice", Write),
            ("VoidInvoice", Write),
        ],
    ),
    (
        "MerchantsService",
        &[
            ("CreateMerchant", Administer),
            ("GetMerchant", Read),
            ("ListMerchants", Administer),
            ("UpdateMerchant", Administer),
        ],
    ),
    (
        "PaymentMethodsService",
        &[
            ("CreatePaymentMethod", Write),
            ("CreateSetupSession", Write),
            ("DeletePaymentMethod", Write),
            ("GetPaymentMethod", Read),
            ("ListPaymentMethods", Read),
            ("SetBackupPaymentMethod", Write),
            ("SetDefaultPaymentMethod", Write),
        ],
    ),
    (
        "PaymentsService",
        &[
            ("GetPayment", Read),
            ("GetRefund", Read),
            ("ListPayments", Read),
            ("ListRefunds", Read),
            ("RefundPayment", Write),
            ("SettleAttempt", Write),
        ],
    ),
    (
        "PlansService",
        &[
            ("CancelPlan", Write),
            ("CreatePlan", Write),
            ("DeletePlan", Write),
            ("GetPlan", Read),
            ("GetPlanVersion", Read),
            ("ListPlanVersions", Read),
            ("ListPlans", Read),
            ("PreviewPlanCancel", Read),
            ("PreviewPlanUpdate", Read),
            ("UndeletePlan", Write),
            ("UpdatePlan", Write),
        ],
    ),
    (
        "SubscriptionsService",
        &[
            ("CancelSubscription", Write),
            ("ChangeSubscription", Write),
            ("CreateSubscription", Write),
            ("GetSubscription", Read),
            ("ListSubscriptions", Read),
            ("PauseSubscription", Write),
            ("ResumeSubscription", Write),
            ("UndoCancelSubscription", Write),
            ("UndoChangeSubscription", Write),
            ("UpdateSubscription", Write),
        ],
    ),
    (
        "TestClocksService",
        &[("AdvanceTestClock", Write), ("CreateTestClock", Write), ("GetTestClock", Read)],
    ),
    (
        "WebhookEndpointsService",
        &[
            ("CreateWebhookEndpoint", Write),
            ("DeleteWebhookEndpoint", Write),
            ("GetWebhookEndpoint", Read),
            ("ListWebhookEndpoints", Read),
        ],
    ),
];

/// What a call to `path` needs, for example to `/rondo.v1.PlansService/GetPlan`; none if there is no
/// such method.
pub fn needed(path: &str) -> Option<Permission> {
    let (service, method) = path.strip_prefix("/rondo.v1.")?.split_once('/')?;
    let (_, methods) = TABLE.iter().find(|(name, _)| *name == service)?;
    methods.iter().find(|(name, _)| *name == method).map(|(_, permission)| *permission)
}

/// Whether a service of ours bears this whole name.
pub fn is_service(name: &str) -> bool {
    let known = name.strip_prefix("rondo.v1.");
    known.is_some_and(|known| TABLE.iter().any(|(service, _)| *service == known))
}

/// Whether `role` has `permission`.
pub fn has(role: Role, permission: Permission) -> bool {
    match (role, permission) {
        (Role::Admin, Read | Write | Administer)
        | (Role::Merchant, Read | Write)
        | (Role::ReadOnly, Read) => true,
        (Role::Merchant, Administer) | (Role::ReadOnly, Write | Administer) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::descriptors::API;

    fn table() -> Vec<String> {
        let mut rows: Vec<_> = TABLE
            .iter()
            .flat_map(|(service, methods)| {
                methods.iter().map(move |(method, _)| format!("/rondo.v1.{service}/{method}"))
            })
            .collect();
        rows.sort();
        rows
    }

    #[test]
    fn the_table_holds_every_method_of_the_api_once_and_no_other() {
        let mut methods: Vec<_> = API.methods().map(str::to_owned).collect();
        methods.sort();
        assert_eq!(table(), methods);
    }

    #[test]
    fn a_reader_can_call_what_looks_and_nothing_else() {
        for path in table() {
            let method = path.rsplit('/').next().unwrap();
            let looks = ["Get", "List", "Check", "Preview", "Stream"]
                .iter()
                .any(|verb| method.starts_with(verb));
            let is_administrators = method == "ListMerchants";
            let makes_a_capability = method == "GetPayLink";
            let may = has(Role::ReadOnly, needed(&path).unwrap());
            assert_eq!(may, looks && !is_administrators && !makes_a_capability, "{path}");
        }
    }

    #[test]
    fn a_merchant_can_call_everything_but_what_makes_merchants() {
        let refused: Vec<_> = table()
            .into_iter()
            .filter(|path| !has(Role::Merchant, needed(path).unwrap()))
            .collect();
        assert_eq!(
            refused,
            [
                "/rondo.v1.MerchantsService/CreateMerchant",
                "/rondo.v1.MerchantsService/ListMerchants",
                "/rondo.v1.MerchantsService/UpdateMerchant",
            ]
        );
    }

    #[test]
    fn an_administrator_can_call_everything() {
        assert!(table().iter().all(|path| has(Role::Admin, needed(path).unwrap())));
    }

    #[test]
    fn what_is_not_in_the_table_is_unknown() {
        for path in [
            "",
            "/",
            "/rondo.v1.PlansService",
            "/rondo.v1.PlansService/",
            "/rondo.v1.PlansService/GetPlan/",
            "/rondo.v1.PlansService/DropPlans",
            "/rondo.v2.PlansService/GetPlan",
            "rondo.v1.PlansService/GetPlan",
        ] {
            assert_eq!(needed(path), None, "{path}");
        }
    }
}
