//! Courses that members subscribe to: how one begins, what is asked of it, and how it stands.

use rondo::{
    domain::ids::{Id, kind},
    grpc::{
        convert::time::timestamp,
        proto::v1::{self, cancel_subscription_request::When},
    },
};
use tonic::{Response, Status};

use super::{
    api::{Api, id_of},
    claims::Claims,
    member::Member,
    world::{World, at},
};

/// A member's running agreement to a plan.
#[derive(Debug, Clone)]
pub struct Course {
    api: Api,
    /// `subscriptions/sub_…`
    pub name: String,
    /// Its id.
    pub id: Id<kind::Subscription>,
}

/// A subscription to be.
#[must_use = "it begins with `create`"]
pub struct NewCourse<'a> {
    world: &'a World,
    subscription: v1::Subscription,
    price: Option<String>,
}

impl World {
    /// A subscription of this member's.
    pub fn subscription(&self, member: &Member) -> NewCourse<'_> {
        let customer = member.name.clone();
        let subscription = v1::Subscription { customer, ..Default::default() };
        NewCourse { world: self, subscription, price: None }
    }

    /// Subscribes a member to a plan, and lets what is due now happen.
    pub async fn subscribe(&self, member: &Member, plan: &v1::Plan) -> Course {
        self.subscription(member).to(plan).create().await
    }
}

impl NewCourse<'_> {
    /// To this plan.
    pub fn to(mut self, plan: &v1::Plan) -> Self {
        self.subscription.plan.clone_from(&plan.name);
        self
    }

    /// To a plan of its own, of this price a month.
    pub fn monthly(self, price: &str) -> Self {
        Self { price: Some(price.to_owned()), ..self }
    }

    /// So many seats.
    pub fn seats(mut self, quantity: i32) -> Self {
        self.subscription.quantity = quantity;
        self
    }

    /// Charged to this card of theirs: `paymentMethods/pm_…`
    pub fn charged_to(mut self, card: &str) -> Self {
        card.clone_into(&mut self.subscription.payment_method);
        self
    }

    /// Begins it, and lets what is due now happen.
    pub async fn create(self) -> Course {
        let world = self.world;
        let course = self.begin().await;
        world.settle().await;
        course
    }

    /// Begins it. Its first charge waits for the engine.
    pub async fn begin(mut self) -> Course {
        if let Some(price) = &self.price {
            self.subscription.plan = self.world.plan("Membership", price).create().await.name;
        }
        let api = self.world.api.clone();
        let request = v1::CreateSubscriptionRequest {
            subscription: Some(self.subscription),
            request_id: api.request_id(),
            ..Default::default()
        };
        let made = api.subscriptions().create_subscription(request).await.unwrap().into_inner();
        let id = id_of(&made.name);
        Course { api, name: made.name, id }
    }
}

impl Course {
    /// The same one, as the service shows it that `world` has now.
    pub fn seen_in(self, world: &World) -> Self {
        Self { api: world.api.clone(), ..self }
    }

    /// How it stands.
    pub async fn get(&self) -> v1::Subscription {
        let request = v1::GetSubscriptionRequest { name: self.name.clone() };
        self.api.subscriptions().get_subscription(request).await.unwrap().into_inner()
    }

    /// Its invoices, oldest first.
    pub async fn invoices(&self) -> Vec<v1::Invoice> {
        let request = v1::ListInvoicesRequest {
            subscription: self.name.clone(),
            page_size: 1_000,
            ..Default::default()
        };
        self.api.invoices().list_invoices(request).await.unwrap().into_inner().invoices
    }

    /// What is collected for an invoice, with its attempts.
    pub async fn payment_of(&self, invoice: &v1::Invoice) -> v1::Payment {
        let request = v1::GetPaymentRequest { name: invoice.payment.clone() };
        self.api.payments().get_payment(request).await.unwrap().into_inner()
    }

    /// What is collected for its latest invoice.
    pub async fn payment(&self) -> v1::Payment {
        let invoices = self.invoices().await;
        self.payment_of(invoices.last().unwrap()).await
    }

    /// What the attempts at an invoice came to, oldest first.
    pub async fn attempts_at(&self, invoice: &v1::Invoice) -> Vec<v1::attempt::State> {
        self.payment_of(invoice).await.attempts.iter().map(v1::Attempt::state).collect()
    }

