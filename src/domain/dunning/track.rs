//! A case's way along its ladder, and the one place where the time of a turn is computed: the
//! latest of every bound, never squeezed earlier (RULES RET-4).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    case::{CaseState, Turn},
    decision::{DueMail, DunningMail, Method, Reason},
    ladder::{AccessLevel, FinalAction, Ladder, Step, StepMail},
    standing::{Bar, Reach, Standing},
};
use crate::domain::{
    calendar::Zone,
    money::Money,
    payment::{
        attempt::{Attempt, Initiator},
        decline::{Decline, DeclineClass, Network, Remedy},
        method::CardMark,
        network::{Planned, SentAttempt, When, free_at},
        rules::Rules,
    },
};

/// The world around a case when news comes.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The present.
    pub now: DateTime<Utc>,
    /// The payer's time zone.
    pub zone: Zone,
    /// The case's own number, for example a hash of its id: it decides the jitter.
    pub seed: u64,
    /// What is still due.
    pub amount: Money,
    /// What was tried for the invoice, oldest first: its case may not be its first.
    pub attempts: &'a [Attempt],
    /// The method that the subscription is charged to, as it is now.
    pub primary: MethodFacts<'a>,
    /// The method that stands in for it, if the customer stored one.
    pub backup: Option<MethodFacts<'a>>,
    /// When the customer was last written to because of dunning, of whatever case, or will be.
    pub last_mail_at: Option<DateTime<Utc>>,
    /// When the last notice or lead time has passed that an attempt must respect (RULES RET-4).
    pub not_before: Option<DateTime<Utc>>,
    /// The rules of the day.
    pub rules: &'a Rules,
}

/// What a stored method's network knows of it.
#[derive(Debug, Clone, Copy)]
pub struct MethodFacts<'a> {
    /// The card.
    pub card: CardMark,
    /// When its holder agreed to its later use.
    pub consented_at: DateTime<Utc>,
    /// Its network.
    pub network: Network,
    /// Everything that was sent on it, and everything that was sent for the invoice (RULES RET-1).
    pub history: &'a [SentAttempt],
}

/// Where a case stands on its ladder. Its rules of motion are here; who moves it is
/// [`super::case`]'s business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Track {
    pub(super) ladder: Ladder,
    pub(super) opened_at: DateTime<Utc>,
    /// No retry comes later than this.
    pub(super) ends_at: DateTime<Utc>,
    /// The next step, from 0; the number of steps, when all are behind.
    pub(super) step: usize,
    /// When the ladder alone would have that step.
    step_at: DateTime<Utc>,
    /// Technical retries so far. They are given once a case, whatever happens in between.
    technical: usize,
    /// Since when the ladder's clock stands still: technical retries, staff's work, a hold.
    off_since: Option<DateTime<Utc>>,
    /// What declines have taught, card by card.
    cards: BTreeMap<CardMark, Standing>,
    /// What the primary method's last decline meant.
    class: Option<DeclineClass>,
    /// The primary method when the last attempt was ordered. Another one since is tried after that.
    #[serde(default)]
    pub(super) ordered_beside: Option<CardMark>,
    /// When the payer withdrew consent to the whole agreement: no card that was agreed to before is
    /// charged any more (RULES §1, `STOP_MANDATE`).
    stopped_at: Option<DateTime<Utc>>,
    pub(super) access: AccessLevel,
    pub(super) last_mail_at: Option<DateTime<Utc>>,
    /// The version of the rules by which it was last decided.
    pub(super) rule_version: String,
}

/// A retry's earliest time, with its bounds; or why there is none.
type Earliest = Result<(DateTime<Utc>, Vec<Reason>), Reason>;

