//! The academy's portal: what it asks of Rondo, over gRPC with the generated client and a key of
//! its own, as any portal would. Knows nothing of the database behind.

use std::{net::SocketAddr, time::Duration};

use anyhow::bail;
use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use tonic::{Code, Response, Status, service::interceptor::InterceptedService};

use super::{
    calendar::ZONE,
    cards::Card,
    line::{Key, Line, Patience, once, refused},
    members::{Member, Membership},
    offers::{self, Plans},
};
use crate::{
    domain::ids::Mint,
    grpc::proto::v1::{
        self,
        api_key::Role,
        api_keys_service_client::ApiKeysServiceClient,
        create_payment_method_request::{Source, Token},
        customers_service_client::CustomersServiceClient,
        dunning_service_client::DunningServiceClient,
        invoices_service_client::InvoicesServiceClient,
        merchants_service_client::MerchantsServiceClient,
        payment_methods_service_client::PaymentMethodsServiceClient,
        payments_service_client::PaymentsServiceClient,
        plans_service_client::PlansServiceClient,
        subscriptions_service_client::SubscriptionsServiceClient,
        test_clocks_service_client::TestClocksServiceClient,
    },
    security::chance::system_mint,
    store::MerchantId,
};

/// The most that one page of a list holds.
const PAGE: i32 = 1_000;
/// How often the clock is asked whether it is there.
const POLL: Duration = Duration::from_millis(15);
/// The longest that a clock may stand where it is while it should be on its way.
const STANDSTILL: Duration = Duration::from_mins(3);

/// The portal, open for members.
pub struct Portal {
    line: Line,
    patience: Patience,
    mint: Mint,
    clock: String,
    plans: Plans,
    /// The merchant's id.
    pub merchant: MerchantId,
    /// The portal's own API key.
    pub key: String,
}

/// Debts that are not paid at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenDebts {
    /// The charge came to nothing, and the member is still asked.
    pub past_due: usize,
    /// The charge was sent and is not answered yet: a bank debit takes days.
    pub on_their_way: usize,
}

/// A member who has joined, as Rondo names them.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// `customers/cus_…`
    pub customer: String,
    /// `subscriptions/sub_…`
    pub subscription: String,
}

impl Portal {
    /// Opens the academy: a merchant, its test clock at `opens`, a key for its portal, and plans.
    pub async fn open(
        address: SocketAddr,
        admin_key: &str,
        gateway: &str,
        opens: DateTime<Utc>,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        let channel = patience.channel(address)?;
        let mint = system_mint();
        let admin = InterceptedService::new(channel.clone(), Key::new(admin_key, None)?);
        let request = v1::CreateMerchantRequest {
            merchant: Some(academy(gateway)),
            request_id: once(&mint),
            ..Default::default()
        };
        let made = patience.ask(request, async |request| {
            MerchantsServiceClient::new(admin.clone()).create_merchant(request).await
        });
        let merchant = made.await.map_err(refused("CreateMerchant"))?.name;

        let key = Key::new(admin_key, Some(&merchant))?;
        let admin = InterceptedService::new(channel.clone(), key);
        let request = v1::CreateTestClockRequest {
            test_clock: Some(v1::TestClock {
                current_time: Some(timestamp(opens)),
                ..v1::TestClock::default()
            }),
            request_id: once(&mint),
            ..Default::default()
        };
        let made = patience.ask(request, async |request| {
            TestClocksServiceClient::new(admin.clone()).create_test_clock(request).await
        });
        let clock = made.await.map_err(refused("CreateTestClock"))?.name;

        let request = v1::CreateApiKeyRequest {
            api_key: Some(v1::ApiKey {
                display_name: "portal".to_owned(),
                role: Role::Merchant.into(),
                ..v1::ApiKey::default()
            }),
            request_id: once(&mint),
            ..Default::default()
        };
        let made = patience.ask(request, async |request| {
            ApiKeysServiceClient::new(admin.clone()).create_api_key(request).await
        });
        let key = made.await.map_err(refused("CreateApiKey"))?.secret;

        let line = InterceptedService::new(channel, Key::new(&key, None)?);
        let publish = async |plan| {
            let request = v1::CreatePlanRequest {
                plan: Some(plan),
                request_id: once(&mint),
                ..v1::CreatePlanRequest::default()
            };
            let made = patience.ask(request, async |request| {
                PlansServiceClient::new(line.clone()).create_plan(request).await
            });
            Ok(made.await.map_err(refused("CreatePlan"))?.name)
        };
        let plans = offers::publish(publish).await?;
        let merchant = merchant.trim_start_matches("merchants/").parse()?;
        Ok(Self { line, patience, mint, clock, plans, merchant, key })
    }

    /// The plan of a membership, `plans/plan_…`.
    pub fn plan(&self, membership: Membership) -> &str {
        self.plans.of(membership)
    }

