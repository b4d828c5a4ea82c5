//! What the people of a simulated world do, carried out by the operations that gRPC and pages share.
//! Whoever is refused takes it as it is; whoever meets trouble with the database comes again.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{
    dice::PerMille,
    gateway::SimGateway,
    granted::End,
    ladder::Rungs,
    portal::{Member, Wish},
    prices::What,
    stage::Stage,
    world::World,
};
use crate::{
    app::{
        Act, AppError, Result, Rondo, customers, dunning, invoices,
        invoices::{CollectBy, NewInvoice, NewLine},
        merchants, pay, payment_methods,
        payment_methods::NewPaymentMethod,
        plans::{self, NewPlan, OnUpdate, PlanUpdate},
        refunds,
        subscriptions::{self, Change, NewSubscription, Trial},
    },
    domain::{
        ids::{Id, kind},
        invoice::{Invoice, InvoiceState},
        labels::Labels,
        merchant::Merchant,
        money::Money,
        payment::PaymentState,
        subscription::lifecycle::EndWhen,
    },
    store::{InvoiceFilter, Page, PaymentFilter, StoreError},
};

/// The most papers of one member that are looked through.
const PAPERS: usize = 200;
/// Of a thousand cards that are stored beside another, how many are to be tried when that one fails.
const BACKUP: PerMille = 500;

impl World {
    /// Opens the portal: its merchant, its ladder and what it sells.
    pub(super) async fn open_portal(&mut self) -> anyhow::Result<()> {
        let zone = *self.stage.dice.pick(&[
            "Europe/Berlin",
            "America/New_York",
            "Asia/Tokyo",
            "Australia/Lord_Howe",
            "UTC",
        ]);
        let terms = merchants::MerchantTerms {
            name: "Open Academy".to_owned(),
            zone: zone.to_owned(),
            locale: (*self.stage.dice.pick(&["en", "de", "es"])).to_owned(),
            gateway: self.gateways[0].name().to_owned(),
            other_gateways: vec![self.gateways[1].name().to_owned()],
            invoice_prefix: "OA".to_owned(),
            reply_to: None,
            legal_lines: "Open Academy".to_owned(),
            portal_url: Some("https://academy.example".to_owned()),
            dunning_policy: None,
        };
        let world = self.rondo.clock.now();
        let mut repo = self.rondo.store.begin().await?;
        let made = merchants::create_merchant(&self.rondo, repo.as_mut(), world, terms).await?;
        let mut act = Act::new(repo.as_mut(), &made, world, &self.rondo.mint);
        if self.stage.dice.says(500) {
            let ladder = super::portal::ladder(&self.stage);
            self.rungs = Rungs {
                days: ladder.steps.iter().map(|step| step.after_days).collect(),
                jitter_percent: ladder.jitter_percent.into(),
                hours: (ladder.window.from_hour, ladder.window.to_hour),
                at_its_end: ladder.final_action,
            };
            let policy = dunning::create_policy(&mut act, "ours", ladder).await?;
            let update = merchants::MerchantUpdate {
                dunning_policy: Some(Some(policy.id)),
                ..merchants::MerchantUpdate::default()
            };
            merchants::update_merchant(&self.rondo, repo.as_mut(), made.id, None, update).await?;
        }
        let (currency, offers) = super::portal::offers(&self.stage);
        let made = merchants::merchant(repo.as_mut(), made.id).await?;
        let mut act = Act::new(repo.as_mut(), &made, world, &self.rondo.mint);
        for (name, terms) in offers {
            let sold = Box::new(terms.clone());
            let new = NewPlan { name, terms, dunning_policy: None, labels: Labels::default() };
            let plan = plans::create_plan(&mut act, new).await?.plan.id;
            self.portal.plans.push(plan);
            self.granted.agrees(world, What::Offers(plan, sold));
        }
        repo.commit().await?;
        self.currency = Some(currency);
        self.merchant = Some(made);
        Ok(())
    }

