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
        let cards: BTreeSet<_> = methods.map(|method| method.card_key.clone()).collect();
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
        Ok(Self { on_cards, for_payments })
    }

    /// The attempts at `payment`, oldest first.
    pub(super) fn attempts(&self, payment: &Payment) -> &[Attempt] {
        self.for_payments.get(&payment.id).map_or(&[], Vec::as_slice)
    }

    /// Whether an attempt at `payment` took money, so that some may have gone back.
    pub(super) fn took_money(&self, payment: &Payment) -> bool {
        let attempts = self.for_payments.get(&payment.id).into_iter().flatten();
        attempts.map(|attempt| attempt.state).any(AttemptState::took_money)
    }

    /// All that counts when `payment` is to be charged to `method`: what was tried on that card, and
    /// what was tried for the same invoice on others.
    pub(super) fn before(
        &self,
        payment: &Payment,
        method: Option<&PaymentMethod>,
    ) -> Vec<SentAttempt> {
        let card = method.map(|method| method.card_key.as_str());
        let on_card = card.and_then(|card| self.on_cards.get(card)).map_or(&[][..], Vec::as_slice);
        let same_card = on_card.iter().map(|sent| SentAttempt {
            sent_at: sent.sent_at,
            amount: sent.amount,
            initiator: sent.initiator,
            same_card: true,
            same_invoice: sent.invoice == payment.invoice,
        });
        let for_payment = self.for_payments.get(&payment.id).into_iter().flatten();
        let same_invoice = for_payment
            .filter(|attempt| attempt.counts_as_try())
            .filter(|attempt| on_card.iter().all(|sent| sent.attempt != attempt.id))
            .map(|attempt| SentAttempt {
                sent_at: attempt.sent_at,
                amount: attempt.amount,
                initiator: attempt.initiator,
                same_card: card == Some(attempt.card_key.as_str()),
                same_invoice: true,
            });
        same_card.chain(same_invoice).collect()
    }
}
