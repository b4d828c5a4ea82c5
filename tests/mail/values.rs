//! What mails are filled with: every value that docs/mail.md promises, the last reminder's date, what
//! stays owed, and the formats of a region.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use rondo::{
    domain::payment::method::Expiry,
    grpc::proto::v1::{
        self, cancel_plan_request::ExistingSubscriptions, cancel_subscription_request::When,
    },
    mail::words,
};

use crate::{
    members::{card_expires, gets_money_back, mail_to, reader, says, text_of},
    support::{Engine::Sqlite, cards, world::World},
};

/// The values of each kind, as docs/mail.md lists them.
fn documented() -> BTreeMap<String, Vec<String>> {
    let page = include_str!("../../docs/mail.md");
    let (_, table) = page.split_once("| kind | values |\n| --- | --- |\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.trim_matches(['|', ' ']).split(" | ");
        let kind = cells.next().unwrap().trim_matches('`').to_owned();
        let mut values = Vec::new();
        // What stands in parentheses are the words that a value may be.
        for part in cells.next().unwrap().split('(') {
            let part = part.split_once(')').map_or(part, |(_, after)| after);
            values.extend(part.split_whitespace().map(|name| name.trim_matches('`').to_owned()));
        }
        (kind, values)
    })
    .collect()
}

#[tokio::test]
async fn every_documented_value_is_filled_in_some_mail() {
    let documented = documented();
    assert_eq!(documented.len(), 13);
    let mut world = World::on(Sqlite, "2026-01-31").in_order().await;
    let folder = tempfile::tempdir().unwrap();
    let english = folder.path().join(world.merchant_id.to_string()).join("en");
    fs::create_dir_all(&english).unwrap();
    let everywhere = ["customer", "merchant", "plan", "city"].map(str::to_owned);
    for (kind, values) in &documented {
        let told =
            values.iter().chain(&everywhere).map(|name| format!("[{name}={{{{ {name} }}}}]\n"));
        fs::write(english.join(format!("{kind}.body.txt")), told.collect::<String>()).unwrap();
    }
    world.rondo.words = Arc::new(words::read(folder.path()).unwrap());

    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let yearly = world.plan("Yearly", "180.00 EUR").yearly().create().await;
    let trial = world.plan("Trial", "20.00 EUR").with_trial(14).create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let bo = world.member("Bo", "tok_visa_insufficient_funds_x2_then_ok").await;
    let cleo = world.member("Cleo", cards::GOOD).await;
    let dora = world.member("Dora", "tok_visa_ok_x1_then_authentication_required").await;
    let eva = world.member("Eva", cards::LOST).await;
    let finn = world.member("Finn", cards::GOOD).await;
    let gina = world.member("Gina", cards::EMPTY_AFTER_ONE).await;
    card_expires(&world, &finn, Expiry { year: 2026, month: 4 }).await;
    let anas = world.subscribe(&ana, &monthly).await;
    world.subscribe(&bo, &trial).await;
    let cleos = world.subscribe(&cleo, &yearly).await;
    world.subscribe(&dora, &monthly).await;
    world.subscribe(&eva, &trial).await;
    world.subscribe(&finn, &monthly).await;
    let ginas = world.subscribe(&gina, &monthly).await;
    let hal = world.member("Hal", cards::EMPTY).await;
    world.subscribe(&hal, &monthly).await;
    let in_part = world.plan("In part", "180.00 EUR").yearly().by_the_calendar().with_trial(14);
    let in_part = in_part.create().await;
    let iris = world.member("Iris", cards::GOOD).await;
    world.subscribe(&iris, &in_part).await;
    let jon = world.member("Jon", cards::GOOD).await;
    let jons = world.subscribe(&jon, &yearly).await;
    world.advance_to("2026-02-15").await;
    anas.changes_to(&yearly).await;
    jons.changes_to(&in_part).await;
    world.settle().await;
    gets_money_back(&world, &anas).await;
    cleos.cancel(When::PeriodEnd).await;
    cleos.undo_cancel().await;
    world.advance_to("2026-03-01").await;
    ginas.cancel(When::PeriodEnd).await;
    world.settle().await;
    world.advance_to("2027-01-05").await;

    let mut filled = BTreeSet::new();
    for mail in world.mails.mails() {
        let text = text_of(&mail);
        for part in text.split('[').skip(1) {
            let Some((name, value)) = part.split(']').next().unwrap().split_once('=') else {
                continue;
            };
            if !value.trim().is_empty() {
                filled.insert((mail.kind.clone().unwrap(), name.to_owned()));
            }
        }
    }
    let wanted = documented.iter().flat_map(|(kind, values)| {
        values.iter().chain(&everywhere).map(|name| (kind.clone(), name.clone()))
    });
    let never: Vec<_> = wanted.filter(|value| !filled.contains(value)).collect();
    assert!(never.is_empty(), "no mail has {never:?}");
}

