//! The methods that change something, as one table: by which request, and whether money moves by it.
//!
//! What they have in common is carried out in [`super::idempotency`]. A method that changes something
//! and is missing here cannot be written; the tests name one that is described and missing.

use prost::Message;

use super::proto::v1;

/// A request that changes something.
pub trait Mutating: Message {
    /// The path of its method.
    const PATH: &'static str;
    /// Whether money moves by it, so that it must have a `request_id` (RULES API-3).
    const MOVES_MONEY: bool;

    /// The caller's name for it, a UUID; empty if it has none.
    fn request_id(&self) -> &str;

    /// Whether everything is checked and nothing kept (RULES API-8).
    fn validate_only(&self) -> bool;
}

macro_rules! mutations {
    ($($path:literal takes $request:ident $(and $moves:ident money)?;)*) => {
        $(impl Mutating for v1::$request {
            const PATH: &'static str = $path;
            const MOVES_MONEY: bool = mutations!(@ $($moves)?);

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn validate_only(&self) -> bool {
                self.validate_only
            }
        })*

        /// The path of each.
        #[cfg(test)]
        const PATHS: &[&str] = &[$($path),*];
    };
    (@ moves) => { true };
    (@) => { false };
}

mutations! {
    "/rondo.v1.ApiKeysService/CreateApiKey" takes CreateApiKeyRequest;
    "/rondo.v1.ApiKeysService/RevokeApiKey" takes RevokeApiKeyRequest;
    "/rondo.v1.CustomersService/CreateCustomer" takes CreateCustomerRequest;
    "/rondo.v1.CustomersService/DeleteCustomer" takes DeleteCustomerRequest;
    "/rondo.v1.CustomersService/UndeleteCustomer" takes UndeleteCustomerRequest;
    "/rondo.v1.CustomersService/UpdateCustomer" takes UpdateCustomerRequest;
    "/rondo.v1.DunningService/CreateDunningPolicy" takes CreateDunningPolicyRequest;
    "/rondo.v1.DunningService/DeleteDunningPolicy" takes DeleteDunningPolicyRequest;
    "/rondo.v1.DunningService/HoldDunningCase" takes HoldDunningCaseRequest;
    "/rondo.v1.DunningService/ReleaseDunningCase" takes ReleaseDunningCaseRequest and moves money;
    "/rondo.v1.DunningService/RetryDunningCaseNow" takes RetryDunningCaseNowRequest and moves money;
    "/rondo.v1.DunningService/UpdateDunningPolicy" takes UpdateDunningPolicyRequest;
    "/rondo.v1.InvoicesService/CreateInvoice" takes CreateInvoiceRequest and moves money;
    "/rondo.v1.InvoicesService/PayInvoice" takes PayInvoiceRequest and moves money;
    "/rondo.v1.InvoicesService/UpdateInvoice" takes UpdateInvoiceRequest;
    "/rondo.v1.InvoicesService/VoidInvoice" takes VoidInvoiceRequest;
    "/rondo.v1.MerchantsService/CreateMerchant" takes CreateMerchantRequest;
    "/rondo.v1.MerchantsService/UpdateMerchant" takes UpdateMerchantRequest;
    "/rondo.v1.PaymentMethodsService/CreatePaymentMethod" takes CreatePaymentMethodRequest and moves money;
    "/rondo.v1.PaymentMethodsService/DeletePaymentMethod" takes DeletePaymentMethodRequest and moves money;
    "/rondo.v1.PaymentMethodsService/SetBackupPaymentMethod" takes SetBackupPaymentMethodRequest;
    "/rondo.v1.PaymentMethodsService/SetDefaultPaymentMethod" takes SetDefaultPaymentMethodRequest and moves money;
    "/rondo.v1.PaymentsService/RefundPayment" takes RefundPaymentRequest and moves money;
    "/rondo.v1.PaymentsService/SettleAttempt" takes SettleAttemptRequest and moves money;
    "/rondo.v1.PlansService/CancelPlan" takes CancelPlanRequest;
    "/rondo.v1.PlansService/CreatePlan" takes CreatePlanRequest;
    "/rondo.v1.PlansService/DeletePlan" takes DeletePlanRequest;
    "/rondo.v1.PlansService/UndeletePlan" takes UndeletePlanRequest;
    "/rondo.v1.PlansService/UpdatePlan" takes UpdatePlanRequest;
    "/rondo.v1.SubscriptionsService/CancelSubscription" takes CancelSubscriptionRequest;
    "/rondo.v1.SubscriptionsService/ChangeSubscription" takes ChangeSubscriptionRequest;
    "/rondo.v1.SubscriptionsService/CreateSubscription" takes CreateSubscriptionRequest and moves money;
    "/rondo.v1.SubscriptionsService/PauseSubscription" takes PauseSubscriptionRequest;
    "/rondo.v1.SubscriptionsService/ResumeSubscription" takes ResumeSubscriptionRequest and moves money;
    "/rondo.v1.SubscriptionsService/UndoCancelSubscription" takes UndoCancelSubscriptionRequest;
    "/rondo.v1.SubscriptionsService/UndoChangeSubscription" takes UndoChangeSubscriptionRequest;
    "/rondo.v1.SubscriptionsService/UpdateSubscription" takes UpdateSubscriptionRequest;
    "/rondo.v1.TestClocksService/AdvanceTestClock" takes AdvanceTestClockRequest;
    "/rondo.v1.TestClocksService/CreateTestClock" takes CreateTestClockRequest;
    "/rondo.v1.WebhookEndpointsService/CreateWebhookEndpoint" takes CreateWebhookEndpointRequest;
    "/rondo.v1.WebhookEndpointsService/DeleteWebhookEndpoint" takes DeleteWebhookEndpointRequest;
}

