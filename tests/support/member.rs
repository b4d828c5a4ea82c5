//! Members of the portal: how one is made, and what they do.

use rondo::{
    domain::ids::{Id, kind},
    grpc::proto::v1::{
        self, check_access_response::Reason, create_payment_method_request as source,
        payment_method::Network,
    },
};

use super::{
    api::{Api, id_of},
    world::World,
};

/// A member of the portal.
#[derive(Debug, Clone)]
pub struct Member {
    api: Api,
    /// What people call them.
    called: String,
    /// `customers/cus_…`
    pub name: String,
    /// Their id.
    pub id: Id<kind::Customer>,
}

/// A member to be.
#[must_use = "they are made by `create`"]
pub struct NewMember<'a> {
    world: &'a World,
    called: String,
    card: Option<String>,
    backup: Option<String>,
}

impl World {
    /// Someone of this name.
    pub fn customer(&self, called: &str) -> NewMember<'_> {
        NewMember { world: self, called: called.to_owned(), card: None, backup: None }
    }

    /// A member whose card is the sandbox's `token`.
    pub async fn member(&self, called: &str, token: &str) -> Member {
        self.customer(called).with_card(token).create().await
    }
}

impl NewMember<'_> {
    /// They pay with this card.
    pub fn with_card(self, token: &str) -> Self {
        Self { card: Some(token.to_owned()), ..self }
    }

    /// And with this one where the first fails.
    pub fn with_backup(self, token: &str) -> Self {
        Self { backup: Some(token.to_owned()), ..self }
    }

    /// Makes them.
    pub async fn create(self) -> Member {
        let api = self.world.api.clone();
        let request = v1::CreateCustomerRequest {
            customer: Some(v1::Customer {
                email: address(&self.called),
                display_name: self.called.clone(),
                ..Default::default()
            }),
            request_id: api.request_id(),
            ..Default::default()
        };
        let made = api.customers().create_customer(request).await.unwrap().into_inner();
        let (name, id) = (made.name.clone(), id_of(&made.name));
        let member = Member { api, called: self.called, name, id };
        if let Some(card) = &self.card {
            member.adds_card(card).await;
        }
        if let Some(backup) = &self.backup {
            member.is_backed_up_by(backup).await;
        }
        member
    }
}

/// Where mails to a member go.
pub fn address(called: &str) -> String {
    format!("{}@example.org", called.to_lowercase())
}

impl Member {
    /// Stores a card; the first one is charged, others only when that is said. `paymentMethods/pm_…`
    pub async fn adds_card(&self, token: &str) -> String {
        self.store(token, self.api.next_number(), false).await
    }

    /// Stores the card that they have under `number`, once more if they have stored it before.
    pub async fn adds_their_card(&self, number: u64, token: &str) -> String {
        self.store(token, number, false).await
    }

    /// Stores the card that they have under `number`, whose fingerprint nobody knows yet.
    pub async fn adds_unknown_card(&self, number: u64, token: &str) -> String {
        let card = self.card(token, number);
        self.keep(token, source::Token { fingerprint: String::new(), ..card }, false).await
    }

    /// Stores a card that is charged from now on.
    pub async fn replaces_card(&self, token: &str) -> String {
        self.store(token, self.api.next_number(), true).await
    }

