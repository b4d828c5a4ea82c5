//! Whether every mail that was written came once, to whom it was written for, or was rightly kept back (RULES EML-5):
//! the outbox held against the mail server's own boxes, and against what had happened meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{books::Books, mailer::Arrived};
use crate::domain::{
    event::{
        EventKind,
        EventKind::{
            InvoicePaid, InvoiceUncollectible, InvoiceVoided, SubscriptionCanceled,
            SubscriptionCancellationScheduled, SubscriptionCancellationUndone, SubscriptionExpired,
        },
        Subject,
    },
    ids::{Id, kind},
    notice::{Facts, Notice, NoticeState},
};

/// What the mail server has.
#[derive(Debug)]
pub(super) struct Letters {
    /// All that came, by `Message-ID`.
    pub(super) arrived: BTreeMap<String, Arrived>,
    /// Mails that came once more without a reason.
    pub(super) repeated: Vec<String>,
    /// Addresses that take no mail.
    pub(super) dead: BTreeSet<String>,
    /// Where members said that they are to be written to.
    pub(super) addresses: BTreeMap<Id<kind::Customer>, String>,
}

/// What ends that a mail asks for money.
const NOTHING_OWED: &[EventKind] = &[InvoicePaid, InvoiceVoided, InvoiceUncollectible];
/// What ends that a mail tells of what comes.
const NOTHING_COMES: &[EventKind] =
    &[SubscriptionCancellationScheduled, SubscriptionCanceled, SubscriptionExpired];
/// What ends that a mail says good-bye.
const GOES_ON: &[EventKind] = &[SubscriptionCancellationUndone];

impl Letters {
    /// All that is wrong with mails, by clocks that may have been off by `clock_error`.
    pub(super) fn faults(&self, books: &Books, clock_error: TimeDelta) -> Vec<String> {
        let mut found = Vec::new();
        let mut unknown: BTreeSet<_> = self.arrived.keys().collect();
        let past = Past::of(books);
        for notice in &books.notices {
            let message_id = format!("<{}@academy.example>", notice.id);
            unknown.remove(&message_id);
            let came = self.arrived.get(&message_id);
            let address = self.addresses.get(&notice.customer);
            if let Some(mail) =
                came.filter(|mail| address.is_none_or(|address| mail.to != *address))
            {
                found.push(format!("{} of {} came to {}", notice.id, notice.customer, mail.to));
            }
            let is_reached = address.is_none_or(|address| !self.dead.contains(address));
            match notice.state {
                NoticeState::Sent if came.is_none() => {
                    found.push(format!("{} was sent and never came", notice.id));
                }
                NoticeState::Failed if is_reached => {
                    found.push(format!("{} was given up", notice.id));
                }
                NoticeState::Superseded if is_reached && !past.overtook(notice, clock_error) => {
                    let kind = notice.facts.kind();
                    found.push(format!("{}, {kind}, was kept back, and was true", notice.id));
                }
                NoticeState::Queued
                | NoticeState::Sent
                | NoticeState::Failed
                | NoticeState::Superseded => {}
            }
        }
        found.extend(self.repeated.iter().map(|id| format!("{id} came once more")));
        found.extend(unknown.into_iter().map(|id| format!("{id} came, and nobody wrote it")));
        found
    }
}

/// What happened to invoices and subscriptions.
struct Past {
    of_invoices: BTreeMap<Id<kind::Invoice>, Vec<(EventKind, DateTime<Utc>)>>,
    of_subscriptions: BTreeMap<Id<kind::Subscription>, Vec<(EventKind, DateTime<Utc>)>>,
}

impl Past {
    fn of(books: &Books) -> Self {
        let mut past = Self { of_invoices: BTreeMap::new(), of_subscriptions: BTreeMap::new() };
        for event in &books.events {
            let what = (event.kind, event.at);
            match event.subject {
                Subject::Invoice(id) => past.of_invoices.entry(id).or_default().push(what),
                Subject::Subscription(id) => {
                    past.of_subscriptions.entry(id).or_default().push(what);
                }
                _ => {}
            }
        }
        past
    }