    /// Carries out a wish. A refusal is an answer like any other.
    pub(super) async fn fulfil(&mut self, wish: Wish) -> anyhow::Result<()> {
        let merchant = self.merchant().clone();
        let done = match wish {
            Wish::Join(member) => self.join(&merchant, member).await,
            Wish::PayByPage(member) => return self.pay_by_page(member).await,
            Wish::ComeBack(member) => self.come_back(&merchant, member).await,
            Wish::RaisePrice => self.raise_price(&merchant).await,
            Wish::LookAfterStuck | Wish::Reconcile | Wish::Audit => {
                return self.look_after(wish).await;
            }
            of_member => self.of_member(&merchant, of_member).await,
        };
        match done {
            Ok(what) => self.stage.note(format_args!("{wish:?}: {what}")),
            Err(AppError::Store(error)) if error.is_transient() => {
                let again = self.stage.truth() + TimeDelta::minutes(5);
                self.portal.wants(again, wish);
            }
            Err(AppError::Store(error)) => return Err(error.into()),
            Err(refusal) => self.stage.note(format_args!("{wish:?}: refused, {refusal}")),
        }
        Ok(())
    }

    async fn join(&mut self, merchant: &Merchant, member: usize) -> Result<String> {
        let dice = &self.stage.dice;
        let plan = self.portal.taken(dice);
        let gateway = &self.gateways[usize::from(dice.says(200))];
        let email = format!("member{member}@academy.example");
        let quantity = u32::try_from(dice.between(1, 5)).unwrap_or(1);
        let trial = if dice.says(800) { Trial::AsPlanned } else { Trial::Skipped };
        let mut repo = self.rondo.store.begin().await?;
        let now = self.rondo.clock.now();
        let mut act = Act::new(repo.as_mut(), merchant, now, &self.rondo.mint);
        let new = customers::NewCustomer {
            email: email.clone(),
            name: format!("Member {member}"),
            ..customers::NewCustomer::default()
        };
        let customer = customers::create_customer(&mut act, new).await?.id;
        let stored = gateway.provider().cards.issue(customer, dice, self.stage.truth());
        payment_methods::attach(&mut act, method(customer, gateway.name(), stored)).await?;
        let new = NewSubscription {
            customer,
            plan,
            currency: None,
            quantity,
            payment_method: None,
            trial,
            labels: Labels::default(),
        };
        let subscription = subscriptions::create(&mut act, new).await?.id;
        repo.commit().await?;
        self.granted.agrees(now, What::Takes(subscription, plan, quantity));
        self.portal.members.push(Member { place: member, id: customer, email, subscription });
        Ok(format!("{subscription} of {customer}"))
    }

    async fn raise_price(&mut self, merchant: &Merchant) -> Result<String> {
        let dice = &self.stage.dice;
        let plan = *dice.pick(&self.portal.plans);
        let mut repo = self.rondo.store.begin().await?;
        let now = self.rondo.clock.now();
        let mut act = Act::new(repo.as_mut(), merchant, now, &self.rondo.mint);
        let mut terms = plans::plan_with_terms(&mut act, plan).await?.terms;
        for amount in terms.components[0].amounts.values_mut() {
            *amount += dice.between(1, 500);
        }
        let components = Some(terms.components.clone());
        let update = PlanUpdate { components, ..PlanUpdate::default() };
        let existing = *dice.pick(&[OnUpdate::Keep, OnUpdate::AtRenewal, OnUpdate::Now]);
        plans::update_plan(&mut act, plan, None, update, Some(existing)).await?;
        repo.commit().await?;
        self.granted.agrees(now, What::Raises(plan, Box::new(terms), existing));
        Ok(format!("{plan}, {existing:?}"))
    }

