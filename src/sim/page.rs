//! A provider's own pages, on which payers pay with a card of their choice.

use chrono::TimeDelta;

use super::{
    card::Verdict,
    charge::Standing,
    provider::{AttemptId, Coming, Provider},
    stage::Stage,
};
use crate::{
    domain::{
        ids::{Id, kind},
        money::Money,
    },
    gateway::{CheckoutOrder, HostedPage, Initiator},
};

/// A page on which a payer pays.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) attempt: AttemptId,
    invoice: Id<kind::Invoice>,
    amount: Money,
    pub(super) reference: String,
    keeps_card: bool,
    /// Who was told of its address.
    payer: Option<Id<kind::Customer>>,
    pub(super) is_open: bool,
}

impl Provider {
    /// Opens a page, or finds the one that this key opened.
    pub(super) fn checkout(&mut self, order: &CheckoutOrder) -> HostedPage {
        let known = self.pages.iter().position(|page| page.attempt == order.attempt);
        let number = known.unwrap_or_else(|| {
            let reference = self.name_for("pg");
            self.pages.push(Page {
                attempt: order.attempt,
                invoice: order.invoice,
                amount: order.amount,
                reference,
                keeps_card: order.store_method,
                payer: None,
                is_open: true,
            });
            self.pages.len() - 1
        });
        let reference = self.pages[number].reference.clone();
        HostedPage { url: self.address(&reference), reference }
    }

    /// Where a page is.
    pub(super) fn address(&self, reference: &str) -> String {
        format!("https://{}.example/{reference}", self.name)
    }

    /// A payer was told of a page's address, and may come: nobody else knows it.
    pub(super) fn is_known(&mut self, url: &str, payer: Id<kind::Customer>, stage: &Stage) {
        let page = self.pages.iter().position(|page| self.address(&page.reference) == url);
        if let Some(page) = page.filter(|_| stage.dice.says(700)) {
            self.pages[page].payer = Some(payer);
            let at = stage.truth() + TimeDelta::minutes(stage.dice.between(1, 600));
            self.plan(at, Coming::Visit(page));
        }
    }

    /// A payer comes to a page, and tries a card there.
    pub(super) fn visit(&mut self, number: usize, stage: &Stage) {
        let now = stage.truth();
        let page = self.pages[number].clone();
        let Some(payer) = page.payer.filter(|_| page.is_open) else { return };
        let stored = self.cards.taken_out(payer, &stage.dice, now);
        let verdict = self.cards.answer_to_holder(&stored.token, &stage.dice, now);
        let ordered = self.ordered(&stored.token, Initiator::Customer);
        let card = page.keeps_card.then_some(stored);
        let charge = self.open((page.attempt, page.invoice), (page.amount, ordered), now);
        self.charges[charge].on_page = true;
        self.charges[charge].method = card;
        let standing = match verdict {
            // On the page its holder confirms at once.
            Verdict::Approved(advice) => {
                self.pages[number].is_open = false;
                self.charges[charge].advice = advice;
                Standing::Captured
            }
            Verdict::Challenge | Verdict::Later(_, None) => {
                self.pages[number].is_open = false;
                Standing::Captured
            }
            Verdict::Declined(decline) | Verdict::Later(_, Some(decline)) => {
                if stage.dice.says(500) {
                    let at = now + TimeDelta::minutes(stage.dice.between(1, 30));
                    self.plan(at, Coming::Visit(number));
                }
                Standing::Declined(decline)
            }
        };
        self.charges[charge].come_to(standing, now);
        self.settled(charge, stage);
    }
}