impl Track {
    pub(super) fn new(ladder: Ladder, around: &Circumstances<'_>) -> Self {
        let access = match ladder.steps()[0].access {
            AccessLevel::Full => AccessLevel::Full,
            AccessLevel::Grace | AccessLevel::None => AccessLevel::Grace,
        };
        let (cards, stopped_at) = taught(around);
        Self {
            opened_at: around.now,
            ends_at: around.now + ladder.longest(),
            step: 0,
            step_at: around.now + ladder.gap(0, around.seed),
            technical: 0,
            off_since: None,
            cards,
            class: None,
            ordered_beside: None,
            stopped_at,
            access,
            last_mail_at: None,
            rule_version: around.rules.version().to_owned(),
            ladder,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.step >= self.ladder.steps().len()
    }

    /// Whether `turn` tries `card` by itself once more. A card that was just stored is tried because a person is
    /// behind it, as is what they ask for; but one that was refused before is not new (RULES RET-2).
    pub(super) fn is_retry(&self, turn: Turn, card: CardMark) -> bool {
        match turn {
            Turn::Step(_) | Turn::Technical(_) => true,
            Turn::NewMethod => self.cards.get(&card).is_some_and(|known| known.class().is_some()),
            Turn::Asked => false,
        }
    }

    /// The record of `card`, begun if there is none yet.
    pub(super) fn record(&mut self, card: CardMark) -> &mut Standing {
        self.cards.entry(card).or_default()
    }

    /// Learns what a decline of the method `method`, which was `card`, says of it.
    pub(super) fn learn(
        &mut self,
        decline: &Decline,
        method: Method,
        card: CardMark,
        around: &Circumstances<'_>,
    ) {
        if method == Method::Primary {
            self.class = Some(decline.class);
        }
        let remedy = around.rules.remedy(decline.class);
        self.record(card).declined(decline, remedy, around.now);
        if self.record(card).bar().is_some_and(|bar| bar.reach == Reach::Agreement) {
            self.stopped_at = Some(around.now);
        }
    }

    /// Another card is the primary method from now on. What its own declines have taught is known: nobody waits
    /// any more for the mending of a set-up that refused it before another one was tried.
    pub(super) fn replace_primary(&mut self, around: &Circumstances<'_>) {
        self.class = self.standing(Method::Primary, around).and_then(Standing::class);
        if self.waits_for_mending(around) {
            let class = self.class();
            self.record(around.primary.card).barred(class, Reach::ThisInvoice);
        }
    }

    /// Whether the primary method was refused last for a set-up that staff must mend.
    pub(super) fn waits_for_mending(&self, around: &Circumstances<'_>) -> bool {
        let class = self.standing(Method::Primary, around).and_then(Standing::class);
        class.is_some_and(|class| around.rules.remedy(class) == Remedy::StaffMustMend)
    }

    /// What forbids to charge `method`, if something does.
    pub(super) fn bar(&self, method: Method, around: &Circumstances<'_>) -> Option<Bar> {
        let own = self.standing(method, around).and_then(Standing::bar);
        let is_agreed_anew =
            self.stopped_at.is_none_or(|at| around.facts(method).consented_at > at);
        match own.filter(|bar| bar.reach != Reach::Agreement) {
            Some(bar) => Some(bar),
            None if is_agreed_anew => None,
            None => Some(Bar { class: DeclineClass::StopMandate, reach: Reach::Agreement }),
        }
    }

    /// Whether the declines of `method` allow no more automatic retries.
    pub(super) fn is_spent(&self, method: Method, around: &Circumstances<'_>) -> bool {
        self.standing(method, around).is_some_and(Standing::is_spent)
    }

    /// Leaves the present step behind, with its access; tells its mail.
    pub(super) fn pass_step(&mut self, around: &Circumstances<'_>) -> Option<StepMail> {
        let step = *self.ladder.steps().get(self.step)?;
        self.access = self.access.min(step.access);
        self.step += 1;
        if !self.is_at_end() {
            self.step_at = around.now + self.ladder.gap(self.step, around.seed);
        }
        step.mail
    }

    /// The earliest that the ladder closes access, if its present step comes at `next_at` and fails,
    /// and so do all that follow. Never, if even its end leaves access open.
    pub(super) fn closes_at(
        &self,
        next_at: DateTime<Utc>,
        seed: Option<u64>,
    ) -> Option<DateTime<Utc>> {
        let end = match self.ladder.final_action() {
            FinalAction::Cancel | FinalAction::MarkUnpaid => self.steps_from(next_at, seed).last(),
            FinalAction::WriteOff => None,
        };
        self.steps_from(next_at, seed)
            .find(|(_, step)| step.access == AccessLevel::None)
            .or(end)
            .map(|(at, _)| at)
    }

    /// The earliest that the ladder cancels the subscription, as [`Track::closes_at`] has it. Never, if
    /// its end is another.
    pub(super) fn cancels_at(
        &self,
        next_at: DateTime<Utc>,
        seed: Option<u64>,
    ) -> Option<DateTime<Utc>> {
        match self.ladder.final_action() {
            FinalAction::Cancel => self.steps_from(next_at, seed).last().map(|(at, _)| at),
            FinalAction::MarkUnpaid | FinalAction::WriteOff => None,
        }
    }

    /// The steps to come, if the present one comes at `next_at`: as soon as they may, where the case's `seed` is
    /// not at hand.
    fn steps_from(
        &self,
        next_at: DateTime<Utc>,
        seed: Option<u64>,
    ) -> impl Iterator<Item = (DateTime<Utc>, &Step)> {
        let mut at = next_at;
        self.ladder.steps().iter().enumerate().skip(self.step).map(move |(number, step)| {
            if number > self.step {
                at += match seed {
                    Some(seed) => self.ladder.gap(number, seed),
                    None => self.ladder.shortest_gap(number),
                };
            }
            (at, step)
        })
    }

    /// Stops the ladder's clock.
    pub(super) fn stop_clock(&mut self, now: DateTime<Utc>) {
        self.off_since.get_or_insert(now);
    }

    /// Sets the ladder's clock going again after an attempt outside it. If it stood still, the
    /// present step's gap begins anew; else the step keeps its time, but not within a day.
    pub(super) fn rejoin(&mut self, around: &Circumstances<'_>) {
        if self.is_at_end() {
            return;
        }
        if self.start_clock(around.now) {
            self.step_at = around.now + self.ladder.gap(self.step, around.seed);
        }
        self.step_at = self.step_at.max(around.now + around.rules.mail_spacing());
    }

    /// Sets the ladder's clock going again; whether it stood still.
    pub(super) fn start_clock(&mut self, now: DateTime<Utc>) -> bool {
        let Some(since) = self.off_since.take() else { return false };
        self.ends_at += now - since;
        true
    }

    /// When the next technical retry of `method` comes, if there is one left and it can come.
    pub(super) fn plan_technical(
        &mut self,
        method: Method,
        hours: [u32; 3],
        around: &Circumstances<'_>,
        reasons: &mut Vec<Reason>,
    ) -> Option<CaseState> {
        let gap = TimeDelta::hours((*hours.get(self.technical)?).into());
        match self.earliest(method, around.now + gap, around) {
            Ok((next_at, why)) => {
                reasons.extend(why);
                self.technical += 1;
                self.stop_clock(around.now);
                Some(CaseState::Open { next_at, turn: Turn::Technical(method) })
            }
            Err(why) => {
                reasons.push(why);
                None
            }
        }
    }

    /// When the present step comes, and on which method it tries to collect, if on any.
    pub(super) fn plan_step(
        &self,
        around: &Circumstances<'_>,
        reasons: &mut Vec<Reason>,
    ) -> CaseState {
        let policy = self.step_at.max(around.now);
        for method in self.step_methods(around) {
            match self.earliest(method, policy, around) {
                Ok((next_at, why)) => {
                    reasons.extend(why);
                    return CaseState::Open { next_at, turn: Turn::Step(Some(method)) };
                }
                Err(why) => reasons.push(why),
            }
        }
        // A reminder that is late already does not wait for the next morning.
        let opening = self.ladder.window().clamp(self.step_at, around.zone);
        reasons.push(Reason::PolicyTime(self.step_at));
        if opening > self.step_at {
            reasons.push(Reason::SendWindow(opening));
        }
        let next_at = opening.max(around.now);
        if self.bar(Method::Primary, around).is_some() {
            CaseState::WaitingForCustomer { next_at }
        } else {
            CaseState::Open { next_at, turn: Turn::Step(None) }
        }
    }

    /// The methods that the present step would try, best first.
    fn step_methods(&self, around: &Circumstances<'_>) -> Vec<Method> {
        let Some(step) = self.ladder.steps().get(self.step) else { return Vec::new() };
        let is_backup_wanted =
            step.try_backup && self.ladder.tries_backup_method() && around.backup.is_some();
        let backup = is_backup_wanted.then_some(Method::Backup);
        backup.into_iter().chain(step.retry.then_some(Method::Primary)).collect()
    }

    /// The earliest time of an automatic retry on `method`, not before `policy`: the latest of
    /// every bound (RULES RET-4).
    pub(super) fn earliest(
        &self,
        method: Method,
        policy: DateTime<Utc>,
        around: &Circumstances<'_>,
    ) -> Earliest {
        let standing = self.standing(method, around);
        if let Some(bar) = self.bar(method, around) {
            return Err(Reason::MethodBarred(method, bar.class));
        }
        if self.is_spent(method, around) {
            return Err(Reason::RetriesSpent(method));
        }
        let mut reasons = vec![Reason::PolicyTime(policy)];
        let mut at = policy.max(around.now);
        if let Some(wait) = standing.and_then(Standing::wait_until) {
            reasons.push(Reason::AdviceWait(wait));
            at = at.max(wait);
        }
        if let Some(notice) = around.not_before {
            reasons.push(Reason::NoticeOrLeadTime(notice));
            at = at.max(notice);
        }
        at = match network_frees(method, around, at) {
            When::Now => at,
            When::At(free) => {
                reasons.push(Reason::NetworkWindow(free));
                at.max(free)
            }
            When::Never => return Err(Reason::NetworkCapSpent(method)),
        };
        let opening = self.ladder.window().clamp(at, around.zone);
        if opening > at {
            reasons.push(Reason::SendWindow(opening));
            at = opening;
        }
        // A debit's last day may pass while its payer sleeps.
        if network_frees(method, around, at) == When::Never {
            return Err(Reason::NetworkCapSpent(method));
        }
        if at > self.ends_at {
            return Err(Reason::PastLadderEnd(method, at));
        }
        Ok((at, reasons))
    }

    /// The earliest time of an attempt on the primary method that a person asked for: advice,
    /// notices and the network bind them too, the ladder and the payer's hours do not.
    pub(super) fn earliest_asked(&self, around: &Circumstances<'_>) -> When {
        let mut at = around.now;
        let standing = self.standing(Method::Primary, around);
        at = at.max(standing.and_then(Standing::wait_until).unwrap_or(at));
        at = at.max(around.not_before.unwrap_or(at));
        let bound = if at > around.now { When::At(at) } else { When::Now };
        bound.later(network_frees(Method::Primary, around, at))
    }

    /// What a step's mail is called, given why the money does not come.
    pub(super) fn step_mail_kind(&self, mail: StepMail) -> DunningMail {
        match mail {
            StepMail::Reminder => asking_mail(self.class()),
            StepMail::FinalWarning => DunningMail::FinalWarning,
            StepMail::Suspended => DunningMail::Suspended,
        }
    }

    /// A mail of this case, at a distance from the one before, of whatever case (RULES EML-5).
    pub(super) fn mail(&mut self, kind: DunningMail, around: &Circumstances<'_>) -> DueMail {
        let last = self.last_mail_at.max(around.last_mail_at);
        let spaced = last.map(|last| last + around.rules.mail_spacing());
        let at = spaced.map_or(around.now, |spaced| spaced.max(around.now));
        self.last_mail_at = Some(at);
        DueMail { kind, class: self.class(), at }
    }

    /// What the primary method's last decline meant.
    pub(super) fn class(&self) -> DeclineClass {
        self.class.unwrap_or(DeclineClass::Generic)
    }

    fn standing(&self, method: Method, around: &Circumstances<'_>) -> Option<&Standing> {
        self.cards.get(&around.facts(method).card)
    }
}

impl<'a> Circumstances<'a> {
    /// What is known of `method`; of the primary one, if the customer has no backup any more.
    pub(super) fn facts(&self, method: Method) -> MethodFacts<'a> {
        match method {
            Method::Primary => self.primary,
            Method::Backup => self.backup.unwrap_or(self.primary),
        }
    }
}