    fn once(&self) -> String {
        once(&self.mint)
    }

    async fn ask<R: Clone, T>(
        &self,
        request: R,
        call: impl AsyncFn(R) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        self.patience.ask(request, call).await
    }

    /// A member signs up: a customer, a card and a subscription.
    pub async fn join(&self, member: &Member) -> anyhow::Result<Enrolled> {
        let request = v1::CreateCustomerRequest {
            customer: Some(v1::Customer {
                email: member.email.clone(),
                display_name: member.name.clone(),
                language_code: member.home.language.to_owned(),
                time_zone: member.home.zone.to_owned(),
                region_code: member.home.country.to_owned(),
                external_id: member.id.clone(),
                ..v1::Customer::default()
            }),
            request_id: self.once(),
            ..Default::default()
        };
        let made = self.ask(request, async |request| {
            CustomersServiceClient::new(self.line.clone()).create_customer(request).await
        });
        let customer = made.await.map_err(refused("CreateCustomer"))?.name;
        self.store_card(&customer, &member.card).await?;
        let request = v1::CreateSubscriptionRequest {
            subscription: Some(v1::Subscription {
                customer: customer.clone(),
                plan: self.plans.of(member.membership).to_owned(),
                currency_code: member.currency.to_owned(),
                quantity: member.seats,
                ..v1::Subscription::default()
            }),
            request_id: self.once(),
            ..v1::CreateSubscriptionRequest::default()
        };
        let made = self
            .ask(request, async |request| self.subscriptions().create_subscription(request).await);
        let subscription = made.await.map_err(refused("CreateSubscription"))?.name;
        Ok(Enrolled { customer, subscription })
    }

    /// Keeps a card, which is charged from now on.
    pub async fn store_card(&self, customer: &str, card: &Card) -> anyhow::Result<()> {
        let (brand, last_four) = card.shown();
        let (expiry_year, expiry_month) = card.expiry.unwrap_or_default();
        let request = v1::CreatePaymentMethodRequest {
            payment_method: Some(v1::PaymentMethod {
                customer: customer.to_owned(),
                network: card.network.into(),
                brand: brand.to_owned(),
                last_four: last_four.to_owned(),
                expiry_year,
                expiry_month,
                ..v1::PaymentMethod::default()
            }),
            source: Some(Source::Token(Token { token: card.token.clone(), ..Token::default() })),
            set_default: true,
            request_id: self.once(),
            ..Default::default()
        };
        let made = self.ask(request, async |request| {
            PaymentMethodsServiceClient::new(self.line.clone()).create_payment_method(request).await
        });
        made.await.map_err(refused("CreatePaymentMethod"))?;
        Ok(())
    }

    /// Sells a course, once.
    pub async fn sell_course(&self, customer: &str, currency: &str) -> anyhow::Result<()> {
        let request = v1::CreateInvoiceRequest {
            invoice: Some(v1::Invoice {
                customer: customer.to_owned(),
                lines: vec![offers::course(currency)],
                entitlements: vec![offers::COURSE.to_owned()],
                ..v1::Invoice::default()
            }),
            collection: v1::create_invoice_request::Collection::Charge.into(),
            request_id: self.once(),
            ..v1::CreateInvoiceRequest::default()
        };
        let made = self.ask(request, async |request| {
            InvoicesServiceClient::new(self.line.clone()).create_invoice(request).await
        });
        made.await.map_err(refused("CreateInvoice"))?;
        Ok(())
    }

    /// Pays the customer's last payment back, if there is one that was not: whole or half.
    pub async fn refund_last(&self, customer: &str, whole: bool) -> anyhow::Result<()> {
        let request = v1::ListPaymentsRequest {
            page_size: PAGE,
            customer: customer.to_owned(),
            states: vec![v1::payment::State::Succeeded.into()],
            ..v1::ListPaymentsRequest::default()
        };
        let paid = self.ask(request, async |request| self.payments().list_payments(request).await);
        let paid = paid.await.map_err(refused("ListPayments"))?;
        let untouched = |payment: &&v1::Payment| {
            payment.refunded.as_ref().is_none_or(|back| back.units == 0 && back.nanos == 0)
        };
        let Some(last) = paid.payments.iter().rfind(untouched) else { return Ok(()) };
        let request = v1::RefundPaymentRequest {
            name: last.name.clone(),
            amount: last.amount.as_ref().filter(|_| !whole).map(offers::half),
            reason: "goodwill".to_owned(),
            request_id: self.once(),
            ..v1::RefundPaymentRequest::default()
        };
        let made = self.ask(request, async |request| self.payments().refund_payment(request).await);
        if_allowed(made.await).map_err(refused("RefundPayment"))
    }

