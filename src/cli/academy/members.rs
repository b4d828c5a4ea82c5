//! Who the academy's members are, and what each of them is going to do: all of it follows from the
//! seed, but for the first, whose parts [`super::cast`] has.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{
    calendar::{STEPS_A_MONTH, month_of},
    cards::Card,
    cast,
    chance::{happens, one_of, weighted},
};

/// Someone who learns at the academy.
#[derive(Debug, Clone)]
pub struct Member {
    /// The portal's own id of them: `member-00001`.
    pub id: String,
    /// How mails address them.
    pub name: String,
    /// Where mails go.
    pub email: String,
    /// Where they live.
    pub home: Home,
    /// What they are billed in.
    pub currency: &'static str,
    /// What they subscribe to.
    pub membership: Membership,
    /// How many seats.
    pub seats: i32,
    /// What they pay with at first.
    pub card: Card,
    /// The step at which they join.
    pub joins_at: usize,
    /// How many days after a charge failed they store a new card, if they do.
    pub mends_after_days: Option<i64>,
    /// What else they do, and at which step.
    pub acts: Vec<(usize, Act)>,
}

/// A place where members live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// The language of their mails, as a BCP 47 tag.
    pub language: &'static str,
    /// The IANA zone.
    pub zone: &'static str,
    /// The country by ISO 3166.
    pub country: &'static str,
    currency: &'static str,
    /// Whose names are common there.
    names: usize,
}

/// What a member subscribes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Membership {
    /// By the month.
    Monthly,
    /// By the year.
    Yearly,
    /// For a team, by the month and seat, with a free trial.
    Team,
}

/// What a member does besides paying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Buys a course, once.
    BuysCourse,
    /// Cancels with the end of the period.
    Cancels,
    /// Cancels at once.
    Leaves,
    /// Takes a cancellation back.
    Stays,
    /// Pauses for so many days.
    Pauses {
        /// How many.
        days: i64,
    },
    /// Goes from the month to the year at the next renewal.
    GoesYearly,
    /// Takes one more seat from the next renewal on.
    AddsSeat,
    /// Is given the last payment back, whole or half.
    IsRefunded {
        /// Whether all of it.
        whole: bool,
    },
}

/// The members that follow from `seed`, for a story of so many steps.
pub fn invite(seed: u64, count: usize, steps: usize) -> Vec<Member> {
    let mut members = strangers(seed, count, steps);
    cast::give(&mut members, steps);
    members
}

/// As [`invite`], all of them drawn.
pub fn strangers(seed: u64, count: usize, steps: usize) -> Vec<Member> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (1..=count).map(|number| Member::draw(&mut rng, number, steps)).collect()
}

const fn home(
    language: &'static str,
    zone: &'static str,
    country: &'static str,
    currency: &'static str,
    names: usize,
) -> Home {
    Home { language, zone, country, currency, names }
}

const HOMES: &[(u32, Home)] = &[
    (22, home("en", "Europe/London", "GB", "EUR", 0)),
    (18, home("en", "America/New_York", "US", "USD", 0)),
    (6, home("en", "America/Los_Angeles", "US", "USD", 0)),
    (26, home("de", "Europe/Berlin", "DE", "EUR", 1)),
    (6, home("de-AT", "Europe/Vienna", "AT", "EUR", 1)),
    (17, home("es", "Europe/Madrid", "ES", "EUR", 2)),
    (5, home("es-MX", "America/Mexico_City", "MX", "USD", 2)),
];

const FIRST_NAMES: [&[&str]; 3] = [
    &[
        "Amelia", "Oliver", "Grace", "Noah", "Chloe", "Ethan", "Ruby", "Marcus", "Hannah", "Liam",
        "Zoe", "Owen", "Priya", "Daniel", "Maya", "Samuel",
    ],
    &[
        "Anna", "Jonas", "Lena", "Felix", "Käthe", "Jürgen", "Miriam", "Tobias", "Sophie", "Lukas",
        "Greta", "Björn", "Aylin", "Stefan", "Ida", "Moritz",
    ],
    &[
        "Lucía", "Mateo", "Carmen", "Álvaro", "Inés", "Diego", "Paula", "Joaquín", "Elena", "Hugo",
        "Sofía", "Andrés", "Marta", "Iván", "Nuria", "Pablo",
    ],
];

