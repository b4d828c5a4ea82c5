//! What was tried before, as the networks count it (RULES RET-1, RET-2).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::{
        customer::PaymentMethod,
        ids::{Id, kind},
        merchant::Merchant,
        payment::{
            Payment,
            attempt::{Attempt, AttemptState},
            network::SentAttempt,
        },
    },
    store::{Repository, SentBefore, StoreError},
};

/// How far back tries on a card count: the longest window is of 30 days.
const WINDOW: TimeDelta = TimeDelta::days(31);

/// All that was sent lately on some cards, and all that was ever sent for some payments.
pub(super) struct Sent {
    since: DateTime<Utc>,
    on_cards: BTreeMap<String, Vec<SentBefore>>,
    for_payments: BTreeMap<Id<kind::Payment>, Vec<Attempt>>,
}

impl Sent {
    /// Reads what was sent on the cards of `methods` and for `payments`.
    pub(super) async fn load<'m>(
        repo: &mut dyn Repository,
        merchant: &Merchant,
        payments: &[Payment],
        methods: impl Iterator<Item = &'m PaymentMethod>,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let since = now - WINDOW;
        let cards: BTreeSet<_> = methods.map(|method| method.card_key().to_owned()).collect();
        let cards: Vec<_> = cards.into_iter().collect();
        let mut on_cards: BTreeMap<String, Vec<SentBefore>> = BTreeMap::new();
        for sent in repo.sent_on_cards(merchant.id, &cards, since).await? {
            on_cards.entry(sent.card_key.clone()).or_default().push(sent);
        }
        let ids: Vec<_> = payments.iter().map(|payment| payment.id).collect();
        let mut for_payments: BTreeMap<_, Vec<Attempt>> = BTreeMap::new();
        for attempt in repo.attempts_of_payments(merchant.id, &ids).await? {
            for_payments.entry(attempt.payment).or_default().push(attempt);
        }
        Ok(Self { since, on_cards, for_payments })
    }

    /// The attempts at `payment`, oldest first.
    pub(super) fn attempts(&self, payment: &Payment) -> Vec<Attempt> {
        self.for_payments.get(&payment.id).cloned().unwrap_or_default()
    }

    /// Whether an attempt at `payment` took money, so that some may have gone back.
    pub(super) fn took_money(&self, payment: &Payment) -> bool {
        let attempts = self.for_payments.get(&payment.id).into_iter().flatten();
        attempts.map(|attempt| attempt.state).any(|state| match state {
            AttemptState::Succeeded | AttemptState::Reversed => true,
            AttemptState::InFlight
            | AttemptState::Declined
            | AttemptState::Rejected
            | AttemptState::NotExecuted
            | AttemptState::Pending
            | AttemptState::ActionRequired
            | AttemptState::Unknown => false,
        })
    }

    /// All that counts when `payment` is to be charged to `method`: what was tried on that card, and
    /// what was tried for the same invoice on others.
    pub(super) fn before(
        &self,
        payment: &Payment,
        method: Option<&PaymentMethod>,
    ) -> Vec<SentAttempt> {
        let card = method.map(PaymentMethod::card_key);
        let same_card = card.and_then(|card| self.on_cards.get(card));
        let same_card = same_card.into_iter().flatten().map(|sent| SentAttempt {
            sent_at: sent.sent_at,
            amount: sent.amount,
            initiator: sent.initiator,
            same_card: true,
            same_invoice: sent.invoice == payment.invoice,
        });
        let same_invoice = self.for_payments.get(&payment.id).into_iter().flatten();
        let same_invoice = same_invoice
            .filter(|attempt| attempt.counts_as_try())
            .map(|attempt| (attempt, card == Some(attempt.card_key.as_str())))
            .filter(|(attempt, is_same_card)| !is_same_card || attempt.sent_at < self.since)
            .map(|(attempt, is_same_card)| SentAttempt {
                sent_at: attempt.sent_at,
                amount: attempt.amount,
                initiator: attempt.initiator,
                same_card: is_same_card,
                same_invoice: true,
            });
        same_card.chain(same_invoice).collect()
    }
}
