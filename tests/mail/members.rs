//! What members get in their lives: each fact once, in their own language, with links that open the
//! one page that the mail asks them to open; and what a dead mail server delays.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use chrono::TimeDelta;
use rondo::{
    app::pay::{NotOpened, PayLink},
    domain::{changes::Changes, customer::Customer, merchant::Merchant, payment::method::Expiry},
    engine,
    grpc::proto::v1::{cancel_subscription_request::When, invoice::State::Paid},
    mail::{
        Accepted, MailError, Mailer, Outgoing,
        catcher::{CaughtMail, Fault},
        words,
    },
    store::{Store, Work},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    course::Course,
    member::Member,
    world::World,
};

/// The latest mail of `kind` to `name`.
pub(crate) fn mail_to(world: &World, name: &str, kind: &str) -> Arc<CaughtMail> {
    let address = format!("{}@example.org", name.to_lowercase());
    let mails = world.mails.mails();
    let found = mails.iter().rev().find(|mail| {
        mail.kind.as_deref() == Some(kind) && mail.to.iter().any(|to| to.contains(&address))
    });
    Arc::clone(found.unwrap_or_else(|| panic!("{name} got no {kind}")))
}

/// Its text on one line, so that a sentence can be looked for.
pub(crate) fn text_of(mail: &CaughtMail) -> String {
    let text = mail.text().unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\u{a0}', " ")
}

/// Both parts state it; the HTML part escapes some letters.
pub(crate) fn says(mail: &CaughtMail, sentence: &str) {
    let (text, html) = (text_of(mail), mail.html().unwrap().replace('\u{a0}', " "));
    assert!(text.contains(sentence), "{sentence}\n{text}");
    let escaped = sentence.replace('/', "&#x2f;").replace('\'', "&#x27;");
    assert!(html.contains(&escaped), "{sentence}\n{html}");
}

/// The token of the one hosted page that a mail asks its reader to open.
fn token_in(world: &World, mail: &CaughtMail) -> String {
    let start = format!("{}/pay/", world.rondo.public_url);
    let text = mail.text().unwrap();
    let tokens: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(&start)).collect();
    let [token] = tokens[..] else { panic!("{} pay links in\n{text}", tokens.len()) };
    let escaped = format!("{start}{token}").replace('/', "&#x2f;");
    assert!(mail.html().unwrap().contains(&escaped), "the HTML part leads there too");
    token.to_owned()
}

async fn customer(world: &World, member: &Member) -> Customer {
    let mut repo = world.rondo.store.snapshot().await.unwrap();
    repo.customers(world.merchant_id, &[member.id]).await.unwrap().remove(0)
}

/// A member who reads `locale`.
pub(crate) async fn reader(world: &World, name: &str, token: &str, locale: &str) -> Member {
    let member = world.member(name, token).await;
    let customer = Customer { locale: Some(locale.into()), ..customer(world, &member).await };
    world.write(Changes { customers: vec![customer], ..Changes::default() }).await;
    member
}

pub(crate) async fn card_expires(world: &World, member: &Member, expiry: Expiry) {
    let id = customer(world, member).await.default_method.unwrap();
    let mut repo = world.rondo.store.snapshot().await.unwrap();
    let mut method = repo.payment_methods(world.merchant_id, &[id]).await.unwrap().remove(0);
    drop(repo);
    method.expiry = Some(expiry);
    world.write(Changes { payment_methods: vec![method], ..Changes::default() }).await;
}

/// 5 euro of a course's latest payment go back.
pub(crate) async fn gets_money_back(world: &World, course: &Course) {
    world.gives_back(&course.payment().await.name, Some("5.00 EUR")).await;
    world.settle().await;
}

