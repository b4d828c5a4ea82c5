//! A payment provider's own books: what it was ordered, what it took and gave back, what it has yet to
//! do and to tell. It shares nothing with Rondo but the words of the gateway port.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    card::{Cards, Verdict},
    charge::{Charge, Ordered, Standing},
    fault::Fault,
    page::Page,
    returns::{Movement, Refund},
    stage::{Mishap, Stage},
    statement::Stranger,
};
use crate::{
    domain::{
        ids::{Id, kind},
        money::Money,
        payment::decline::{Decline, DeclineClass, Network},
    },
    gateway::{
        Capabilities, ChargeOrder, ChargeTrace, Delivery, GatewayError, Idempotency, Initiator,
        Lookup, Outcome, Sighting,
    },
};

/// How long it takes at least until a reply comes that outlives the key.
const SILENT_AT_LEAST: TimeDelta = TimeDelta::hours(24);

pub(super) type AttemptId = Id<kind::Attempt>;

/// What is remembered of an order's key.
#[derive(Debug)]
struct Key {
    charge: usize,
    until: DateTime<Utc>,
    /// How long it was to be remembered.
    due_until: DateTime<Utc>,
    /// Whether nobody can be about to send the order again who has not heard of the charge.
    is_firm: bool,
    /// What was answered first; nothing readable, if that was an error.
    first: Option<Outcome>,
}

/// Something that is still to happen.
#[derive(Debug, Clone)]
pub(super) enum Coming {
    /// An order arrives whose caller has long given up; at this very instant, however coarse time is.
    Order(DateTime<Utc>, Box<ChargeOrder>),
    /// A charge takes the money.
    Capture(usize),
    /// A charge is refused.
    Refuse(usize, Box<Decline>),
    /// A payer comes to a page.
    Visit(usize),
    /// A payer's bank takes a charge back.
    TakeBack(usize),
    /// A bank gives a charge again.
    Reinstate(usize),
    /// Somebody refunds a charge in the dashboard.
    RefundHere(usize),
    /// A refund arrives.
    Refunded(Id<kind::Refund>),
    /// A refund comes back.
    RefundFails(Id<kind::Refund>),
    /// A webhook arrives, at the account of this name.
    Webhook(&'static str, Delivery),
}

/// One account's books.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: &'static str,
    /// Where webhooks go that lose their way.
    pub(super) other: &'static str,
    pub(super) capabilities: Capabilities,
    /// Whether it says of money that goes back which attempt brought it. Stripe names the charge alone.
    pub(super) names_attempts: bool,
    pub(super) charges: Vec<Charge>,
    /// What somebody else has charged through this account.
    pub(super) strangers: Vec<Stranger>,
    by_attempt: BTreeMap<AttemptId, Vec<usize>>,
    keys: BTreeMap<AttemptId, Key>,
    pub(super) pages: Vec<Page>,
    pub(super) refunds: BTreeMap<Id<kind::Refund>, Refund>,
    pub(super) cards: Cards,
    pub(super) movements: Vec<Movement>,
    /// When the news of an object arrives that later news of it may overtake.
    pub(super) held_back: BTreeMap<String, DateTime<Utc>>,
    coming: BTreeMap<(DateTime<Utc>, u64), Coming>,
    numbered: u64,
}

