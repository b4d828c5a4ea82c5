//! Commands beside a running server on the same SQLite file: questions and small writes go through,
//! a second engine does not.

use std::{fs, os::unix::fs::PermissionsExt};

use rondo::{
    domain::{
        changes::Changes,
        payment::{
            PaymentState,
            attempt::{Attempt, AttemptState},
        },
    },
    grpc::proto::v1::{self, merchants_service_client::MerchantsServiceClient},
    store::{Access, OpenOptions, Stuck, Work, open},
};
use tonic::{Code, Request, Status, transport::Endpoint};

use super::program::{Room, get_with_key};
use crate::support::given::{Shop, at, write};

const NEXT_TO_AN_ENGINE: OpenOptions = OpenOptions {
    access: Access::Command,
    durability: rondo::store::Durability::Full,
    connections: 1,
};

#[tokio::test]
async fn what_a_command_puts_back_is_done_by_the_running_server() {
    let room = Room::new();
    let (_sandbox, gateway) = room.with_sandbox("[engine]\ntick_seconds = 1\n");
    room.run(&["init"]).well();
    let payment = set_a_payment_aside(&room).await;
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    server.address_in_out();

    let listed = room.run(&["stuck", "--json"]).well().json();
    assert_eq!(listed["stuck"][0]["object"], payment, "{listed}");
    assert_eq!(listed["stuck"][0]["reason"], "could not be decided", "{listed}");
    assert_eq!(get_with_key(gateway, "/ledger/charges", "sk_sandbox").1, "");

    let retried = room.run(&["stuck", "retry", &payment]).well().out;
    assert_eq!(
        retried,
        format!("{payment} is off the list, and due again if it waited for that.\n")
    );
    while !get_with_key(gateway, "/ledger/charges", "sk_sandbox").1.contains("tok_visa.ana") {}
    assert_eq!(room.run(&["stuck"]).well().out, "Nothing is stuck.\n");
    let (code, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
}

#[tokio::test]
async fn all_of_a_loop_goes_back_to_work_in_one_go() {
    let room = Room::new();
    room.run(&["init"]).well();
    let payment = set_a_payment_aside(&room).await;
    let of_loop = |name: &str| room.run(&["stuck", "retry", "--loop", name]).well().out;
    assert_eq!(
        of_loop("send_mail"),
        "0 objects are off the list, and due again if they waited for that.\n"
    );
    assert_eq!(
        of_loop("collect"),
        format!("{payment} is off the list, and due again if it waited for that.\n")
    );
    assert_eq!(room.run(&["stuck"]).well().out, "Nothing is stuck.\n");
}

/// Writes a payment that is due, and takes it out of its loop.
async fn set_a_payment_aside(room: &Room) -> String {
    let url = format!("sqlite:{}", room.path("rondo.db").display());
    let store = open(&url, NEXT_TO_AN_ENGINE).await.unwrap();
    let mut shop = Shop::new(1);
    shop.card.token = "tok_visa.ana".into();
    write(&*store, shop.changes()).await.unwrap();
    let mut owed = shop.owed();
    owed.payment.state = PaymentState::Scheduled;
    owed.payment.collect_at = Some(at("2026-01-01"));
    write(&*store, owed.changes()).await.unwrap();
    let mut repo = store.begin().await.unwrap();
    let stuck = Stuck {
        merchant: shop.merchant.id,
        work: Work::Collect,
        object: owed.payment.id.to_string(),
        reason: "could not be decided".into(),
        since: at("2026-01-01"),
    };
    repo.set_aside(&stuck).await.unwrap();
    repo.commit().await.unwrap();
    store.close().await;
    stuck.object
}

#[tokio::test]
async fn what_staff_says_of_a_charge_counts_beside_a_running_server() {
    let room = Room::new();
    let (_sandbox, gateway) = room.with_sandbox("[engine]\ntick_seconds = 1\n");
    room.run(&["init"]).well();
    let [paid, unpaid, early] = undecided(&room).await;
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    server.address_in_out();

    let settle = ["stuck", "settle", &paid.attempt, "--charged", "ch_1", "--note", "Eva looked"];
    let told = format!("{} took the money; its payment has succeeded.\n", paid.attempt);
    assert_eq!(room.run(&settle).well().out, told);
    let again = room.run(&settle);
    assert_eq!((again.code, &*again.out), (1, ""));
    let told = format!(
        "error: {}: the attempt took the money; there is nothing left to say\n",
        paid.attempt
    );
    assert_eq!(again.err, told);

    let name = format!("attempts/{}", unpaid.attempt);
    let taken = ["stuck", "settle", &name, "--charged", "ch_1", "--note", "Eva looked"];
    let taken = room.run(&taken);
    assert_eq!((taken.code, &*taken.out), (1, ""));
    let told = "error: --charged must be the reference of this charge; it is that of another one\n";
    assert_eq!(taken.err, told);
    let settle = ["stuck", "settle", &name, "--not-charged", "--note", "Eva looked", "--json"];
    let told = room.run(&settle).well().json();
    assert_eq!(
        told,
        serde_json::json!({
            "settled": unpaid.attempt, "attempt_state": "not_executed",
            "payment": unpaid.payment, "payment_state": "scheduled",
        })
    );
    while !get_with_key(gateway, "/ledger/charges", "sk_sandbox").1.contains("tok_visa.ana") {}
    assert_eq!(room.run(&["stuck"]).well().out, "Nothing is stuck.\n");

    let settle = ["stuck", "settle", &early.attempt, "--not-charged", "--note", "Eva looked"];
    let refused = room.run(&settle);
    assert_eq!((refused.code, &*refused.out), (1, ""));
    let told = format!("error: {}: the gateway may still tell, and is asked again", early.attempt);
    assert!(refused.err.starts_with(&told), "{}", refused.err);
    let (code, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
}

/// A charge, and the payment that it is for, by their ids.
struct Charge {
    attempt: String,
    payment: String,
}

/// Writes three charges of unknown outcome: two that nobody asks after any more, and one that is asked
/// after once again, in years.
async fn undecided(room: &Room) -> [Charge; 3] {
    let url = format!("sqlite:{}", room.path("rondo.db").display());
    let store = open(&url, NEXT_TO_AN_ENGINE).await.unwrap();
    let mut shop = Shop::new(1);
    shop.card.token = "tok_visa.ana".into();
    write(&*store, shop.changes()).await.unwrap();
    let mut written = Vec::new();
    for probe_at in [None, None, Some(at("2999-01-01"))] {
        let mut owed = shop.owed();
        owed.payment.state = PaymentState::Collecting;
        owed.payment.attempts = 1;
        let attempt = Attempt {
            state: AttemptState::Unknown,
            leased_until: None,
            probe_at,
            probes: 12,
            ..shop.attempt(&owed.payment)
        };
        let object = attempt.id.to_string();
        let payment = owed.payment.id.to_string();
        let changes = Changes { attempts: vec![attempt], ..owed.changes() };
        write(&*store, changes).await.unwrap();
        if probe_at.is_none() {
            let stuck = Stuck {
                merchant: shop.merchant.id,
                work: Work::Resolve,
                object: object.clone(),
                reason: "still undecided".into(),
                since: at("2026-01-01"),
            };
            let mut repo = store.begin().await.unwrap();
            repo.set_aside(&stuck).await.unwrap();
            repo.commit().await.unwrap();
        }
        written.push(Charge { attempt: object, payment });
    }
    store.close().await;
    written.try_into().unwrap_or_else(|_| panic!("three charges were written"))
}

// While this thread waits for the server to end, another closes the line to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn keys_made_and_taken_back_beside_a_server_count_at_once() {
    let room = Room::new();
    room.run(&["init"]).well();
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    let address = server.address_in_out();
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let ask = async |key: &str| -> Result<(), Status> {
        let mut request = Request::new(v1::ListMerchantsRequest::default());
        let bearer = format!("Bearer {key}");
        request.metadata_mut().insert("authorization", bearer.parse().unwrap());
        MerchantsServiceClient::new(channel.clone()).list_merchants(request).await.map(|_| ())
    };

    let made = ["keys", "create", "--name", "spare", "--role", "admin", "--json"];
    let made = room.run(&made).well().json();
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    ask(secret).await.unwrap();
    let listed = room.run(&["keys", "list", "--json"]).well().json();
    assert!(listed["keys"].as_array().unwrap().iter().any(|key| key["id"] == id), "{listed}");
    let taken_back = room.run(&["keys", "revoke", id, "--json"]).well().json();
    assert_eq!(taken_back["revoked"], id);
    assert_eq!(ask(secret).await.unwrap_err().code(), Code::Unauthenticated);

    let first = room.run(&["init", "--new-admin-key"]).well().out;
    ask(first.trim()).await.unwrap();
    server.terminate();
}

#[test]
fn a_second_engine_on_one_file_is_refused() {
    let room = Room::new();
    room.run(&["init"]).well();
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    server.address_in_out();

    assert_eq!(room.run(&["migrate", "--check"]).well().out, "");
    assert!(room.run(&["migrate"]).well().err.contains("is up to date"));
    let second = room.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 1);
    let told = "error: rondo.db is in use by another Rondo process: stop that one first, or use \
                Postgres, which serves any number of them\n";
    assert!(second.err.ends_with(told), "{}", second.err);
    server.terminate();
    let mut next = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    next.address_in_out();
    next.terminate();
}