const LAST_NAMES: [&[&str]; 3] = [
    &[
        "Walker", "Hughes", "Bennett", "Patel", "Coleman", "Turner", "Brooks", "Ward", "Foster",
        "Hayes", "Reed", "Morgan", "Khan", "Price", "Ellis", "Marsh",
    ],
    &[
        "Müller", "Schäfer", "Krüger", "Weiß", "Vogel", "Brandt", "Hofmann", "Öztürk", "Lang",
        "Seidel", "Böhm", "Richter", "Kaiser", "Winkler", "Haas", "Fuchs",
    ],
    &[
        "García", "Núñez", "Romero", "Ibáñez", "Vega", "Ortiz", "Molina", "Peña", "Castro",
        "Serrano", "Ruiz", "Gil", "Campos", "León", "Navarro", "Soto",
    ],
];

const MEMBERSHIPS: &[(u32, Membership)] =
    &[(68, Membership::Monthly), (20, Membership::Yearly), (12, Membership::Team)];

impl Member {
    fn draw(rng: &mut ChaCha20Rng, number: usize, steps: usize) -> Self {
        let home = weighted(rng, HOMES);
        let first = one_of(rng, FIRST_NAMES[home.names]);
        let last = one_of(rng, LAST_NAMES[home.names]);
        let membership = weighted(rng, MEMBERSHIPS);
        // Two in three are there in the first month, the others come in the half year after it.
        let months = if happens(rng, 66) { 1 } else { 6 };
        let joins_at = rng.random_range(0..(months * STEPS_A_MONTH).min(steps));
        // So many that trouble still falls into the year.
        let charges = match membership {
            Membership::Monthly | Membership::Team => 6,
            Membership::Yearly => 1,
        };
        let card = Card::draw(rng, month_of(joins_at), charges, &format!("m{number:05}"));
        // Bank debits are taken in euro alone.
        let currency = if card.expiry.is_none() { "EUR" } else { home.currency };
        let seats = if membership == Membership::Team { rng.random_range(3..=12) } else { 1 };
        let mends = happens(rng, 72);
        let mends_after_days = rng.random_range(0..=12);
        Self {
            id: format!("member-{number:05}"),
            name: format!("{first} {last}"),
            email: format!("{}.{}.{number}@example.org", plain(first), plain(last)),
            home,
            currency,
            membership,
            seats,
            card,
            joins_at,
            mends_after_days: mends.then_some(mends_after_days),
            acts: acts(rng, membership, joins_at, steps),
        }
    }
}

/// What a member does between joining and the end. Nothing is paid back in the last month, so that
/// every refund has come to its end when the books are compared.
fn acts(
    rng: &mut ChaCha20Rng,
    membership: Membership,
    joins_at: usize,
    steps: usize,
) -> Vec<(usize, Act)> {
    let last = steps.saturating_sub(STEPS_A_MONTH);
    let mut acts = Vec::new();
    let mut some_day = |percent: u32, act: Act| {
        let comes_about = happens(rng, percent) && joins_at + 1 < last;
        let step = comes_about.then(|| rng.random_range(joins_at + 1..last));
        acts.extend(step.map(|step| (step, act)));
        step
    };
    some_day(25, Act::BuysCourse);
    some_day(4, Act::IsRefunded { whole: true });
    some_day(3, Act::IsRefunded { whole: false });
    some_day(3, Act::Pauses { days: 45 });
    some_day(3, Act::Leaves);
    match membership {
        Membership::Monthly => some_day(6, Act::GoesYearly),
        Membership::Team => some_day(30, Act::AddsSeat),
        Membership::Yearly => None,
    };
    let cancels = some_day(12, Act::Cancels);
    if let Some(step) = cancels
        && happens(rng, 20)
    {
        acts.push((step + 1, Act::Stays));
    }
    acts
}

/// A name as it stands in an address.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for letter in name.to_lowercase().chars() {
        match letter {
            'ä' => plain.push_str("ae"),
            'ö' => plain.push_str("oe"),
            'ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            'á' => plain.push('a'),
            'é' => plain.push('e'),
            'í' => plain.push('i'),
            'ó' => plain.push('o'),
            'ú' => plain.push('u'),
            'ñ' => plain.push('n'),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_invites_the_same_members() {
        let shown = |seed| format!("{:?}", invite(seed, 50, 65));
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1), shown(2));
    }

    #[test]
    fn every_member_can_be_written_to_and_acts_before_the_end() {
        for (months, count) in [(1, 40), (3, 40), (13, 400)] {
            let steps = months * STEPS_A_MONTH;
            for member in invite(7, count, steps) {
                assert!(member.email.is_ascii(), "{}", member.email);
                assert!(member.email.parse::<crate::mail::Address>().is_ok(), "{}", member.email);
                assert!(member.joins_at < steps);
                let lasts = member.joins_at..steps;
                assert!(member.acts.iter().all(|(step, _)| lasts.contains(step)));
            }
        }
    }
}