    /// Ends a subscription, now or with the period that was paid for.
    pub async fn cancel(
        &self,
        subscription: &str,
        when: v1::cancel_subscription_request::When,
    ) -> anyhow::Result<()> {
        let request = v1::CancelSubscriptionRequest {
            name: subscription.to_owned(),
            when: when.into(),
            request_id: self.once(),
            ..v1::CancelSubscriptionRequest::default()
        };
        let made = self
            .ask(request, async |request| self.subscriptions().cancel_subscription(request).await);
        if_allowed(made.await).map_err(refused("CancelSubscription"))
    }

    /// Takes a cancellation back.
    pub async fn undo_cancel(&self, subscription: &str) -> anyhow::Result<()> {
        let request = v1::UndoCancelSubscriptionRequest {
            name: subscription.to_owned(),
            request_id: self.once(),
            ..v1::UndoCancelSubscriptionRequest::default()
        };
        let made = self.ask(request, async |request| {
            self.subscriptions().undo_cancel_subscription(request).await
        });
        if_allowed(made.await).map_err(refused("UndoCancelSubscription"))
    }

    /// Pauses a subscription until `resumes`.
    pub async fn pause(&self, subscription: &str, resumes: DateTime<Utc>) -> anyhow::Result<()> {
        let request = v1::PauseSubscriptionRequest {
            name: subscription.to_owned(),
            resume_time: Some(timestamp(resumes)),
            request_id: self.once(),
            ..v1::PauseSubscriptionRequest::default()
        };
        let made = self
            .ask(request, async |request| self.subscriptions().pause_subscription(request).await);
        if_allowed(made.await).map_err(refused("PauseSubscription"))
    }

    /// Changes the plan from the next renewal on.
    pub async fn change_plan(&self, subscription: &str, to: Membership) -> anyhow::Result<()> {
        let request = v1::ChangeSubscriptionRequest {
            name: subscription.to_owned(),
            plan: self.plans.of(to).to_owned(),
            request_id: self.once(),
            ..v1::ChangeSubscriptionRequest::default()
        };
        let made = self
            .ask(request, async |request| self.subscriptions().change_subscription(request).await);
        if_allowed(made.await).map_err(refused("ChangeSubscription"))
    }

    /// Adds a seat from the next renewal on.
    pub async fn add_seat(&self, subscription: &str) -> anyhow::Result<()> {
        let request = v1::GetSubscriptionRequest { name: subscription.to_owned() };
        let now =
            self.ask(request, async |request| self.subscriptions().get_subscription(request).await);
        let now = now.await.map_err(refused("GetSubscription"))?;
        let request = v1::ChangeSubscriptionRequest {
            name: now.name,
            quantity: now.quantity + 1,
            request_id: self.once(),
            ..v1::ChangeSubscriptionRequest::default()
        };
        let made = self
            .ask(request, async |request| self.subscriptions().change_subscription(request).await);
        if_allowed(made.await).map_err(refused("ChangeSubscription"))
    }

    /// All subscriptions as they stand.
    pub async fn all_subscriptions(&self) -> anyhow::Result<Vec<v1::Subscription>> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListSubscriptionsRequest {
                page_size: PAGE,
                page_token,
                ..v1::ListSubscriptionsRequest::default()
            };
            let page = self.ask(request, async |request| {
                self.subscriptions().list_subscriptions(request).await
            });
            let page = page.await.map_err(refused("ListSubscriptions"))?;
            all.extend(page.subscriptions);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// Where someone who is past due can pay: who it is, and the page. None if nobody is.
    pub async fn pay_link(&self) -> anyhow::Result<Option<(String, String)>> {
        let request = v1::ListSubscriptionsRequest {
            page_size: 1,
            states: vec![v1::subscription::State::PastDue.into()],
            ..v1::ListSubscriptionsRequest::default()
        };
        let late = self.subscriptions().list_subscriptions(request).await;
        let late = late.map_err(refused("ListSubscriptions"))?.into_inner().subscriptions;
        let Some(late) = late.into_iter().next() else { return Ok(None) };

        let mut invoices = InvoicesServiceClient::new(self.line.clone());
        let request = v1::ListInvoicesRequest {
            page_size: 1,
            subscription: late.name,
            states: vec![v1::invoice::State::Open.into()],
            ..v1::ListInvoicesRequest::default()
        };
        let open = invoices.list_invoices(request).await.map_err(refused("ListInvoices"))?;
        let Some(open) = open.into_inner().invoices.into_iter().next() else { return Ok(None) };

        let request =
            v1::GetCustomerRequest { name: late.customer, ..v1::GetCustomerRequest::default() };
        let mut customers = CustomersServiceClient::new(self.line.clone());
        let customer = customers.get_customer(request).await.map_err(refused("GetCustomer"))?;
        let request = v1::GetPayLinkRequest { name: open.name };
        let link = invoices.get_pay_link(request).await.map_err(refused("GetPayLink"))?;
        Ok(Some((customer.into_inner().display_name, link.into_inner().url)))
    }

