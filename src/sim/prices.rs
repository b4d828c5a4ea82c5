//! An independent reading of what was sold: each cycle is as long, and costs as much, as the terms say that its member
//! had agreed to when it was billed. By what the portal remembers of its own deals alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{books::Books, ladder::Pace};
use crate::{
    app::plans::OnUpdate,
    domain::{
        calendar::{Alignment, Interval, Period, Unit},
        catalog::{PriceModel, Terms},
        ids::{Id, kind},
        invoice::Invoice,
    },
};

/// A deal, at a time of the machine's.
#[derive(Debug, Clone)]
pub(super) struct Deal {
    pub(super) at: DateTime<Utc>,
    pub(super) what: What,
}

/// What was agreed.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// The portal sells this.
    Offers(Id<kind::Plan>, Box<Terms>),
    /// It sells it by these terms from now on, which is this to those who have it.
    Raises(Id<kind::Plan>, Box<Terms>, OnUpdate),
    /// A member takes it, with so many seats.
    Takes(Id<kind::Subscription>, Id<kind::Plan>, u32),
    /// They want another plan, or other seats, from the next renewal on.
    Wants(Id<kind::Subscription>, Option<Id<kind::Plan>>, Option<u32>),
}

/// A worker that stood still may bill by what was agreed while it did.
const STANDS_STILL: TimeDelta = TimeDelta::days(4);

/// What a member has agreed to by some time.
#[derive(Debug, Clone, Copy, Default)]
struct Agreed<'a> {
    /// What the next cycle is billed by.
    coming: Option<Coming<'a>>,
    /// The plan that the last one was billed by.
    plan: Option<Id<kind::Plan>>,
}

/// What a cycle is billed by.
#[derive(Debug, Clone, Copy)]
struct Coming<'a> {
    plan: Id<kind::Plan>,
    terms: &'a Terms,
    seats: u32,
}

/// Every cycle that is of another length, or costs something else, than was agreed.
pub(super) fn wrong(books: &Books, deals: &[Deal], pace: Pace) -> Vec<String> {
    let mut billed: BTreeMap<_, Vec<&Invoice>> = BTreeMap::new();
    for invoice in books.invoices.values().filter(|invoice| invoice.period.is_some()) {
        if let Some(subscription) = invoice.subscription {
            billed.entry(subscription).or_default().push(invoice);
        }
    }
    let mut found = Vec::new();
    for (subscription, mut invoices) in billed {
        invoices.sort_by_key(|invoice| invoice.period.map(Period::start));
        let (mut agreed, mut heard) = (Agreed::default(), 0);
        for (nth, invoice) in invoices.into_iter().enumerate() {
            let until = invoice.issued_at + STANDS_STILL + pace.clock_error;
            let surely = |deal: &Deal| deal.at < invoice.issued_at - pace.clock_error;
            let mut wanted = None;
            let fits = loop {
                let is_sure = deals.get(heard).is_some_and(surely);
                if !is_sure && let Some(coming) = agreed.coming {
                    wanted = Some(coming);
                    if coming.fits(invoice, nth == 0, pace.zone) {
                        break true;
                    }
                }
                match deals.get(heard) {
                    Some(deal) if deal.at <= until => {
                        agreed.hears(subscription, &deals[..=heard]);
                        heard += 1;
                    }
                    _ => break false,
                }
            };
            agreed.plan = agreed.coming.map(|coming| coming.plan);
            let wanted = wanted.map(|wanted| (wanted.plan, wanted.seats));
            if !fits {
                found.push(format!(
                    "{} of {subscription} for {:?} is over {}, which is not what was agreed: {wanted:?}",
                    invoice.id, invoice.period, invoice.total
                ));
            }
        }
    }
    found
}

/// The terms by which a plan is sold after these deals.
fn sold(plan: Id<kind::Plan>, deals: &[Deal]) -> Option<&Terms> {
    deals.iter().rev().find_map(|deal| match &deal.what {
        What::Offers(of, terms) | What::Raises(of, terms, _) if *of == plan => Some(&**terms),
        _ => None,
    })
}

impl<'a> Agreed<'a> {
    /// Hears the last of these deals, if it is about `subscription`.
    fn hears(&mut self, subscription: Id<kind::Subscription>, deals: &'a [Deal]) {
        match deals.last().map(|deal| &deal.what) {
            Some(What::Takes(id, plan, seats)) if *id == subscription => {
                let terms = sold(*plan, deals);
                self.coming = terms.map(|terms| Coming { plan: *plan, terms, seats: *seats });
                self.plan = Some(*plan);
            }
            Some(What::Wants(id, plan, seats)) if *id == subscription => {
                let Some(coming) = &mut self.coming else { return };
                if let Some((plan, terms)) = plan.and_then(|plan| Some((plan, sold(plan, deals)?)))
                {
                    *coming = Coming { plan, terms, ..*coming };
                }
                coming.seats = seats.unwrap_or(coming.seats);
            }
            Some(What::Raises(plan, terms, OnUpdate::AtRenewal | OnUpdate::Now)) => {
                // Whoever leaves a plan, or is yet to come to it, keeps what was agreed.
                let is_theirs = self.plan == Some(*plan);
                if let Some(coming) =
                    self.coming.as_mut().filter(|one| is_theirs && one.plan == *plan)
                {
                    coming.terms = terms;
                }
            }
            Some(What::Offers(..) | What::Raises(..) | What::Takes(..) | What::Wants(..))
            | None => {}
        }
    }
}

