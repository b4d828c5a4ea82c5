//! A developer's afternoon: an empty folder, a server, the sandbox with its mail catcher, and a member
//! who pays.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rondo::grpc::proto::v1::{
    self, BillingInterval, PlanTerms, PriceComponent,
    billing_interval::Unit,
    create_payment_method_request::{Source, Token},
    payment_method::Network,
    price_component::Model,
};
use tonic::transport::Endpoint;

use super::program::{Room, Running, get};
use crate::support::api::{Api, money};

/// The sandbox with a mail catcher on free ports: itself, where it takes calls, where mails are shown,
/// and what it says to write into rondo.toml.
fn sandbox(room: &Room) -> (Running, SocketAddr, SocketAddr, String) {
    let any = "127.0.0.1:0";
    let mut sandbox = room.start(&[
        "sandbox",
        "--listen",
        any,
        "--mail",
        "--mail-listen",
        any,
        "--mailbox-listen",
        any,
    ]);
    let gateway = sandbox.address_in_err();
    let mailbox = sandbox.address_in_err();
    let lines = ["[smtp]", "host = ", "port = ", "tls = ", "from = "];
    let snippet = lines.map(|line| sandbox.line_in_err(line)).concat();
    (sandbox, gateway, mailbox, snippet)
}

/// A loop looks by itself when the server starts, and then not for an hour: what is done before that was
/// woken by the work itself.
const NO_TICK: &str = "[engine]\ntick_seconds = 3600\n";

/// Far longer than a receipt takes, and far shorter than a tick.
const PATIENCE: Duration = Duration::from_mins(2);

// While this thread waits for the server to end, another closes the line to it: else it waits out its
// grace.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn from_an_empty_folder_to_a_paid_invoice_and_its_receipt_in_the_catcher() {
    let room = Room::new();
    let (sandbox, gateway, mailbox, smtp) = sandbox(&room);
    let key = room.run(&["init"]).well().out;
    let written = std::fs::read_to_string(room.path("rondo.toml")).unwrap();
    room.write(
        "rondo.toml",
        &format!(
            "{written}\n{smtp}\n[gateways.sandbox]\nkind = 'sandbox'\n\
             base_url = 'http://{gateway}'\nsecret_key = 'sk_sandbox'\n{NO_TICK}"
        ),
    );
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address_in_out())).unwrap();
    let channel = endpoint.connect().await.unwrap();

    let merchant = open_an_academy(&Api::new(&channel, key.trim(), None)).await;
    sign_ana_up(&Api::new(&channel, key.trim(), Some(&merchant))).await;
    let asked = Instant::now();
    while !get(mailbox, "/?kind=receipt").1.contains("ana@members.example") {
        assert!(asked.elapsed() < PATIENCE, "no loop is woken by what is committed");
    }

    // Wherever the API's name of the merchant or its bare id is asked for, the other does too.
    for id in [merchant.as_str(), merchant.trim_start_matches("merchants/")] {
        room.run(&["keys", "list", "--merchant", id]).well();
        room.run(&["stuck", "--merchant", id]).well();
        assert!(room.run(&["audit", "--merchant", id]).well().out.contains("are in order"));
    }
    who_has_no_id_at_hand_is_told_which_there_are(&room, merchant.trim_start_matches("merchants/"));
    for program in [server, sandbox] {
        let (code, err) = program.terminate();
        assert_eq!(code, Some(0), "{err}");
    }
}

fn who_has_no_id_at_hand_is_told_which_there_are(room: &Room, academy: &str) {
    let there_are = format!("there are {academy} Open Academy");
    let listed = room.run(&["keys", "list"]).well().err;
    let told = format!("--merchant ID lists a merchant's ({there_are}).");
    assert!(listed.contains(&told), "{listed}");

    let other = "mer_06ew5kkq3hx3d1qj9w2t7m8c0g";
    for line in [
        &["keys", "list"][..],
        &["keys", "create", "--name", "portal", "--role", "merchant"],
        &["stuck"],
    ] {
        let refused = room.run(&[line, &["--merchant", other]].concat());
        let told =
            format!("there is no merchant {other} in this database: correct the id ({there_are})");
        assert_eq!((refused.code, &*refused.out), (1, ""), "{line:?}");
        assert!(refused.err.contains(&told), "{}", refused.err);
    }
}