    /// Stores a card that is tried where the first fails.
    pub async fn is_backed_up_by(&self, token: &str) -> String {
        let payment_method = self.adds_card(token).await;
        let request = v1::SetBackupPaymentMethodRequest {
            customer: self.name.clone(),
            payment_method: payment_method.clone(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.methods().set_backup_payment_method(request).await.unwrap();
        payment_method
    }

    /// Says which of their cards is charged from now on.
    pub async fn pays_from_now_on_with(&self, card: &str) {
        let request = v1::SetDefaultPaymentMethodRequest {
            customer: self.name.clone(),
            payment_method: card.to_owned(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.methods().set_default_payment_method(request).await.unwrap();
    }

    /// Takes a card out.
    pub async fn takes_out(&self, card: &str) {
        let request = v1::GetPaymentMethodRequest { name: card.to_owned() };
        let read = self.api.methods().get_payment_method(request).await.unwrap().into_inner();
        let request = v1::DeletePaymentMethodRequest {
            name: read.name,
            etag: read.etag,
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.methods().delete_payment_method(request).await.unwrap();
    }

    async fn store(&self, token: &str, number: u64, set_default: bool) -> String {
        self.keep(token, self.card(token, number), set_default).await
    }

    /// A card of its own, which counts its charges by itself.
    fn card(&self, token: &str, number: u64) -> source::Token {
        source::Token {
            token: format!("{token}.{}{number}", self.called.to_lowercase()),
            fingerprint: format!("fp_{}{number}", self.called),
            ..Default::default()
        }
    }

    async fn keep(&self, token: &str, card: source::Token, set_default: bool) -> String {
        let (network, brand, last_four) = face(token);
        let expires = network != Network::Sepa;
        let request = v1::CreatePaymentMethodRequest {
            payment_method: Some(v1::PaymentMethod {
                customer: self.name.clone(),
                network: network.into(),
                brand: brand.to_owned(),
                last_four: last_four.to_owned(),
                expiry_year: if expires { 2030 } else { 0 },
                expiry_month: if expires { 12 } else { 0 },
                ..Default::default()
            }),
            source: Some(source::Source::Token(card)),
            set_default,
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.methods().create_payment_method(request).await.unwrap().into_inner().name
    }

    /// The member as they are now.
    pub async fn get(&self) -> v1::Customer {
        let request = v1::GetCustomerRequest { name: self.name.clone(), ..Default::default() };
        self.api.customers().get_customer(request).await.unwrap().into_inner()
    }

    /// What they may see just now, and why.
    pub async fn access(&self) -> (v1::Access, Reason) {
        let request = v1::CheckAccessRequest { name: self.name.clone(), ..Default::default() };
        let told = self.api.customers().check_access(request).await.unwrap().into_inner();
        (told.access(), told.reason())
    }

    /// All that is open to them.
    pub async fn opens(&self) -> Vec<String> {
        let request = v1::CheckAccessRequest { name: self.name.clone(), ..Default::default() };
        self.api.customers().check_access(request).await.unwrap().into_inner().entitlements
    }

    /// All their invoices, oldest first.
    pub async fn invoices(&self) -> Vec<v1::Invoice> {
        let request = v1::ListInvoicesRequest {
            customer: self.name.clone(),
            page_size: 1_000,
            ..Default::default()
        };
        self.api.invoices().list_invoices(request).await.unwrap().into_inner().invoices
    }

    /// Their dunning cases, oldest first, those that are over too.
    pub async fn cases(&self) -> Vec<v1::DunningCase> {
        let request =
            v1::ListDunningCasesRequest { customer: self.name.clone(), ..Default::default() };
        self.api.dunning().list_dunning_cases(request).await.unwrap().into_inner().dunning_cases
    }

    /// What happened to them, in order.
    pub async fn events(&self) -> Vec<v1::Event> {
        let request = v1::ListEventsRequest {
            customer: self.name.clone(),
            page_size: 1_000,
            ..Default::default()
        };
        self.api.events().list_events(request).await.unwrap().into_inner().events
    }

    /// A course sold to them once, charged when the engine turns.
    pub async fn buys(&self, label: &str, price: &str) -> v1::Invoice {
        let request = v1::CreateInvoiceRequest {
            invoice: Some(v1::Invoice {
                customer: self.name.clone(),
                lines: vec![v1::invoice::Line {
                    label: label.to_owned(),
                    unit_price: Some(super::api::money(price)),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.invoices().create_invoice(request).await.unwrap().into_inner()
    }
}

/// What may be shown of a card, by its token's first word.
fn face(token: &str) -> (Network, &'static str, &'static str) {
    match token.split('_').nth(1) {
        Some("mastercard") => (Network::Mastercard, "Mastercard", "4444"),
        Some("sepa") => (Network::Sepa, "SEPA debit", "3000"),
        _ => (Network::Visa, "Visa", "4242"),
    }
}