    /// Whether what a mail says was true no more, once it had been written.
    fn overtook(&self, notice: &Notice, clock_error: TimeDelta) -> bool {
        let of_invoice = || notice.invoice.and_then(|id| self.of_invoices.get(&id));
        let of_subscription = || notice.subscription.and_then(|id| self.of_subscriptions.get(&id));
        let (events, by) = match &notice.facts {
            Facts::PaymentFailed { .. }
            | Facts::AuthenticationNeeded { .. }
            | Facts::Suspended { .. } => (of_invoice(), NOTHING_OWED),
            Facts::TrialEnding { .. }
            | Facts::UpcomingRenewal { .. }
            | Facts::CardExpiring { .. }
            | Facts::CancellationUndone { .. }
            | Facts::PlanChanging { .. } => (of_subscription(), NOTHING_COMES),
            Facts::Cancelled { .. } => (of_subscription(), GOES_ON),
            Facts::Welcome { .. }
            | Facts::Receipt { .. }
            | Facts::Recovered { .. }
            | Facts::Refund { .. } => return false,
        };
        let from = notice.created_at - clock_error;
        events.into_iter().flatten().any(|(kind, at)| by.contains(kind) && *at >= from)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        domain::payment::{decline::DeclineClass, settle::given},
        mail::MessageKind,
    };

    const ADDRESS: &str = "ana@example.org";

    fn failure(state: NoticeState) -> Notice {
        let now = given::at(given::START);
        let facts = Facts::PaymentFailed {
            amount: given::eur(2_000),
            failed_at: now,
            class: DeclineClass::Generic,
            next_try_at: None,
            access_until: None,
            tried: None,
            taken_back: false,
            is_final: false,
            lapses_at: None,
        };
        let invoice = given::invoice();
        let (merchant, customer) = (invoice.merchant, invoice.customer);
        let notice =
            Notice::new(merchant, customer, facts, "failed".to_owned(), now, &given::mint());
        Notice { state, ..notice.about_invoice(&invoice) }
    }

    fn wrong(state: NoticeState, came_to: Option<&str>, events: &[EventKind]) -> Vec<String> {
        let (notice, invoice, now) =
            (failure(state), given::invoice(), given::at(given::START) + TimeDelta::hours(1));
        let came = came_to.map(|to| {
            let mail = Arrived { to: to.to_owned(), kind: MessageKind::PaymentFailed, at: now };
            (format!("<{}@academy.example>", notice.id), mail)
        });
        let letters = Letters {
            arrived: came.into_iter().collect(),
            repeated: Vec::new(),
            dead: BTreeSet::new(),
            addresses: [(invoice.customer, ADDRESS.to_owned())].into(),
        };
        let events = events.iter().map(|kind| invoice.event(*kind, now, &given::mint())).collect();
        let books = Books { notices: vec![notice], events, ..Books::default() };
        letters.faults(&books, TimeDelta::zero())
    }

    #[rstest]
    #[case::it_came(NoticeState::Sent, Some(ADDRESS), &[], 0)]
    #[case::it_came_to_another(NoticeState::Sent, Some("bo@example.org"), &[], 1)]
    #[case::it_never_came(NoticeState::Sent, None, &[], 1)]
    #[case::it_was_paid(NoticeState::Superseded, None, &[InvoicePaid], 0)]
    #[case::it_was_kept_back(NoticeState::Superseded, None, &[], 1)]
    fn a_mail_comes_to_its_member_unless_it_has_come_to_be_untrue(
        #[case] state: NoticeState,
        #[case] came_to: Option<&str>,
        #[case] events: &[EventKind],
        #[case] expected: usize,
    ) {
        let found = wrong(state, came_to, events);
        assert_eq!(found.len(), expected, "{found:?}");
    }
}
