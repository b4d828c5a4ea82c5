//! Members who fix a payment by the link in their mail.

use rondo::{
    domain::{
        changes::Changes,
        invoice::InvoiceState::{Open, Paid},
        payment::{
            Payment, PaymentState,
            attempt::{Attempt, AttemptState, Initiator},
        },
        version::Version,
    },
    grpc::proto::v1::invoice::State,
};
use rstest::rstest;

use crate::{
    site::Site,
    support::Engine::{self, Postgres, Sqlite},
};

#[rstest]
#[tokio::test]
async fn a_member_fixes_a_payment_with_a_new_card_and_stays_with_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let site = Site::on(engine, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;

    let page = site.open(&site.mailed_link("Bo")).await;
    assert_eq!(page.title(), "€20.00 is still open for Membership");
    assert!(page.says("Your bank declined Visa ending 4242 on 14 February 2026"));
    assert!(page.says("there was not enough money"));
    assert!(page.says("We try again on"));
    assert!(page.says("for later payments of Membership, €20.00 a month, until I cancel"));

    let gateway = site.pay(&page, &[("with", "page"), ("store", "yes")]).await;
    assert_eq!(site.payment(bo.invoice).await.state, PaymentState::Collecting);
    let back = site.choose(&gateway, "tok_mastercard").await;
    assert_eq!(back.title(), "€20.00 for Membership is paid");

    assert_eq!(site.invoice(bo.invoice).await.state, Paid);
    bo.subscription.assert().is_active().await;
    assert_eq!(site.default_method(&bo.member).await.brand, "Mastercard");

    site.world.advance_to("2026-03-20").await;
    bo.subscription.assert().has_invoices([State::Paid; 2]).await;
    let kinds = site.world.mail_kinds("Bo");
    assert_eq!(kinds, ["welcome", "trial_ending", "payment_failed", "recovered", "receipt"]);
    // The decline, the payment on the page, the next month: no retry came in between.
    assert_eq!(site.attempts(bo.invoice).await.len(), 2);
    site.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn what_is_owed_goes_by_the_plan_that_it_was_billed_for() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let larger = site.world.plan("Library", "50.00 EUR").create().await;
    bo.subscription.changes_to(&larger).await;
    let page = site.open(&site.mailed_link("Bo")).await;
    assert_eq!(page.title(), "€20.00 is still open for Membership");
    assert!(page.says("for later payments of Library, €50.00 a month, until I cancel"));
}

#[rstest]
#[tokio::test]
async fn a_card_that_was_not_to_be_kept_is_used_once() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let page = site.open(&site.mailed_link("Bo")).await;
    let gateway = site.pay(&page, &[("with", "page")]).await;
    site.choose(&gateway, "tok_mastercard").await;
    assert_eq!(site.invoice(bo.invoice).await.state, Paid);
    assert_eq!(site.default_method(&bo.member).await.brand, "Visa");
    // The mail does not name what is stored: that has not paid.
    site.settle().await;
    let mails = site.world.mails.mails();
    let recovered = mails.iter().find(|mail| mail.kind.as_deref() == Some("recovered")).unwrap();
    let text = recovered.text().unwrap();
    assert!(!text.contains("ending 4242"), "{text}");
}

#[tokio::test]
async fn whatever_scans_mails_changes_nothing() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.mailed_link("Bo");
    let before = (
        site.invoice(bo.invoice).await,
        site.payment(bo.invoice).await,
        site.attempts(bo.invoice).await,
    );
    for _ in 0..5 {
        for rest in ["", "/go", "/checkout", "/card", "/return"] {
            site.open(&format!("{link}{rest}")).await;
        }
    }
    let after = (
        site.invoice(bo.invoice).await,
        site.payment(bo.invoice).await,
        site.attempts(bo.invoice).await,
    );
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_link_opens_its_own_invoice_and_nothing_else() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.link(bo.invoice).await;
    let page = site.open(&link).await;
    assert!(page.says(&site.invoice(bo.invoice).await.number.unwrap()));
    // No name and no address, however genuine the link is.
    for personal in ["Bo", "bo@example.org"] {
        assert!(!page.says(personal), "{personal}");
    }
    let (start, token) = link.rsplit_once('/').unwrap();
    let mut letters: Vec<char> = token.chars().collect();
    letters.swap(60, 70);
    let swapped: String = letters.into_iter().collect();
    for wrong in [&token[1..], &token[..token.len() - 4], &bo.invoice.to_string(), &swapped, "x"] {
        let page = site.open(&format!("{start}/{wrong}")).await;
        assert_eq!(page.status, 404, "{wrong}");
        assert_eq!(page.title(), "There is no such page");
        for told in ["Academy", "Membership", "20.00"] {
            assert!(!page.says(told), "{wrong}: {told}");
        }
    }
}

