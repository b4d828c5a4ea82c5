//! The site on a port of its own, a member's browser without scripts, and the gateway's pages.

use std::time::Duration;

use axum::Router;
use reqwest::{RequestBuilder, Response, StatusCode, redirect};
use ring::hmac;
use rondo::{
    app::{Rondo, pay},
    domain::{
        calendar::Interval,
        customer::{Customer, PaymentMethod},
        ids::{Id, kind},
        invoice::Invoice,
        payment::{Payment, attempt::Attempt},
    },
    engine,
    gateway::{
        self, AccountConfig, GatewayKind,
        http::{Timeouts, client},
    },
    web,
};
use tokio::net::TcpListener;

use crate::support::{
    Engine,
    world::{Member, World},
};

const SANDBOX_KEY: &str = "sk_sandbox_for_a_story";
const HOOK_SECRET: &str = "whsec_of_the_sandbox";

/// A world whose members have a site to come to.
pub struct Site {
    pub world: World,
    browser: reqwest::Client,
}

/// A member who has an open invoice because their card was declined.
pub struct Debtor {
    pub member: Member,
    pub subscription: Id<kind::Subscription>,
    pub invoice: Id<kind::Invoice>,
}

/// A page as a browser has got it.
pub struct Page {
    pub status: StatusCode,
    pub url: String,
    pub html: String,
}

impl Page {
    async fn of(response: Response) -> Self {
        let (status, url) = (response.status(), response.url().to_string());
        Self { status, url, html: unescaped(&response.text().await.unwrap()) }
    }

    pub fn says(&self, words: &str) -> bool {
        self.html.contains(words)
    }

    pub fn title(&self) -> &str {
        between(&self.html, "<h1>", "</h1>").unwrap_or_default()
    }

    /// Where the page's form goes.
    pub fn action(&self) -> &str {
        between(&self.html, "action=\"", "\"").unwrap()
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> &str {
        between(&self.html, &format!("name=\"{name}\" value=\""), "\"").unwrap()
    }

    /// Where the button leads.
    pub fn button(&self) -> &str {
        between(&self.html, "class=\"button\" href=\"", "\"").unwrap()
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}

fn unescaped(html: &str) -> String {
    html.replace("&#38;", "&").replace("&#39;", "'").replace("&amp;", "&")
}

impl Site {
    /// A site on `engine` on which it is noon of `day`.
    pub async fn on(engine: Engine, day: &str) -> Self {
        Self::with_limit(engine, day, 100_000).await
    }

    pub async fn with_limit(engine: Engine, day: &str, pages_per_minute: u32) -> Self {
        let mut world = World::on(engine, day).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        world.rondo.public_url = format!("http://{}", listener.local_addr().unwrap());
        let account = AccountConfig {
            kind: GatewayKind::Sandbox,
            base_url: Some(world.sandbox.base_url().to_owned()),
            secret_key: SANDBOX_KEY.into(),
            webhook_secrets: vec![HOOK_SECRET.into()],
            calls_per_second: 100_000,
            calls_in_flight: 64,
        };
        let timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(5) };
        let port = gateway::connect("sandbox", &account, client(timeouts).unwrap()).unwrap();
        world.rondo.gateways.insert("sandbox".to_owned(), port);
        let rondo = world.rondo.clone();
        let router = Router::new()
            .merge(web::assets::routes())
            .merge(web::pay::routes(rondo.clone(), pages_per_minute))
            .merge(web::hooks::routes(rondo));
        let never = std::future::pending();
        tokio::spawn(web::serve::serve(router, listener, None, never, Duration::ZERO));
        let browser = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { world, browser }
    }

    pub fn rondo(&self) -> &Rondo {
        &self.world.rondo
    }

    /// A member whose card `token` was declined the day before yesterday.
    pub async fn debtor(&self, name: &str, token: &str) -> Debtor {
        let plan = self.world.plan("Membership", 2_000, Interval::MONTHLY, 14).await;
        let member = self.world.member(name, token).await;
        let subscription = self.world.subscribe(&member, &plan).await;
        self.world.advance_to("2026-02-15").await;
        let invoice = self.world.invoices(subscription).await[0].id;
        Debtor { member, subscription, invoice }
    }

    /// The link in the latest mail to `name`.
    pub fn mailed_link(&self, name: &str) -> String {
        let address = format!("{}@example.org", name.to_lowercase());
        let mails = self.world.mails.mails();
        let mail = mails.iter().filter(|mail| mail.to.iter().any(|to| to.contains(&address)));
        let text = mail.max_by_key(|mail| mail.number).unwrap().text().unwrap();
        let start = format!("{}/pay/", self.rondo().public_url);
        text.split_whitespace().find(|word| word.starts_with(&start)).unwrap().to_owned()
    }

    /// The link to an invoice, as a mail of this moment has it.
    pub async fn link(&self, invoice: Id<kind::Invoice>) -> String {
        let now = self.world.merchant().await.test_clock.unwrap().now;
        pay::invoice_url(self.rondo(), &self.invoice(invoice).await, now)
    }

    pub async fn open(&self, url: &str) -> Page {
        Page::of(self.browser.get(self.absolute(url)).send().await.unwrap()).await
    }

    /// Opens a page in a language that the browser asks for.
    pub async fn open_in(&self, url: &str, languages: &str) -> Page {
        let request = self.browser.get(self.absolute(url)).header("accept-language", languages);
        Page::of(request.send().await.unwrap()).await
    }

    /// Sends the form of `page` with `fields` beside its hidden ones.
    pub async fn send(&self, page: &Page, fields: &[(&str, &str)]) -> Page {
        Page::of(self.form(page, fields).send().await.unwrap()).await
    }

    /// The form of `page`, filled in and not sent yet.
    pub fn form(&self, page: &Page, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut all = vec![("form", page.field("form"))];
        all.extend(fields);
        self.browser.post(self.absolute(page.action())).form(&all)
    }

    /// Presses the button of an invoice's page; the address of the gateway's page.
    pub async fn pay(&self, page: &Page, fields: &[(&str, &str)]) -> String {
        let handed_over = self.send(page, fields).await;
        assert!(handed_over.url.contains("/go"), "{} {}", handed_over.url, handed_over.html);
        handed_over.button().to_owned()
    }

    /// The member chooses a card on the gateway's page, and is sent back if it does.
    pub async fn choose(&self, gateway_page: &str, card: &str) -> Page {
        let form = self.browser.post(gateway_page).form(&[("card", card)]);
        Page::of(form.send().await.unwrap()).await
    }

    /// The member chooses a card and closes the tab before they are sent back.
    pub async fn choose_and_leave(&self, gateway_page: &str, card: &str) {
        let alone = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
        let form = alone.build().unwrap().post(gateway_page).form(&[("card", card)]);
        form.send().await.unwrap();
    }

    /// The member leaves the gateway's page without paying.
    pub async fn give_up(&self, gateway_page: &str) -> Page {
        let form = self.browser.post(gateway_page).form(&[("answer", "give_up")]);
        Page::of(form.send().await.unwrap()).await
    }

    /// The gateway is down, or up again.
    pub async fn outage(&self, is_down: bool) {
        let url = format!("{}/control", self.world.sandbox.base_url());
        let request = self.browser.post(url).bearer_auth(SANDBOX_KEY);
        let request = request.json(&serde_json::json!({ "outage": is_down }));
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// What the gateway tells under `path`.
    pub async fn told(&self, path: &str) -> serde_json::Value {
        let url = format!("{}{path}", self.world.sandbox.base_url());
        self.browser.get(url).bearer_auth(SANDBOX_KEY).send().await.unwrap().json().await.unwrap()
    }

    /// A webhook to the site, signed as the gateway signs, so many seconds ago.
    pub async fn hook(&self, body: &str, seconds_ago: i64) -> Response {
        let at = self.rondo().clock.now().timestamp() - seconds_ago;
        let key = hmac::Key::new(hmac::HMAC_SHA256, HOOK_SECRET.as_bytes());
        let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
        let tag = tag.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        self.raw_hook("sandbox", body.to_owned(), &format!("t={at},v1={tag}")).await
    }

    pub async fn raw_hook(&self, gateway: &str, body: String, signature: &str) -> Response {
        let url = format!("{}/hooks/{gateway}", self.rondo().public_url);
        let request = self.browser.post(url).header("sandbox-signature", signature).body(body);
        request.send().await.unwrap()
    }

    /// Lets everything that is due happen.
    pub async fn settle(&self) {
        engine::run_until_idle(self.rondo()).await.unwrap();
    }

    pub fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') {
            format!("{}{url}", self.rondo().public_url)
        } else {
            url.to_owned()
        }
    }