/// The year of the calendar has 5 days left when the trial ends, and a week before the next one nobody would be told
/// of that any more (RULES MC-LONG).
#[tokio::test]
async fn what_mails_tell_of_a_year_that_begins_in_part_is_what_is_charged() {
    let world = World::on(Sqlite, "2026-12-13").in_order().await;
    let plan = world.plan("Yearly", "180.00 EUR").yearly().by_the_calendar().with_trial(14);
    let plan = plan.create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    world.subscribe(&ana, &plan).await;
    world.settle().await;
    says(&mail_to(&world, "Ana", "welcome"), "€2.47 on 27 December 2026");
    world.advance_to("2026-12-22").await;
    let ending = mail_to(&world, "Ana", "trial_ending");
    says(&ending, "on that day we take the first €2.47 from Visa");
    says(&ending, "€180.00 on 1 January 2027");
    world.advance_to("2026-12-28").await;
    let receipt = mail_to(&world, "Ana", "receipt");
    says(&receipt, "€2.47");
    says(&receipt, "€180.00 on 1 January 2027");
    world.advance_to("2027-01-02").await;
    says(&mail_to(&world, "Ana", "receipt"), "€180.00");
}

#[tokio::test]
async fn the_last_reminder_says_that_access_ends_when_and_what_helps() {
    let world = World::on(Sqlite, "2026-01-31").in_order().await;
    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let ana = world.member("Ana", cards::EMPTY_AFTER_ONE).await;
    let bo = reader(&world, "Bo", cards::EMPTY_AFTER_ONE, "de").await;
    let cleo = reader(&world, "Cleo", cards::EMPTY_AFTER_ONE, "es").await;
    for member in [&ana, &bo, &cleo] {
        world.subscribe(member, &monthly).await;
    }
    // Charged on the 28th of February, tried again three and seven days later.
    world.advance_to("2026-03-05").await;
    assert!(!mail_to(&world, "Ana", "payment_failed").subject.contains("Last reminder"));
    world.advance_to("2026-03-10").await;
    for (name, subject, first, asks) in [
        (
            "Ana",
            "[Test] Last reminder: access ends on ",
            "This is our last reminder: €20.00 for Monthly is still open, and your access ends on ",
            "Please see to it that there is enough, or pay with another card.",
        ),
        (
            "Bo",
            "[Test] Letzte Erinnerung: Zugang endet am ",
            "Dies ist unsere letzte Erinnerung: 20,00 € für Monthly sind noch offen, und ohne Zahlung \
             endet Ihr Zugang am ",
            "Bitte sorgen Sie für Deckung",
        ),
        (
            "Cleo",
            "[Prueba] Último aviso: el acceso termina el ",
            "Este es nuestro último aviso: 20,00 € por Monthly siguen pendientes y, si no se pagan, su \
             acceso termina el ",
            "Procure que haya suficiente",
        ),
    ] {
        let mail = mail_to(&world, name, "payment_failed");
        assert!(mail.subject.starts_with(subject), "{}", mail.subject);
        assert!(mail.subject.chars().count() <= 60, "{}", mail.subject);
        let day = mail.subject.strip_prefix(subject).unwrap();
        says(&mail, &format!("{first}{day}"));
        says(&mail, asks);
    }
}

#[tokio::test]
async fn a_retired_plans_farewell_names_what_stays_owed() {
    let world = World::on(Sqlite, "2026-01-31").in_order().await;
    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let ana = world.member("Ana", cards::EMPTY_AFTER_ONE).await;
    let bo = world.member("Bo", cards::GOOD).await;
    world.subscribe(&ana, &monthly).await;
    world.subscribe(&bo, &monthly).await;
    world.advance_to("2026-03-01").await;
    let request = v1::CancelPlanRequest {
        name: monthly.name.clone(),
        etag: monthly.etag.clone(),
        existing_subscriptions: Some(ExistingSubscriptions::EndAtPeriodEnd(
            v1::cancel_plan_request::EndAtPeriodEnd {},
        )),
        request_id: world.api.request_id(),
        ..Default::default()
    };
    world.api.plans().cancel_plan(request).await.unwrap();
    world.settle().await;
    says(&mail_to(&world, "Ana", "cancelled"), "€20.00 of an earlier invoice is still open.");
    says(&mail_to(&world, "Bo", "cancelled"), "Nothing more is charged.");
}

#[tokio::test]
async fn a_mail_is_in_the_formats_of_the_readers_region() {
    let world = World::on(Sqlite, "2026-01-31").in_order().await;
    let monthly = world.plan("Monthly", "1234.50 USD").create().await;
    for (name, locale, sentence) in [
        ("Ann", "en-US", "We received $1,234.50 from Visa ending 4242 on January 31, 2026."),
        ("Bob", "en-GB", "We received $1,234.50 from Visa ending 4242 on 31 January 2026."),
        (
            "Cris",
            "es-MX",
            "Hemos recibido $1,234.50 mediante Visa terminada en 4242 el 31 de enero de 2026.",
        ),
        ("Dirk", "de-AT", "Wir haben $ 1.234,50 von Visa"),
        ("Edi", "de-CH", "Wir haben $ 1'234.50 von Visa"),
    ] {
        let member = reader(&world, name, cards::GOOD, locale).await;
        world.subscribe(&member, &monthly).await;
        says(&mail_to(&world, name, "receipt"), sentence);
    }
}

#[tokio::test]
async fn a_first_payment_that_is_declined_says_when_the_sign_up_ends() {
    let world = World::on(Sqlite, "2026-01-31").in_order().await;
    let monthly = world.plan("Monthly", "20.00 EUR").create().await;
    let hal = world.member("Hal", cards::EMPTY).await;
    world.subscribe(&hal, &monthly).await;
    world.settle().await;
    says(
        &mail_to(&world, "Hal", "payment_failed"),
        "Your subscription has not begun yet: pay or add a card by 3 February 2026, or it ends, and costs you \
         nothing.",
    );
}
