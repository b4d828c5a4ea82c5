//! Races: the same request, with the same `request_id`, by several callers at once, over all replicas.
//! It has one effect, and all of them get the same answer.

use std::{cell::RefCell, time::Duration};

use anyhow::{Context, bail};
use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use indicatif::ProgressBar;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tokio::time::{Instant, sleep};
use tonic::{Response, Status, service::interceptor::InterceptedService};

use super::{
    portals::PATIENCE,
    stage::{GATEWAY, Stage},
};
use crate::{
    cli::academy::{
        self,
        cards::Card,
        line::{Key, Line, once, refused},
        members::{self, Member, Membership},
        offers,
        portal::{Enrolled, Portal},
    },
    domain::ids::Mint,
    grpc::proto::v1::{
        self, create_invoice_request::Collection, invoices_service_client::InvoicesServiceClient,
        payments_service_client::PaymentsServiceClient,
        subscriptions_service_client::SubscriptionsServiceClient,
    },
    security::chance::system_mint,
    store::MerchantId,
};

/// Races that are run at the same time.
const AT_ONCE: usize = 6;
/// How many call at once.
const CALLERS: std::ops::RangeInclusive<usize> = 2..=8;
/// Members among whom they are run.
const MEMBERS: usize = 24;
/// The longest that an invoice may take to be paid.
const PAID_WITHIN: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);

/// What is raced for first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prize {
    /// A subscription.
    Subscription,
    /// An invoice of its own, which is charged; later, its refund.
    Invoice,
    /// An attempt to collect one now.
    Payment,
}

impl Prize {
    const ALL: [Self; 3] = [Self::Subscription, Self::Invoice, Self::Payment];

    /// How many of `count` races are for this: a quarter each, and what is left for subscriptions. An
    /// invoice is good for two.
    const fn share_of(self, count: u64) -> u64 {
        let quarter = count / 4;
        match self {
            Self::Subscription => count - 3 * quarter,
            Self::Invoice | Self::Payment => quarter,
        }
    }
}

/// One race.
struct Race {
    prize: Prize,
    member: usize,
    callers: usize,
}

/// What came of them.
#[derive(Default)]
pub struct Races {
    /// How many were run.
    pub run: u64,
    /// Those that had another end than one effect and one answer.
    pub lost: Vec<String>,
    /// The portal on which they were run.
    pub portal: Option<Portal>,
    /// What must be there now.
    pub won: Option<Won>,
}

/// What one effect of each race comes to, all together.
#[derive(Debug, Clone, Copy)]
pub struct Won {
    /// Whose.
    pub merchant: MerchantId,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Invoices, those of the subscriptions among them.
    pub invoices: usize,
    /// Refunds.
    pub refunds: usize,
}

/// The course on which races are run.
struct Course<'a> {
    portal: &'a Portal,
    lines: Vec<Line>,
    mint: Mint,
    members: Vec<(Member, Enrolled)>,
    lost: RefCell<Vec<String>>,
}

/// Runs so many, on a portal of their own.
pub async fn run(
    stage: &Stage,
    count: u64,
    seed: u64,
    progress: &ProgressBar,
) -> anyhow::Result<Races> {
    if count == 0 {
        return Ok(Races::default());
    }
    let steps = academy::steps(1);
    let opens = *steps.first().context("a month has steps")?;
    let portal = Portal::open(stage.front, &stage.admin_key, GATEWAY, opens, PATIENCE).await?;
    let mut lines = Vec::new();
    for replica in &stage.replicas {
        let address = replica.process.address().context("a replica is not up")?;
        let channel = PATIENCE.channel(address)?;
        lines.push(InterceptedService::new(channel, Key::new(&portal.key, None)?));
    }
    let mut enrolled = Vec::new();
    for mut member in members::strangers(seed, MEMBERS, steps.len()) {
        member.card = Card::good(&member.id);
        member.membership = Membership::Yearly;
        member.seats = 1;
        let known = portal.join(&member).await?;
        enrolled.push((member, known));
    }
    let course = Course {
        portal: &portal,
        lines,
        mint: system_mint(),
        members: enrolled,
        lost: RefCell::default(),
    };
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let each = Prize::ALL.map(|prize| (prize, prize.share_of(count)));
    let mut all = Vec::new();
    for (prize, share) in each {
        all.extend((0..share).map(|_| Race {
            prize,
            member: rng.random_range(0..MEMBERS),
            callers: rng.random_range(CALLERS),
        }));
    }
    let first = stream::iter(&all).map(|race| async {
        let charged = course.run(race).await?;
        progress.inc(1);
        anyhow::Ok(charged)
    });
    let charged: Vec<_> = first.buffer_unordered(AT_ONCE).try_collect().await?;
    // What was raced for and paid since is raced for once more: for its refund.
    let back = stream::iter(charged.into_iter().flatten()).map(|payment| {
        let callers = rng.random_range(CALLERS);
        let course = &course;
        async move {
            course.refund(payment, callers).await?;
            progress.inc(1);
            anyhow::Ok(())
        }
    });
    back.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let of = |prize: Prize| usize::try_from(prize.share_of(count)).unwrap_or(usize::MAX);
    let subscriptions = MEMBERS + of(Prize::Subscription);
    let won = Won {
        merchant: portal.merchant,
        subscriptions,
        // Each subscription is billed once, for its first year.
        invoices: subscriptions + of(Prize::Invoice) + of(Prize::Payment),
        refunds: of(Prize::Invoice),
    };
    let lost = course.lost.into_inner();
    Ok(Races { run: count, lost, portal: Some(portal), won: Some(won) })
}

