//! One member's trouble is no other's, and what is cut off leaves no trace.

use chrono::TimeDelta;
use rondo::{
    app::merchants::{MerchantUpdate, update_merchant},
    engine,
    grpc::{
        convert::time::timestamp,
        proto::v1::{
            self,
            attempt::State::Succeeded,
            create_payment_method_request as source,
            dunning_ladder::FinalAction,
            invoice::State::{Open, Paid},
        },
    },
    store::Work,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::money,
    cards,
    line::{Call, Place},
    offer::retry,
    world::{World, at},
};

#[rstest]
#[tokio::test]
async fn missed_cycles_without_a_card_hold_nobody_up(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("A day", "2.00 EUR").daily().dunned_by(&ladder).create().await;
    let bo = world.customer("Bo").create().await;
    let card = bo.adds_card(cards::GOOD).await;
    let course = world.subscribe(&bo, &plan).await;
    let ana = world.member("Ana", cards::GOOD).await;
    let hers = world.subscribe(&ana, &plan).await;
    bo.takes_out(&card).await;
    world.time_passes(TimeDelta::days(3));
    // The loop that renews is quicker than the one that collects.
    for _ in 0..4 {
        engine::round(&world.rondo, Work::Renew).await.unwrap();
    }
    world.settle().await;
    let stuck = world.stuck().await;
    assert!(stuck.is_empty(), "{stuck:#?}");
    hers.assert().is_active().has_invoices([Paid; 4]).await;
    course.assert().is_past_due().has_invoices([Paid, Open, Open, Open]).await;
    assert_eq!(bo.cases().await.len(), 3);
}

#[rstest]
#[tokio::test]
async fn an_account_taken_from_the_merchant_is_charged_no_more(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    give(&world, vec!["vendor".to_owned()]).await;
    let bo = world.customer("Bo").create().await;
    let request = v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: bo.name.clone(),
            network: v1::payment_method::Network::Visa.into(),
            gateway: "vendor".to_owned(),
            brand: "Visa".to_owned(),
            last_four: "4242".to_owned(),
            expiry_year: 2030,
            expiry_month: 12,
            ..Default::default()
        }),
        source: Some(source::Source::Token(source::Token {
            token: "tok_visa_ok.bo".to_owned(),
            fingerprint: "fp_bo".to_owned(),
            ..Default::default()
        })),
        request_id: world.api.request_id(),
        ..Default::default()
    };
    world.api.methods().create_payment_method(request).await.unwrap();
    let course = world.subscription(&bo).monthly("20.00 EUR").create().await;
    course.assert().is_active().was_tried([Succeeded]).await;
    give(&world, vec![]).await;
    world.line.calls();
    world.advance_to("2026-03-01").await;
    assert!(!world.line.calls().contains(&Call::Charge), "the vendor's account was charged");
}

