//! One simulated world: Rondo on a database, two providers, a mail server and a portal's people, moved
//! from instant to instant.
//!
//! All work is done by the engine's own rounds. A process that dies is one whose work is dropped where
//! it stands; one that stands still is kept, while another goes on in its place.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use tokio_util::sync::CancellationToken;

use super::{
    dice::PerMille,
    fault::Fault,
    gateway::SimGateway,
    granted::Granted,
    ladder::Rungs,
    mailer::{SimMailer, Turn},
    portal::{Portal, Wish},
    provider::Coming,
    stage::{Blow, Stage},
};
use crate::{
    app::{Rondo, audit, inbox, reconcile},
    domain::{merchant::Merchant, money::Currency},
    engine,
    gateway::Delivery,
    store::{Check, Flaw, Repository, StoreError, Work},
};

/// A worker's job: one round, or one page that is opened for a payer.
pub(super) type Job = Pin<Box<dyn Future<Output = Result<usize, StoreError>>>>;

/// A worker that stands still in the middle of a job.
struct Sleeper {
    until: DateTime<Utc>,
    /// Whether others do what is due by then before it comes to.
    is_overtaken: bool,
    wake: CancellationToken,
    job: Job,
}

/// A simulated world.
pub(super) struct World {
    pub(super) stage: Arc<Stage>,
    pub(super) rondo: Rondo,
    pub(super) gateways: [Arc<SimGateway>; 2],
    pub(super) mailer: Arc<SimMailer>,
    pub(super) portal: Portal,
    pub(super) merchant: Option<Merchant>,
    pub(super) currency: Option<Currency>,
    /// How coarse time is mostly: what happens within it is seen together, as by a slow tick.
    pub(super) grain: TimeDelta,
    /// How many instants more it is fine, so that what is over in minutes is seen in coarse worlds too.
    fine_steps: i64,
    /// What people wanted, and were granted.
    pub(super) granted: Granted,
    /// The ladder that its merchant goes by.
    pub(super) rungs: Rungs,
    /// What an audit found on the way.
    pub(super) flaws: Vec<Flaw>,
    asleep: Vec<Sleeper>,
    /// When this instant began, in which time hardly passes.
    instant: DateTime<Utc>,
    /// How long to wait for what is in a worker's hands.
    patience: TimeDelta,
    /// When the machine's clock is set right again.
    clock_is_set_at: Option<DateTime<Utc>>,
}

/// The first wait for what is in a worker's hands, or was not to be done just now.
const TICK: TimeDelta = TimeDelta::seconds(31);
/// The longest.
const SLOWEST_TICK: TimeDelta = TimeDelta::minutes(30);

/// As fine as time becomes, shorter than most waits of a minute.
const FINE: TimeDelta = TimeDelta::seconds(20);
/// Time is as fine while somebody stands still who goes on within this: a call that left later is given up.
const SOON: TimeDelta = TimeDelta::minutes(50);
/// Of a thousand instants, after how many it becomes fine for a while.
const BECOMES_FINE: PerMille = 12;

/// The zones by whose summer time a machine may go.
const SUMMER_TIMES: [Tz; 5] = [
    Tz::Africa__Cairo,
    Tz::America__New_York,
    Tz::America__Santiago,
    Tz::Australia__Lord_Howe,
    Tz::Europe__Berlin,
];

/// How far summer time moved the clocks of one of these zones in between, if it did.
fn summer_time_moved(from: DateTime<Utc>, until: DateTime<Utc>) -> Option<TimeDelta> {
    let mut moved = SUMMER_TIMES.iter().map(|zone| {
        let offset = |at: DateTime<Utc>| at.with_timezone(zone).naive_local() - at.naive_utc();
        offset(until) - offset(from)
    });
    moved.find(|moved| !moved.is_zero())
}