impl Provider {
    pub(super) fn new(
        name: &'static str,
        other: &'static str,
        capabilities: Capabilities,
        names_attempts: bool,
    ) -> Self {
        Self {
            name,
            other,
            capabilities,
            names_attempts,
            charges: Vec::new(),
            strangers: Vec::new(),
            by_attempt: BTreeMap::new(),
            keys: BTreeMap::new(),
            pages: Vec::new(),
            refunds: BTreeMap::new(),
            cards: Cards::of(name),
            movements: Vec::new(),
            held_back: BTreeMap::new(),
            coming: BTreeMap::new(),
            numbered: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// A name of its own for an object of this account.
    pub(super) fn name_for(&mut self, what: &str) -> String {
        let number = self.number();
        format!("{what}_{}_{number}", self.name)
    }

    pub(super) fn plan(&mut self, at: DateTime<Utc>, what: Coming) {
        let number = self.number();
        self.coming.insert((at, number), what);
    }

    /// When something happens next.
    pub(super) fn next_at(&self) -> Option<DateTime<Utc>> {
        self.coming.keys().next().map(|(at, _)| *at)
    }

    /// Takes what happens next, if its time has come.
    pub(super) fn take_coming(&mut self, now: DateTime<Utc>) -> Option<Coming> {
        let first = self.coming.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Carries out an order that arrives late.
    pub(super) fn order_late(&mut self, at: DateTime<Utc>, order: &ChargeOrder) {
        self.plan(at, Coming::Order(at, Box::new(order.clone())));
    }

    /// Carries out an order that arrives at `at`, or tells again what came of it.
    pub(super) fn charge(
        &mut self,
        order: &ChargeOrder,
        at: DateTime<Utc>,
        stage: &Stage,
        errs: bool,
    ) -> Result<Outcome, GatewayError> {
        let now = stage.truth();
        if let Some(again) = self.repeated(order.attempt, at) {
            return again;
        }
        self.key_was_gone(order.attempt, stage);
        let verdict = self.cards.answer(&order.method_token, &stage.dice, now);
        let ordered = self.ordered(&order.method_token, order.initiator);
        let number = self.open((order.attempt, order.invoice), (order.amount, ordered), now);
        self.hide(number, stage);
        let standing = match verdict {
            Verdict::Approved(advice) => {
                self.charges[number].advice = advice;
                Standing::Captured
            }
            Verdict::Declined(decline) => Standing::Declined(decline),
            Verdict::Challenge => {
                if stage.dice.says(500) {
                    let at = now + TimeDelta::minutes(stage.dice.between(2, 2_000));
                    self.plan(at, Coming::Capture(number));
                }
                Standing::Waiting
            }
            Verdict::Later(wait, None) => {
                self.plan(now + wait, Coming::Capture(number));
                Standing::Pending
            }
            Verdict::Later(wait, Some(decline)) => {
                self.plan(now + wait, Coming::Refuse(number, decline));
                Standing::Pending
            }
        };
        self.charges[number].come_to(standing, now);
        self.settled(number, stage);
        let charge = &self.charges[number];
        let outcome = charge.outcome();
        let due_until = self.key_until(charge);
        let key = Key {
            charge: number,
            until: self.key_gone(charge, due_until, stage),
            due_until,
            is_firm: at == now && charge.seen_from == now,
            first: (!errs).then(|| outcome.clone()),
        };
        self.keys.insert(order.attempt, key);
        if charge.silent_until > now {
            return Err(unknown("the connection was reset"));
        }
        Ok(outcome)
    }

    /// What comes of an order that was just carried out, with this answer, and arrives once more; the answer that
    /// its caller gets. Where one is answered like the other, there is nothing in it.
    pub(super) fn once_more(
        &mut self,
        order: &ChargeOrder,
        answer: Result<Outcome, GatewayError>,
        stage: &Stage,
    ) -> Result<Outcome, GatewayError> {
        match self.capabilities.idempotency {
            Idempotency::UniqueReference | Idempotency::DuplicateWindow { .. } => {
                if answer.is_ok() && stage.strikes(Fault::DeliveredTwice) {
                    return self.charge(order, stage.truth(), stage, false);
                }
            }
            // Nobody could ever learn of the second one where there is no list.
            Idempotency::None if self.capabilities.has_statement => {
                if matches!(answer, Ok(Outcome::Paid(_))) && stage.strikes(Fault::DeliveredTwice) {
                    self.takes_again(order, stage);
                }
            }
            Idempotency::FrozenReplay { .. }
            | Idempotency::LatestState { .. }
            | Idempotency::ClientNamed
            | Idempotency::None => {}
        }
        answer
    }

    /// Takes the money of one order a second time.
    fn takes_again(&mut self, order: &ChargeOrder, stage: &Stage) {
        let now = stage.truth();
        let ordered = self.ordered(&order.method_token, order.initiator);
        let number = self.open((order.attempt, order.invoice), (order.amount, ordered), now);
        self.charges[number].come_to(Standing::Captured, now);
        stage.note(format_args!("{}: {}", self.name, self.charges[number]));
        self.tell(number, stage);
    }

    /// What a second order under the same key gets.
    fn repeated(
        &self,
        attempt: AttemptId,
        now: DateTime<Utc>,
    ) -> Option<Result<Outcome, GatewayError>> {
        let key = self.keys.get(&attempt)?;
        let charge = &self.charges[key.charge];
        if self.capabilities.idempotency == Idempotency::UniqueReference {
            return Some(Err(unknown("a charge with this reference exists")));
        }
        if now >= key.until {
            return None;
        }
        if charge.silent_until > now {
            return Some(Err(unknown("the first call is still being answered")));
        }
        match self.capabilities.idempotency {
            Idempotency::FrozenReplay { .. } => {
                Some(key.first.clone().ok_or_else(|| unknown("the same server error again")))
            }
            Idempotency::LatestState { .. } | Idempotency::ClientNamed => {
                Some(Ok(charge.outcome()))
            }
            Idempotency::DuplicateWindow { .. } => {
                Some(Err(unknown("it looks like the one before")))
            }
            Idempotency::UniqueReference | Idempotency::None => None,
        }
    }

    /// Answers an order that was carried out as if it were the repeat of its own charge, and look-ups too until
    /// `until`.
    pub(super) fn take_for_a_repeat(
        &mut self,
        attempt: AttemptId,
        until: DateTime<Utc>,
    ) -> Option<Outcome> {
        let number = *self.by_attempt.get(&attempt)?.last()?;
        self.charges[number].a_repeat_until = until;
        Some(self.charges[number].taken_for_a_repeat())
    }

    /// Until when the key is to be remembered.
    fn key_until(&self, charge: &Charge) -> DateTime<Utc> {
        let ttl = match self.capabilities.idempotency {
            Idempotency::FrozenReplay { ttl } | Idempotency::LatestState { ttl } => ttl,
            Idempotency::ClientNamed | Idempotency::UniqueReference => {
                return DateTime::<Utc>::MAX_UTC;
            }
            Idempotency::DuplicateWindow { window } => window,
            Idempotency::None => return charge.made_at,
        };
        charge.made_at + TimeDelta::from_std(ttl).unwrap_or_default()
    }

    /// When the key is forgotten. What is forgotten early can be looked up before; where there is no look-up,
    /// nobody could help it.
    fn key_gone(&self, charge: &Charge, due: DateTime<Utc>, stage: &Stage) -> DateTime<Utc> {
        let is_known = charge.silent_until == charge.made_at && self.can_find(None);
        if self.key_life().is_some() && is_known && stage.threatens(Fault::KeyForgotten) {
            return due.min(charge.seen_from + TimeDelta::minutes(stage.dice.between(301, 360)));
        }
        due
    }

    /// Counts a key that is gone before its time, when its order comes again or is asked after.
    fn key_was_gone(&mut self, attempt: AttemptId, stage: &Stage) {
        let now = stage.truth();
        if let Some(key) = self.keys.get_mut(&attempt)
            && (key.until..key.due_until).contains(&now)
        {
            // Once.
            key.due_until = key.until;
            stage.meets(Fault::KeyForgotten);
        }
    }

    /// Somebody asks after a charge: they may not see yet that it is there, nor does its key live on for sure when
    /// they have seen it.
    pub(super) fn is_asked_after(&mut self, attempt: AttemptId, stage: &Stage) {
        let now = stage.truth();
        let charges = self.by_attempt.get(&attempt).into_iter().flatten();
        if charges.clone().any(|number| self.charges[*number].seen_from > now) {
            stage.meets(Fault::StaleLookup);
            return;
        }
        self.key_was_gone(attempt, stage);
        // Nor can anybody help what left before, and arrives when its key is forgotten.
        let is_it =
            |coming: &Coming| matches!(coming, Coming::Order(_, order) if order.attempt == attempt);
        let is_on_its_way = || self.coming.values().any(is_it);
        let has_keys = self.key_life().is_some() && self.can_find(None) && !stage.has_sleepers();
        if let Some(key) = self.keys.get_mut(&attempt)
            && has_keys
            && key.is_firm
            && now < key.until
            && self.charges[key.charge].silent_until <= now
            && !is_on_its_way()
            && stage.threatens(Fault::KeyForgotten)
        {
            (key.until, key.due_until) = (now, now);
            stage.meets(Fault::KeyForgotten);
        }
    }

    /// How long a key of its lives, where keys end.
    pub(super) fn key_life(&self) -> Option<TimeDelta> {
        match self.capabilities.idempotency {
            Idempotency::FrozenReplay { ttl } | Idempotency::LatestState { ttl } => {
                TimeDelta::from_std(ttl).ok()
            }
            Idempotency::ClientNamed
            | Idempotency::UniqueReference
            | Idempotency::DuplicateWindow { .. }
            | Idempotency::None => None,
        }
    }

    /// Decides what is seen of a new charge, and when.
    fn hide(&mut self, number: usize, stage: &Stage) {
        let now = stage.truth();
        let life = self.key_life();
        let has_short_keys = life.is_some_and(|life| life < TimeDelta::hours(24));
        // As long a silence where keys live on is the same to bear, and not this fault.
        let is_silent = if life.is_some_and(|life| life <= SILENT_AT_LEAST) {
            stage.strikes(Fault::ReplyAfterKeyExpired)
        } else {
            stage.threatens(Fault::ReplyAfterKeyExpired)
        };
        let charge = &mut self.charges[number];
        if is_silent {
            let more = TimeDelta::hours(stage.dice.between(0, 6));
            charge.silent_until = now + SILENT_AT_LEAST + more;
        } else if stage.threatens(Fault::StaleLookup) {
            // Shorter than what an absence must have lasted to prove anything, and than any sleep before a call.
            let (least, most) = if has_short_keys && stage.dice.says(500) {
                // Longer than the key lives.
                (8 * 60, 18 * 60)
            } else if stage.dice.says(250) {
                (1, 18 * 60)
            } else {
                (1, 5 * 60)
            };
            charge.seen_from = now + TimeDelta::minutes(stage.dice.between(least, most));
        }
    }

    /// An order to charge what `token` stands for.
    pub(super) fn ordered(&self, token: &str, initiator: Initiator) -> Ordered {
        let network = self.cards.network(token).unwrap_or(Network::Other);
        Ordered { token: token.to_owned(), network, initiator }
    }

    pub(super) fn open(
        &mut self,
        whose: (AttemptId, Id<kind::Invoice>),
        what: (Money, Ordered),
        now: DateTime<Utc>,
    ) -> usize {
        let reference = self.name_for("ch");
        let number = self.charges.len();
        self.charges.push(Charge::begun(self.name, reference, whose, what, now));
        self.by_attempt.entry(whose.0).or_default().push(number);
        number
    }

    /// What follows when a charge has come to stand where it does.
    pub(super) fn settled(&mut self, number: usize, stage: &Stage) {
        let now = stage.truth();
        let charge = &self.charges[number];
        stage.note(format_args!("{}: {charge}", self.name));
        let is_declined = matches!(charge.standing, Standing::Declined(_));
        let can_turn = is_declined && self.capabilities.late_success;
        if can_turn && stage.strikes(Fault::LateSuccess) {
            let at = now + TimeDelta::minutes(stage.dice.between(30, 20 * 24 * 60));
            self.plan(at, Coming::Capture(number));
        }
        let is_told = match self.charges[number].standing {
            Standing::Captured | Standing::Pending => true,
            Standing::Declined(_) => self.capabilities.webhooks_cover_declines,
            Standing::Waiting | Standing::Ended => false,
        };
        self.may_be_lied_about(number, stage);
        if is_told {
            self.tell(number, stage);
        }
        if self.charges[number].standing == Standing::Captured {
            self.may_go_back(number, stage);
        }
        self.may_be_used_by_another(number, stage);
    }

    /// Lets come what was to come.
    pub(super) fn happen(&mut self, coming: Coming, stage: &Stage) {
        match coming {
            Coming::Order(at, order) => {
                // Nobody hears the answer.
                let _ = self.charge(&order, at, stage, false);
            }
            Coming::Capture(number) => {
                let charge = &mut self.charges[number];
                if !matches!(charge.standing, Standing::Captured | Standing::Ended) {
                    charge.come_to(Standing::Captured, stage.truth());
                    self.settled(number, stage);
                }
            }
            Coming::Refuse(number, decline) => {
                self.charges[number].come_to(Standing::Declined(decline), stage.truth());
                self.settled(number, stage);
            }
            Coming::Visit(page) => self.visit(page, stage),
            Coming::TakeBack(number) => self.take_back(number, stage),
            Coming::Reinstate(number) => self.reinstate(number, stage),
            Coming::RefundHere(number) => self.refund_here(number, stage),
            Coming::Refunded(refund) => self.refund_arrives(refund, stage),
            Coming::RefundFails(refund) => self.refund_fails(refund, stage),
            // The world brings them there.
            Coming::Webhook(..) => {}
        }
    }

    /// Whether an attempt can be looked up of which so much is known.
    pub(super) const fn can_find(&self, reference: Option<&str>) -> bool {
        match self.capabilities.lookup {
            Lookup::ByReference | Lookup::ByReferenceEventually { .. } => true,
            Lookup::ById => reference.is_some(),
            Lookup::None => false,
        }
    }

    /// How the charge of an attempt stands, as far as a look-up sees.
    pub(super) fn find(
        &self,
        trace: &ChargeTrace,
        now: DateTime<Utc>,
    ) -> Result<Sighting, GatewayError> {
        // Without a reference of its own it goes through the list of what was made since then.
        let is_listed =
            |charge: &&Charge| trace.reference.is_some() || charge.made_at >= trace.not_before;
        let charges = self.by_attempt.get(&trace.attempt).into_iter().flatten();
        let charges: Vec<_> =
            charges.map(|number| &self.charges[*number]).filter(is_listed).collect();
        if charges.iter().any(|charge| charge.silent_until > now) {
            return Err(unknown("the index is being rebuilt"));
        }
        let rank = |charge: &&&Charge| match charge.standing {
            Standing::Captured => 3,
            Standing::Pending => 2,
            Standing::Waiting => 1,
            Standing::Declined(_) | Standing::Ended => 0,
        };
        let best = charges.iter().filter(|charge| charge.seen_from <= now).max_by_key(rank);
        let page = self.pages.iter().find(|page| page.attempt == trace.attempt);
        Ok(match (best, page) {
            (Some(charge), _) if charge.a_repeat_until > now => {
                Sighting::Found(charge.taken_for_a_repeat())
            }
            (Some(charge), page) if rank(&charge) > 0 || page.is_none_or(|page| !page.is_open) => {
                Sighting::Found(charge.outcome())
            }
            (_, Some(page)) if page.is_open => Sighting::Found(Outcome::ActionRequired {
                reference: page.reference.clone(),
                url: Some(self.address(&page.reference)),
            }),
            (_, Some(page)) => Sighting::Found(Outcome::Declined {
                reference: Some(page.reference.clone()),
                decline: Decline::of(DeclineClass::Generic),
            }),
            (_, None) => Sighting::NotFound,
        })
    }

    /// Ends what waits for a payer.
    pub(super) fn cancel(&mut self, attempt: AttemptId, stage: &Stage) {
        for page in self.pages.iter_mut().filter(|page| page.attempt == attempt) {
            page.is_open = false;
        }
        for number in self.by_attempt.get(&attempt).cloned().unwrap_or_default() {
            if self.charges[number].standing == Standing::Waiting {
                self.charges[number].come_to(Standing::Ended, stage.truth());
                self.settled(number, stage);
            }
        }
    }
}

pub(super) fn unknown(why: &'static str) -> GatewayError {
    GatewayError::Unknown(Box::new(Mishap(why)))
}

/// Who set an order off, for the record.
pub(super) const fn who(initiator: Initiator) -> &'static str {
    match initiator {
        Initiator::Customer => "customer",
        Initiator::Merchant => "merchant",
    }
}