impl Course<'_> {
    /// Runs one race, and tells the payment that was charged for, if one was.
    async fn run(&self, race: &Race) -> anyhow::Result<Option<String>> {
        let Race { prize, member, callers } = *race;
        match prize {
            Prize::Subscription => {
                let request = self.subscription(member);
                self.race("subscription", callers, request, async |line, request| {
                    SubscriptionsServiceClient::new(line).create_subscription(request).await
                })
                .await;
                Ok(None)
            }
            Prize::Invoice => {
                let request = self.invoice(member, Collection::Charge);
                let won = self.race("invoice", callers, request, async |line, request| {
                    InvoicesServiceClient::new(line).create_invoice(request).await
                });
                Ok(won.await.map(|invoice| invoice.payment))
            }
            Prize::Payment => {
                let request = self.invoice(member, Collection::Link);
                let made = PATIENCE.ask(request, async |request| {
                    InvoicesServiceClient::new(self.lines[0].clone()).create_invoice(request).await
                });
                let request = v1::PayInvoiceRequest {
                    name: made.await.map_err(refused("CreateInvoice"))?.name,
                    request_id: once(&self.mint),
                    ..v1::PayInvoiceRequest::default()
                };
                self.race("payment", callers, request, async |line, request| {
                    InvoicesServiceClient::new(line).pay_invoice(request).await
                })
                .await;
                Ok(None)
            }
        }
    }

    /// A race for the refund of a payment, once that is paid.
    async fn refund(&self, payment: String, callers: usize) -> anyhow::Result<()> {
        self.paid(&payment).await?;
        let request = v1::RefundPaymentRequest {
            name: payment,
            reason: "a race".to_owned(),
            request_id: once(&self.mint),
            ..v1::RefundPaymentRequest::default()
        };
        self.race("refund", callers, request, async |line, request| {
            PaymentsServiceClient::new(line).refund_payment(request).await
        })
        .await;
        Ok(())
    }

    /// One race: all call at once, and all must hear the same.
    async fn race<R: Clone, T: PartialEq>(
        &self,
        prize: &str,
        callers: usize,
        request: R,
        call: impl AsyncFn(Line, R) -> Result<Response<T>, Status>,
    ) -> Option<T> {
        let calls = (0..callers).map(|caller| {
            let line = self.lines[caller % self.lines.len()].clone();
            let (request, call) = (request.clone(), &call);
            async move { call(line, request).await.map(Response::into_inner) }
        });
        let answers = join_all(calls).await;
        let lost = |why: String| {
            self.lost.borrow_mut().push(format!("{prize} of {callers} callers: {why}"));
        };
        let mut first = None;
        for answer in answers {
            match (answer, &first) {
                (Ok(answer), None) => first = Some(answer),
                (Ok(answer), Some(first)) if answer == *first => {}
                (Ok(_), Some(_)) => lost("two answers differ".to_owned()),
                (Err(status), _) => lost(format!("{} ({:?})", status.message(), status.code())),
            }
        }
        first
    }

    fn subscription(&self, member: usize) -> v1::CreateSubscriptionRequest {
        let (member, enrolled) = &self.members[member];
        v1::CreateSubscriptionRequest {
            subscription: Some(v1::Subscription {
                customer: enrolled.customer.clone(),
                plan: self.portal.plan(Membership::Yearly).to_owned(),
                currency_code: member.currency.to_owned(),
                quantity: 1,
                ..v1::Subscription::default()
            }),
            request_id: once(&self.mint),
            ..v1::CreateSubscriptionRequest::default()
        }
    }

    fn invoice(&self, member: usize, collection: Collection) -> v1::CreateInvoiceRequest {
        let (member, enrolled) = &self.members[member];
        v1::CreateInvoiceRequest {
            invoice: Some(v1::Invoice {
                customer: enrolled.customer.clone(),
                lines: vec![offers::course(member.currency)],
                ..v1::Invoice::default()
            }),
            collection: collection.into(),
            request_id: once(&self.mint),
            ..v1::CreateInvoiceRequest::default()
        }
    }

    /// Waits until a payment has come.
    async fn paid(&self, payment: &str) -> anyhow::Result<()> {
        let last = Instant::now() + PAID_WITHIN;
        loop {
            let request = v1::GetPaymentRequest { name: payment.to_owned() };
            let asked = PATIENCE.ask(request, async |request| {
                PaymentsServiceClient::new(self.lines[0].clone()).get_payment(request).await
            });
            let asked = asked.await.map_err(refused("GetPayment"))?;
            if asked.state() == v1::payment::State::Succeeded {
                return Ok(());
            }
            if Instant::now() > last {
                bail!("{payment} is not paid within two minutes");
            }
            sleep(POLL).await;
        }
    }
}