impl World {
    pub(super) fn new(
        stage: Arc<Stage>,
        rondo: Rondo,
        gateways: [Arc<SimGateway>; 2],
        mailer: Arc<SimMailer>,
        grain: TimeDelta,
    ) -> Self {
        Self {
            stage,
            rondo,
            gateways,
            mailer,
            portal: Portal::default(),
            merchant: None,
            currency: None,
            grain,
            fine_steps: 0,
            granted: Granted::default(),
            rungs: Rungs::default(),
            flaws: Vec::new(),
            asleep: Vec::new(),
            instant: DateTime::<Utc>::MIN_UTC,
            patience: TICK,
            clock_is_set_at: None,
        }
    }

    pub(super) fn merchant(&self) -> &Merchant {
        self.merchant.as_ref().expect("the portal is open")
    }

    /// Lives until `end`.
    pub(super) async fn live(&mut self, end: DateTime<Utc>) -> anyhow::Result<()> {
        while self.stage.truth() < end {
            self.instant = self.stage.truth();
            self.wake(|sleeper| !sleeper.is_overtaken).await?;
            self.come_to_pass().await?;
            let mut next = self.work().await?;
            if self.wake(|sleeper| sleeper.is_overtaken).await? {
                next = self.work().await?;
            }
            self.let_pass(next.min(end));
        }
        Ok(())
    }

    /// Lives on until `end`, when all goes well; and looks at last whether each charge was on a card of whom it was
    /// for, and staff was told of each that somebody else has made.
    pub(super) async fn settle(&mut self, end: DateTime<Utc>) -> anyhow::Result<()> {
        self.live(end).await?;
        for gateway in &self.gateways {
            let provider = gateway.provider();
            let untold = provider.strangers.iter().filter(|stranger| !stranger.is_told);
            let untold = untold.filter(|_| provider.capabilities.has_statement);
            self.flaws.extend(untold.map(|stranger| Flaw {
                check: Check::Orphans,
                object: format!(
                    "a word to staff of {}, which somebody else made",
                    stranger.reference
                ),
                found: 0,
                expected: 1,
            }));
        }
        self.compare_holders().await
    }

    /// Notes each charge on a card that is not of whom it was for.
    async fn compare_holders(&mut self) -> anyhow::Result<()> {
        let merchant = self.merchant().id;
        let mut holders = Vec::new();
        for gateway in &self.gateways {
            let provider = gateway.provider();
            holders.extend(provider.charges.iter().map(|charge| {
                let holder = provider.cards.holder(charge.token());
                (charge.invoice, charge.reference.clone(), holder)
            }));
        }
        let mut repo = self.rondo.store.snapshot().await?;
        for holders in holders.chunks(1_000) {
            let ids: Vec<_> = holders.iter().map(|(invoice, ..)| *invoice).collect();
            let invoices = repo.invoices(merchant, &ids).await?;
            let owed_by: BTreeMap<_, _> =
                invoices.into_iter().map(|invoice| (invoice.id, invoice.customer)).collect();
            let theirs = |invoice, holder| holder == owed_by.get(invoice).copied();
            let wrong = holders.iter().filter(|(invoice, _, holder)| !theirs(invoice, *holder));
            self.flaws.extend(wrong.map(|(invoice, reference, _)| Flaw {
                check: Check::Orphans,
                object: format!("the card of {reference}, for {invoice}, among its customer's"),
                found: 0,
                expected: 1,
            }));
        }
        Ok(())
    }

    /// Whether a worker still stands still.
    pub(super) fn has_sleepers(&self) -> bool {
        !self.asleep.is_empty()
    }

    /// The next instant at which anything happens.
    async fn next(&mut self, mut repo: Box<dyn Repository>) -> anyhow::Result<DateTime<Utc>> {
        let (truth, ahead) = (self.stage.truth(), self.stage.ahead());
        let machine = truth + ahead;
        let merchant = self.merchant().id;
        let due = repo.next_due(merchant, machine).await?.map(|due| due - ahead);
        let inbox = repo.next_in_inbox().await?.map(|due| due - ahead);
        let is_busy = repo.is_busy(merchant, machine).await?;
        drop(repo);
        let is_late = is_busy || inbox.is_some_and(|due| due <= truth);
        let tick = is_late.then(|| {
            let tick = truth + self.patience;
            self.patience = (self.patience * 2).min(SLOWEST_TICK);
            tick
        });
        let [one, other] = [0, 1].map(|place| self.gateways[place].provider().next_at());
        let wakes = self.asleep.iter().map(|sleeper| sleeper.until).min();
        let times = [due, inbox.filter(|due| *due > truth), tick, one, other, wakes];
        let next = times.into_iter().flatten().chain(self.portal.next_at());
        let next = next.chain(self.clock_is_set_at).min();
        let next = next.unwrap_or(DateTime::<Utc>::MAX_UTC - self.grain);
        Ok(next.max(truth + TimeDelta::microseconds(1)) + self.this_grain())
    }

