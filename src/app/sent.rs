//! What was sent before, as the networks count it (RULES RET-1, RET-2).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::{
        ids::{Id, kind},
        merchant::Merchant,
        payment::{Payment, network::SentAttempt},
    },
    store::{Repository, SentBefore, StoreError},
};

/// How far back tries on a card count: the longest window is of 30 days.
const WINDOW: TimeDelta = TimeDelta::days(31);

/// For each payment, with the card that it is to be charged to: all that was sent on that card
/// lately, and all that was ever sent for its invoice on other cards.
pub(super) async fn on_cards_and_invoices(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    payments: impl Iterator<Item = (Payment, String)>,
    now: DateTime<Utc>,
) -> Result<BTreeMap<Id<kind::Payment>, Vec<SentAttempt>>, StoreError> {
    let payments: Vec<_> = payments.collect();
    let mut card_keys: Vec<_> = payments.iter().map(|(_, card)| card.clone()).collect();
    card_keys.sort_unstable();
    card_keys.dedup();
    let mut on_cards: BTreeMap<String, Vec<SentBefore>> = BTreeMap::new();
    for sent in repo.sent_on_cards(merchant.id, &card_keys, now - WINDOW).await? {
        on_cards.entry(sent.card_key.clone()).or_default().push(sent);
    }
    let ids: Vec<_> = payments.iter().map(|(payment, _)| payment.id).collect();
    let for_invoices = repo.attempts_of_payments(merchant.id, &ids).await?;

    Ok(payments
        .into_iter()
        .map(|(payment, card)| {
            let same_card = on_cards.get(&card).into_iter().flatten().map(|sent| SentAttempt {
                sent_at: sent.sent_at,
                amount: sent.amount,
                initiator: sent.initiator,
                same_card: true,
                same_invoice: sent.invoice == payment.invoice,
            });
            let other_cards = for_invoices
                .iter()
                .filter(|attempt| attempt.payment == payment.id)
                .filter(|attempt| attempt.card_key != card || attempt.sent_at < now - WINDOW)
                .map(|attempt| SentAttempt {
                    sent_at: attempt.sent_at,
                    amount: attempt.amount,
                    initiator: attempt.initiator,
                    same_card: attempt.card_key == card,
                    same_invoice: true,
                });
            (payment.id, same_card.chain(other_cards).collect())
        })
        .collect())
}