    async fn of_member(&mut self, merchant: &Merchant, wish: Wish) -> Result<String> {
        let Some(member) = self.portal.member(wish).cloned() else {
            return Ok("is no member yet".to_owned());
        };
        let rondo = self.rondo.clone();
        let mut repo = rondo.store.begin().await?;
        let mut act = Act::new(repo.as_mut(), merchant, rondo.clock.now(), &rondo.mint);
        let told = match wish {
            Wish::CancelNow(_)
            | Wish::CancelAtPeriodEnd(_)
            | Wish::UndoCancellation(_)
            | Wish::Pause(_)
            | Wish::Resume(_)
            | Wish::TakeSeats(_)
            | Wish::ChangePlan(_) => self.change_mind(&mut act, &member, wish).await?,
            Wish::RetryNow(_) | Wish::HoldCase(_) => {
                self.move_case(&mut act, &member, wish).await?
            }
            _ => self.deal(&mut act, &member, wish).await?,
        };
        repo.commit().await?;
        Ok(told)
    }

    /// What a member wants of their subscription.
    async fn change_mind(
        &mut self,
        act: &mut Act<'_>,
        member: &Member,
        wish: Wish,
    ) -> Result<String> {
        let dice = &self.stage.dice;
        let (id, now) = (member.subscription, act.now());
        let changed = match wish {
            Wish::CancelNow(_) => {
                let ended = subscriptions::cancel(act, id, None, EndWhen::Now).await?.id;
                self.granted.ends(id, now, End::Wanted);
                ended.to_string()
            }
            Wish::CancelAtPeriodEnd(_) => {
                let ends = subscriptions::cancel(act, id, None, EndWhen::AtPeriodEnd).await?.id;
                self.granted.ends(id, now, End::Wanted);
                ends.to_string()
            }
            Wish::UndoCancellation(_) => {
                let goes_on = subscriptions::undo_cancellation(act, id, None).await?.id;
                self.granted.ends(id, now, End::TakenBack);
                goes_on.to_string()
            }
            Wish::Pause(_) => {
                let days = dice.between(5, 90);
                let until = (days > 20).then(|| now + TimeDelta::days(days));
                if until.is_none() {
                    let back = self.stage.truth() + TimeDelta::days(days);
                    self.portal.wants(back, Wish::Resume(member.place));
                }
                let rests = subscriptions::pause(act, id, None, until).await?.id;
                self.granted.paused.entry(id).or_default().push(now);
                rests.to_string()
            }
            Wish::Resume(_) => subscriptions::resume(act, id, None).await?.id.to_string(),
            Wish::TakeSeats(_) => {
                let quantity = u32::try_from(dice.between(1, 9)).ok();
                let change = Change { quantity, ..Change::default() };
                let changed = subscriptions::change(act, id, None, change).await?.id;
                self.granted.agrees(now, What::Wants(id, None, quantity));
                changed.to_string()
            }
            Wish::ChangePlan(_) => {
                let plan = Some(*dice.pick(&self.portal.plans));
                let change = Change { plan, ..Change::default() };
                let changed = subscriptions::change(act, id, None, change).await?.id;
                self.granted.agrees(now, What::Wants(id, plan, None));
                changed.to_string()
            }
            _ => return Ok(String::new()),
        };
        Ok(changed)
    }

    /// What a member, or staff for them, does with cards and money.
    async fn deal(&mut self, act: &mut Act<'_>, member: &Member, wish: Wish) -> Result<String> {
        let (dice, now) = (&self.stage.dice, act.now());
        Ok(match wish {
            Wish::NewCard(_) => self.new_card(act, member).await?,
            Wish::TakeCardOut(_) => {
                let customer = act.customer(member.id).await?;
                match customer.default_method {
                    Some(card) => payment_methods::detach(act, card, None).await?.id.to_string(),
                    None => "has no card".to_owned(),
                }
            }
            Wish::BuyCourse(_) => {
                let currency = self.currency.expect("the portal is open");
                let unit = Money::new(dice.between(1, 50_000), currency);
                let line = NewLine { label: "Course".to_owned(), unit, quantity: 1 };
                let new = NewInvoice {
                    customer: member.id,
                    lines: vec![line],
                    entitlements: vec!["course".to_owned()],
                    labels: Labels::default(),
                    due_at: None,
                    collection: if dice.says(800) {
                        CollectBy::Charge(None)
                    } else {
                        CollectBy::Link
                    },
                };
                invoices::create(act, new).await?.invoice.id.to_string()
            }
            Wish::PayNow(_) => match open_invoice(act, member.id).await? {
                Some(invoice) => {
                    let paying = invoices::pay_now(act, invoice.id, None, None).await?.invoice.id;
                    self.granted.asks(paying, now);
                    paying.to_string()
                }
                None => "owes nothing".to_owned(),
            },
            Wish::VoidInvoice(_) => match open_invoice(act, member.id).await? {
                Some(invoice) => {
                    let voided = invoices::void(act, invoice.id, None).await?.invoice.id;
                    self.granted.voided.insert(voided);
                    voided.to_string()
                }
                None => "owes nothing".to_owned(),
            },
            Wish::AskMoneyBack(_) => match paid_payment(act, member.id).await? {
                Some((payment, amount)) => {
                    let part = Money::new(dice.between(1, amount.minor()), amount.currency());
                    let part = dice.says(500).then_some(part);
                    refunds::request(act, payment, part, "asked for".to_owned())
                        .await?
                        .id
                        .to_string()
                }
                None => "paid nothing".to_owned(),
            },
            _ => String::new(),
        })
    }