    /// How coarse time is at this instant.
    fn this_grain(&mut self) -> TimeDelta {
        let (stage, fine_steps) = (&self.stage, &mut self.fine_steps);
        // Who wakes in a moment goes on with what others may do by then: a step of hours would hide that.
        if self.asleep.iter().any(|sleeper| sleeper.until < stage.truth() + SOON) {
            return FINE.min(self.grain);
        }
        if *fine_steps > 0 {
            *fine_steps -= 1;
            return FINE.min(self.grain);
        }
        if !stage.faults.is_calm() && stage.dice.says(BECOMES_FINE) {
            *fine_steps = stage.dice.between(10, 40);
        }
        self.grain
    }

    /// Lets time pass, and the machine's clock go wrong with a change of summer time.
    fn let_pass(&mut self, until: DateTime<Utc>) {
        let moved = summer_time_moved(self.stage.truth(), until);
        self.stage.pass(until);
        if let Some(moved) = moved
            && self.stage.strikes(Fault::ClockAcrossDst)
        {
            self.stage.set_clock(moved);
        }
        let is_off = !self.stage.ahead().is_zero();
        match self.clock_is_set_at {
            Some(at) if at <= until => {
                self.stage.set_clock(TimeDelta::zero());
                self.clock_is_set_at = None;
            }
            None if is_off => {
                let minutes = self.stage.dice.between(5, 3_000);
                self.clock_is_set_at = Some(until + TimeDelta::minutes(minutes));
            }
            Some(_) | None => {}
        }
    }

    /// Lets those go on of these sleepers whose time is over. Tells whether there were any.
    async fn wake(&mut self, which: fn(&Sleeper) -> bool) -> anyhow::Result<bool> {
        // Whoever falls asleep now sleeps until another instant.
        let now = self.instant;
        let is_over = |sleeper: &Sleeper| sleeper.until < now && which(sleeper);
        let mut any = false;
        while let Some(place) = self.asleep.iter().position(is_over) {
            any = true;
            let sleeper = self.asleep.remove(place);
            self.stage.note(format_args!("a worker goes on"));
            sleeper.wake.cancel();
            self.mailer.job_begins(Turn::Late);
            self.run(sleeper.job).await?;
        }
        Ok(any)
    }

    /// Whatever the world outside brings at this instant.
    async fn come_to_pass(&mut self) -> anyhow::Result<()> {
        let now = self.stage.truth();
        for place in 0..self.gateways.len() {
            loop {
                let coming = self.gateways[place].provider().take_coming(now);
                match coming {
                    None => break,
                    Some(Coming::Webhook(account, delivery)) => {
                        self.bring(place, account, delivery).await?;
                    }
                    Some(coming) => self.gateways[place].provider().happen(coming, &self.stage),
                }
            }
        }
        for mail in self.mailer.take_unread() {
            self.portal.reads(&mail, &self.stage);
        }
        let was_calm = self.stage.faults.is_calm();
        while let Some(wish) = self.portal.take_wish(now) {
            // It is the one thing of theirs that others may take over.
            if let Wish::PayByPage(_) = wish {
                self.fulfil(wish).await?;
                continue;
            }
            let stage = Arc::clone(&self.stage);
            // Members meet no faults of the database: what they do is told by `rondo crash-test`.
            stage.faults.set_calm(was_calm || !wish.meets_trouble());
            let done = stage.unless_struck(Box::pin(self.fulfil(wish))).await;
            stage.faults.set_calm(was_calm);
            match done {
                Some(done) => done?,
                None => stage.note(format_args!("{wish:?}: the process dies")),
            }
        }
        Ok(())
    }