impl Coming<'_> {
    /// Whether an invoice is of this length and this price.
    fn fits(&self, invoice: &Invoice, is_first: bool, zone: Tz) -> bool {
        let Some(period) = invoice.period else { return false };
        let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        let (from, to) = (day(period.start()), day(period.end()));
        let part = match self.terms.alignment {
            Alignment::Calendar => of_calendar(from, to, self.terms.interval),
            Alignment::Anniversary | Alignment::AnchorDay { .. } => {
                is_whole(from, to, self.terms.interval).then_some((1, 1))
            }
        };
        let Some((days, of)) = part else { return false };
        let total = self.terms.components.iter().map(|component| {
            let unit =
                component.amounts.get(&invoice.total.currency()).copied().unwrap_or_default();
            match component.model {
                PriceModel::Flat => cut(unit, days, of),
                PriceModel::PerSeat => cut(unit * i64::from(self.seats), days, of),
                PriceModel::OneTime if is_first => unit,
                PriceModel::OneTime => 0,
            }
        });
        total.sum::<i64>() == invoice.total.minor()
    }
}

/// So much of an amount, half a minor unit up.
const fn cut(amount: i64, days: i64, of: i64) -> i64 {
    (2 * amount * days + of) / (2 * of)
}

/// How many months a cycle has, if it is of months.
fn months(interval: Interval) -> Option<u32> {
    match interval.unit() {
        Unit::Month => Some(interval.count()),
        Unit::Year => Some(interval.count() * 12),
        Unit::Day | Unit::Week => None,
    }
}

/// Whether it is one cycle from one day to the other. A month that has no such day ends with its last one.
fn is_whole(from: NaiveDate, to: NaiveDate, interval: Interval) -> bool {
    let Some(months) = months(interval) else {
        let days = if interval.unit() == Unit::Week { 7 } else { 1 };
        return (to - from).num_days() == i64::from(interval.count()) * days;
    };
    let is_last = |day: NaiveDate| day.succ_opt().is_none_or(|next| next.month() != day.month());
    let number = |day: NaiveDate| day.year() * 12 + day.month().cast_signed();
    number(to) - number(from) == months.cast_signed()
        && (from.day() == to.day()
            || (is_last(from) && to.day() > from.day())
            || (is_last(to) && to.day() < from.day()))
}

/// How many days a cycle has that ends with the calendar, and how many the whole has that it is a part of.
fn of_calendar(from: NaiveDate, to: NaiveDate, interval: Interval) -> Option<(i64, i64)> {
    let months = months(interval)?;
    let begins = to.checked_sub_months(Months::new(months))?;
    let is_boundary = to.day() == 1 && to.month0().is_multiple_of(months);
    (is_boundary && begins <= from && from < to)
        .then(|| ((to - from).num_days(), (to - begins).num_days()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn day(day: &str) -> NaiveDate {
        day.parse().unwrap()
    }

    #[rstest]
    #[case::a_month("2026-03-15", "2026-04-15", 1, true)]
    #[case::a_year("2028-02-29", "2029-02-28", 12, true)]
    #[case::a_short_month("2026-01-31", "2026-02-28", 1, true)]
    #[case::the_31st_after_a_short_month("2026-02-28", "2026-03-31", 1, true)]
    #[case::a_day_less("2026-03-15", "2026-04-14", 1, false)]
    #[case::a_day_more("2026-03-15", "2026-04-16", 1, false)]
    #[case::a_month_more("2026-03-15", "2026-05-15", 1, false)]
    fn a_cycle_of_months_ends_on_its_day(
        #[case] from: &str,
        #[case] to: &str,
        #[case] months: u32,
        #[case] whole: bool,
    ) {
        let interval = Interval::new(months, Unit::Month).unwrap();
        assert_eq!(is_whole(day(from), day(to), interval), whole);
    }

    #[test]
    fn a_cycle_of_the_calendar_may_be_a_part_that_ends_with_it() {
        let quarter = Interval::new(3, Unit::Month).unwrap();
        let part = |from, to| of_calendar(day(from), day(to), quarter);
        assert_eq!(part("2026-01-01", "2026-04-01"), Some((90, 90)));
        assert_eq!(part("2026-03-31", "2026-04-01"), Some((1, 90)));
        assert_eq!(part("2026-03-31", "2026-05-01"), None);
        assert_eq!(part("2025-12-31", "2026-04-01"), None);
    }

    #[test]
    fn a_part_is_rounded_half_up() {
        assert_eq!((cut(3, 1, 2), cut(1_000, 1, 3), cut(1_000, 2, 3)), (2, 333, 667));
    }
}