    /// A member stores a card, new or not, to be charged from now on or beside another.
    async fn new_card(&mut self, act: &mut Act<'_>, member: &Member) -> Result<String> {
        let (dice, now) = (&self.stage.dice, self.stage.truth());
        let gateway = &self.gateways[usize::from(dice.says(200))];
        let stored = gateway.provider().cards.issue(member.id, dice, now);
        // What its issuer refuses for good, no check at the gateway has just proven.
        let customer_present = !gateway.provider().cards.is_barred(&stored.token, now);
        let is_default = dice.says(800);
        let new = method(member.id, gateway.name(), stored);
        let new = NewPaymentMethod { customer_present, is_default, ..new };
        let card = payment_methods::attach(act, new).await?.id;
        if !customer_present {
            self.granted.absent.insert(card);
        }
        let default = act.customer(member.id).await?.default_method;
        if !is_default && default != Some(card) && dice.says(BACKUP) {
            payment_methods::set_backup(act, member.id, None, Some(card)).await?;
            return Ok(format!("{card}, in reserve"));
        }
        Ok(card.to_string())
    }

    /// What staff does with a member's dunning case.
    async fn move_case(
        &mut self,
        act: &mut Act<'_>,
        member: &Member,
        wish: Wish,
    ) -> Result<String> {
        let dice = &self.stage.dice;
        let now = act.now();
        Ok(match wish {
            Wish::RetryNow(_) | Wish::HoldCase(_) => {
                let merchant = act.merchant_id();
                let cases = act.repo.open_cases_of_customers(merchant, &[member.id]).await?;
                match cases.first() {
                    None => "is in no case".to_owned(),
                    Some(case) if wish == Wish::RetryNow(member.place) => {
                        let retried = dunning::retry_now(act, case.id, None).await?.id;
                        self.granted.asks(case.invoice, now);
                        retried.to_string()
                    }
                    Some(case) => {
                        let until = now + TimeDelta::days(dice.between(1, 9));
                        dunning::hold(act, case.id, None, until).await?.id.to_string()
                    }
                }
            }
            _ => String::new(),
        })
    }

    /// The invoice that a member owes, read by itself.
    async fn owes(&self, merchant: &Merchant, member: usize) -> Result<Option<Invoice>> {
        let Some(member) = self.portal.member(Wish::PayNow(member)) else { return Ok(None) };
        let mut repo = self.rondo.store.snapshot().await?;
        let now = self.rondo.clock.now();
        let mut act = Act::new(repo.as_mut(), merchant, now, &self.rondo.mint);
        open_invoice(&mut act, member.id).await
    }

