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
    /// What its tries are counted by, and what tells it from other cards (RULES RET-2): its fingerprint,
    /// or its token where there was none when it was first stored. A fingerprint that is learned later
    /// changes nothing of that, so that neither its tries nor its declines are forgotten.
    pub card_key: String,
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

    /// Keeps it from being charged again, for what `class` says.
    pub fn block(&mut self, class: DeclineClass, now: DateTime<Utc>) {
        self.blocked = Some(class);
        self.blocked_at = Some(now);
    }

    /// When its payer stopped at the bank what they had agreed to, if they did.
    pub fn stopped_at(&self) -> Option<DateTime<Utc>> {
        self.blocked_at.filter(|_| self.blocked == Some(DeclineClass::StopMandate))
    }

    /// What may be shown of it.
    pub fn shown(&self) -> Shown {
        Shown { brand: self.brand.clone(), last_four: self.last_four.clone(), expiry: self.expiry }
    }

    /// What tells it from other cards, and from itself with other data.
    pub fn mark(&self) -> CardMark {
        CardMark::new(&self.card_key, &self.last_four, self.expiry)
    }

    /// Whether both are one card, with whatever data: by their fingerprints, or by the token where one of
    /// these is not known.
    fn is_same_card(&self, other: &Self) -> bool {
        match (&self.fingerprint, &other.fingerprint) {
            (Some(own), Some(others)) => own == others,
            (None, _) | (_, None) => self.gateway == other.gateway && self.token == other.token,
        }
    }

    /// It, if it was just stored: known by what the same card was known by before.
    #[must_use]
    pub fn recognised<'a>(self, ever_stored: impl IntoIterator<Item = &'a Self>) -> Self {
        let known = ever_stored.into_iter().find(|stored| stored.is_same_card(&self));
        Self { card_key: known.map_or(self.card_key, |known| known.card_key.clone()), ..self }
    }

    /// It, with its data as its gateway tells them now. Only another number or expiry can mend what was
    /// refused for the old one (RULES §1, `FIX_DATA`).
    #[must_use]
    pub fn told_anew(&self, stored: &StoredMethod) -> Self {
        let told = Self {
            network: stored.network,
            brand: stored.brand.clone(),
            last_four: stored.last_four.clone(),
            expiry: stored.expiry,
            fingerprint: stored.fingerprint.clone().or(self.fingerprint.clone()),
            ..self.clone()
        };
        let card_key = match &told.fingerprint {
            Some(fingerprint) if !told.is_same_card(self) => fingerprint.clone(),
            Some(_) | None => self.card_key.clone(),
        };
        let told = Self { card_key, ..told };
        let is_mended = self.blocked == Some(DeclineClass::FixData) && told.mark() != self.mark();
        if is_mended { Self { blocked: None, blocked_at: None, ..told } } else { told }
    }

    /// What still bars `fresh`, a card that is stored now, given all that its customer has ever
    /// stored: taking a card out and putting it in again makes no new credential of it (RULES DEC-3,
    /// UPD-3). Where the gateway has just checked it with the customer `present`, its data are
    /// proven and its later use is agreed to anew, so that only a final no is left.
    pub fn lasting_bar(ever_stored: &[Self], fresh: &Self, present: bool) -> Option<DeclineClass> {
        let has_same_data =
            |stored: &&Self| (&stored.last_four, stored.expiry) == (&fresh.last_four, fresh.expiry);
        ever_stored
            .iter()
            .filter(|stored| stored.is_same_card(fresh))
            .filter(has_same_data)
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
            card_key: stored.fingerprint.clone().unwrap_or_else(|| stored.token.clone()),
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::settle::given::{START, at, card};

    fn refused() -> PaymentMethod {
        let class = Some(DeclineClass::FixData);
        PaymentMethod { blocked: class, blocked_at: Some(at(START)), ..card(5, 2030, 12) }
    }

    fn told(method: &PaymentMethod) -> StoredMethod {
        StoredMethod {
            token: method.token.clone(),
            customer_reference: None,
            network: method.network,
            brand: method.brand.clone(),
            last_four: method.last_four.clone(),
            expiry: method.expiry,
            fingerprint: method.fingerprint.clone(),
        }
    }

    #[rstest]
    #[case::another_spelling(|told: &mut StoredMethod| told.brand = "VISA".to_owned(), false)]
    #[case::no_fingerprint(|told: &mut StoredMethod| told.fingerprint = None, false)]
    #[case::a_new_expiry(
        |told: &mut StoredMethod| told.expiry = Some(Expiry { year: 2033, month: 1 }),
        true
    )]
    #[case::a_new_number(|told: &mut StoredMethod| told.last_four = "1111".to_owned(), true)]
    #[case::another_card(|told: &mut StoredMethod| told.fingerprint = Some("new".to_owned()), true)]
    fn only_another_number_or_expiry_mends_what_was_refused_for_its_data(
        #[case] change: fn(&mut StoredMethod),
        #[case] mends: bool,
    ) {
        let refused = refused();
        let mut stored = told(&refused);
        change(&mut stored);
        let now = refused.told_anew(&stored);
        assert_eq!(now.blocked.is_none(), mends);
        assert_eq!(now.blocked.is_none(), now.blocked_at.is_none());
    }

    #[test]
    fn a_fingerprint_that_is_learned_makes_no_other_card_of_it() {
        let unknown = StoredMethod { fingerprint: None, ..told(&card(5, 2030, 12)) };
        let (merchant, id, customer) =
            (card(5, 2030, 12).merchant, card(5, 2030, 12).id, refused());
        let from = |stored| {
            let gateway = "main".to_owned();
            PaymentMethod::from_stored(merchant, id, customer.customer, gateway, stored, at(START))
        };
        let before = from(unknown.clone());
        let stored = StoredMethod { fingerprint: Some("print".to_owned()), ..unknown };
        let learned = before.told_anew(&stored);
        assert_eq!(learned.fingerprint.as_deref(), Some("print"));
        assert_eq!(learned.mark(), before.mark());

        // Another token that proves to be the same card is known by the same key.
        let twin = from(StoredMethod { token: "tok_other".to_owned(), ..stored });
        assert_ne!(twin.mark(), learned.mark());
        assert_eq!(twin.recognised([&learned]).mark(), learned.mark());
    }
}