#[rstest]
#[tokio::test]
async fn each_fact_of_a_year_is_told_once_in_the_members_language(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let yearly = world.plan("Yearly", "180.00 EUR").yearly().create().await;
    let trial = world.plan("Trial", "20.00 EUR").with_trial(14).create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let bo = reader(&world, "Bo", "tok_visa_insufficient_funds_x2_then_ok", "de-AT").await;
    let cleo = reader(&world, "Cleo", cards::GOOD, "es").await;
    let dora = world.member("Dora", "tok_visa_ok_x1_then_authentication_required").await;
    let eva = reader(&world, "Eva", cards::LOST, "de").await;
    let finn = world.member("Finn", cards::GOOD).await;
    card_expires(&world, &finn, Expiry { year: 2026, month: 4 }).await;
    let anas = world.subscribe(&ana, &monthly).await;
    world.subscribe(&bo, &trial).await;
    let cleos = world.subscribe(&cleo, &yearly).await;
    world.subscribe(&dora, &monthly).await;
    world.subscribe(&eva, &trial).await;
    world.subscribe(&finn, &monthly).await;

    says(&mail_to(&world, "Ana", "welcome"), "we have taken €20.00 from Visa ending 4242");
    let receipt = mail_to(&world, "Ana", "receipt");
    assert_eq!(
        receipt.subject.replace('\u{a0}', " "),
        "[Test] Receipt: €20.00 for Monthly, 31 January"
    );
    says(&receipt, "€20.00 on 28 February 2026");
    let opened = PayLink::open(&world.rondo, &token_in(&world, &receipt)).await.unwrap().1;
    assert!(matches!(opened, PayLink::Invoice { .. }));
    says(
        &mail_to(&world, "Cleo", "welcome"),
        "hemos cobrado 180,00 € mediante Visa terminada en 4242",
    );

    world.advance_to("2026-02-15").await;
    anas.changes_to(&yearly).await;
    world.settle().await;
    gets_money_back(&world, &anas).await;
    cleos.cancel(When::PeriodEnd).await;
    world.settle().await;
    cleos.undo_cancel().await;
    world.settle().await;
    let stays = mail_to(&world, "Cleo", "cancellation_undone");
    says(
        &stays,
        "La cancelación se anuló el 15 de febrero de 2026: Yearly continúa como hasta ahora.",
    );
    says(&stays, "180,00 € el 31 de enero de 2027");
    let told = mail_to(&world, "Ana", "plan_changing");
    says(&told, "Monthly becomes Yearly and costs €180.00 a year instead of €20.00 a month");
    says(&mail_to(&world, "Ana", "refund"), "We sent €5.00 back to Visa ending 4242");
    let failed = mail_to(&world, "Bo", "payment_failed");
    says(&failed, "Ihre Bank hat € 20,00 für Trial am 14. Februar 2026 abgelehnt");
    says(&failed, "bis 28. Februar 2026 bleibt alles offen");
    let asks_eva = mail_to(&world, "Eva", "payment_failed");
    says(
        &asks_eva,
        "Bitte hinterlegen Sie eine neue Karte. Mit der alten versuchen wir es nicht mehr.",
    );

    world.advance_to("2026-03-01").await;
    let confirm = mail_to(&world, "Dora", "authentication_needed");
    says(&confirm, "Your bank wants you to confirm the payment of €20.00 for Monthly");
    let yearly_paid = mail_to(&world, "Ana", "receipt");
    says(&yearly_paid, "We received €180.00 from Visa ending 4242 on 28 February 2026.");
    says(&yearly_paid, "€180.00 on 28 February 2027");
    let held = mail_to(&world, "Eva", "suspended");
    says(
        &held,
        "öffnet sich alles wieder. Ist es am 7. März 2026 noch offen, endet das Abonnement.",
    );
    let mut asking = Vec::new();
    for mail in [failed, asks_eva, confirm, held] {
        let token = token_in(&world, &mail);
        let opened = PayLink::open(&world.rondo, &token).await.unwrap().1;
        assert!(matches!(opened, PayLink::Invoice { .. }), "{}", mail.subject);
        asking.push(token);
    }

    world.advance_to("2026-05-01").await;
    let expiring = mail_to(&world, "Finn", "card_expiring");
    says(&expiring, "works until the end of April 2026");
    says(&expiring, "€20.00 on 31 May 2026");
    assert!(expiring.date.starts_with("2026-04-30"), "it still works: {}", expiring.date);
    let token = token_in(&world, &expiring);
    let opened = PayLink::open(&world.rondo, &token).await.unwrap().1;
    assert_eq!(opened, PayLink::Card { merchant: world.merchant_id, customer: finn.id });
    asking.push(token);
    says(&mail_to(&world, "Eva", "cancelled"), "weil die Zahlung ausgeblieben ist");

    world.advance_to("2027-01-05").await;
    let renews = mail_to(&world, "Cleo", "upcoming_renewal");
    says(
        &renews,
        "Yearly se renueva el 31 de enero de 2027 por 180,00 €, igual que la última vez.",
    );
    says(&renews, "31 de enero de 2027 – 30 de enero de 2028");
    for token in asking {
        let refused = PayLink::open(&world.rondo, &token).await.unwrap_err();
        assert!(matches!(refused, NotOpened::Expired { .. }), "{refused:?}");
    }

    assert_eq!(
        world.mail_kinds("Ana"),
        ["welcome", "receipt", "plan_changing", "refund", "receipt"]
    );
    let bos = world.mail_kinds("Bo");
    assert_eq!(
        bos[..5],
        ["welcome", "trial_ending", "payment_failed", "payment_failed", "recovered"]
    );
    assert!(bos[5..].iter().all(|kind| kind == "receipt"), "{bos:?}");
    assert_eq!(
        world.mail_kinds("Cleo"),
        ["welcome", "receipt", "cancelled", "cancellation_undone", "upcoming_renewal"]
    );
    assert_eq!(
        world.mail_kinds("Eva"),
        [
            "welcome",
            "trial_ending",
            "payment_failed",
            "payment_failed",
            "payment_failed",
            "suspended",
            "cancelled"
        ]
    );
    let counts = world.mails.counts();
    assert_eq!(counts.len(), 13, "each kind was there: {counts:?}");
    let ids: BTreeSet<_> =
        world.mails.mails().iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    assert_eq!(u64::try_from(ids.len()).unwrap(), counts.values().sum::<u64>());
}

