//! Members who store another card without paying.

use rondo::{app::pay, domain::invoice::InvoiceState::Paid, grpc::proto::v1::invoice::State};
use serde_json::json;

use crate::{
    site::{Debtor, Site},
    support::Engine::Sqlite,
};

async fn card_link(site: &Site, debtor: &Debtor) -> String {
    let merchant = site.world.merchant().await;
    let now = merchant.test_clock.unwrap().now;
    pay::card_url(site.rondo(), merchant.id, debtor.member.id, now)
}

#[tokio::test]
async fn a_new_card_pays_the_overdue_invoice_and_all_that_follow() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let eva = site.debtor("Eva", "tok_visa_lost_card").await;
    let page = site.open(&card_link(&site, &eva).await).await;
    assert_eq!(page.title(), "Store a card for Open Academy");
    let gateway = site.pay(&page, &[]).await;
    let back = site.choose(&gateway, "tok_mastercard").await;
    assert_eq!(back.title(), "Mastercard ending 4444 is stored");
    // Looked at again, it is still one card.
    let again = site.open(&back.url).await;
    assert_eq!(again.title(), back.title());
    assert_eq!(site.default_method(&eva.member).await.brand, "Mastercard");

    site.settle().await;
    assert_eq!(site.invoice(eva.invoice).await.state, Paid);
    eva.subscription.assert().is_active().await;
    site.world.advance_to("2026-03-20").await;
    eva.subscription.assert().has_invoices([State::Paid; 2]).await;
    site.assert_books_agree().await;
}

#[tokio::test]
async fn a_page_that_is_left_stores_nothing() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let eva = site.debtor("Eva", "tok_visa_lost_card").await;
    let before = site.customer(&eva.member).await;
    let page = site.open(&card_link(&site, &eva).await).await;
    let gateway = site.pay(&page, &[]).await;
    let failed = site.give_up(&gateway).await;
    assert_eq!(failed.title(), "No card was stored");
    assert_eq!(site.customer(&eva.member).await, before);
}

#[tokio::test]
async fn a_card_is_kept_by_the_gateways_webhook_when_the_tab_was_closed() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let eva = site.debtor("Eva", "tok_visa_lost_card").await;
    let page = site.open(&card_link(&site, &eva).await).await;
    let gateway = site.pay(&page, &[]).await;
    site.choose_and_leave(&gateway, "tok_mastercard").await;
    let (_, reference) = gateway.rsplit_once('/').unwrap();
    let object = site.told(&format!("/v1/pages/{reference}")).await;
    let hook = json!({ "id": "evt_1", "type": "setup.stored", "object": object }).to_string();
    for _ in 0..2 {
        assert_eq!(site.hook(&hook, 0).await.status(), 200);
    }
    site.settle().await;
    assert_eq!(site.default_method(&eva.member).await.brand, "Mastercard");
    assert_eq!(site.invoice(eva.invoice).await.state, Paid);
    site.assert_books_agree().await;
}

#[tokio::test]
async fn while_the_gateway_is_down_the_member_is_told_that_nothing_happened() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let eva = site.debtor("Eva", "tok_visa_lost_card").await;
    let page = site.open(&card_link(&site, &eva).await).await;
    site.outage(true).await;
    let told = site.send(&page, &[]).await;
    assert!(told.says("did not open. Nothing was charged"));
}