#[tokio::test]
async fn a_link_that_is_too_old_says_so_and_names_whom_to_ask() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.link(bo.invoice).await;
    site.world.advance_to("2026-04-15").await;
    assert_eq!(site.open(&link).await.status, 200);
    site.world.advance_to("2026-04-17").await;
    let page = site.open(&link).await;
    assert_eq!((page.status.as_u16(), page.title()), (410, "This link is too old"));
    assert!(page.says("please write to Open Academy"));
    assert!(!page.says("20.00"));
}

#[rstest]
#[tokio::test]
async fn two_tabs_pay_one_invoice_and_there_is_one_charge(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let site = Site::on(engine, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.mailed_link("Bo");
    let (one, other) = tokio::join!(site.open(&link), site.open(&link));
    // Pressed at the very same moment, and again a moment later.
    tokio::join!(site.send(&one, &[("with", "page")]), site.send(&other, &[("with", "page")]));
    let first = site.pay(&one, &[("with", "page")]).await;
    let second = site.pay(&other, &[("with", "page")]).await;
    assert_eq!(first, second);

    assert!(site.choose(&first, "tok_visa").await.title().ends_with("is paid"));
    site.choose(&second, "tok_mastercard").await;
    assert!(site.send(&other, &[("with", "page")]).await.title().ends_with("is paid"));

    site.settle().await;
    assert_eq!(site.invoice(bo.invoice).await.state, Paid);
    assert_eq!(site.world.captured().await.values().copied().collect::<Vec<_>>(), [2_000]);
    site.assert_books_agree().await;
}

#[tokio::test]
async fn a_decline_on_the_page_is_followed_by_another_card() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let page = site.open(&site.mailed_link("Bo")).await;
    let gateway = site.pay(&page, &[("with", "page")]).await;
    assert!(site.choose(&gateway, "tok_visa_lost_card").await.says("reported lost"));
    assert!(site.choose(&gateway, "tok_visa").await.title().ends_with("is paid"));
    assert_eq!(site.invoice(bo.invoice).await.state, Paid);
    site.assert_books_agree().await;
}

#[tokio::test]
async fn a_member_who_leaves_the_page_can_come_back_to_it_and_one_who_gives_up_can_begin_anew() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.mailed_link("Bo");
    let page = site.open(&link).await;
    let gateway = site.pay(&page, &[("with", "page")]).await;

    let left = site.open(&format!("{link}/return")).await;
    assert_eq!(left.title(), "€20.00 for Membership: one step is left");
    assert_eq!(left.button(), gateway);

    let given_up = site.give_up(&gateway).await;
    assert_eq!(given_up.title(), "€20.00 is still open for Membership");
    assert_eq!(site.payment(bo.invoice).await.state, PaymentState::Waiting);
    let anew = site.pay(&given_up, &[("with", "page")]).await;
    assert_ne!(anew, gateway);
    assert!(site.choose(&anew, "tok_visa").await.title().ends_with("is paid"));
    site.assert_books_agree().await;
}