#[tokio::test]
async fn what_paid_is_named_and_what_did_not_is_not() {
    let world = World::on(Sqlite, "2026-01-31").in_order().await;
    let monthly = world.plan("Monthly", "20.00 EUR").with_trial(14).create().await;
    let gil = world.customer("Gil").create().await;
    world.subscribe(&gil, &monthly).await;

    world.advance_to("2026-02-15").await;
    let ending = mail_to(&world, "Gil", "trial_ending");
    says(&ending, "there is no card yet to take €20.00 from");
    let opened = PayLink::open(&world.rondo, &token_in(&world, &ending)).await.unwrap().1;
    assert!(
        matches!(opened, PayLink::Card { .. }),
        "the mail asks for a card and leads to its page"
    );
    let failed = mail_to(&world, "Gil", "payment_failed");
    says(&failed, "because we have no card of yours that works.");
    says(&failed, "Please add a card.");
    for mail in [ending, failed] {
        assert!(!text_of(&mail).contains("ending 4242"), "{}", text_of(&mail));
    }
}

#[tokio::test]
async fn a_merchants_own_words_are_sent_to_its_members_and_ours_to_the_others() {
    let mut world = World::on(Sqlite, "2026-01-31").in_order().await;
    let folder = tempfile::tempdir().unwrap();
    let german = folder.path().join(world.merchant_id.to_string()).join("de");
    fs::create_dir_all(&german).unwrap();
    fs::write(german.join("receipt.subject.txt"), "Danke für {{ amount }}").unwrap();
    fs::write(
        german.join("receipt.body.txt"),
        "Bis bald!\n\n{% if not next_charge %}Ende. {% endif %}Ihre Academy",
    )
    .unwrap();
    world.rondo.words = Arc::new(words::read(folder.path()).unwrap());
    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let bo = reader(&world, "Bo", cards::GOOD, "de").await;
    let ana = world.member("Ana", cards::GOOD).await;
    world.subscribe(&bo, &monthly).await;
    world.subscribe(&ana, &monthly).await;

    let mail = mail_to(&world, "Bo", "receipt");
    assert_eq!(mail.subject.replace('\u{a0}', " "), "[Test] Danke für 20,00 €");
    says(&mail, "Bis bald!");
    says(&mail, "Ihre Academy");
    says(&mail, "20,00 € am 28. Februar 2026");
    assert!(mail_to(&world, "Ana", "receipt").subject.starts_with("[Test] Receipt: €20.00"));
}

