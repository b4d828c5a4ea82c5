//! What can be looked at without an installation: mails, the sandbox, the demo, the bench.

use std::fs;

use sqlx::{Connection as _, PgConnection};

use super::program::{Room, get};
use crate::support::{Engine::Postgres, open};

#[test]
fn a_mail_is_shown_as_text_or_html_in_its_language() {
    let room = Room::new();
    let text = room.run(&["mail", "preview", "payment_failed", "--locale", "de-AT"]).well().out;
    assert!(text.starts_with("Subject: €\u{a0}20,00"), "{text}");
    let html = room.run(&["mail", "preview", "payment_failed", "--html"]).well().out;
    assert!(html.contains("<html lang=\"en\""), "{html}");

    let new_card = room.run(&["mail", "preview", "payment_failed", "--sample", "3"]).well().out;
    assert!(new_card.contains("Please add a new card."), "{new_card}");
    let beyond = room.run(&["mail", "preview", "payment_failed", "--sample", "99"]);
    assert!(beyond.err.contains("payment_failed has the samples 1 to"), "{}", beyond.err);

    room.run(&["mail", "preview", "--all", "--out", "mails"]).well();
    let files = fs::read_dir(room.path("mails")).unwrap().count();
    assert_eq!(files, 13 * 3 * 2, "each kind in each language, HTML and text");
    assert!(room.path("mails/receipt.es.html").exists());
}

#[test]
fn a_merchants_own_words_are_shown_or_refused_with_their_place() {
    let room = Room::new();
    let folder = room.path("words/mer_06ew5kkq3hx3d1qj9w2t7m8c0g/de");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("receipt.subject.txt"), "Danke für {{ amount }}").unwrap();
    let words = "words/mer_06ew5kkq3hx3d1qj9w2t7m8c0g";
    let german = ["mail", "preview", "receipt", "--locale", "de", "--words", words];
    let shown = room.run(&german).well().out;
    assert!(shown.starts_with("Subject: Danke für 20,00"), "{shown}");

    fs::write(folder.join("receipt.body.txt"), "Danke.\n\n{{ amont }}").unwrap();
    let refused = room.run(&german);
    let told = "receipt, de, body, line 3: ";
    assert!(refused.code != 0 && refused.err.contains(told), "{}", refused.err);
    room.write("rondo.toml", "mail_words = 'words'");
    let checked = room.run(&["check-config", "--json"]).json();
    let findings = checked["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["key"] == "mail_words").unwrap();
    assert!(finding["message"].as_str().unwrap().contains(told), "{finding}");
}

#[test]
fn the_sandbox_stands_by_itself_and_keeps_its_ledger() {
    let room = Room::new();
    let mut sandbox = room.start(&["sandbox", "--listen", "127.0.0.1:0", "--ledger", "book.jsonl"]);
    let address = sandbox.address_in_err();
    assert!(get(address, "/v1/charges").0.contains("401"), "its key is asked for");
    let (code, err) = sandbox.terminate();
    assert_eq!(code, Some(0), "{err}");
    assert!(room.path("book.jsonl").exists());
}

