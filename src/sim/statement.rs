//! A provider's list of what it took, in which charges stand too that somebody else made through the same account.

use chrono::{DateTime, Utc};

use super::{
    charge::{Charge, Standing},
    dice::PerMille,
    provider::Provider,
    stage::Stage,
};
use crate::{
    domain::money::Money,
    gateway::{Statement, Taking},
};

/// Of a thousand charges, beside how many somebody else makes one through the same account.
const OF_STRANGERS: PerMille = 3;

/// As many entries of a list as come at once.
const LISTED_AT_ONCE: usize = 50;

/// A charge that no order of Rondo's has made.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) reference: String,
    amount: Money,
    made_at: DateTime<Utc>,
    /// Whether staff was told of it.
    pub(super) is_told: bool,
}

impl Provider {
    /// Somebody else may charge as much through this account.
    pub(super) fn may_be_used_by_another(&mut self, number: usize, stage: &Stage) {
        if stage.faults.is_calm() || !stage.dice.says(OF_STRANGERS) {
            return;
        }
        let amount = self.charges[number].amount;
        let (reference, made_at) = (self.name_for("ch"), stage.truth());
        stage.note(format_args!("{}: {reference} of {amount}, by another", self.name));
        self.strangers.push(Stranger { reference, amount, made_at, is_told: false });
    }

    /// A page of what it took for charges begun since then, as far as it tells at `now`: the first one, or the one
    /// that begins at `after`. A page may be short of what is not told, or not taken.
    pub(super) fn statement(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
        now: DateTime<Utc>,
    ) -> Statement {
        // Those of others come behind ours.
        let ours = self.charges.iter().map(|charge| (charge.made_at, Ok(charge)));
        let others = self.strangers.iter().map(|other| (other.made_at, Err(other)));
        let all = ours.chain(others).enumerate();
        let begun = all.filter(|(_, (made_at, _))| *made_at >= since);
        let (page, next) = listed(begun.map(|(place, (_, entry))| (place, entry)), after);
        let is_told =
            |charge: &&Charge| charge.standing == Standing::Captured && charge.silent_until <= now;
        let taking = |entry: Result<&Charge, &Stranger>| match entry {
            Ok(charge) => Some(charge).filter(is_told).map(Charge::taking),
            Err(other) => Some(other.taking()),
        };
        Statement { takings: page.into_iter().filter_map(taking).collect(), next }
    }
}

impl Stranger {
    fn taking(&self) -> Taking {
        let nothing = Money::zero(self.amount.currency());
        Taking {
            attempt: None,
            reference: self.reference.clone(),
            amount: self.amount,
            returned: nothing,
            taken_back: Some(nothing),
        }
    }
}

/// The page of a list, each entry with its place in it, which begins at `after`; and where the next one begins, if
/// there is more.
pub(super) fn listed<T>(
    all: impl Iterator<Item = (usize, T)>,
    after: Option<&str>,
) -> (Vec<T>, Option<String>) {
    let from: usize = after.and_then(|place| place.parse().ok()).unwrap_or_default();
    let mut rest = all.skip_while(|(place, _)| *place < from);
    let page = rest.by_ref().take(LISTED_AT_ONCE).map(|(_, entry)| entry).collect();
    (page, rest.next().map(|(place, _)| place.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_to_its_end_page_by_page() {
        let of = |many: usize| (0..many).map(|place| (place * 2, place));
        for many in [0, 1, LISTED_AT_ONCE, LISTED_AT_ONCE + 1, 3 * LISTED_AT_ONCE + 7] {
            let (mut read, mut after) = (Vec::new(), None);
            loop {
                let (page, next) = listed(of(many), after.as_deref());
                assert!(page.len() <= LISTED_AT_ONCE);
                read.extend(page);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(read, (0..many).collect::<Vec<_>>());
        }
    }
}