    /// What is open: debts that are past due, and debts whose charge was sent and not answered yet.
    pub async fn open_debts(&self) -> anyhow::Result<OpenDebts> {
        use v1::payment::State::{Collecting, Scheduled, Waiting};
        let mut open = OpenDebts::default();
        let mut page_token = String::new();
        loop {
            let request = v1::ListPaymentsRequest {
                page_size: PAGE,
                page_token,
                states: [Scheduled, Collecting, Waiting].map(i32::from).to_vec(),
                ..v1::ListPaymentsRequest::default()
            };
            let page =
                self.ask(request, async |request| self.payments().list_payments(request).await);
            let page = page.await.map_err(refused("ListPayments"))?;
            for payment in page.payments {
                match payment.state() {
                    Collecting => open.on_their_way += 1,
                    _ => open.past_due += 1,
                }
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(open);
            }
        }
    }

    /// The open dunning cases: the customer, and since when.
    pub async fn open_cases(&self) -> anyhow::Result<Vec<(String, DateTime<Utc>)>> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListDunningCasesRequest {
                page_size: PAGE,
                page_token,
                open_only: true,
                ..v1::ListDunningCasesRequest::default()
            };
            let page = self.ask(request, async |request| {
                DunningServiceClient::new(self.line.clone()).list_dunning_cases(request).await
            });
            let page = page.await.map_err(refused("ListDunningCases"))?;
            let cases = page.dunning_cases.into_iter();
            all.extend(cases.filter_map(|case| Some((case.customer, instant(case.create_time)?))));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// Sends the academy's clock to `target` and waits until it is there and all is done.
    pub async fn advance(&self, target: DateTime<Utc>) -> anyhow::Result<()> {
        let request = v1::AdvanceTestClockRequest {
            name: self.clock.clone(),
            target_time: Some(timestamp(target)),
            request_id: self.once(),
            ..Default::default()
        };
        let sent =
            self.ask(request, async |request| self.clocks().advance_test_clock(request).await);
        sent.await.map_err(refused("AdvanceTestClock"))?;
        let poll = match self.patience {
            Patience::None => POLL,
            // Many who wait would be much of the work.
            Patience::For { .. } => POLL * 8,
        };
        let mut shown = None;
        let mut moved = tokio::time::Instant::now();
        loop {
            let request = v1::GetTestClockRequest { name: self.clock.clone() };
            let clock =
                self.ask(request, async |request| self.clocks().get_test_clock(request).await);
            let clock = clock.await.map_err(refused("GetTestClock"))?;
            if clock.state() == v1::test_clock::State::Ready {
                return Ok(());
            }
            if clock.current_time != shown {
                shown = clock.current_time;
                moved = tokio::time::Instant::now();
            } else if moved.elapsed() > STANDSTILL {
                let at = instant(shown).map(|at| at.to_rfc3339()).unwrap_or_default();
                bail!(
                    "the test clock does not get past {at}: the log tells what could not be done"
                );
            }
            tokio::time::sleep(poll).await;
        }
    }

    fn clocks(&self) -> TestClocksServiceClient<Line> {
        TestClocksServiceClient::new(self.line.clone())
    }

    fn payments(&self) -> PaymentsServiceClient<Line> {
        PaymentsServiceClient::new(self.line.clone())
    }

    fn subscriptions(&self) -> SubscriptionsServiceClient<Line> {
        SubscriptionsServiceClient::new(self.line.clone())
    }
}

fn academy(gateway: &str) -> v1::Merchant {
    v1::Merchant {
        display_name: "Open Academy".to_owned(),
        time_zone: ZONE.to_owned(),
        language_code: "en".to_owned(),
        gateway: gateway.to_owned(),
        invoice_prefix: "OA".to_owned(),
        reply_to: "help@academy.example".to_owned(),
        legal_lines: "Open Academy Lda., Rua do Exemplo 7, 1100-000 Lisboa\nVAT PT999999990"
            .to_owned(),
        portal_url: "https://academy.example".to_owned(),
        ..v1::Merchant::default()
    }
}

/// A member may ask for what their subscription's state no longer allows; the portal then tells
/// them so, and nothing happens.
fn if_allowed<T>(answer: Result<T, Status>) -> Result<(), Status> {
    match answer {
        Ok(_) => Ok(()),
        Err(refusal) if refusal.code() == Code::FailedPrecondition => Ok(()),
        Err(error) => Err(error),
    }
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).expect("below 10^9, no leap second");
    Timestamp { seconds: at.timestamp(), nanos }
}

fn instant(told: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let told = told?;
    DateTime::from_timestamp(told.seconds, u32::try_from(told.nanos).ok()?)
}