    /// What the attempts at its latest invoice charged, oldest first: `paymentMethods/pm_…`
    pub async fn methods_tried(&self) -> Vec<String> {
        let attempts = self.payment().await.attempts;
        attempts.into_iter().map(|attempt| attempt.payment_method).collect()
    }

    /// What went back of its latest invoice's payment, oldest first.
    pub async fn refunds(&self) -> Vec<v1::Refund> {
        let payment = self.payment().await.name;
        let request = v1::ListRefundsRequest { payment, ..Default::default() };
        self.api.payments().list_refunds(request).await.unwrap().into_inner().refunds
    }

    /// The dunning case that was opened last.
    pub async fn case(&self) -> v1::DunningCase {
        let request = v1::ListDunningCasesRequest {
            customer: self.get().await.customer,
            ..Default::default()
        };
        let told = self.api.dunning().list_dunning_cases(request).await.unwrap().into_inner();
        let mut cases = told.dunning_cases;
        cases.retain(|case| case.subscription == self.name);
        cases.pop().unwrap()
    }

    /// What is claimed of how it stands; checked when awaited.
    #[track_caller]
    pub fn assert(&self) -> Claims {
        Claims::of(self.clone())
    }

    /// The link to pay its latest invoice by.
    pub async fn pay_link(&self) -> String {
        let name = self.invoices().await.pop().unwrap().name;
        let request = v1::GetPayLinkRequest { name };
        self.api.invoices().get_pay_link(request).await.unwrap().into_inner().url
    }

    /// Its latest invoice is charged to `card` now.
    pub async fn pays_with(&self, card: &str) -> Result<v1::Invoice, Status> {
        self.pays(&self.invoices().await.pop().unwrap(), card).await
    }

    /// This invoice is charged to `card` now.
    pub async fn pays(&self, invoice: &v1::Invoice, card: &str) -> Result<v1::Invoice, Status> {
        let request = v1::PayInvoiceRequest {
            name: invoice.name.clone(),
            payment_method: card.to_owned(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        Ok(self.api.invoices().pay_invoice(request).await?.into_inner())
    }

    /// Staff takes this invoice back.
    pub async fn is_forgiven(&self, invoice: &v1::Invoice) {
        let request = v1::VoidInvoiceRequest {
            name: invoice.name.clone(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.invoices().void_invoice(request).await.unwrap();
    }

    /// Its member leaves, now or with the period that was paid for.
    pub async fn cancel(&self, when: When) -> v1::Subscription {
        let request = v1::CancelSubscriptionRequest {
            name: self.name.clone(),
            when: when.into(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        told(self.api.subscriptions().cancel_subscription(request).await)
    }

    /// And comes back before that.
    pub async fn undo_cancel(&self) -> v1::Subscription {
        let request = v1::UndoCancelSubscriptionRequest {
            name: self.name.clone(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        told(self.api.subscriptions().undo_cancel_subscription(request).await)
    }

    /// Rests it, until then if that is said.
    pub async fn pause(&self, until: Option<&str>) -> v1::Subscription {
        let request = v1::PauseSubscriptionRequest {
            name: self.name.clone(),
            resume_time: until.map(|when| timestamp(at(when))),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        told(self.api.subscriptions().pause_subscription(request).await)
    }

    /// Goes on with it.
    pub async fn resume(&self) -> v1::Subscription {
        let request = v1::ResumeSubscriptionRequest {
            name: self.name.clone(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        told(self.api.subscriptions().resume_subscription(request).await)
    }

    /// Another plan from the next renewal on.
    pub async fn changes_to(&self, plan: &v1::Plan) -> v1::Subscription {
        self.change(v1::ChangeSubscriptionRequest { plan: plan.name.clone(), ..Default::default() })
            .await
    }

    /// So many seats from the next renewal on.
    pub async fn takes_seats(&self, quantity: i32) -> v1::Subscription {
        self.change(v1::ChangeSubscriptionRequest { quantity, ..Default::default() }).await
    }

    async fn change(&self, change: v1::ChangeSubscriptionRequest) -> v1::Subscription {
        let request = v1::ChangeSubscriptionRequest {
            name: self.name.clone(),
            request_id: self.api.request_id(),
            ..change
        };
        told(self.api.subscriptions().change_subscription(request).await)
    }
}

fn told(answer: Result<Response<v1::Subscription>, Status>) -> v1::Subscription {
    answer.unwrap().into_inner()
}