/// What the invoice's declines have taught before its case begins, card by card, and when the payer last withdrew
/// consent to the agreement. Money that was taken back makes a second case, in which the first one's answers bind.
fn taught(around: &Circumstances<'_>) -> (BTreeMap<CardMark, Standing>, Option<DateTime<Utc>>) {
    let mut by_card: BTreeMap<CardMark, Vec<&Attempt>> = BTreeMap::new();
    for attempt in around.attempts {
        if let Some(credential) = &attempt.credential {
            by_card.entry(credential.card).or_default().push(attempt);
        }
    }
    let stops = |attempt: &&Attempt| {
        let bar = Standing::after([*attempt], around.rules).bar();
        bar.is_some_and(|bar| bar.reach == Reach::Agreement)
    };
    let stopped_at = around.attempts.iter().filter(stops).filter_map(|a| a.settled_at).max();
    let standing = |attempts| Standing::after(attempts, around.rules);
    (by_card.into_iter().map(|(card, tries)| (card, standing(tries))).collect(), stopped_at)
}

/// The mail that asks for what would help against a decline of `class`.
pub(super) fn asking_mail(class: DeclineClass) -> DunningMail {
    match class {
        DeclineClass::Never | DeclineClass::StopMandate | DeclineClass::FixData => {
            DunningMail::CardNeedsReplacing
        }
        DeclineClass::NeedsSca => DunningMail::AuthenticationNeeded,
        DeclineClass::Generic
        | DeclineClass::WaitIssuer
        | DeclineClass::WaitFunds
        | DeclineClass::HoldRisk
        | DeclineClass::Config => DunningMail::PaymentFailed,
    }
}

fn network_frees(method: Method, around: &Circumstances<'_>, at: DateTime<Utc>) -> When {
    let facts = around.facts(method);
    let planned = Planned { amount: around.amount, initiator: Initiator::Merchant };
    free_at(facts.history, planned, around.rules.limits(facts.network), at)
}