    /// A member wants to pay on a page. It is opened by a job of its own, over the same bad line and database as
    /// all else: whoever stands still in the middle of that goes on when others have taken over.
    pub(super) async fn pay_by_page(&mut self, member: usize) -> anyhow::Result<()> {
        let wish = Wish::PayByPage(member);
        let Some(payer) = self.portal.member(wish).map(|member| member.id) else { return Ok(()) };
        if self.stage.dice.says(600) {
            let back = self.stage.truth() + TimeDelta::minutes(self.stage.dice.between(2, 700));
            self.portal.wants(back, Wish::ComeBack(member));
        }
        let opener = Opener {
            rondo: self.rondo.clone(),
            merchant: self.merchant().clone(),
            gateways: self.gateways.clone(),
            stage: Arc::clone(&self.stage),
        };
        let store_method = self.stage.dice.says(500);
        let job = Box::pin(opener.open_page(payer, store_method));
        if self.begin(job).await? == 0 {
            self.portal.wants(self.stage.truth() + TimeDelta::minutes(5), wish);
        }
        Ok(())
    }

    async fn come_back(&mut self, merchant: &Merchant, member: usize) -> Result<String> {
        let Some(invoice) = self.owes(merchant, member).await? else {
            return Ok("owes nothing any more".to_owned());
        };
        pay::finish(&self.rondo, merchant, invoice.id).await?;
        Ok(invoice.id.to_string())
    }
}

/// Who opens a page for a payer, whatever becomes of the world meanwhile.
struct Opener {
    rondo: Rondo,
    merchant: Merchant,
    gateways: [Arc<SimGateway>; 2],
    stage: Arc<Stage>,
}

impl Opener {
    /// Opens a page for what a member owes, and tells them its address. A refusal is an answer like any other.
    async fn open_page(
        self,
        payer: Id<kind::Customer>,
        store_method: bool,
    ) -> std::result::Result<usize, StoreError> {
        let opened = match self.start_checkout(payer, store_method).await {
            Err(AppError::Store(error)) => return Err(error),
            opened => opened,
        };
        if let Ok(Some(pay::Started::At(url))) = &opened {
            for gateway in &self.gateways {
                gateway.provider().is_known(url, payer, &self.stage);
            }
        }
        self.stage.note(format_args!("a page for {payer}: {opened:?}"));
        Ok(1)
    }

    async fn start_checkout(
        &self,
        payer: Id<kind::Customer>,
        store_method: bool,
    ) -> Result<Option<pay::Started>> {
        let mut repo = self.rondo.store.snapshot().await?;
        let now = self.rondo.clock.now();
        let mut act = Act::new(repo.as_mut(), &self.merchant, now, &self.rondo.mint);
        let owed = open_invoice(&mut act, payer).await?;
        drop(repo);
        let Some(invoice) = owed else { return Ok(None) };
        let return_url = "https://academy.example/back".to_owned();
        let wish = pay::Wish { invoice: invoice.id, store_method, return_url };
        pay::start_checkout(&self.rondo, &self.merchant, &wish).await.map(Some)
    }
}

fn method(
    customer: Id<kind::Customer>,
    gateway: &str,
    stored: crate::gateway::StoredMethod,
) -> NewPaymentMethod {
    NewPaymentMethod {
        customer,
        gateway: gateway.to_owned(),
        stored,
        original_transaction: None,
        consented_at: None,
        customer_present: true,
        is_default: true,
    }
}

async fn open_invoice(act: &mut Act<'_>, customer: Id<kind::Customer>) -> Result<Option<Invoice>> {
    let filter = InvoiceFilter {
        customer: Some(customer),
        states: vec![InvoiceState::Open],
        ..InvoiceFilter::default()
    };
    let page = Page { after: None, limit: PAPERS };
    let found = act.repo.list_invoices(act.merchant.id, &filter, page).await?;
    Ok(found.into_iter().next())
}

async fn paid_payment(
    act: &mut Act<'_>,
    customer: Id<kind::Customer>,
) -> Result<Option<(Id<kind::Payment>, Money)>> {
    let filter = PaymentFilter {
        customer: Some(customer),
        states: vec![PaymentState::Succeeded],
        ..PaymentFilter::default()
    };
    let page = Page { after: None, limit: PAPERS };
    let found = act.repo.list_payments(act.merchant.id, &filter, page).await?;
    Ok(found.last().map(|payment| (payment.id, payment.amount)))
}