#[test]
fn a_schema_is_not_changed_under_a_running_engine() {
    let room = Room::new();
    // A file that is not migrated yet, and an engine that holds it.
    room.write("rondo.db", "");
    let held = std::fs::File::create(room.path("rondo.db.lock")).unwrap();
    held.lock().unwrap();
    let refused = room.run(&["migrate"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("is in use by another Rondo process"), "{}", refused.err);
    assert_eq!(room.run(&["migrate", "--check"]).code, 1, "all are pending still");
    held.unlock().unwrap();
    room.run(&["migrate"]).well();
}

#[test]
fn a_restored_database_says_that_it_looks_before_it_charges() {
    let room = Room::new();
    room.run(&["init"]).well();
    let early = room.run(&["restored", "--backed-up-at", "2999-01-01T00:00:00Z"]);
    assert_eq!(early.code, 1);
    let told = "error: --backed-up-at must not be in the future, as 2999-01-01 00:00:00 UTC is\n";
    assert_eq!(early.err, told);
    let told = room.run(&["restored", "--backed-up-at", "2026-01-31T03:00:00Z", "--json"]).well();
    assert_eq!(told.json()["backed_up_at"], "2026-01-31T03:00:00Z");

    let copy = ["backup", "copy.db"];
    room.run(&copy).well();
    let mode = fs::metadata(room.path("copy.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds people's addresses");
    for url in ["sqlite:rondo.db", "sqlite:copy.db"] {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--database-url", url];
        let mut server = room.start(&serve);
        server.address_in_out();
        let (_, told) = server.terminate();
        assert!(told.contains("the database is a backup"), "{url}: {told}");
        let mut again = room.start(&serve);
        again.address_in_out();
        let (_, told) = again.terminate();
        assert!(!told.contains("the database is a backup"), "{url}, once only: {told}");
    }
}
