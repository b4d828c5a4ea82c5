//! Those who pay, and what they pay with.

use chrono::{DateTime, Utc};

use super::{
    calendar::Zone,
    event::{Event, EventKind, Subject},
    ids::{Id, Mint, kind},
    labels::Labels,
    payment::{
        decline::{DeclineClass, Network},
        method::{CardMark, Credential, Expiry, Shown, StoredMethod},
    },
    version::Version,
};

/// Someone who pays a merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::Customer>,
    /// Where mails go.
    pub email: String,
    /// How mails address them.
    pub name: String,
    /// BCP 47 tag; the merchant's if absent.
    pub locale: Option<String>,
    /// Where they live; the merchant's if absent.
    pub zone: Option<Zone>,
    /// ISO 3166 country, two capitals, if known.
    pub country: Option<String>,
    /// What is charged unless a subscription names another.
    pub default_method: Option<Id<kind::PaymentMethod>>,
    /// What is tried when the default fails and the policy says so; the customer agreed to it.
    pub backup_method: Option<Id<kind::PaymentMethod>>,
    /// Set when mails to this address bounced for good (RULES EML-4).
    pub email_suppressed: bool,
    /// The portal's own id of them, if it gave one; unique per merchant.
    pub external_id: Option<String>,
    /// The portal's own words about them.
    pub labels: Labels,
    /// When they were made.
    pub created_at: DateTime<Utc>,
    /// When they were deleted, softly.
    pub deleted_at: Option<DateTime<Utc>>,
    /// How often they were written.
    pub version: Version,
}

/// A gateway's token for a card or account, and what may be shown of it. Never a card number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentMethod {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::PaymentMethod>,
    /// Whose it is.
    pub customer: Id<kind::Customer>,
    /// The gateway account that knows the token, by its name in the configuration.
    pub gateway: String,
    /// The token.
    pub token: String,
    /// The gateway's own reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// The network.
    pub network: Network,
    /// The brand to show.
    pub brand: String,
    /// The last four digits to show.
    pub last_four: String,
    /// When it stops working, for cards.
    pub expiry: Option<Expiry>,
    /// Equal for equal cards (RULES RET-2).
    pub fingerprint: Option<String>,
    /// The network's id of the payment that the customer made with it (RULES MIT-1).
    pub original_transaction: Option<String>,
    /// When the customer agreed to its later use (RULES MIT-1).
    pub consented_at: DateTime<Utc>,
    /// Why it must not be charged again, if so.
    pub blocked: Option<DeclineClass>,
    /// Since when.
    pub blocked_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was detached.
    pub deleted_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

impl PaymentMethod {
    /// Whether it may be charged without the customer present.
    pub fn is_chargeable(&self) -> bool {
        self.blocked.is_none() && self.deleted_at.is_none()
    }

    /// When its payer stopped at the bank what they had agreed to, if they did.
    pub fn stopped_at(&self) -> Option<DateTime<Utc>> {
        self.blocked_at.filter(|_| self.blocked == Some(DeclineClass::StopMandate))
    }

    /// What may be shown of it.
    pub fn shown(&self) -> Shown {
        Shown { brand: self.brand.clone(), last_four: self.last_four.clone(), expiry: self.expiry }
    }

    /// What the network counts its tries by: the card, or else its token (RULES RET-2).
    pub fn card_key(&self) -> &str {
        self.fingerprint.as_deref().unwrap_or(&self.token)
    }

    /// What tells it from other cards, and from itself with other data.
    pub fn mark(&self) -> CardMark {
        CardMark::new(self.card_key(), &self.last_four, self.expiry)
    }

    /// What still bars a card that is stored with this mark, given all that its customer has ever
    /// stored: taking a card out and putting it in again makes no new credential of it (RULES DEC-3,
    /// UPD-3). Where the gateway has just checked it with the customer `present`, its data are
    /// proven and its later use is agreed to anew, so that only a final no is left.
    pub fn lasting_bar(
        ever_stored: &[Self],
        mark: CardMark,
        present: bool,
    ) -> Option<DeclineClass> {
        ever_stored
            .iter()
            .filter(|stored| stored.mark() == mark)
            .filter_map(|stored| stored.blocked)
            .find(|class| !present || *class == DeclineClass::Never)
    }

    /// What a gateway is told to charge.
    pub fn credential(&self) -> Credential {
        Credential {
            token: self.token.clone(),
            customer_reference: self.customer_reference.clone(),
            original_transaction: self.original_transaction.clone(),
            card: self.mark(),
        }
    }

    /// A method that a gateway has just stored, with the customer's consent to its later use.
    pub fn from_stored(
        merchant: Id<kind::Merchant>,
        id: Id<kind::PaymentMethod>,
        customer: Id<kind::Customer>,
        gateway: String,
        stored: StoredMethod,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            merchant,
            id,
            customer,
            gateway,
            token: stored.token,
            customer_reference: stored.customer_reference,
            network: stored.network,
            brand: stored.brand,
            last_four: stored.last_four,
            expiry: stored.expiry,
            fingerprint: stored.fingerprint,
            original_transaction: None,
            consented_at: now,
            blocked: None,
            blocked_at: None,
            created_at: now,
            deleted_at: None,
            version: Version::NEW,
        }
    }

    /// An event about it as it stands, which will be committed with it.
    pub fn event(&self, kind: EventKind, now: DateTime<Utc>, mint: &Mint) -> Event {
        Event {
            customer: Some(self.customer),
            ..Event::new(
                kind,
                self.merchant,
                Subject::PaymentMethod(self.id),
                self.version,
                now,
                mint,
            )
        }
    }
}
