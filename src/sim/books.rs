//! The logs that a world leaves behind, as its judges read them: once, at the end, from the database.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{
        customer::PaymentMethod,
        dunning::DunningCase,
        event::Event,
        ids::{Id, kind},
        invoice::Invoice,
        notice::Notice,
        payment::{Payment, attempt::Attempt, refund::Refund},
        subscription::Subscription,
    },
    store::{
        EventFilter, InvoiceFilter, MerchantId, Page, PaymentFilter, Repository, StoreError, Stuck,
        SubscriptionFilter,
    },
};

/// Rows that are read at once.
const PAGE: usize = 1_000;

/// All that is judged.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) invoices: BTreeMap<Id<kind::Invoice>, Invoice>,
    /// Each by its invoice.
    pub(super) payments: BTreeMap<Id<kind::Invoice>, Payment>,
    pub(super) cases: Vec<DunningCase>,
    /// The invoices that dunning is about.
    pub(super) in_dunning: BTreeSet<Id<kind::Invoice>>,
    /// Those that it is or was about.
    pub(super) dunned: BTreeSet<Id<kind::Invoice>>,
    /// Oldest first.
    pub(super) attempts: Vec<Attempt>,
    /// What they charged, but for what was chosen on a gateway's page.
    pub(super) methods: BTreeMap<Id<kind::PaymentMethod>, PaymentMethod>,
    pub(super) refunds: Vec<Refund>,
    pub(super) notices: Vec<Notice>,
    /// All that was told, in order.
    pub(super) events: Vec<Event>,
    /// What each attempt moved by the ledger.
    pub(super) moved: BTreeMap<Id<kind::Attempt>, i64>,
    pub(super) stuck: Vec<Stuck>,
}

/// Reads a list to its end, page by page.
macro_rules! all {
    (|$page:ident| $next:expr, |$item:ident| $id:expr) => {{
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let $page = Page { after, limit: PAGE };
            let read = $next;
            after = read.last().map(|$item| $id);
            let is_last = read.len() < PAGE;
            all.extend(read);
            if is_last {
                break all;
            }
        }
    }};
}

impl Books {
    /// Reads them.
    pub(super) async fn read(
        repo: &mut dyn Repository,
        merchant: MerchantId,
    ) -> Result<Self, StoreError> {
        let subscriptions = all!(
            |page| repo.list_subscriptions(merchant, &SubscriptionFilter::default(), page).await?,
            |one| one.id
        );
        let invoices = all!(
            |page| repo.list_invoices(merchant, &InvoiceFilter::default(), page).await?,
            |one| one.id
        );
        let payments = all!(
            |page| repo.list_payments(merchant, &PaymentFilter::default(), page).await?,
            |one| one.id
        );
        let cases =
            all!(|page| repo.list_dunning_cases(merchant, false, None, page).await?, |one| one.id);
        let open_cases = cases.iter().filter(|case| case.closed_at.is_none());
        let notices = all!(|page| repo.list_notices(merchant, None, page).await?, |one| one.id);
        let moved = all!(|page| repo.money_by_attempt(merchant, page).await?, |one| one.0);
        let mut attempts = Vec::new();
        let mut refunds = Vec::new();
        for payments in payments.chunks(PAGE) {
            let ids: Vec<_> = payments.iter().map(|payment| payment.id).collect();
            attempts.append(&mut repo.attempts_of_payments(merchant, &ids).await?);
            refunds.append(&mut repo.refunds_of_payments(merchant, &ids).await?);
        }
        attempts.sort_by_key(|attempt| (attempt.sent_at, attempt.id));
        let charged: BTreeSet<_> = attempts.iter().filter_map(|attempt| attempt.method).collect();
        let mut methods = BTreeMap::new();
        for ids in Vec::from_iter(charged).chunks(PAGE) {
            let read = repo.payment_methods(merchant, ids).await?;
            methods.extend(read.into_iter().map(|method| (method.id, method)));
        }
        Ok(Self {
            subscriptions,
            invoices: invoices.into_iter().map(|invoice| (invoice.id, invoice)).collect(),
            payments: payments.into_iter().map(|payment| (payment.invoice, payment)).collect(),
            in_dunning: open_cases.map(|case| case.invoice).collect(),
            dunned: cases.iter().map(|case| case.invoice).collect(),
            cases,
            attempts,
            methods,
            refunds,
            notices,
            events: events(repo, merchant).await?,
            moved: moved.into_iter().collect(),
            stuck: repo.stuck(Some(merchant), usize::from(u16::MAX)).await?,
        })
    }
}

async fn events(repo: &mut dyn Repository, merchant: MerchantId) -> Result<Vec<Event>, StoreError> {
    let (all, mut events) = (EventFilter::default(), Vec::<Event>::new());
    loop {
        let after = events.last().and_then(|last| last.sequence).unwrap_or_default();
        let mut read = repo.events_after(merchant, after, &all, PAGE).await?;
        if read.is_empty() {
            return Ok(events);
        }
        events.append(&mut read);
    }
}