async fn open_an_academy(admin: &Api) -> String {
    let request = v1::CreateMerchantRequest {
        merchant: Some(v1::Merchant {
            display_name: "Open Academy".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            language_code: "en".to_owned(),
            gateway: "sandbox".to_owned(),
            invoice_prefix: "OA".to_owned(),
            ..v1::Merchant::default()
        }),
        request_id: admin.request_id(),
        ..Default::default()
    };
    admin.merchants().create_merchant(request).await.unwrap().into_inner().name
}

async fn sign_ana_up(portal: &Api) {
    let plan = v1::Plan {
        display_name: "Membership".to_owned(),
        terms: Some(PlanTerms {
            interval: Some(BillingInterval { unit: Unit::Month.into(), count: 1 }),
            components: vec![PriceComponent {
                label: "Membership".to_owned(),
                model: Model::Flat.into(),
                amounts: vec![money("20.00 EUR")],
            }],
            ..PlanTerms::default()
        }),
        ..v1::Plan::default()
    };
    let request = v1::CreatePlanRequest {
        plan: Some(plan),
        request_id: portal.request_id(),
        ..Default::default()
    };
    let plan = portal.plans().create_plan(request).await.unwrap().into_inner().name;
    let request = v1::CreateCustomerRequest {
        customer: Some(v1::Customer {
            email: "ana@members.example".to_owned(),
            display_name: "Ana".to_owned(),
            ..v1::Customer::default()
        }),
        request_id: portal.request_id(),
        ..Default::default()
    };
    let ana = portal.customers().create_customer(request).await.unwrap().into_inner().name;
    let request = v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: ana.clone(),
            network: Network::Visa.into(),
            brand: "Visa".to_owned(),
            last_four: "4242".to_owned(),
            expiry_year: 2034,
            expiry_month: 12,
            ..v1::PaymentMethod::default()
        }),
        source: Some(Source::Token(Token { token: "tok_visa.ana".to_owned(), ..Token::default() })),
        set_default: true,
        request_id: portal.request_id(),
        ..Default::default()
    };
    portal.methods().create_payment_method(request).await.unwrap();
    let request = v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription { customer: ana, plan, ..v1::Subscription::default() }),
        request_id: portal.request_id(),
        ..Default::default()
    };
    portal.subscriptions().create_subscription(request).await.unwrap();
}

#[test]
fn a_mail_catcher_that_finds_its_port_taken_says_which_flag_takes_another() {
    let room = Room::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = room.run(&["sandbox", "--mail", "--mail-listen", &address]);
    assert_eq!((refused.code, &*refused.out), (1, ""));
    let told = "--mail-listen and --mailbox-listen take other addresses: Address already in use";
    assert!(refused.err.contains(told), "{}", refused.err);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
}

#[test]
fn a_fresh_server_shows_who_it_is_and_every_figure_at_zero() {
    let room = Room::new();
    room.run(&["init"]).well();
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    let (status, shown) = get(server.address_in_out(), "/metrics");
    assert!(status.contains("200"), "{status}");
    for line in [
        &*format!("rondo_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
        "rondo_renewals_total 0",
        "rondo_attempts_total{state=\"Succeeded\"} 0",
        "rondo_mails_total{kind=\"receipt\",result=\"sent\"} 0",
        "rondo_set_aside_total{work=\"collect\"} 0",
        "rondo_oldest_due_seconds{work=\"renew\"} 0",
        "# HELP rondo_set_aside_total Objects set aside for a person: see `rondo stuck`.",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
}

#[test]
fn init_says_what_is_next_for_whoever_asks() {
    let room = Room::new();
    let first = room.run(&["init"]).well().err;
    assert!(
        first.contains("Next: name a gateway in rondo.toml (`rondo sandbox` is one to"),
        "{first}"
    );
    let another = room.run(&["init", "--new-admin-key"]).well().err;
    let told =
        "It works from the next call on. Next: `rondo keys list`, and `rondo keys revoke ID` for";
    assert!(another.contains(told) && !another.contains("gateway"), "{another}");

    let room = Room::new();
    room.write(
        "rondo.toml",
        "[gateways.sandbox]\nkind = 'sandbox'\nbase_url = 'http://127.0.0.1:8090'\n\
         secret_key = 'sk_sandbox'",
    );
    let named = room.run(&["init"]).well().err;
    assert!(named.contains("Next: `rondo check-config`, then `rondo serve`."), "{named}");
}