#[rstest]
#[tokio::test]
async fn two_invoices_for_a_card_that_is_gone_hold_nobody_up(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let bo = world.customer("Bo").create().await;
    let second = bo.adds_card(cards::GOOD_MASTERCARD).await;
    for label in ["Course", "Book"] {
        let request = v1::CreateInvoiceRequest {
            invoice: Some(v1::Invoice {
                customer: bo.name.clone(),
                due_time: Some(timestamp(at("2026-02-20"))),
                lines: vec![v1::invoice::Line {
                    label: label.to_owned(),
                    unit_price: Some(money("49.00 EUR")),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            payment_method: second.clone(),
            request_id: world.api.request_id(),
            ..Default::default()
        };
        world.api.invoices().create_invoice(request).await.unwrap();
    }
    bo.takes_out(&second).await;
    let ana = world.member("Ana", cards::GOOD).await;
    let hers = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.send_clock_to("2026-03-01").await;
    world.settle().await;
    let stuck = world.stuck().await;
    let cases = bo.cases().await.len();
    let paid = hers.invoices().await.iter().filter(|i| i.state() == Paid).count();
    assert_eq!((cases, paid), (2, 2), "stuck {stuck:?}; it is {}", world.now().await);
}

#[rstest]
#[tokio::test]
async fn calls_that_are_cut_off_leave_the_books_in_order(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let bo = world.member("Bo", cards::GOOD).await;
    let (mut done, mut asked) = (0, 0);
    // Each is given a little longer than the one before, until some were in time on this machine.
    while asked < 400 || (done == 0 && asked < 4_000) {
        let n = asked;
        asked += 1;
        let mut request = tonic::Request::new(v1::CreateInvoiceRequest {
            invoice: Some(v1::Invoice {
                customer: bo.name.clone(),
                lines: vec![v1::invoice::Line {
                    label: format!("Course {n}"),
                    unit_price: Some(money("1.00 EUR")),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            request_id: world.api.request_id(),
            ..Default::default()
        });
        request.metadata_mut().insert("grpc-timeout", format!("{}u", n * 40).parse().unwrap());
        done += usize::from(world.api.invoices().create_invoice(request).await.is_ok());
    }
    let listed = bo.invoices().await;
    assert!(listed.len() >= done && done > 0 && done < asked, "{} {done}", listed.len());
    bo.buys("Last", "2.00 EUR").await;
    // Where the machine was too busy for an answer, there is time to ask again.
    world.advance_to("2026-02-01").await;
    assert_eq!(bo.invoices().await.len(), listed.len() + 1);
    world.assert_books_agree().await;
}

/// Bo's zone is one that no calendar knows.
const DAMAGED: &str =
    "update customer set zone = 'Atlantis/Capital' where email = 'bo@example.org'";
const MENDED: &str = "update customer set zone = null where email = 'bo@example.org'";

#[rstest]
#[case::before_it_is_billed("2026-02-10", Work::Renew, &[Paid])]
#[case::before_it_is_collected("2026-02-28", Work::Collect, &[Paid, Open])]
#[tokio::test]
async fn what_cannot_be_read_of_one_member_holds_nobody_else_up(
    #[case] day: &str,
    #[case] work: Work,
    #[case] before: &[v1::invoice::State],
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let bo = world.member("Bo", cards::GOOD).await;
    let his = world.subscription(&bo).monthly("20.00 EUR").create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let hers = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.time_passes(at(day) - at("2026-01-31"));
    engine::round(&world.rondo, Work::Renew).await.unwrap();
    world.database.damage(DAMAGED).await;
    world.is_down_until("2026-03-01").await;
    hers.assert().is_active().has_invoices([Paid, Paid]).await;
    his.assert().has_invoices(before.to_vec()).await;
    let stuck = world.stuck().await;
    let [told] = &stuck[..] else { panic!("one thing is set aside: {stuck:?}") };
    assert_eq!(told.work, work);
    assert!(told.reason.contains("Atlantis"), "{told:?}");

    world.database.damage(MENDED).await;
    world.put_back(&told.object).await;
    world.settle().await;
    his.assert().is_active().has_invoices([Paid, Paid]).await;
}

#[rstest]
#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_told_to_staff(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let bo = world.member("Bo", "tok_visa_key_forgotten").await;
    let his = world.subscription(&bo).monthly("20.00 EUR").create().await;
    world.line.gets_stuck(Call::Charge, Place::OnTheWayBack);
    world.send_clock_to("2026-03-01").await;
    tokio::join!(world.settle(), async {
        world.line.is_stuck().await;
        world.database.damage(DAMAGED).await;
        world.line.goes_on();
    });
    let stuck = world.stuck().await;
    let [told] = &stuck[..] else { panic!("one thing is set aside: {stuck:?}") };
    assert_eq!(told.work, Work::Resolve);

    world.database.damage(MENDED).await;
    world.put_back(&told.object).await;
    world.arrive().await;
    his.assert().is_active().has_invoices([Paid, Paid]).await;
    world.assert_charged(&bo, "20.00 EUR", 2).await;
}

async fn give(world: &World, others: Vec<String>) {
    let mut repo = world.rondo.store.begin().await.unwrap();
    let update = MerchantUpdate { other_gateways: Some(others), ..MerchantUpdate::default() };
    update_merchant(&world.rondo, repo.as_mut(), world.merchant_id, None, update).await.unwrap();
    repo.commit().await.unwrap();
}