#[rstest]
#[tokio::test]
async fn a_dead_mail_server_delays_mails_and_nothing_else(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    world.mails.misbehave(Fault::HangUp);
    let course = world.subscribe(&ana, &monthly).await;
    world.advance_to("2026-02-01").await;
    course.assert().is_active().has_invoices([Paid]).await;
    assert_eq!(world.mail_kinds("Ana"), [] as [&str; 0]);
    world.assert_charged(&ana, "20.00 EUR", 1).await;

    world.mails.misbehave(Fault::None);
    world.advance_to("2026-02-02").await;
    world.advance_to("2026-02-27").await;
    // Each once; which of the two comes first is a matter of how long each has waited.
    let mut kinds = world.mail_kinds("Ana");
    kinds.sort_unstable();
    assert_eq!(kinds, ["receipt", "welcome"]);
}

#[rstest]
#[tokio::test]
async fn a_mail_that_no_server_takes_for_three_days_is_kept_for_staff(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    world.mails.misbehave(Fault::HangUp);
    world.subscribe(&ana, &monthly).await;
    assert_eq!(world.stuck().await, []);
    world.time_passes(TimeDelta::hours(73));
    world.settle().await;
    let kept = world.stuck().await;
    let reasons: Vec<_> = kept.iter().map(|one| (one.work, one.reason.as_str())).collect();
    assert_eq!(kept.len(), 2, "{reasons:?}");
    for (work, reason) in reasons {
        assert_eq!(work, Work::SendMail);
        assert!(reason.starts_with("the mail server cannot take the mail now: "), "{reason}");
    }

    world.mails.misbehave(Fault::None);
    for one in kept {
        world.put_back(&one.object).await;
    }
    world.settle().await;
    let mut kinds = world.mail_kinds("Ana");
    kinds.sort_unstable();
    assert_eq!(
        (world.stuck().await, kinds.as_slice()),
        (vec![], ["receipt", "welcome"].map(str::to_owned).as_slice())
    );
}

#[rstest]
#[tokio::test]
async fn workers_who_send_at_the_same_time_send_each_mail_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    world.mails.misbehave(Fault::HangUp);
    for number in 0..12 {
        let member = world.member(&format!("Member{number}"), cards::GOOD).await;
        world.subscribe(&member, &monthly).await;
    }
    world.mails.misbehave(Fault::None);
    // An hour later all of them are to be tried again.
    world.time_passes(TimeDelta::hours(1));
    let replicas = [world.rondo.clone(), world.rondo.clone(), world.rondo.clone()];
    let rounds = replicas.iter().map(|rondo| engine::round(rondo, Work::SendMail));
    for round in futures::future::join_all(rounds).await {
        round.unwrap();
    }
    world.settle().await;

    for number in 0..12 {
        let kinds: BTreeSet<_> = world.mail_kinds(&format!("Member{number}")).into_iter().collect();
        assert_eq!(kinds.len(), 2);
    }
    assert_eq!(world.mails.mails().len(), 24);
}

/// Every address that a mail or a page asks its reader to open.
fn links_in(html: &str) -> Vec<String> {
    let hrefs = html.split("href=\"").skip(1);
    let hrefs = hrefs.map(|rest| rest.split('"').next().unwrap().replace("&#x2f;", "/"));
    hrefs.filter(|href| href.starts_with("http") || href.starts_with('/')).collect()
}