    /// Brings a webhook to an account's door.
    async fn bring(
        &mut self,
        from: usize,
        account: &'static str,
        delivery: Delivery,
    ) -> anyhow::Result<()> {
        let received = inbox::receive(&self.rondo, account, delivery.clone());
        let is_kept = match self.stage.unless_struck(received).await {
            None => false,
            Some(Err(inbox::NotReceived::Store(error))) if error.is_transient() => false,
            Some(Err(inbox::NotReceived::Store(error))) => return Err(error.into()),
            Some(Ok(received)) => {
                let again = if received.is_repeated { " again" } else { "" };
                self.stage.note(format_args!("webhook to {account}{again}"));
                true
            }
            Some(Err(refused)) => {
                self.stage.note(format_args!("webhook refused: {refused}"));
                true
            }
        };
        if !is_kept {
            // No answer, or a bad one: it is sent again.
            let again = self.stage.truth() + TimeDelta::minutes(5);
            self.gateways[from].provider().send_again(again, account, delivery);
        }
        Ok(())
    }

    /// Does all that is due, until nothing is or nothing can be done just now. Tells when anything happens next.
    async fn work(&mut self) -> anyhow::Result<DateTime<Utc>> {
        let mut goes_on = true;
        loop {
            let mut repo = self.rondo.store.snapshot().await?;
            let due = repo.oldest_due(self.rondo.clock.now()).await?;
            if !goes_on || due.is_empty() {
                return self.next(repo).await;
            }
            drop(repo);
            let mut done = 0;
            for (work, _) in due {
                done += self.round(work).await?;
            }
            goes_on = done > 0;
            if goes_on {
                self.patience = TICK;
            }
        }
    }

    async fn round(&mut self, work: Work) -> anyhow::Result<usize> {
        let rondo = self.rondo.clone();
        self.begin(Box::pin(async move { engine::round(&rondo, work).await })).await
    }

    /// Begins a job. Nothing is done where the database was in trouble.
    pub(super) async fn begin(&mut self, job: Job) -> anyhow::Result<usize> {
        self.mailer.job_begins(Turn::First);
        self.run(job).await
    }

    /// Goes on with a job until it is done, or its worker is struck.
    async fn run(&mut self, mut job: Job) -> anyhow::Result<usize> {
        let stage = Arc::clone(&self.stage);
        tokio::select! {
            biased;
            blow = stage.struck() => match blow {
                Blow::Died => {
                    stage.note(format_args!("the process dies"));
                    drop(job);
                    Ok(1)
                }
                Blow::Sleeps { until, wake } => {
                    stage.note(format_args!("a worker stands still until {until}"));
                    // Another one comes along, and finds its lease over or is late.
                    let is_overtaken = stage.dice.says(500);
                    self.asleep.push(Sleeper { until, is_overtaken, wake, job });
                    Ok(1)
                }
            },
            done = &mut job => match done {
                Ok(count) => {
                    self.mailer.job_is_done();
                    Ok(count)
                }
                Err(error) if error.is_transient() => Ok(0),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// What looks after the books each day.
    pub(super) async fn look_after(&mut self, wish: Wish) -> anyhow::Result<()> {
        let merchant = self.merchant().id;
        match wish {
            Wish::LookAfterStuck => match self.look_after_stuck().await {
                Err(error) if error.is_transient() => {
                    self.stage.note(format_args!("{wish:?}: {error}"));
                }
                looked => looked?,
            },
            Wish::Reconcile => {
                let accounts: Vec<_> =
                    reconcile::accounts(&self.rondo).map(ToOwned::to_owned).collect();
                for account in accounts {
                    match reconcile::nightly(&self.rondo, &account).await {
                        Ok(found) => {
                            for difference in found.differences {
                                self.stage.note(format_args!("{account}: {difference}"));
                            }
                        }
                        Err(error) => self.stage.note(format_args!("{account}: {error}")),
                    }
                }
            }
            _ => {
                let mut repo = self.rondo.store.snapshot().await?;
                self.flaws.extend(audit::flaws(repo.as_mut(), merchant, 10).await?);
            }
        }
        Ok(())
    }
}
