//! Who is let in, and that a change is made once.

use chrono::TimeDelta;
use rondo::{
    app::api_keys::{self, NewApiKey},
    domain::api_key::Role,
    grpc::{convert::time::timestamp, proto::v1},
};
use rstest::rstest;
use tonic::{Code, Request, codec::CompressionEncoding};
use tonic_types::StatusExt as _;

use crate::{
    bad_input::{once, told},
    portal::{Portal, key, monthly, reason, with_key},
    support::{
        Engine::{self, Postgres, Sqlite},
        api::instant,
    },
};

const REQUEST_ID: &str = "8f3b1c52-6d0a-4e7f-9b21-5c4d3e2f1a00";

#[rstest]
#[tokio::test]
async fn a_call_needs_a_key_that_may_make_it(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let merchant = portal.world.merchant_id;
    let reader = key(&portal.world, Role::ReadOnly, Some(merchant)).await;
    let admin = key(&portal.world, Role::Admin, None).await;
    let list = v1::ListPlansRequest::default;

    let nobody = portal.plans().list_plans(Request::new(list())).await.unwrap_err();
    assert_eq!(
        (nobody.code(), reason(&nobody).as_str()),
        (Code::Unauthenticated, "API_KEY_MISSING")
    );
    let unknown = "rk_live_00000000000000000000000000000000000000";
    let stranger = portal.plans().list_plans(with_key(list(), unknown)).await.unwrap_err();
    assert_eq!(reason(&stranger), "API_KEY_UNKNOWN");

    portal.plans().list_plans(with_key(list(), &reader)).await.unwrap();
    let create = v1::CreatePlanRequest::default();
    let refused = portal.plans().create_plan(with_key(create, &reader)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "PERMISSION_MISSING")
    );

    let unnamed = portal.plans().list_plans(with_key(list(), &admin)).await.unwrap_err();
    assert_eq!(reason(&unnamed), "MERCHANT_UNNAMED");
    let mut named = with_key(list(), &admin);
    named.metadata_mut().insert("rondo-merchant", merchant.to_string().parse().unwrap());
    portal.plans().list_plans(named).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_revoked_key_is_refused_and_a_secret_is_shown_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let request = v1::CreateApiKeyRequest {
        api_key: Some(v1::ApiKey {
            display_name: "second".to_owned(),
            role: v1::api_key::Role::Merchant.into(),
            ..Default::default()
        }),
        request_id: REQUEST_ID.to_owned(),
        ..Default::default()
    };
    let mut keys = portal.keys();
    let made = keys.create_api_key(portal.ask(request.clone())).await.unwrap().into_inner();
    assert!(made.secret.starts_with("rk_test_"), "the merchant lives on a test clock");
    let again = keys.create_api_key(portal.ask(request)).await.unwrap().into_inner();
    assert_eq!((again.api_key.clone(), again.secret.as_str()), (made.api_key.clone(), ""));

    let list = v1::ListApiKeysRequest::default();
    let listed = keys.list_api_keys(with_key(list.clone(), &made.secret)).await.unwrap();
    let listed = listed.into_inner();
    assert_eq!(listed.api_keys.len(), 2);

    let name = made.api_key.unwrap().name;
    let get = v1::GetApiKeyRequest { name: name.clone() };
    let shown = keys.get_api_key(portal.ask(get.clone())).await.unwrap().into_inner();
    assert_eq!(shown, listed.api_keys[1]);
    assert!(!format!("{shown:?}").contains(&made.secret), "{shown:?}");
    let revoke = v1::RevokeApiKeyRequest { name, ..Default::default() };
    let revoked = keys.revoke_api_key(portal.ask(revoke)).await.unwrap().into_inner();
    assert_eq!(keys.get_api_key(portal.ask(get)).await.unwrap().into_inner(), revoked);
    let refused = keys.list_api_keys(with_key(list, &made.secret)).await.unwrap_err();
    assert_eq!(reason(&refused), "API_KEY_REVOKED");
}

/// Those of administrators are no merchant's, and those of a merchant no administrator's who names none.
#[rstest]
#[tokio::test]
async fn a_key_is_shown_to_its_own_side_alone(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let admin = key(&portal.world, Role::Admin, None).await;
    let mut keys = portal.keys();
    let list = v1::ListApiKeysRequest::default();
    let of_admins = keys.list_api_keys(with_key(list.clone(), &admin)).await.unwrap().into_inner();
    let of_merchant = keys.list_api_keys(portal.ask(list)).await.unwrap().into_inner();
    for (own, foreign, asked_with) in
        [(&of_admins, &of_merchant, &admin), (&of_merchant, &of_admins, &portal.key)]
    {
        let get = |key: &v1::ApiKey| {
            with_key(v1::GetApiKeyRequest { name: key.name.clone() }, asked_with)
        };
        let shown = keys.get_api_key(get(&own.api_keys[0])).await.unwrap().into_inner();
        assert_eq!(shown, own.api_keys[0]);
        let refused = keys.get_api_key(get(&foreign.api_keys[0])).await.unwrap_err();
        assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND");
    }
}

