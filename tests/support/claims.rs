//! What a story claims of a subscription, in one sentence that is checked when it is awaited:
//! `course.assert().is_past_due().has_invoices([Paid, Paid, Open]).await`.

use std::panic::Location;

use rondo::{
    domain::calendar::Zone,
    grpc::proto::v1::{self, attempt, invoice, subscription::State},
};

use super::{
    Later,
    api::{instant, shown},
    course::Course,
};

/// What is claimed. What is not said may be anyhow.
#[must_use = "a claim is checked when it is awaited"]
pub struct Claims {
    course: Course,
    said_at: &'static Location<'static>,
    state: Option<State>,
    invoices: Option<Vec<invoice::State>>,
    totals: Option<Vec<String>>,
    periods: Option<Vec<String>>,
    attempts: Option<Vec<attempt::State>>,
    next_bill: Option<String>,
}

#[expect(clippy::wrong_self_convention, reason = "a claim reads as a sentence: it is past due")]
impl Claims {
    #[track_caller]
    pub(super) fn of(course: Course) -> Self {
        Self {
            course,
            said_at: Location::caller(),
            state: None,
            invoices: None,
            totals: None,
            periods: None,
            attempts: None,
            next_bill: None,
        }
    }

    /// It stands so.
    pub fn is(self, state: State) -> Self {
        Self { state: Some(state), ..self }
    }

    /// It runs, all paid.
    pub fn is_active(self) -> Self {
        self.is(State::Active)
    }

    /// An invoice of it is in dunning.
    pub fn is_past_due(self) -> Self {
        self.is(State::PastDue)
    }

    /// Its invoices stand so, oldest first.
    pub fn has_invoices(self, states: impl IntoIterator<Item = invoice::State>) -> Self {
        Self { invoices: Some(states.into_iter().collect()), ..self }
    }

    /// Its invoices come to so much, oldest first.
    pub fn has_totals<'a>(self, totals: impl IntoIterator<Item = &'a str>) -> Self {
        Self { totals: Some(totals.into_iter().map(str::to_owned).collect()), ..self }
    }

    /// The periods of its invoices begin on these days, oldest first.
    pub fn has_periods_from<'a>(self, days: impl IntoIterator<Item = &'a str>) -> Self {
        Self { periods: Some(days.into_iter().map(str::to_owned).collect()), ..self }
    }

    /// The attempts at its latest invoice came to this, oldest first.
    pub fn was_tried(self, attempts: impl IntoIterator<Item = attempt::State>) -> Self {
        Self { attempts: Some(attempts.into_iter().collect()), ..self }
    }

    /// It is billed next on this day; never, if that is empty.
    pub fn is_billed_next_on(self, day: &str) -> Self {
        Self { next_bill: Some(day.to_owned()), ..self }
    }

    async fn check(self) {
        let now = self.course.get().await;
        let invoices = self.course.invoices().await;
        let zone: Zone = now.time_zone.parse().unwrap();
        let day = |time| zone.local_date(instant(time)).to_string();
        let mut claimed = Vec::new();
        let mut found = Vec::new();
        if let Some(state) = self.state {
            claimed.push(format!("{state:?}"));
            found.push(format!("{:?}", now.state()));
        }
        if let Some(states) = self.invoices {
            claimed.push(format!("invoices {states:?}"));
            let states: Vec<_> = invoices.iter().map(v1::Invoice::state).collect();
            found.push(format!("invoices {states:?}"));
        }
        if let Some(totals) = self.totals {
            claimed.push(format!("totals {totals:?}"));
            let totals: Vec<_> = invoices.iter().map(|i| shown(i.total.as_ref())).collect();
            found.push(format!("totals {totals:?}"));
        }
        if let Some(periods) = self.periods {
            claimed.push(format!("periods from {periods:?}"));
            let periods: Vec<_> =
                invoices.iter().map(|i| day(i.period.unwrap().start_time)).collect();
            found.push(format!("periods from {periods:?}"));
        }
        if let Some(attempts) = self.attempts {
            claimed.push(format!("attempts {attempts:?}"));
            let attempts = self.course.attempts_at(invoices.last().unwrap()).await;
            found.push(format!("attempts {attempts:?}"));
        }
        if let Some(next) = self.next_bill {
            claimed.push(format!("billed next on {next:?}"));
            let next = now.next_bill_time.map(|time| day(Some(time))).unwrap_or_default();
            found.push(format!("billed next on {next:?}"));
        }
        assert_eq!(found, claimed, "found, and claimed at {}", self.said_at);
    }
}

impl IntoFuture for Claims {
    type Output = ();
    type IntoFuture = Later<()>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.check())
    }
}
