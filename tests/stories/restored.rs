//! An older backup is put in the place of the database: what it has forgotten is not charged again.

use chrono::TimeDelta;
use rondo::{
    app::{pay, reconcile, restored},
    domain::{payment::attempt::id_of_try, subscription::renewal::id_of_cycle},
    grpc::proto::v1::{
        attempt::State::{Declined, Succeeded},
        invoice::State::{Open, Paid},
    },
};
use tempfile::TempDir;

use crate::support::{
    Engine::Sqlite,
    THROWAWAY,
    api::{Api, bare},
    cards,
    course::Course,
    served::Port,
    world::{World, at},
};

const COPY: &str = "copy.db";

/// A member with a monthly membership, and a copy of the database from then, as `rondo backup` makes it.
async fn backed_up(card: &str) -> (World, Course, TempDir) {
    let world = World::on(Sqlite, "2026-01-31").without_test_clock().await;
    let member = world.member("Ana", card).await;
    let course = world.subscription(&member).monthly("20.00 EUR").create().await;
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join(COPY);
    world.database.backup(&copy, world.rondo.clock.now()).await.unwrap();
    (world, course, folder)
}

/// The service stops, and starts again on the copy: the membership as it is there.
async fn restore(world: &mut World, course: Course, folder: &TempDir) -> Course {
    let url = format!("sqlite:{}", folder.path().join(COPY).display());
    world.rondo.store = rondo::store::open(&url, THROWAWAY).await.unwrap();
    world.rondo.restored = restored::take_up(&world.rondo).await.unwrap();
    world.channel = Port::open().await.serve(&world.rondo, 100_000).await;
    world.api = Api::new(&world.channel, &world.key, None);
    course.seen_in(world)
}

