//! What every method about an object answers alike: to whoever may not call it, about another
//! merchant's, about a name or an etag that is none.

use std::collections::BTreeSet;

use prost::Message as _;
use rondo::{domain::api_key::Role, grpc::descriptors::API};
use rstest::rstest;
use tonic::{Code, Request, Status};

use super::{
    every_method::{methods, wrong_field},
    instant, once, told,
};
use crate::{
    given,
    portal::{Portal, key, reason},
    support::Engine::{self, Postgres, Sqlite},
    wire,
};

/// What a key without the permission hears, whatever it asks for.
#[rstest]
#[tokio::test]
async fn permission_is_asked_before_anything_is_looked_at(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let merchant = portal.world.merchant_id;
    let reader = key(&portal.world, Role::ReadOnly, Some(merchant)).await;
    let names = given::one_of_each(&portal).await;
    let mut refused = BTreeSet::new();
    for path in methods() {
        let Some((known, unknown)) = about(&names, path) else { continue };
        for request in [known, unknown] {
            let answer = wire::call(&portal.channel, &reader, path, request).await;
            let Err(status) = answer else { continue };
            if status.code() == Code::PermissionDenied {
                assert_eq!(
                    told(&status),
                    format!(
                        "PermissionDenied PERMISSION_MISSING: this API key may not call {path}: one \
                         with the role merchant or admin may "
                    )
                );
                refused.insert(path);
            }
        }
    }
    // Each that changes an object by its name, and the link by which a card may be stored.
    assert_eq!(refused.len(), 32, "{refused:#?}");
    let unnamed =
        wire::send(&portal.channel, Request::new(vec![]), "/rondo.v1.PlansService/ListPlans").await;
    assert_eq!(reason(&unnamed.unwrap_err()), "API_KEY_MISSING");
}

/// The requests to the method at `path` about the object that it is about: ours, and one that is
/// nowhere.
pub fn about(names: &given::Names, path: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let method = path.rsplit('/').next().unwrap();
    let described = wire::request_of(path);
    let mut rest = Vec::new();
    for (field, value) in [
        ("request_id", once()),
        (
            "payment_method",
            if method == "SetDefaultPaymentMethod" {
                names.payment_method.clone()
            } else {
                String::new()
            },
        ),
    ] {
        if let Some(field) = wire::field(described, field) {
            rest.extend(wire::with_bytes(field, value.as_bytes()));
        }
    }
    if method == "CancelSubscription" {
        rest.extend(wire::with_number(wire::field(described, "when").unwrap(), 1));
    }
    if method == "ChangeSubscription" {
        rest.extend(wire::with_number(wire::field(described, "quantity").unwrap(), 1));
    }
    if method == "CancelPlan" {
        rest.extend(wire::with_bytes(wire::field(described, "run_on").unwrap(), &[]));
    }
    if method == "SettleAttempt" {
        rest.extend(wire::with_bytes(wire::field(described, "not_charged").unwrap(), &[]));
        rest.extend(wire::with_bytes(wire::field(described, "note").unwrap(), b"Eva looked"));
    }
    for time in ["hold_until_time", "target_time"] {
        if let Some(field) = wire::field(described, time) {
            let later = instant("2026-05-01T00:00:00Z").unwrap();
            rest.extend(wire::with_bytes(field, &later.encode_to_vec()));
        }
    }
    if let Some(etag) = wire::field(described, "etag") {
        rest.extend(wire::with_bytes(etag, b"\"1\""));
    }
    let (outer, inner, name): (_, _, &str) = match method {
        "UpdateCustomer" => ("customer", "name", &names.customer),
        "UpdatePlan" => ("plan", "name", &names.plan),
        "UpdateSubscription" => ("subscription", "name", &names.subscription),
        "UpdateInvoice" => ("invoice", "name", &names.invoice),
        "UpdateDunningPolicy" => ("dunning_policy", "name", &names.dunning_policy),
        "ListPaymentMethods"
        | "CreateSetupSession"
        | "SetDefaultPaymentMethod"
        | "SetBackupPaymentMethod" => ("", "customer", &names.customer),
        "ListRefunds" => ("", "payment", &names.payment),
        "ListPlanVersions" => ("", "parent", &names.plan),
        "GetMerchant" | "UpdateMerchant" => return None,
        _ if wire::field(described, "name").is_some() => ("", "name", names.of_method(method)),
        _ => return None,
    };
    if method == "CreateSetupSession" {
        let field = wire::field(described, "return_url").unwrap();
        rest.extend(wire::with_bytes(field, b"https://academy.example/back"));
    }
    let (known, unknown) = match method {
        "GetPlanVersion" => {
            (format!("{name}/versions/1"), format!("{}/versions/1", given::nowhere(name)))
        }
        _ => (name.to_owned(), given::nowhere(name)),
    };
    let request = |name: &str| {
        let mut request = rest.clone();
        if outer.is_empty() {
            let field = wire::field(described, inner).unwrap();
            request.extend(wire::with_bytes(field, name.as_bytes()));
        } else {
            let outer = wire::field(described, outer).unwrap();
            let resource = API.message(outer.type_name()).unwrap();
            let mut object =
                wire::with_bytes(wire::field(resource, "name").unwrap(), name.as_bytes());
            let etag = wire::field(resource, "etag").unwrap();
            object.extend(wire::with_bytes(etag, b"\"1\""));
            request.extend(wire::with_bytes(outer, &object));
        }
        request
    };
    Some((request(&known), request(&unknown)))
}

