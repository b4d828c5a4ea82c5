//! What the sandbox knows: charges, refunds, pages and idempotency keys, with their indexes.
//!
//! The book changes by [`Entry`] alone, and the entries are what the ledger file holds: reading the
//! file again gives the same book. It decides nothing.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    charging::Initiator,
    script::{Refunds, Telling},
};
use crate::domain::money::Currency;

/// A fact, as one line of the ledger file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// A charge was executed, whatever its end.
    Charge(Box<Charge>),
    /// A charge's state changed.
    Turned { charge: String, state: State },
    /// A refund was ordered.
    Refund(Box<Refund>),
    /// A refund's state changed.
    RefundTurned { refund: String, state: RefundState, at: DateTime<Utc> },
    /// Money of a charge was taken back.
    Reversal(Box<Reversal>),
    /// It was given again.
    Reinstated { reversal: String, at: DateTime<Utc> },
    /// A hosted page was opened.
    Page(Box<Page>),
    /// A hosted page has come to an end.
    PageClosed { page: String, state: PageState },
    /// A card served a call that left no charge.
    Used { token: String },
}

/// One execution of one order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Charge {
    pub id: String,
    pub reference: String,
    pub invoice: String,
    pub token: String,
    /// Minor units that were ordered.
    pub ordered: i64,
    /// Minor units that are taken if it succeeds.
    pub takes: i64,
    pub currency: Currency,
    pub customer: Option<String>,
    pub initiator: Initiator,
    pub original_transaction: Option<String>,
    pub created_at: DateTime<Utc>,
    pub state: State,
    /// Absent for payments on a page, and for keys that are forgotten early.
    pub sent: Option<Sent>,
    #[serde(default)]
    pub telling: Telling,
    /// The first look-ups that fail, and the next that do not find it.
    pub failing_lookups: u32,
    pub stale_lookups: u32,
    #[serde(default)]
    pub refunds: Refunds,
    /// What the network said of the card, if it is paid.
    #[serde(default)]
    pub network_advice: Option<String>,
    /// The page that the customer paid on, and whether the card is kept.
    pub page: Option<String>,
    pub keeps_method: bool,
    #[serde(skip)]
    pub version: u32,
    #[serde(skip)]
    pub lookups: u32,
    /// Minor units given back or on their way.
    #[serde(skip)]
    pub refunded: i64,
    /// Minor units taken back and not given again.
    #[serde(skip)]
    pub reversed: i64,
}

/// The idempotency key that an order came with, and a digest of the whole order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sent {
    pub key: String,
    pub digest: String,
}

/// How a charge stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Succeeded,
    /// `reason` is the script's word; a number means that so many look-ups later it is paid.
    Declined {
        reason: String,
        succeeds_after: Option<u32>,
    },
    /// After so many look-ups it is paid, or declined.
    Pending {
        lookups: u32,
        succeeds: bool,
    },
    ActionRequired,
    Canceled,
}

/// Money going back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    pub id: String,
    pub reference: String,
    pub charge: String,
    pub amount: i64,
    pub currency: Currency,
    pub created_at: DateTime<Utc>,
    pub state: RefundState,
    pub sent: Sent,
    #[serde(skip)]
    pub lookups: u32,
}

impl Refund {
    /// What of the charge is gone by it.
    pub const fn gone(&self) -> i64 {
        match self.state {
            RefundState::Succeeded | RefundState::Pending { .. } => self.amount,
            RefundState::Failed { .. } => 0,
        }
    }
}

/// How a refund stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundState {
    Succeeded,
    Pending { lookups: u32 },
    Failed { reason: String },
}

/// Money that a bank or scheme took back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reversal {
    pub id: String,
    pub charge: String,
    pub amount: i64,
    pub currency: Currency,
    /// The script's word for a decline, or a chargeback.
    pub reason: String,
    pub created_at: DateTime<Utc>,
    #[serde(skip)]
    pub reinstated_at: Option<DateTime<Utc>>,
}

/// A hosted page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Page {
    pub id: String,
    pub reference: String,
    pub customer: Option<String>,
    pub return_url: String,
    pub purpose: Purpose,
    pub opened_at: DateTime<Utc>,
    pub state: PageState,
    pub sent: Sent,
}

/// What a page is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// To store a card.
    Setup,
    /// To pay.
    Checkout {
        invoice: String,
        amount: i64,
        currency: Currency,
        description: String,
        keeps_method: bool,
    },
}

/// How a page stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PageState {
    Open,
    /// A card was stored under this token.
    Stored {
        token: String,
    },
    Paid,
    /// Given up, refused or cancelled.
    Failed,
}

/// The first answer that an idempotency key got.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub digest: String,
    pub at: DateTime<Utc>,
    pub what: First,
}