/// What the gateway has taken, in order.
async fn taken(world: &World) -> Vec<String> {
    let charges = world.told("/v1/charges?limit=100").await;
    let charges = charges["charges"].as_array().unwrap();
    let paid = charges.iter().filter(|charge| charge["status"] == "succeeded");
    paid.map(|charge| charge["reference"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_a_backup_has_forgotten_is_found_at_the_gateway_and_not_charged_again() {
    let (mut world, course, folder) = backed_up(cards::GOOD).await;
    world.is_down_until("2026-02-28").await;
    world.is_down_until("2026-03-31").await;
    let before = taken(&world).await;
    assert_eq!(before.len(), 3);

    // The gateway has long forgotten the keys; only a look-up tells.
    world.time_passes(TimeDelta::days(2));
    let course = restore(&mut world, course, &folder).await;
    world.settle().await;
    assert_eq!(taken(&world).await, before);
    course.assert().is_active().has_invoices([Paid, Paid, Paid]).await;
    world.assert_books_agree().await;

    // What is new is charged as ever.
    world.is_down_until("2026-04-30").await;
    assert_eq!(taken(&world).await.len(), 4);
    course.assert().is_active().has_invoices([Paid, Paid, Paid, Paid]).await;
    world.assert_books_agree().await;
}

#[tokio::test]
async fn what_was_declined_in_the_forgotten_time_is_not_tried_again_at_once() {
    let (mut world, course, folder) = backed_up("tok_visa_ok_x1_then_insufficient_funds").await;
    world.is_down_until("2026-02-28").await;
    let tried = world.told("/v1/charges?limit=100").await["charges"].as_array().unwrap().len();
    assert_eq!(tried, 2);

    let course = restore(&mut world, course, &folder).await;
    world.settle().await;
    let charges = world.told("/v1/charges?limit=100").await["charges"].as_array().unwrap().len();
    assert_eq!(charges, tried, "the gateway was asked, and not ordered again");
    course.assert().has_invoices([Paid, Open]).was_tried([Declined]).await;
}

#[tokio::test]
async fn while_the_gateway_cannot_be_asked_nothing_leaves() {
    let (mut world, course, folder) = backed_up(cards::GOOD).await;
    world.is_down_until("2026-02-28").await;
    let course = restore(&mut world, course, &folder).await;

    world.outage(true).await;
    world.settle().await;
    course.assert().has_invoices([Paid, Open]).await;
    world.outage(false).await;
    world.time_passes(TimeDelta::hours(1));
    world.settle().await;
    assert_eq!(taken(&world).await.len(), 2);
    course.assert().is_active().has_invoices([Paid, Paid]).was_tried([Succeeded]).await;
    world.assert_books_agree().await;
}

#[tokio::test]
async fn what_was_taken_under_another_trys_name_is_found_too() {
    let (mut world, course, folder) = backed_up(cards::GOOD).await;
    // In the time that is forgotten two tries left no trace, and the third one paid.
    world.time_passes(TimeDelta::days(30));
    let invoice = id_of_cycle(course.id, at("2026-02-28"));
    let third = id_of_try(invoice, 3);
    let order = serde_json::json!({
        "reference": third.to_string(), "invoice": invoice.to_string(), "amount": 2000,
        "currency": "EUR", "method": "tok_visa_ok.somebody", "initiator": "merchant",
        "description": "forgotten",
    });
    world.is_ordered("/v1/charges", "a forgotten key", &order).await;
    assert_eq!(taken(&world).await.len(), 2);

    let course = restore(&mut world, course, &folder).await;
    world.settle().await;
    assert_eq!(taken(&world).await.len(), 2, "it is not taken again");
    course.assert().is_active().has_invoices([Paid, Paid]).await;
    let found = reconcile::account(&world.rondo, "sandbox", TimeDelta::hours(720)).await.unwrap();
    assert_eq!(found.differences, [], "it is known by the charge's own reference");
}

#[tokio::test]
async fn a_page_that_is_forgotten_and_still_open_is_the_one_that_is_shown() {
    let (mut world, course, folder) = backed_up("tok_visa_ok_x1_then_insufficient_funds").await;
    world.is_down_until("2026-02-28").await;
    course.assert().was_tried([Declined]).await;
    let copy = folder.path().join(COPY);
    std::fs::remove_file(&copy).unwrap();
    world.database.backup(&copy, world.rondo.clock.now()).await.unwrap();

    // In the time that is forgotten the card was refused once more, and then a page was opened.
    world.is_down_until("2026-03-05").await;
    course.assert().was_tried([Declined, Declined]).await;
    let wish = pay::Wish {
        invoice: bare(&course.invoices().await[1].name).parse().unwrap(),
        store_method: false,
        return_url: "https://academy.example/back".to_owned(),
    };
    let page = pay::start_checkout(&world.rondo, &world.merchant().await, &wish).await.unwrap();
    let pay::Started::At(page) = page else { panic!("{page:?}") };

    world.time_passes(TimeDelta::days(2));
    let course = restore(&mut world, course, &folder).await;
    course.assert().was_tried([Declined]).await;
    let again = pay::start_checkout(&world.rondo, &world.merchant().await, &wish).await.unwrap();
    assert!(matches!(&again, pay::Started::At(url) if *url == page), "{again:?} beside {page}");
}

#[tokio::test]
async fn a_refund_that_left_since_the_copy_is_not_sent_again() {
    let (mut world, course, folder) = backed_up(cards::GOOD).await;
    world.gives_back(&course.payment().await.name, Some("5.00 EUR")).await;
    // The copy knows what is to be sent, and not that it left a moment later.
    let copy = folder.path().join(COPY);
    std::fs::remove_file(&copy).unwrap();
    world.database.backup(&copy, world.rondo.clock.now()).await.unwrap();
    world.settle().await;
    let went_back = async |world: &World| {
        let charges = world.told("/v1/charges?limit=100").await;
        charges["charges"][0]["amount_refunded"].as_i64()
    };
    assert_eq!(went_back(&world).await, Some(500));

    // The gateway has long forgotten the key; only a look-up tells.
    world.time_passes(TimeDelta::days(2));
    restore(&mut world, course, &folder).await;
    world.settle().await;
    assert_eq!(went_back(&world).await, Some(500));
    world.assert_books_agree().await;
}