    pub fn browser(&self) -> &reqwest::Client {
        &self.browser
    }

    pub async fn invoice(&self, invoice: Id<kind::Invoice>) -> Invoice {
        let merchant = self.world.merchant().await.id;
        let mut repo = self.rondo().store.snapshot().await.unwrap();
        repo.invoices(merchant, &[invoice]).await.unwrap().remove(0)
    }

    pub async fn payment(&self, invoice: Id<kind::Invoice>) -> Payment {
        let merchant = self.world.merchant().await.id;
        let mut repo = self.rondo().store.snapshot().await.unwrap();
        repo.payments_of_invoices(merchant, &[invoice]).await.unwrap().remove(0)
    }

    /// The attempts at an invoice, oldest first.
    pub async fn attempts(&self, invoice: Id<kind::Invoice>) -> Vec<Attempt> {
        let payment = self.payment(invoice).await;
        let mut repo = self.rondo().store.snapshot().await.unwrap();
        repo.attempts_of_payments(payment.merchant, &[payment.id]).await.unwrap()
    }

    pub async fn customer(&self, member: &Member) -> Customer {
        let merchant = self.world.merchant().await.id;
        let mut repo = self.rondo().store.snapshot().await.unwrap();
        repo.customers(merchant, &[member.id]).await.unwrap().remove(0)
    }

    /// What a member pays with.
    pub async fn default_method(&self, member: &Member) -> PaymentMethod {
        let customer = self.customer(member).await;
        let mut repo = self.rondo().store.snapshot().await.unwrap();
        let id = customer.default_method.unwrap();
        repo.payment_methods(customer.merchant, &[id]).await.unwrap().remove(0)
    }

    /// The gateway's record and ours tell the same, and no debt was taken twice.
    pub async fn assert_books_agree(&self) {
        assert_eq!(self.world.captured().await, self.world.booked().await);
    }
}