/// What was answered first: the object, as it stood.
#[derive(Debug, Clone)]
pub(super) enum First {
    Charge(usize, State),
    Refund(usize, RefundState),
    Page(usize),
}

/// What an entry is about, by its place in the book.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    Charge(usize),
    Refund(usize),
    Reversal(usize),
    Page(usize),
    Nothing,
}

/// Everything, indexed.
#[derive(Debug, Default)]
pub(super) struct Book {
    charges: Vec<Charge>,
    refunds: Vec<Refund>,
    reversals: Vec<Reversal>,
    /// What went back and when, in the order of time.
    returns: Vec<(DateTime<Utc>, Subject)>,
    pages: Vec<Page>,
    charge_ids: HashMap<String, usize>,
    charge_references: HashMap<String, Vec<usize>>,
    refund_ids: HashMap<String, usize>,
    refund_references: HashMap<String, usize>,
    reversal_ids: HashMap<String, usize>,
    page_ids: HashMap<String, usize>,
    page_references: HashMap<String, usize>,
    keys: HashMap<String, Answered>,
    uses: HashMap<String, u32>,
}

impl Book {
    /// Writes an entry in. One that names what is not there is refused: the file is damaged.
    pub fn apply(&mut self, entry: Entry) -> Result<Subject, &'static str> {
        Ok(match entry {
            Entry::Charge(charge) => Subject::Charge(self.add_charge(*charge)),
            Entry::Turned { charge, state } => {
                let at = *self.charge_ids.get(&charge).ok_or("a change of no known charge")?;
                self.charges[at].state = state;
                self.charges[at].version += 1;
                Subject::Charge(at)
            }
            Entry::Refund(refund) => Subject::Refund(self.add_refund(*refund)?),
            Entry::RefundTurned { refund, state, at } => {
                Subject::Refund(self.turn_refund(&refund, state, at)?)
            }
            Entry::Reversal(reversal) => Subject::Reversal(self.add_reversal(*reversal)?),
            Entry::Reinstated { reversal, at } => Subject::Reversal(self.reinstate(&reversal, at)?),
            Entry::Page(page) => Subject::Page(self.add_page(*page)),
            Entry::PageClosed { page, state } => {
                let at = *self.page_ids.get(&page).ok_or("the end of no known page")?;
                self.pages[at].state = state;
                Subject::Page(at)
            }
            Entry::Used { token } => {
                *self.uses.entry(token).or_default() += 1;
                Subject::Nothing
            }
        })
    }

    /// The charge with this id.
    pub fn charge(&self, id: &str) -> Option<&Charge> {
        self.charge_ids.get(id).map(|&at| &self.charges[at])
    }

    /// The charges with this reference, the oldest first. More than one is what a reference is for.
    pub fn charges_of(&self, reference: &str) -> impl Iterator<Item = &Charge> {
        let places = self.charge_references.get(reference).map(Vec::as_slice);
        places.unwrap_or_default().iter().map(|&at| &self.charges[at])
    }

    /// All charges, the oldest first.
    pub fn charges(&self) -> &[Charge] {
        &self.charges
    }

    /// The charge at this place.
    pub fn charge_at(&self, at: usize) -> &Charge {
        &self.charges[at]
    }

    /// Where the charge with this id stands in [`Book::charges`].
    pub fn place_of(&self, id: &str) -> Option<usize> {
        self.charge_ids.get(id).copied()
    }

    /// Counts one look-up of a charge, and gives the charge.
    pub fn look_at(&mut self, id: &str) -> Option<&Charge> {
        let charge = &mut self.charges[*self.charge_ids.get(id)?];
        charge.lookups += 1;
        Some(charge)
    }

    /// The refund with this id.
    pub fn refund(&self, id: &str) -> Option<&Refund> {
        self.refund_ids.get(id).map(|&at| &self.refunds[at])
    }

    /// The refund with this reference.
    pub fn refund_of(&self, reference: &str) -> Option<&Refund> {
        self.refund_references.get(reference).map(|&at| &self.refunds[at])
    }

    /// All refunds, the oldest first.
    pub fn refunds(&self) -> &[Refund] {
        &self.refunds
    }

    /// The refund at this place.
    pub fn refund_at(&self, at: usize) -> &Refund {
        &self.refunds[at]
    }

    /// Counts one look-up of a refund, and gives the refund.
    pub fn look_at_refund(&mut self, id: &str) -> Option<&Refund> {
        let refund = &mut self.refunds[*self.refund_ids.get(id)?];
        refund.lookups += 1;
        Some(refund)
    }

    /// The reversal with this id.
    pub fn reversal(&self, id: &str) -> Option<&Reversal> {
        self.reversal_ids.get(id).map(|&at| &self.reversals[at])
    }

    /// All reversals, the oldest first.
    pub fn reversals(&self) -> &[Reversal] {
        &self.reversals
    }

    /// The reversal at this place.
    pub fn reversal_at(&self, at: usize) -> &Reversal {
        &self.reversals[at]
    }

    /// What went back, was given again or changed, with its time, in the order of time.
    pub fn returns(&self) -> &[(DateTime<Utc>, Subject)] {
        &self.returns
    }

    /// The page with this id.
    pub fn page(&self, id: &str) -> Option<&Page> {
        self.page_ids.get(id).map(|&at| &self.pages[at])
    }

    /// The page with this reference.
    pub fn page_of(&self, reference: &str) -> Option<&Page> {
        self.page_references.get(reference).map(|&at| &self.pages[at])
    }

    /// The page at this place.
    pub fn page_at(&self, at: usize) -> &Page {
        &self.pages[at]
    }

    /// How many charges a token has served.
    pub fn uses(&self, token: &str) -> u32 {
        self.uses.get(token).copied().unwrap_or_default()
    }

    /// The first answer to a key, if the key is known.
    pub fn answered(&self, key: &str) -> Option<&Answered> {
        self.keys.get(key)
    }

    /// Forgets one key.
    pub fn forget_key(&mut self, key: &str) {
        self.keys.remove(key);
    }

    /// Forgets all keys.
    pub fn forget_keys(&mut self) {
        self.keys.clear();
    }

    fn add_charge(&mut self, charge: Charge) -> usize {
        let at = self.charges.len();
        self.charge_ids.insert(charge.id.clone(), at);
        self.charge_references.entry(charge.reference.clone()).or_default().push(at);
        *self.uses.entry(charge.token.clone()).or_default() += 1;
        if let Some(sent) = &charge.sent {
            self.answer(sent, charge.created_at, First::Charge(at, charge.state.clone()));
        }
        self.charges.push(Charge { version: 1, ..charge });
        at
    }

    fn add_refund(&mut self, refund: Refund) -> Result<usize, &'static str> {
        let at = self.refunds.len();
        let charge = *self.charge_ids.get(&refund.charge).ok_or("a refund of no known charge")?;
        self.charges[charge].refunded += refund.gone();
        self.refund_ids.insert(refund.id.clone(), at);
        // Staff gives none.
        if !refund.reference.is_empty() {
            self.refund_references.insert(refund.reference.clone(), at);
        }
        self.returns.push((refund.created_at, Subject::Refund(at)));
        self.answer(&refund.sent, refund.created_at, First::Refund(at, refund.state.clone()));
        self.refunds.push(refund);
        Ok(at)
    }

    fn turn_refund(
        &mut self,
        id: &str,
        state: RefundState,
        when: DateTime<Utc>,
    ) -> Result<usize, &'static str> {
        let at = *self.refund_ids.get(id).ok_or("a change of no known refund")?;
        let refund = &mut self.refunds[at];
        let before = refund.gone();
        refund.state = state;
        self.charges[self.charge_ids[&refund.charge]].refunded += refund.gone() - before;
        self.returns.push((when, Subject::Refund(at)));
        Ok(at)
    }

    fn add_reversal(&mut self, reversal: Reversal) -> Result<usize, &'static str> {
        let at = self.reversals.len();
        let charge = *self.charge_ids.get(&reversal.charge).ok_or("a return of no known charge")?;
        self.charges[charge].reversed += reversal.amount;
        self.reversal_ids.insert(reversal.id.clone(), at);
        self.returns.push((reversal.created_at, Subject::Reversal(at)));
        self.reversals.push(reversal);
        Ok(at)
    }

    fn reinstate(&mut self, id: &str, when: DateTime<Utc>) -> Result<usize, &'static str> {
        let at = *self.reversal_ids.get(id).ok_or("the end of no known return")?;
        let reversal = &mut self.reversals[at];
        reversal.reinstated_at = Some(when);
        self.charges[self.charge_ids[&reversal.charge]].reversed -= reversal.amount;
        self.returns.push((when, Subject::Reversal(at)));
        Ok(at)
    }

    fn add_page(&mut self, page: Page) -> usize {
        let at = self.pages.len();
        self.page_ids.insert(page.id.clone(), at);
        self.page_references.insert(page.reference.clone(), at);
        self.answer(&page.sent, page.opened_at, First::Page(at));
        self.pages.push(page);
        at
    }

    fn answer(&mut self, sent: &Sent, at: DateTime<Utc>, what: First) {
        let answered = Answered { digest: sent.digest.clone(), at, what };
        self.keys.insert(sent.key.clone(), answered);
    }
}
