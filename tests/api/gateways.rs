//! Gateway accounts: a merchant goes by those that an administrator has given to it, and by none other.
//!
//! Configured are `sandbox`, which every portal here goes by, `vendor`, and `live`, which would move
//! real money.

use rondo::{
    domain::{api_key::Role, changes::Changes, merchant::Merchant},
    grpc::proto::v1::{
        self,
        create_payment_method_request::{Source, Token},
        test_clocks_service_client::TestClocksServiceClient,
    },
};
use rstest::rstest;
use tonic::Status;

use crate::{
    bad_input::{instant, mask, once, told},
    given,
    portal::{Portal, key, with_key},
    support::{
        Engine::{self, Postgres, Sqlite},
        world::World,
    },
};

const MOVES_REAL_MONEY: &str = "FailedPrecondition GATEWAY_MOVES_REAL_MONEY: the gateway account live \
                                moves real money, which no test clock may; take an account for tests ";

/// Changes the merchant's accounts, as an administrator does.
async fn give(portal: &Portal, gateway: &str, others: &[&str]) -> Result<v1::Merchant, Status> {
    let admin = key(&portal.world, Role::Admin, None).await;
    let v1::Merchant { name, etag, .. } = given::merchant(portal).await;
    let request = v1::UpdateMerchantRequest {
        merchant: Some(v1::Merchant {
            name,
            etag,
            gateway: gateway.to_owned(),
            other_gateways: others.iter().map(ToString::to_string).collect(),
            ..Default::default()
        }),
        update_mask: mask(&["gateway", "other_gateways"]),
        ..Default::default()
    };
    let given = portal.merchants().update_merchant(with_key(request, &admin)).await?;
    Ok(given.into_inner())
}

async fn store_card(
    portal: &Portal,
    customer: &str,
    gateway: &str,
) -> Result<v1::PaymentMethod, Status> {
    let request = v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: customer.to_owned(),
            gateway: gateway.to_owned(),
            network: v1::payment_method::Network::Visa.into(),
            ..Default::default()
        }),
        source: Some(Source::Token(Token {
            token: "tok_visa_ok".to_owned(),
            ..Default::default()
        })),
        request_id: once(),
        ..Default::default()
    };
    Ok(portal.methods().create_payment_method(portal.ask(request)).await?.into_inner())
}

fn refused_as(own: &str) -> String {
    let told = format!("must be one of your gateway accounts: {own}");
    let field = "payment_method.gateway";
    format!("InvalidArgument FIELDS_INVALID: {field} {told} [{field}] {told}")
}

#[rstest]
#[tokio::test]
async fn a_merchant_charges_through_its_own_accounts_alone(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let ana = format!("customers/{}", ana.id);
    assert_eq!(store_card(&portal, &ana, "").await.unwrap().gateway, "sandbox");
    assert_eq!(store_card(&portal, &ana, "sandbox").await.unwrap().gateway, "sandbox");

    // Another's account is answered as one that nobody has, and the answer names neither.
    for foreign in ["vendor", "live", "paypal", "Sandbox", " sandbox"] {
        let refused = store_card(&portal, &ana, foreign).await.unwrap_err();
        assert_eq!(told(&refused), refused_as("sandbox"), "{foreign}");
    }

    give(&portal, "vendor", &["sandbox"]).await.unwrap();
    assert_eq!(store_card(&portal, &ana, "").await.unwrap().gateway, "vendor");
    assert_eq!(store_card(&portal, &ana, "sandbox").await.unwrap().gateway, "sandbox");
    let refused = store_card(&portal, &ana, "live").await.unwrap_err();
    assert_eq!(told(&refused), refused_as("vendor, sandbox"));

    // What is taken away takes no new card, while the other fields of a merchant change without it.
    let taken = give(&portal, "vendor", &[]).await.unwrap();
    assert_eq!((taken.gateway.as_str(), taken.other_gateways), ("vendor", vec![]));
    let refused = store_card(&portal, &ana, "sandbox").await.unwrap_err();
    assert_eq!(told(&refused), refused_as("vendor"));
}

#[rstest]
#[tokio::test]
async fn a_merchant_does_not_choose_its_accounts_itself(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let v1::Merchant { name, etag, .. } = given::merchant(&portal).await;
    let request = v1::UpdateMerchantRequest {
        merchant: Some(v1::Merchant {
            name,
            etag,
            other_gateways: vec!["vendor".to_owned()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let refused = portal.merchants().update_merchant(portal.ask(request)).await.unwrap_err();
    assert!(told(&refused).starts_with("PermissionDenied PERMISSION_MISSING"), "{refused}");
}

#[rstest]
#[tokio::test]
async fn no_test_clock_goes_with_real_money(#[values(Sqlite, Postgres)] engine: Engine) {
    let on_clock = Portal::on(engine).await;
    for (gateway, others) in [("live", &[][..]), ("sandbox", &["live"][..])] {
        let refused = give(&on_clock, gateway, others).await.unwrap_err();
        assert_eq!(told(&refused), MOVES_REAL_MONEY);
    }
    assert_eq!(given::merchant(&on_clock).await.gateway, "sandbox");

    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let portal = Portal { channel: world.channel.clone(), key: world.key.clone(), world };
    let create = || v1::CreateTestClockRequest {
        test_clock: Some(v1::TestClock {
            current_time: instant("2026-01-31T09:00:00Z"),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut clocks = TestClocksServiceClient::new(portal.channel.clone());
    for (gateway, others) in [("live", &[][..]), ("sandbox", &["live"][..])] {
        give(&portal, gateway, others).await.unwrap();
        let refused = clocks.create_test_clock(portal.ask(create())).await.unwrap_err();
        assert_eq!(told(&refused), MOVES_REAL_MONEY);
    }
    give(&portal, "sandbox", &["vendor"]).await.unwrap();
    clocks.create_test_clock(portal.ask(create())).await.unwrap();
}

/// An operator may put the key of real money under the name of an account that served for tests.
#[rstest]
#[tokio::test]
async fn a_test_clock_stops_when_its_account_becomes_one_of_real_money(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let mut repo = portal.world.rondo.store.begin().await.unwrap();
    let merchant = repo.merchant(portal.world.merchant_id).await.unwrap().unwrap();
    let merchants = vec![Merchant { gateway: "live".to_owned(), ..merchant }];
    repo.write(Changes { merchants, ..Changes::default() }).await.unwrap();
    repo.commit().await.unwrap();

    let advance = v1::AdvanceTestClockRequest {
        name: given::merchant(&portal).await.test_clock,
        target_time: instant("2026-05-01T00:00:00Z"),
        ..Default::default()
    };
    let mut clocks = TestClocksServiceClient::new(portal.channel.clone());
    let stopped = clocks.advance_test_clock(portal.ask(advance)).await.unwrap_err();
    assert_eq!(told(&stopped), MOVES_REAL_MONEY);
    let customer = format!("customers/{}", ana.id);
    let request = v1::CreateSetupSessionRequest {
        customer: customer.clone(),
        return_url: "https://academy.example/back".to_owned(),
        ..Default::default()
    };
    let no_page = portal.methods().create_setup_session(portal.ask(request)).await.unwrap_err();
    assert_eq!(told(&no_page), MOVES_REAL_MONEY);
    let no_card = store_card(&portal, &customer, "").await.unwrap_err();
    assert_eq!(told(&no_card), MOVES_REAL_MONEY);
}
