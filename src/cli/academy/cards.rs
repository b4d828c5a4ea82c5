//! The cards that the academy's members pay with: mostly good ones, and each way in which a card or a
//! gateway can fail. What a card does is written in its token; the sandbox's script module has the
//! grammar.

use rand::Rng;
use rand_chacha::ChaCha20Rng;

use super::chance::weighted;
use crate::grpc::proto::v1::payment_method::Network;

/// A card, as its owner's portal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The sandbox's token.
    pub token: String,
    /// Its network.
    pub network: Network,
    /// The year and the month at whose end it stops working; none for bank accounts.
    pub expiry: Option<(i32, i32)>,
}

/// How often each kind is met, in thousandths. Nothing here takes another amount than was ordered:
/// money that differs is for a person to look at.
const KINDS: &[(u32, Kind)] = &[
    (560, Kind::Good),
    (50, Kind::BankDebit),
    (20, Kind::Slow),
    // Soft: another day does it.
    (70, Kind::Turns("insufficient_funds_x2_then_ok")),
    (30, Kind::Turns("do_not_honor_x1_then_ok")),
    (25, Kind::Turns("over_limit_x1_then_ok")),
    (25, Kind::Turns("issuer_down_x1_then_ok")),
    (20, Kind::Advises("mac_25_x1_then_ok")),
    (20, Kind::Turns("insufficient_funds")),
    // Hard: only the member can help.
    (40, Kind::Expires),
    (25, Kind::Turns("lost_card")),
    (15, Kind::Turns("closed_account")),
    (10, Kind::Turns("stop_recurring")),
    (30, Kind::Turns("authentication_required")),
    // The network, the gateway and the line between.
    (20, Kind::Turns("reply_lost_x1_then_ok")),
    (10, Kind::Turns("reply_lost_lookup_stale_2_x1_then_ok")),
    (10, Kind::Turns("request_lost_x1_then_ok")),
    (5, Kind::Turns("error_after_x1_then_ok")),
    (5, Kind::Turns("error_before_x1_then_ok")),
    (5, Kind::Turns("malformed_x1_then_ok")),
    (5, Kind::Turns("late_success_after_1_x1_then_ok")),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Pays.
    Good,
    /// Is pending first, then paid.
    BankDebit,
    /// Pays, and takes its time.
    Slow,
    /// Pays until its month of expiry is over.
    Expires,
    /// Pays a few times, then does this.
    Turns(&'static str),
    /// The same, with an advice code that only Mastercard gives.
    Advises(&'static str),
}

const CARD_NETWORKS: &[(u32, (&str, Network))] = &[
    (55, ("visa", Network::Visa)),
    (37, ("mastercard", Network::Mastercard)),
    (8, ("amex", Network::Amex)),
];

impl Card {
    /// The date that every card without one of its own shows.
    pub const FAR_AWAY: (i32, i32) = (2034, 12);

    /// A card for a member who joins in `month`, 1 to 12, and is charged at most `charges` times
    /// before trouble comes. Its own `name` keeps its turns apart from those of its like.
    pub fn draw(rng: &mut ChaCha20Rng, month: u32, charges: u32, name: &str) -> Self {
        let (word, network) = weighted(rng, CARD_NETWORKS);
        let good = rng.random_range(1..=charges);
        let (script, network, expiry) = match weighted(rng, KINDS) {
            Kind::Good => (format!("tok_{word}"), network, Some(Self::FAR_AWAY)),
            Kind::Slow => (format!("tok_{word}_slow_120"), network, Some(Self::FAR_AWAY)),
            Kind::BankDebit => ("tok_sepa_settles_after_1".to_owned(), Network::Sepa, None),
            // Advice codes are Mastercard's own.
            Kind::Turns(what) if what.starts_with("mac_") => (
                format!("tok_mastercard_ok_x{good}_then_{what}"),
                Network::Mastercard,
                Some(Self::FAR_AWAY),
            ),
            Kind::Turns(what) => {
                (format!("tok_{word}_ok_x{good}_then_{what}"), network, Some(Self::FAR_AWAY))
            }
            Kind::Advises(what) => (
                format!("tok_mastercard_ok_x{good}_then_{what}"),
                Network::Mastercard,
                Some(Self::FAR_AWAY),
            ),
            Kind::Expires => {
                let last = (month + good - 1).min(12);
                let good = last + 1 - month;
                let script = format!("tok_{word}_exp_{last:02}26_ok_x{good}_then_expired_card");
                let last = i32::try_from(last).expect("a month is at most 12");
                (script, network, Some((2026, last)))
            }
        };
        Self { token: format!("{script}.{name}"), network, expiry }
    }

    /// A new card that pays.
    pub fn good(name: &str) -> Self {
        let token = format!("tok_visa.{name}");
        Self { token, network: Network::Visa, expiry: Some(Self::FAR_AWAY) }
    }

    /// What is shown of it: the brand, and the last four digits as the sandbox tells them.
    pub const fn shown(&self) -> (&'static str, &'static str) {
        match self.network {
            Network::Mastercard => ("Mastercard", "4444"),
            Network::Amex => ("American Express", "0005"),
            Network::Sepa => ("SEPA debit", "3000"),
            _ => ("Visa", "4242"),
        }
    }
}