#[tokio::test]
async fn a_gateway_whose_page_does_not_open_charges_nothing_and_is_tried_again() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let page = site.open(&site.mailed_link("Bo")).await;
    site.outage(true).await;
    let told = site.send(&page, &[("with", "page")]).await;
    assert!(told.says("did not open. Nothing was charged"));
    assert_eq!(site.payment(bo.invoice).await.state, PaymentState::Waiting);
    let attempts = site.attempts(bo.invoice).await;
    assert_eq!(attempts.last().unwrap().state, AttemptState::NotExecuted);

    site.outage(false).await;
    let gateway = site.pay(&told, &[("with", "page")]).await;
    assert!(site.choose(&gateway, "tok_visa").await.title().ends_with("is paid"));
    site.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_worker_that_died_before_its_page_was_open_stands_in_nobodys_way(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let site = Site::on(engine, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let declined = site.attempts(bo.invoice).await.remove(0);
    let payment = site.payment(bo.invoice).await;
    let lost = Attempt {
        id: site.rondo().mint.id(declined.sent_at),
        method: None,
        initiator: Initiator::Customer,
        state: AttemptState::InFlight,
        decline: None,
        reference: None,
        settled_at: None,
        leased_until: Some(site.rondo().clock.now()),
        version: Version::NEW,
        ..declined
    };
    let payment = Payment { state: PaymentState::Collecting, collect_at: None, ..payment };
    let (payments, attempts) = (vec![payment], vec![lost.clone()]);
    site.world.write(Changes { payments, attempts, ..Changes::default() }).await;

    let page = site.open(&site.mailed_link("Bo")).await;
    let gateway = site.pay(&page, &[("with", "page")]).await;
    assert!(site.choose(&gateway, "tok_visa").await.title().ends_with("is paid"));
    let attempts = site.attempts(bo.invoice).await;
    let lost = attempts.iter().find(|attempt| attempt.id == lost.id).unwrap();
    assert_eq!(lost.state, AttemptState::NotExecuted);
    site.settle().await;
    site.assert_books_agree().await;
}

#[tokio::test]
async fn while_the_gateway_is_silent_the_page_warns_against_paying_twice() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.mailed_link("Bo");
    let page = site.open(&link).await;
    let gateway = site.pay(&page, &[("with", "page")]).await;
    site.choose_and_leave(&gateway, "tok_sepa_settles_after_2").await;
    let pending = site.open(&format!("{link}/return")).await;
    assert_eq!(pending.title(), "€20.00 for Membership is under way");
    assert!(pending.says("Do not pay again"));
    // The form of a page that was open before leads nowhere now.
    assert!(site.send(&page, &[("with", "page")]).await.says("A payment is under way already"));
    assert_eq!(site.attempts(bo.invoice).await.len(), 2);

    assert!(site.open(pending.button()).await.title().ends_with("is paid"));
    site.assert_books_agree().await;
}

#[tokio::test]
async fn the_stored_card_is_tried_again_where_the_rules_allow_it() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds_x1_then_ok").await;
    let page = site.open(&site.mailed_link("Bo")).await;
    assert!(page.says("Try Visa ending 4242 again"));
    let told = site.send(&page, &[("with", "again")]).await;
    assert!(told.says("We are just taking it from Visa ending 4242"));
    site.settle().await;
    assert_eq!(site.invoice(bo.invoice).await.state, Paid);
    let attempts = site.attempts(bo.invoice).await;
    assert_eq!(attempts.last().unwrap().initiator, Initiator::Merchant);
    site.assert_books_agree().await;
}

#[tokio::test]
async fn a_second_decline_of_the_day_is_told_apart_from_the_first() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.mailed_link("Bo");
    let page = site.open(&link).await;
    assert!(!page.says("Last try:"), "it was the day before yesterday");
    site.send(&page, &[("with", "again")]).await;
    site.settle().await;
    assert_eq!(site.attempts(bo.invoice).await.len(), 2);
    let page = site.open(&link).await;
    assert!(page.says("Your bank declined Visa ending 4242"));
    assert!(page.says("Last try: "));
}

#[tokio::test]
async fn a_lost_card_is_not_offered_again_and_a_forged_wish_for_it_is_refused() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_lost_card").await;
    let page = site.open(&site.mailed_link("Bo")).await;
    assert!(page.says("Visa ending 4242 does not work any more"));
    assert!(!page.says("again</label>"));
    let told = site.send(&page, &[("with", "again")]).await;
    assert!(told.says("That is not possible just now"));
    assert_eq!(site.invoice(bo.invoice).await.state, Open);
    assert_eq!(site.attempts(bo.invoice).await.len(), 1);
}