#[rstest]
#[tokio::test]
async fn another_merchants_object_is_as_one_that_is_nowhere(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let foreign = given::another_merchant(&portal).await;
    let anonymous = |status: &Status| {
        let mut sentence = told(status);
        for name in names.all() {
            for name in [name.to_owned(), given::nowhere(name)] {
                let id = name.split('/').nth(1).unwrap();
                sentence = sentence.replace(id, "ID");
            }
        }
        sentence
    };
    let mut compared = 0;
    for path in methods() {
        let Some((known, unknown)) = about(&names, path) else { continue };
        let ours = wire::call(&portal.channel, &foreign, path, known).await;
        let none = wire::call(&portal.channel, &foreign, path, unknown).await;
        let (ours, none) = (ours.unwrap_err(), none.unwrap_err());
        assert_eq!(anonymous(&ours), anonymous(&none), "{path}");
        let told = anonymous(&none);
        assert!(told.starts_with("NotFound RESOURCE_NOT_FOUND: there is no ID"), "{path}: {told}");
        compared += 1;
    }
    assert_eq!(compared, 50);
}

#[rstest]
#[tokio::test]
async fn a_name_is_of_the_right_kind_and_whole(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    for path in methods() {
        let method = path.rsplit('/').next().unwrap();
        let described = wire::request_of(path);
        let Some(field) = wire::field(described, "name") else { continue };
        if ["GetCustomer", "CheckAccess", "GetMerchant", "GetPlanVersion"].contains(&method) {
            // Named in another way too, or of a kind of their own: told in their service's file.
            continue;
        }
        let good = names.of_method(method);
        let (collection, id) = good.split_once('/').unwrap();
        let prefix = id.rsplit_once('_').unwrap().0;
        let told_right =
            format!("must be a name like {collection}/{prefix}_06ew5kkq3hx3d1qj9w2t7m8c0g");
        let money = wire::field(described, "request_id")
            .map(|field| wire::with_bytes(field, once().as_bytes()))
            .unwrap_or_default();
        for bad in [
            String::new(),
            "ana".to_owned(),
            id.to_owned(),
            format!("{good}/"),
            format!("{collection}/"),
            format!("{collection}/{prefix}_"),
            format!(
                "{collection}/{}_06ew5kkq3hx3d1qj9w2t7m8c0g",
                if prefix == "cus" { "sub" } else { "cus" }
            ),
            format!("x{good}"),
            good.to_uppercase(),
        ] {
            let request = [money.clone(), wire::with_bytes(field, bad.as_bytes())].concat();
            let answer = wire::call(&portal.channel, &portal.key, path, request).await;
            let refused = answer.unwrap_err();
            assert_eq!(told(&refused), wrong_field("name", &told_right), "{path} {bad:?}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn an_etag_is_as_it_was_read(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let mut asked = 0;
    for path in methods() {
        let described = wire::request_of(path);
        let (Some(etag), Some((known, _))) = (wire::field(described, "etag"), about(&names, path))
        else {
            continue;
        };
        asked += 1;
        let told_right = "must be the etag as it was read, quotes included";
        for bad in ["1", "\"", "\"one\"", "W/\"1\""] {
            let request = [known.clone(), wire::with_bytes(etag, bad.as_bytes())].concat();
            let refused =
                wire::call(&portal.channel, &portal.key, path, request).await.unwrap_err();
            assert_eq!(told(&refused), wrong_field("etag", told_right), "{path} {bad}");
        }
        let request = [known.clone(), wire::with_bytes(etag, b"\"999\"")].concat();
        let stale = wire::call(&portal.channel, &portal.key, path, request).await.unwrap_err();
        assert_eq!(
            (stale.code(), reason(&stale).as_str()),
            (Code::Aborted, "ETAG_MISMATCH"),
            "{path}"
        );
        assert!(stale.message().ends_with("; read it again"), "{stale}");
    }
    assert_eq!(asked, 23);
}