#[rstest]
#[tokio::test]
async fn a_key_is_good_until_it_expires(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let expiry = portal.world.rondo.clock.now() + TimeDelta::hours(1);
    let request = v1::CreateApiKeyRequest {
        api_key: Some(v1::ApiKey {
            display_name: "for an hour".to_owned(),
            role: v1::api_key::Role::ReadOnly.into(),
            expire_time: Some(timestamp(expiry)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made = portal.keys().create_api_key(portal.ask(request)).await.unwrap().into_inner();
    assert_eq!(instant(made.api_key.unwrap().expire_time), expiry);
    let list = || with_key(v1::ListPlansRequest::default(), &made.secret);
    portal.world.time_passes(TimeDelta::minutes(59));
    portal.plans().list_plans(list()).await.unwrap();
    portal.world.time_passes(TimeDelta::minutes(1));
    let refused = portal.plans().list_plans(list()).await.unwrap_err();
    assert_eq!(told(&refused), "Unauthenticated API_KEY_EXPIRED: this API key has expired ");
}

/// Stolen cards would be tried on set-ups. Each customer has so many in an hour; others have theirs.
#[rstest]
#[tokio::test]
async fn an_eleventh_card_set_up_within_an_hour_is_refused(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.customer("Ana").create().await.name;
    let bo = portal.world.customer("Bo").create().await.name;
    let open = async |customer: &str| {
        let request = v1::CreateSetupSessionRequest {
            customer: customer.to_owned(),
            return_url: "https://academy.example/back".to_owned(),
            request_id: once(),
        };
        portal.methods().create_setup_session(portal.ask(request)).await
    };
    for _ in 0..10 {
        open(&ana).await.unwrap();
    }
    let refused = open(&ana).await.unwrap_err();
    let wait = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    let sentence = format!("too many calls; wait {} ms ", wait.as_millis());
    assert_eq!(told(&refused), format!("ResourceExhausted RATE_LIMITED: {sentence}"));
    open(&bo).await.unwrap();
}

#[tokio::test]
async fn a_compressed_request_is_not_read() {
    let portal = Portal::on(Sqlite).await;
    let mut plans = portal.plans().send_compressed(CompressionEncoding::Gzip);
    let refused = plans.list_plans(portal.ask(v1::ListPlansRequest::default())).await.unwrap_err();
    let sentence = "the request must not be compressed; there is no such encoding here ";
    assert_eq!(told(&refused), format!("Unimplemented ENCODING_UNSUPPORTED: {sentence}"));
}

#[rstest]
#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_another_is_refused(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let request = |name: &str| v1::CreatePlanRequest {
        plan: Some(v1::Plan {
            display_name: name.to_owned(),
            terms: Some(monthly(2_000)),
            ..Default::default()
        }),
        request_id: REQUEST_ID.to_owned(),
        ..Default::default()
    };
    let mut plans = portal.plans();
    let first = plans.create_plan(portal.ask(request("Monthly"))).await.unwrap().into_inner();
    let second = plans.create_plan(portal.ask(request("Monthly"))).await.unwrap().into_inner();
    assert_eq!(first, second);
    let other = plans.create_plan(portal.ask(request("Yearly"))).await.unwrap_err();
    assert_eq!(
        (other.code(), reason(&other).as_str()),
        (Code::InvalidArgument, "REQUEST_ID_REUSED")
    );

    let only_checked = v1::CreatePlanRequest {
        validate_only: true,
        request_id: String::new(),
        ..request("Weekly")
    };
    plans.create_plan(portal.ask(only_checked)).await.unwrap();
    let listed = plans.list_plans(portal.ask(v1::ListPlansRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().plans, [first]);
}

#[rstest]
#[tokio::test]
async fn twenty_sendings_at_once_make_one_plan(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let request = v1::CreatePlanRequest {
        plan: Some(v1::Plan {
            display_name: "Monthly".to_owned(),
            terms: Some(monthly(2_000)),
            ..Default::default()
        }),
        request_id: REQUEST_ID.to_owned(),
        ..Default::default()
    };
    let sendings = (0..20).map(|_| {
        let (mut plans, request) = (portal.plans(), portal.ask(request.clone()));
        async move { plans.create_plan(request).await.unwrap().into_inner().name }
    });
    let names = futures::future::join_all(sendings).await;
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
}

#[rstest]
#[tokio::test]
async fn another_merchants_objects_do_not_exist(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let admin = key(&portal.world, Role::Admin, None).await;
    let request = v1::CreateMerchantRequest {
        merchant: Some(v1::Merchant {
            display_name: "Other Academy".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            gateway: "sandbox".to_owned(),
            invoice_prefix: "OTHER".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let other = portal.merchants().create_merchant(with_key(request, &admin)).await.unwrap();
    let other_id = other.into_inner().name.strip_prefix("merchants/").unwrap().parse().unwrap();
    let foreign = key(&portal.world, Role::Merchant, Some(other_id)).await;
    let get = v1::GetPlanRequest { name: plan.name };
    let refused = portal.plans().get_plan(with_key(get, &foreign)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}

#[rstest]
#[tokio::test]
async fn a_key_is_never_seen_to_be_used_before_it_was_made(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let rondo = &portal.world.rondo;
    // The hour of its first use began before it was made.
    let made_at = rondo.clock.now() + TimeDelta::seconds(90);
    let new = NewApiKey {
        name: "ahead".to_owned(),
        role: Role::Merchant,
        merchant: Some(portal.world.merchant_id),
        expires_at: None,
    };
    let mut repo = rondo.store.begin().await.unwrap();
    let made = api_keys::create_api_key(repo.as_mut(), &rondo.mint, made_at, new).await;
    let (key, secret) = made.unwrap();
    repo.commit().await.unwrap();

    let list = || with_key(v1::ListPlansRequest::default(), secret.expose());
    portal.plans().list_plans(list()).await.unwrap();
    portal.plans().list_plans(list()).await.unwrap();
    let known = rondo.store.snapshot().await.unwrap().api_key(key.id).await.unwrap().unwrap();
    assert_eq!((known.created_at, known.last_used_at), (made_at, Some(made_at)));
}
