//! The links that members follow from mails: what a signed token names, and how long it holds.
//!
//! A link is for one task (RULES AUT-4): one invoice, or storing a card for one customer. What the
//! task's object allows at the moment is decided by whoever opens it; the token only says which.

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    app::{AppError, Result, Rondo},
    domain::{
        customer::Customer,
        ids::{Id, kind},
        invoice::Invoice,
        merchant::Merchant,
    },
    security::links::{BadLink, Purpose},
    store::{MerchantId, StoreError},
};

use super::setup;

/// How long the link to an invoice holds, by the merchant's clock, as everything of theirs.
const INVOICE_LIFE: TimeDelta = TimeDelta::days(60);

/// How long the link to store a card holds.
const CARD_LIFE: TimeDelta = TimeDelta::days(30);

/// How long the way back from a gateway's set-up page holds: longer than the page itself.
const SETUP_LIFE: TimeDelta = TimeDelta::days(3);

/// What a link names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayLink {
    /// One invoice: to see it and to pay it.
    Invoice {
        /// Whose.
        merchant: MerchantId,
        /// Which.
        invoice: Id<kind::Invoice>,
    },
    /// One customer: to store a card, and nothing else.
    Card {
        /// Whose.
        merchant: MerchantId,
        /// Whose card it will be.
        customer: Id<kind::Customer>,
    },
    /// One page at the gateway on which a card is being stored: the way there and back.
    Setup {
        /// Whose.
        merchant: MerchantId,
        /// What the stored card will be called.
        method: Id<kind::PaymentMethod>,
    },
}

/// Why a token opens nothing.
#[derive(Debug, Error)]
pub enum NotOpened {
    /// It is ours, but its time is over; its merchant can be told to the one who follows it.
    #[error("the link is too old")]
    Expired {
        /// Whose it is.
        merchant: Box<Merchant>,
        /// What it opened: for the language of the answer alone.
        link: PayLink,
    },
    /// It is not ours.
    #[error("there is no such link")]
    Forged,
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NotOpened> for AppError {
    fn from(error: NotOpened) -> Self {
        match error {
            NotOpened::Expired { merchant, .. } => Self::not_found(merchant.id),
            NotOpened::Forged => Self::NotFound { id: "such link".to_owned() },
            NotOpened::Store(error) => Self::Store(error),
        }
    }
}

const INVOICE: u8 = b'i';
const CARD: u8 = b'c';
const SETUP: u8 = b's';
const ID_BYTES: usize = 16;

impl PayLink {
    /// The merchant whose member follows it.
    pub const fn merchant(self) -> MerchantId {
        match self {
            Self::Invoice { merchant, .. }
            | Self::Card { merchant, .. }
            | Self::Setup { merchant, .. } => merchant,
        }
    }

    /// A token that opens it, made at `now` by the merchant's clock. Made twice it is the same.
    pub fn token(self, rondo: &Rondo, now: DateTime<Utc>) -> String {
        let life = match self {
            Self::Invoice { .. } => INVOICE_LIFE,
            Self::Card { .. } => CARD_LIFE,
            Self::Setup { .. } => SETUP_LIFE,
        };
        rondo.links.sign(Purpose::Pay, &self.payload(), now + life)
    }

    /// The address of its page, made at `now` by the merchant's clock.
    pub fn url(self, rondo: &Rondo, now: DateTime<Utc>) -> String {
        format!("{}/pay/{}", rondo.public_url, self.token(rondo, now))
    }

    /// What a token opens at this moment, and whose it is.
    pub async fn open(
        rondo: &Rondo,
        token: &str,
    ) -> std::result::Result<(Merchant, Self), NotOpened> {
        // Genuine first; whether it is too old depends on the merchant's clock.
        let payload = rondo.links.verify(Purpose::Pay, token, DateTime::<Utc>::MIN_UTC);
        let payload = payload.map_err(|_| NotOpened::Forged)?;
        let link = Self::from_payload(&payload).ok_or(NotOpened::Forged)?;
        let mut repo = rondo.store.snapshot().await?;
        let merchant = repo.merchant(link.merchant()).await?.ok_or(NotOpened::Forged)?;
        let now = merchant.now(rondo.clock.now());
        match rondo.links.verify(Purpose::Pay, token, now) {
            Ok(_) => Ok((merchant, link)),
            Err(BadLink::Expired { .. }) => {
                Err(NotOpened::Expired { merchant: Box::new(merchant), link })
            }
            Err(BadLink::Forged) => Err(NotOpened::Forged),
        }
    }

    /// Who was sent it: for the language and the zone of its page, which shows neither name nor
    /// address. Nobody, if that is not known.
    pub async fn reader(self, rondo: &Rondo) -> Result<Option<Customer>> {
        let customer = match self {
            Self::Card { customer, .. } => Some(customer),
            Self::Setup { method, .. } => setup::customer_of(rondo, method).await?,
            Self::Invoice { merchant, invoice } => {
                let mut repo = rondo.store.snapshot().await?;
                let invoices = repo.invoices(merchant, &[invoice]).await?;
                invoices.first().map(|invoice| invoice.customer)
            }
        };
        let Some(customer) = customer else { return Ok(None) };
        let mut repo = rondo.store.snapshot().await?;
        Ok(repo.customers(self.merchant(), &[customer]).await?.into_iter().next())
    }

    /// One letter and two ids: 33 bytes, no two links alike.
    pub fn payload(self) -> Vec<u8> {
        let (letter, second) = match self {
            Self::Invoice { invoice, .. } => (INVOICE, invoice.uuid()),
            Self::Card { customer, .. } => (CARD, customer.uuid()),
            Self::Setup { method, .. } => (SETUP, method.uuid()),
        };
        [&[letter], self.merchant().uuid().as_bytes().as_slice(), second.as_bytes()].concat()
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let (letter, ids) = payload.split_first()?;
        let (merchant, second) = ids.split_at_checked(ID_BYTES)?;
        let merchant = Id::from_uuid(Uuid::from_slice(merchant).ok()?);
        let second = Uuid::from_slice(second).ok()?;
        match *letter {
            INVOICE => Some(Self::Invoice { merchant, invoice: Id::from_uuid(second) }),
            CARD => Some(Self::Card { merchant, customer: Id::from_uuid(second) }),
            SETUP => Some(Self::Setup { merchant, method: Id::from_uuid(second) }),
            _ => None,
        }
    }
}

/// The page of one invoice.
pub fn invoice_url(rondo: &Rondo, invoice: &Invoice, now: DateTime<Utc>) -> String {
    PayLink::Invoice { merchant: invoice.merchant, invoice: invoice.id }.url(rondo, now)
}

/// The page on which a customer stores a card.
pub fn card_url(
    rondo: &Rondo,
    merchant: MerchantId,
    customer: Id<kind::Customer>,
    now: DateTime<Utc>,
) -> String {
    PayLink::Card { merchant, customer }.url(rondo, now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id<K>(bits: u128) -> Id<K> {
        Id::from_uuid(Uuid::from_u128(bits))
    }

    proptest! {
        #[test]
        fn a_link_reads_back_as_itself_and_as_nothing_else(merchant: u128, second: u128) {
            let merchant = id(merchant);
            let links = [
                PayLink::Invoice { merchant, invoice: id(second) },
                PayLink::Card { merchant, customer: id(second) },
                PayLink::Setup { merchant, method: id(second) },
            ];
            for link in links {
                prop_assert_eq!(PayLink::from_payload(&link.payload()), Some(link));
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(payload: Vec<u8>) {
            let _ = PayLink::from_payload(&payload);
        }
    }
}