#[test]
fn the_sandbox_lists_the_words_of_its_tokens() {
    let room = Room::new();
    let shown = room.run(&["sandbox", "tokens"]).well().out;
    for word in
        ["tok_visa_suspected_fraud", "sepa", "lost_card", "lookup_stale_N", "settles_after_N"]
    {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let words = room.run(&["sandbox", "tokens", "--json"]).well().json();
    let words = words["words"].as_array().unwrap();
    assert!(words.iter().any(|word| word["word"] == "reply_lost" && word["part"] == "fault"));
}

#[test]
fn the_demo_ends_with_ledgers_that_agree() {
    let room = Room::new();
    let told = room.run(&["demo", "--members", "20", "--months", "3", "--exit", "--json"]);
    let log = fs::read_to_string(room.path("rondo-demo/demo.log")).unwrap_or_default();
    assert_eq!(told.code, 0, "{}\n{}\n{log}", told.out, told.err);
    assert!(told.err.contains("/ while it runs; log in "), "{}", told.err);
    let figures = told.json();
    assert_eq!(figures["ledger_differences"], 0, "{figures}");
    let months = figures["months"].as_array().unwrap();
    assert_eq!(months.len(), 3, "{figures}");
    assert!(months.iter().all(|month| month["paid"].as_i64().unwrap() > 0), "{figures}");
    let sent: i64 =
        figures["mails"].as_object().unwrap().values().map(|n| n.as_i64().unwrap()).sum();
    assert_eq!(figures["mails_caught"], sent, "each mail arrived once: {figures}");
    let by_month = months.iter().flat_map(|month| month["mails_by_kind"].as_object().unwrap());
    assert_eq!(by_month.map(|(_, count)| count.as_i64().unwrap()).sum::<i64>(), sent);
    let joined = figures["subscriptions"].as_object().unwrap().values();
    assert_eq!(joined.map(|n| n.as_i64().unwrap()).sum::<i64>(), 20);

    // However few they are, each way that a debt can go is seen.
    let all =
        |column: &str| -> i64 { months.iter().map(|month| month[column].as_i64().unwrap()).sum() };
    for column in ["failed", "recovered", "given_up", "open"] {
        assert!(all(column) > 0, "{column}: {figures}");
    }
    let (owed, joined) = (&figures["open_invoices"], &figures["subscriptions"]);
    assert!(owed["past_due"].as_i64().unwrap() > 0, "somebody can still pay: {figures}");
    let open = ["past_due", "on_their_way"].map(|kind| owed[kind].as_i64().unwrap());
    assert_eq!(open.iter().sum::<i64>(), all("open"), "{figures}");
    for state in ["active", "canceled", "past due"] {
        assert!(joined[state].as_i64().unwrap() > 0, "{state}: {figures}");
    }
    for kind in [
        "welcome",
        "trial_ending",
        "receipt",
        "payment_failed",
        "authentication_needed",
        "card_expiring",
        "recovered",
        "suspended",
        "cancelled",
        "cancellation_undone",
        "plan_changing",
        "refund",
    ] {
        assert!(figures["mails"][kind].as_i64().unwrap() > 0, "{kind}: {figures}");
    }
}

#[tokio::test]
async fn the_demo_on_postgres_tells_people_its_figures_and_what_they_mean() {
    let (room, database) = (Room::new(), open(Postgres).await);
    let small = ["demo", "--members", "15", "--months", "1", "--exit"];
    let told = room.run(&[&small[..], &["--database-url", &database.url]].concat());
    let log = fs::read_to_string(room.path("rondo-demo/demo.log")).unwrap_or_default();
    assert_eq!(told.code, 0, "{}\n{}\n{log}", told.out, told.err);
    assert!(told.err.contains(" on PostgreSQL "), "{}", told.err);

    let lines = told.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let lines: Vec<_> = lines.collect();
    for start in [
        "month invoices paid failed recovered given up open mails revenue EUR",
        "Jan 2026 ",
        "failed the first charge came to nothing",
        "recovered failed at first, and paid by now",
        "given up failed, and nobody asks any more",
        "open not paid yet",
        "mail Jan all",
        "receipt ",
        "ledger differences: 0 (",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: {}", told.out);
    }
}

#[test]
fn the_demo_stays_up_to_be_looked_at_until_it_is_told_to_stop() {
    let room = Room::new();
    let mut demo = room.start(&["demo", "--members", "15", "--months", "1"]);
    let mailbox = demo.address_in_err();
    let api = demo.line_in_err("grpcurl");
    assert!(api.contains(" rondo.v1.SubscriptionsService/ListSubscriptions"), "{api}");
    let portal = demo.line_in_err("RONDO_ADDRESS=");
    assert!(portal.ends_with(" examples/learning-portal-python/run\n"), "{portal}");
    let (status, mails) = get(mailbox, "/");
    assert!(status.contains("200") && mails.contains("@example.org"), "{status}\n{mails}");

    let (code, err) = demo.terminate();
    assert_eq!((code, &*err), (Some(0), ""));
}

#[test]
fn the_bench_renews_collects_and_leaves_nothing_behind() {
    let room = Room::new();
    let figures =
        room.run(&["bench", "renewals", "--subscriptions", "300", "--json"]).well().json();
    assert_eq!(figures["subscriptions"], 300);
    assert_eq!(figures["durable"], true);
    // An invoice, a payment, an attempt, their postings, events and a receipt for each.
    assert!(figures["by_hand_rows"].as_u64().unwrap() >= 300 * 8, "{figures}");
    assert!(figures["renewals_per_second"].as_f64().unwrap() > 0.0, "{figures}");
    assert!(!room.path("rondo-bench").exists());
}

#[tokio::test]
async fn the_bench_on_postgres_leaves_the_server_as_it_was() {
    let (room, database) = (Room::new(), open(Postgres).await);
    let mut server = PgConnection::connect(&database.url).await.unwrap();
    let before = benches(&mut server).await;
    let bench = ["bench", "renewals", "--subscriptions", "300", "--json", "--database-url"];
    let figures = room.run(&[&bench[..], &[&database.url]].concat()).well().json();
    assert!(figures["engine"].as_str().unwrap().starts_with("PostgreSQL "), "{figures}");
    assert_eq!(figures["subscriptions"], 300);
    assert_eq!(figures["durable"], is_durable(&mut server).await);
    assert!(figures["by_hand_rows"].as_u64().unwrap() >= 300 * 8, "{figures}");
    assert!(figures["renewals_per_second"].as_f64().unwrap() > 0.0, "{figures}");
    assert_eq!(benches(&mut server).await, before);
    assert!(!room.path("rondo-bench").exists());
}

/// The bench's databases on a server.
async fn benches(server: &mut PgConnection) -> Vec<String> {
    let named = "select datname::text from pg_database where datname like 'rondo\\_bench\\_%'
        order by datname";
    sqlx::query_scalar(named).fetch_all(server).await.unwrap()
}

/// Whether a server keeps what it has told to be kept; a throwaway one does not.
async fn is_durable(server: &mut PgConnection) -> bool {
    let settings = "select bool_and(setting = 'on') from pg_settings
        where name in ('fsync', 'full_page_writes', 'synchronous_commit')";
    sqlx::query_scalar(settings).fetch_one(server).await.unwrap()
}