/// What opens a page of the gateway's leaves nothing here that could be checked without it.
impl Mutating for v1::CreateSetupSessionRequest {
    const PATH: &'static str = "/rondo.v1.PaymentMethodsService/CreateSetupSession";
    const MOVES_MONEY: bool = false;

    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn validate_only(&self) -> bool {
        false
    }
}

/// A preview is the change itself, of which nothing is kept.
impl Mutating for v1::PreviewPlanUpdateRequest {
    const PATH: &'static str = "/rondo.v1.PlansService/PreviewPlanUpdate";
    const MOVES_MONEY: bool = false;

    fn request_id(&self) -> &'static str {
        ""
    }

    fn validate_only(&self) -> bool {
        true
    }
}

/// As the other preview.
impl Mutating for v1::PreviewPlanCancelRequest {
    const PATH: &'static str = "/rondo.v1.PlansService/PreviewPlanCancel";
    const MOVES_MONEY: bool = false;

    fn request_id(&self) -> &'static str {
        ""
    }

    fn validate_only(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::{
        descriptors::API,
        permissions::{self, Permission},
    };

    /// Methods that need the permission to write and change nothing of ours: they make an address
    /// that lets its bearer do something.
    const MAKE_ADDRESSES: [&str; 2] = [
        "/rondo.v1.InvoicesService/GetPayLink",
        "/rondo.v1.PaymentMethodsService/CreateSetupSession",
    ];

    #[test]
    fn every_method_that_changes_something_can_be_tried_without_keeping_it() {
        let changes = |path: &&str| {
            let needed = permissions::needed(path).expect("each method is in the table");
            let only_looks = needed == Permission::Read || path.contains("/List");
            !only_looks && !MAKE_ADDRESSES.contains(path)
        };
        let mut changing: Vec<_> = API.methods().filter(changes).collect();
        changing.sort_unstable();
        assert_eq!(PATHS, changing);
    }

    #[test]
    fn nothing_that_only_looks_asks_for_a_request_id() {
        for path in API.methods().filter(|path| !PATHS.contains(path)) {
            let request = API.request_of(path).unwrap();
            let asks = |name: &str| request.field.iter().any(|field| field.name() == name);
            assert!(!asks("validate_only"), "{path}");
            assert_eq!(asks("request_id"), path.ends_with("CreateSetupSession"), "{path}");
        }
    }
}
