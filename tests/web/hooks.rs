//! Webhooks from the gateway: believed only when signed, kept once, applied in any order.

use rondo::{
    domain::{
        invoice::InvoiceState::{Open, Paid},
        payment::attempt::AttemptState,
    },
    store::Work,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    site::{Debtor, Site},
    support::Engine::{self, Postgres, Sqlite},
};

/// A member who paid on the gateway's page and closed the tab; what the gateway knows of it.
async fn paid_unseen(site: &Site) -> (Debtor, Value) {
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let page = site.open(&site.mailed_link("Bo")).await;
    let gateway = site.pay(&page, &[("with", "page")]).await;
    site.choose(&gateway, "tok_visa_lost_card").await;
    site.choose_and_leave(&gateway, "tok_visa").await;
    let attempt = site.attempts(bo.invoice).await.pop().unwrap().id;
    let found = site.told(&format!("/v1/lookup?reference={attempt}")).await;
    (bo, found["charges"].clone())
}

fn event(id: &str, charge: &Value) -> String {
    json!({ "id": id, "type": "charge.changed", "object": charge }).to_string()
}

#[rstest]
#[tokio::test]
async fn a_webhook_pays_the_invoice_when_the_tab_was_closed(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let site = Site::on(engine, "2026-01-31").await;
    let (bo, charges) = paid_unseen(&site).await;
    assert_eq!(site.invoice(bo.invoice).await.state, Open);
    // The news of the good card comes first and twice, that of the lost one after it.
    for hook in
        [event("evt_2", &charges[1]), event("evt_2", &charges[1]), event("evt_1", &charges[0])]
    {
        assert_eq!(site.hook(&hook, 0).await.status(), 200);
    }
    site.settle().await;
    assert_eq!(site.invoice(bo.invoice).await.state, Paid);
    assert_eq!(site.world.mail_kinds("Bo").last().unwrap(), "recovered");
    site.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_gateway_reads_the_reply_that_it_wants_each_time(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let site = Site::on(engine, "2026-01-31").await;
    site.world.line.wants_to_read("[accepted]");
    let hook = json!({ "id": "evt_1", "type": "later.invented", "object": {} }).to_string();
    for time in ["first", "second"] {
        let answer = site.hook(&hook, 0).await;
        assert_eq!(answer.status(), 200, "{time}");
        assert_eq!(answer.text().await.unwrap(), "[accepted]", "{time}");
    }
}

#[tokio::test]
async fn one_declined_card_does_not_end_a_page_on_which_another_is_tried() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let page = site.open(&site.mailed_link("Bo")).await;
    let gateway = site.pay(&page, &[("with", "page")]).await;
    site.choose(&gateway, "tok_visa_lost_card").await;
    let attempt = site.attempts(bo.invoice).await.pop().unwrap();
    let found = site.told(&format!("/v1/lookup?reference={}", attempt.id)).await;
    assert_eq!(site.hook(&event("evt_1", &found["charges"][0]), 0).await.status(), 200);
    site.settle().await;
    let now = site.attempts(bo.invoice).await.pop().unwrap();
    assert_eq!(now.state, AttemptState::ActionRequired);
    assert!(site.choose(&gateway, "tok_visa").await.title().ends_with("is paid"));
    site.assert_books_agree().await;
}

#[tokio::test]
async fn what_is_not_signed_or_too_late_or_too_large_is_not_kept() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let (bo, charges) = paid_unseen(&site).await;
    let hook = event("evt_1", &charges[1]);
    let forged = format!("t={},v1={}", site.rondo().clock.now().timestamp(), "ab".repeat(32));
    for (answer, expected) in [
        (site.raw_hook("sandbox", hook.clone(), &forged).await, 401),
        (site.raw_hook("sandbox", hook.clone(), "").await, 401),
        (site.hook(&hook, 301).await, 401),
        (site.hook(&hook, -301).await, 401),
        (site.hook("{}", 0).await, 400),
        (site.raw_hook("nobody", hook.clone(), &forged).await, 404),
        (site.raw_hook("sandbox", " ".repeat(1024 * 1024 + 1), &forged).await, 413),
        (site.raw_hook("sandbox", hook.clone(), &"a".repeat(16 * 1024)).await, 431),
    ] {
        assert_eq!(answer.status(), expected);
        assert_eq!(answer.text().await.unwrap(), "");
    }
    site.settle().await;
    assert_eq!(site.invoice(bo.invoice).await.state, Open);
}

#[tokio::test]
async fn a_webhook_of_nothing_that_we_know_is_given_up_and_blocks_nobody() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let (bo, charges) = paid_unseen(&site).await;
    let mut stranger = charges[1].clone();
    stranger["reference"] = json!("order-77 of another shop");
    stranger["id"] = json!("ch_of_another_shop");
    for hook in [
        event("evt_1", &stranger),
        json!({ "id": "evt_2", "type": "later.invented", "object": {} }).to_string(),
        event("evt_3", &charges[1]),
    ] {
        assert_eq!(site.hook(&hook, 0).await.status(), 200);
    }
    site.settle().await;
    assert_eq!(site.invoice(bo.invoice).await.state, Paid);
    // Planned for later, not for now: the loop is idle.
    assert_eq!(rondo::engine::round(site.rondo(), Work::Resolve).await.unwrap(), 0);
}
