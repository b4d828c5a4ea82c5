//! `CustomersService`.

use rondo::grpc::proto::v1;
use rstest::rstest;
use tonic::Code;

use super::{
    CUSTOMER, ETAG, NO_CUSTOMER, check, fields, mask, nowhere, other, stale, state, stranger, with,
};
use crate::{
    given,
    portal::Portal,
    support::Engine::{self, Postgres, Sqlite},
};

const SERVICE: &str = "CustomersService";

const EMAIL: &str = "must be an address like ana@example.org";
const NAME: &str = "must have 1 to 200 characters";
const LANGUAGE: &str = "must be a BCP 47 tag like de-AT";
const ZONE: &str = "must be an IANA time zone such as Europe/Berlin";
const REGION: &str = "must be two capitals by ISO 3166, like AT";
const EXTERNAL: &str = "must have at most 200 characters";

type Spoil = fn(&mut v1::Customer);

fn carla() -> v1::Customer {
    v1::Customer {
        email: "carla@example.org".to_owned(),
        display_name: "Carla".to_owned(),
        external_id: "user-17".to_owned(),
        ..Default::default()
    }
}

#[rstest]
#[tokio::test]
async fn each_bad_input_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let create = |customer: v1::Customer| v1::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    };
    let made = portal.customers().create_customer(portal.ask(create(carla()))).await.unwrap();
    let made = made.into_inner();
    let request = v1::DeleteCustomerRequest { name: made.name.clone(), ..Default::default() };
    let deleted = portal.customers().delete_customer(portal.ask(request)).await.unwrap();
    let deleted = deleted.into_inner();

    let mut rows = vec![
        fields(
            "CreateCustomer",
            &v1::CreateCustomerRequest::default(),
            &[("customer", "must be set")],
        ),
        fields(
            "CreateCustomer",
            &create(v1::Customer::default()),
            &[("customer.email", EMAIL), ("customer.display_name", NAME)],
        ),
        other(
            "CreateCustomer",
            &create(carla()),
            Code::AlreadyExists,
            "RESOURCE_EXISTS",
            &format!("a customer with this external_id exists already: {}", &made.name[10..]),
        ),
    ];
    // Creating and updating answer alike.
    let update = |customer: v1::Customer| v1::UpdateCustomerRequest {
        customer: Some(v1::Customer { name: names.customer.clone(), ..customer }),
        ..Default::default()
    };
    let wrong: [(Spoil, &str, &str); 13] = [
        (|c| c.email = "ana".to_owned(), "customer.email", EMAIL),
        (|c| c.email = "Ana <ana@example.org>".to_owned(), "customer.email", EMAIL),
        (|c| c.email = "ana@example.org\nBcc: eve@example.net".to_owned(), "customer.email", EMAIL),
        (|c| c.email = format!("{}@example.org", "a".repeat(250)), "customer.email", EMAIL),
        (|c| c.display_name = " ".to_owned(), "customer.display_name", NAME),
        (|c| c.display_name = "x".repeat(201), "customer.display_name", NAME),
        (|c| c.language_code = "german!".to_owned(), "customer.language_code", LANGUAGE),
        (|c| c.language_code = "de_AT_".to_owned(), "customer.language_code", LANGUAGE),
        (|c| c.time_zone = "Europe/Nowhere".to_owned(), "customer.time_zone", ZONE),
        (|c| c.time_zone = "+02:00".to_owned(), "customer.time_zone", ZONE),
        (|c| c.region_code = "Austria".to_owned(), "customer.region_code", REGION),
        (|c| c.region_code = "at".to_owned(), "customer.region_code", REGION),
        (|c| c.external_id = "x".repeat(201), "customer.external_id", EXTERNAL),
    ];
    for (spoil, field, told) in wrong {
        let fresh = v1::Customer { external_id: "user-18".to_owned(), ..carla() };
        rows.push(fields("CreateCustomer", &create(with(&fresh, spoil)), &[(field, told)]));
        rows.push(fields("UpdateCustomer", &update(with(&fresh, spoil)), &[(field, told)]));
    }
    let renamed = v1::Customer { display_name: "Ana Silva".to_owned(), ..Default::default() };
    rows.extend([
        fields(
            "UpdateCustomer",
            &v1::UpdateCustomerRequest::default(),
            &[("customer", "must be set")],
        ),
        fields(
            "UpdateCustomer",
            &with(&update(renamed.clone()), |r| {
                r.customer.as_mut().unwrap().name = "ana".to_owned();
            }),
            &[("customer.name", CUSTOMER)],
        ),
        fields(
            "UpdateCustomer",
            &with(&update(renamed.clone()), |r| {
                r.customer.as_mut().unwrap().etag = "7".to_owned();
            }),
            &[("customer.etag", ETAG)],
        ),
        stale(
            "UpdateCustomer",
            &update(v1::Customer { etag: "\"999\"".to_owned(), ..renamed.clone() }),
            &names.customer,
            // Made, and given a card to pay with.
            "\"2\"",
        ),
        fields(
            "UpdateCustomer",
            &with(&update(renamed.clone()), |r| r.update_mask = mask(&["display_name", "colour"])),
            &[(
                "update_mask",
                "must name email, display_name, language_code, time_zone, region_code, \
                 external_id, labels, or *, not `colour`",
            )],
        ),
        fields(
            "UpdateCustomer",
            &with(&update(renamed.clone()), |r| r.update_mask = mask(&["*"])),
            &[("customer.email", EMAIL)],
        ),
        other(
            "UpdateCustomer",
            &update(v1::Customer { external_id: "user-17".to_owned(), ..Default::default() }),
            Code::AlreadyExists,
            "RESOURCE_EXISTS",
            &format!("a customer with this external_id exists already: {}", &made.name[10..]),
        ),
        state(
            "UpdateCustomer",
            &with(&update(renamed), |r| {
                r.customer.as_mut().unwrap().name = deleted.name.clone();
            }),
            "CUSTOMER_DELETED",
            "the customer is deleted; undelete them first",
        ),
        state(
            "DeleteCustomer",
            &v1::DeleteCustomerRequest { name: names.customer.clone(), ..Default::default() },
            "SUBSCRIPTION_RUNNING",
            &format!("{} is running; cancel it first", &names.subscription[14..]),
        ),
        state(
            "DeleteCustomer",
            &v1::DeleteCustomerRequest { name: names.other_customer.clone(), ..Default::default() },
            "INVOICE_OPEN",
            &format!(
                "{} is open; void it first, or wait for its payment",
                &names.open_invoice["invoices/".len()..]
            ),
        ),
        state(
            "DeleteCustomer",
            &v1::DeleteCustomerRequest { name: deleted.name.clone(), ..Default::default() },
            "CUSTOMER_DELETED",
            "the customer is deleted; undelete them first",
        ),
        state(
            "UndeleteCustomer",
            &v1::UndeleteCustomerRequest { name: names.customer.clone(), ..Default::default() },
            "CUSTOMER_NOT_DELETED",
            "the customer is not deleted",
        ),
    ]);

    let get = |name: &str, external_id: &str| v1::GetCustomerRequest {
        name: name.to_owned(),
        external_id: external_id.to_owned(),
    };
    let ask = |name: &str, external_id: &str| v1::CheckAccessRequest {
        name: name.to_owned(),
        external_id: external_id.to_owned(),
        ..Default::default()
    };
    let either = "or external_id must be set";
    let not_both = "must be empty if name is set";
    rows.extend([
        fields("GetCustomer", &get("", ""), &[("name", either)]),
        fields("GetCustomer", &get("ana", ""), &[("name", CUSTOMER)]),
        fields("GetCustomer", &get(&names.customer, "user-1"), &[("external_id", not_both)]),
        nowhere("GetCustomer", &get(NO_CUSTOMER, ""), NO_CUSTOMER),
        stranger("GetCustomer", &get("", "user-1"), "user-1"),
        fields("CheckAccess", &ask("", ""), &[("name", either)]),
        fields("CheckAccess", &ask(&names.plan, ""), &[("name", CUSTOMER)]),
        fields("CheckAccess", &ask(&names.customer, "user-1"), &[("external_id", not_both)]),
        nowhere("CheckAccess", &ask(NO_CUSTOMER, ""), NO_CUSTOMER),
        stranger("CheckAccess", &ask("", "user-1"), "user-1"),
    ]);
    check(&portal, SERVICE, rows).await;
}