#[rstest]
#[tokio::test]
async fn a_merchant_without_a_portal_sends_no_link_that_leads_nowhere(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let mut repo = world.rondo.store.snapshot().await.unwrap();
    let merchant = repo.merchant(world.merchant_id).await.unwrap().unwrap();
    drop(repo);
    let merchant = Merchant { portal_url: None, ..merchant };
    world.write(Changes { merchants: vec![merchant], ..Changes::default() }).await;

    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let trial = world.plan("Trial", "20.00 EUR").with_trial(14).create().await;
    let ana = world.member("Ana", "tok_visa_ok_x1_then_insufficient_funds_x1_then_ok").await;
    let anas = world.subscribe(&ana, &monthly).await;
    let eva = world.member("Eva", cards::LOST).await;
    world.subscribe(&eva, &trial).await;
    world.advance_to("2026-03-20").await;
    gets_money_back(&world, &anas).await;
    anas.cancel(When::PeriodEnd).await;
    world.settle().await;

    let browser = world.browser();
    let (mut kinds, mut opened) = (BTreeSet::new(), 0);
    for mail in world.mails.mails() {
        kinds.insert(mail.kind.clone().unwrap());
        for link in links_in(&mail.html().unwrap()) {
            let page = browser.open(&link).await;
            assert!(page.status.is_success(), "{link} of {:?}: {}", mail.kind, page.html);
            opened += 1;
            for onward in links_in(&page.html) {
                let there = browser.open(&onward).await;
                assert!(there.status.is_success(), "{onward} on {link}");
            }
        }
    }
    let wanted = ["cancelled", "payment_failed", "receipt", "recovered", "refund", "suspended"];
    assert!(wanted.iter().all(|kind| kinds.contains(*kind)), "{kinds:?}");
    assert!(opened > 2, "the mails that ask for something have links still");
    // Where the portal's button would be, a person is offered.
    says(&mail_to(&world, "Ana", "cancelled"), "reply to this mail; a person at Open Academy");
}

/// A relay that refuses the first mail, whose reader corrects their address at that moment.
#[derive(Debug)]
struct OldAddress {
    store: Arc<dyn Store>,
    relay: Arc<dyn Mailer>,
    is_first: AtomicBool,
    customer: Customer,
}

#[async_trait]
impl Mailer for OldAddress {
    async fn send(&self, mail: &Outgoing) -> Result<Accepted, MailError> {
        if !self.is_first.swap(false, Ordering::SeqCst) {
            return self.relay.send(mail).await;
        }
        let email = "ana@new.example".to_owned();
        let customers = vec![Customer { email, ..self.customer.clone() }];
        let mut repo = self.store.begin().await.unwrap();
        repo.write(Changes { customers, ..Changes::default() }).await.unwrap();
        repo.commit().await.unwrap();
        Err(MailError::Permanent { code: 550, answer: "5.1.1 nobody here".to_owned() })
    }
}

#[rstest]
#[tokio::test]
async fn an_old_address_that_is_refused_says_nothing_of_the_new_one(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let mut world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let id = ana.id;
    let store = Arc::clone(&world.rondo.store);
    let mut repo = store.snapshot().await.unwrap();
    let customer = repo.customers(world.merchant_id, &[id]).await.unwrap().remove(0);
    drop(repo);
    let relay = Arc::clone(&world.rondo.mailer);
    let is_first = AtomicBool::new(true);
    world.rondo.mailer = Arc::new(OldAddress { store, relay, is_first, customer });

    world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.settle().await;
    // Another one may have been on its way to the old address at that moment.
    let mails = world.mails.mails();
    let last = mails.last().unwrap();
    assert_eq!(last.to, ["ana@new.example"], "what was refused is sent to the new one");
    let mut repo = world.rondo.store.snapshot().await.unwrap();
    let customer = repo.customers(world.merchant_id, &[id]).await.unwrap().remove(0);
    assert!(!customer.email_suppressed);
}
