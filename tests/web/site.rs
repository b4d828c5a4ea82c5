//! The site on a port of its own, a member's browser without scripts, and the gateway's pages.

use std::ops::Deref;

use reqwest::Response;
use rondo::{
    app::{Rondo, pay},
    domain::{
        customer::{Customer, PaymentMethod},
        ids::{Id, kind},
        invoice::Invoice,
        payment::{Payment, attempt::Attempt},
    },
};

use crate::support::{
    Engine, api::id_of, browser::Browser, course::Course, member::Member, world::World,
};

/// A world whose members have a site to come to.
pub struct Site {
    pub world: World,
    browser: Browser,
}

/// A member who has an open invoice because their card was declined.
pub struct Debtor {
    pub member: Member,
    pub subscription: Course,
    pub invoice: Id<kind::Invoice>,
}

impl Deref for Site {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

impl Site {
    /// A site on `engine` on which it is noon of `day`.
    pub async fn on(engine: Engine, day: &str) -> Self {
        Self::with_limit(engine, day, 100_000).await
    }

    pub async fn with_limit(engine: Engine, day: &str, pages_per_minute: u32) -> Self {
        let world = World::on(engine, day).with_page_limit(pages_per_minute).await;
        Self { browser: world.browser(), world }
    }

    pub fn rondo(&self) -> &Rondo {
        &self.world.rondo
    }

    /// A member whose card `token` was declined the day before yesterday.
    pub async fn debtor(&self, name: &str, token: &str) -> Debtor {
        let plan = self.world.plan("Membership", "20.00 EUR").with_trial(14).create().await;
        let member = self.world.member(name, token).await;
        let subscription = self.world.subscribe(&member, &plan).await;
        self.world.advance_to("2026-02-15").await;
        let invoice = id_of(&subscription.invoices().await[0].name);
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

    /// The gateway is down, or up again.
    pub async fn outage(&self, is_down: bool) {
        self.world.outage(is_down).await;
    }

    /// What the gateway tells under `path`.
    pub async fn told(&self, path: &str) -> serde_json::Value {
        self.world.told(path).await
    }

    /// A webhook to the site, signed as the gateway signs, so many seconds ago.
    pub async fn hook(&self, body: &str, seconds_ago: i64) -> Response {
        self.world.hook(body, seconds_ago).await
    }

    pub async fn raw_hook(&self, gateway: &str, body: String, signature: &str) -> Response {
        self.world.raw_hook(gateway, body, signature).await
    }

    /// Lets everything that is due happen.
    pub async fn settle(&self) {
        self.world.settle().await;
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
        self.world.assert_books_agree().await;
    }
}
