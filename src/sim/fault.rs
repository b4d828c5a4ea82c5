//! The kinds of fault, how likely each is in the world of one seed, and how often each happened.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::dice::{Dice, PerMille};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal up to $most:literal;)*) => {
        /// Something that goes wrong in the world.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in figures and stories.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// How likely it is at most, each time that it could happen.
            const fn most(self) -> PerMille {
                match self {
                    $(Self::$name => $most,)*
                }
            }
        }
    };
}

faults! {
    /// The order never arrives; the caller hears nothing.
    RequestLost = "request_lost" up to 60;
    /// The order is carried out; its reply never arrives.
    ReplyLost = "reply_lost" up to 60;
    /// The order is carried out after its caller has given up.
    ReplyLate = "reply_late" up to 60;
    /// Nobody learns how the charge stands until its key is forgotten.
    ReplyAfterKeyExpired = "reply_after_key_expired" up to 30;
    /// The network delivers one order twice, to a gateway that does not answer the same again.
    DeliveredTwice = "delivered_twice" up to 150;
    /// A server error, and the order is carried out.
    ServerErrorExecuted = "server_error_executed" up to 60;
    /// A server error, and the order is not carried out.
    ServerErrorNotExecuted = "server_error_not_executed" up to 60;
    /// No byte of a call leaves: the gateway's name is not known, or nobody is there.
    NeverLeft = "never_left" up to 60;
    /// The gateway refuses our credentials: nothing is done until a person has seen to it.
    CredentialsRefused = "credentials_refused" up to 10;
    /// The gateway refuses an order before it tries it: nothing is done until a person has seen to it.
    OrderRefused = "order_refused" up to 10;
    /// The gateway asks to slow down.
    RateLimited = "rate_limited" up to 60;
    /// A success that cannot be read.
    MalformedReply = "malformed_reply" up to 60;
    /// The reply tells another amount than was taken.
    WrongAmount = "wrong_amount" up to 40;
    /// The gateway has forgotten a key before its time when its order is asked after, or sent again.
    KeyForgotten = "key_forgotten" up to 900;
    /// A look-up does not see yet what is there.
    StaleLookup = "stale_lookup" up to 500;
    /// A look-up gets no answer.
    LookupDown = "lookup_down" up to 300;
    /// A webhook never comes.
    WebhookLost = "webhook_lost" up to 300;
    /// A webhook comes twice.
    WebhookTwice = "webhook_twice" up to 200;
    /// A webhook is overtaken by later ones.
    WebhookReordered = "webhook_reordered" up to 600;
    /// A webhook comes days later.
    WebhookDelayed = "webhook_delayed" up to 100;
    /// Someone else sends a webhook that tells of money, and lies.
    WebhookForged = "webhook_forged" up to 50;
    /// A webhook comes to the wrong account, or speaks of another account's charge, and lies.
    WebhookMisdirected = "webhook_misdirected" up to 50;
    /// The process dies before it commits.
    CrashBeforeCommit = "crash_before_commit" up to 8;
    /// The process dies when it has committed and not yet sent.
    CrashBeforeSend = "crash_before_send" up to 15;
    /// The process dies when it has sent and not yet recorded.
    CrashBeforeRecord = "crash_before_record" up to 15;
    /// The process stands still until others take it for dead, and goes on.
    Paused = "paused_past_lease" up to 15;
    /// Another worker comes along in the middle of a job.
    TwoWorkers = "two_workers" up to 20;
    /// The machine's clock jumps forward.
    ClockForward = "clock_forward" up to 6;
    /// The machine's clock jumps back.
    ClockBack = "clock_back" up to 6;
    /// The machine's clock is an hour off after a change of summer time.
    ClockAcrossDst = "clock_across_dst" up to 1_000;
    /// The database is busy, or two transactions cannot be put in order.
    DatabaseBusy = "database_busy" up to 15;
    /// The disk is full when a transaction is to be committed.
    DiskFull = "disk_full" up to 10;
    /// A transaction is committed, and its caller hears that it failed.
    CommitUnheard = "commit_unheard" up to 10;
    /// An address takes no mail.
    MailBounced = "mail_bounced" up to 15;
    /// The mail server does not answer in time; the mail may have gone.
    MailTimeout = "mail_timeout" up to 150;
    /// A payer's bank takes back what was paid.
    Chargeback = "chargeback" up to 30;
    /// Somebody refunds a charge in the gateway's own dashboard.
    RefundedAtGateway = "refunded_at_gateway" up to 30;
    /// A declined charge takes the money after all.
    LateSuccess = "late_success" up to 80;
}

/// Of a thousand worlds, in how many at least no clock is ever wrong.
const RIGHT_CLOCKS: PerMille = 300;

impl Fault {
    /// Those that set the machine's clock wrong.
    pub(super) const OF_CLOCKS: [Self; 3] =
        [Self::ClockForward, Self::ClockBack, Self::ClockAcrossDst];
    /// Those by which a process dies.
    pub(super) const OF_CRASHES: [Self; 3] =
        [Self::CrashBeforeCommit, Self::CrashBeforeSend, Self::CrashBeforeRecord];

    const fn index(self) -> usize {
        self as usize
    }

    /// Whether the database is in trouble: then what a process did may not be recorded, though it goes on.
    pub(super) const fn is_of_database(self) -> bool {
        matches!(self, Self::DatabaseBusy | Self::DiskFull | Self::CommitUnheard)
    }
}

/// The faults of one world.
#[derive(Debug)]
pub(super) struct Faults {
    rates: Vec<PerMille>,
    fired: Vec<AtomicU64>,
    calm: AtomicBool,
}

impl Faults {
    /// Draws how likely each is; about a third of them never happen in this world, so that each is
    /// seen without the others too.
    pub(super) fn drawn(dice: &Dice) -> Self {
        let rate = |fault: &Fault| {
            let is_off = dice.says(350);
            let rate = dice.between(1, i64::from(fault.most()));
            if is_off { 0 } else { u32::try_from(rate).unwrap_or_default() }
        };
        let mut rates: Vec<_> = Fault::ALL.iter().map(rate).collect();
        // What hangs on a key of a few hours can only be told where clocks are right.
        if dice.says(RIGHT_CLOCKS) {
            for fault in Fault::OF_CLOCKS {
                rates[fault.index()] = 0;
            }
        }
        Self {
            rates,
            fired: Fault::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            calm: AtomicBool::new(false),
        }
    }

    /// Whether `fault` can happen in this world at all.
    pub(super) fn can(&self, fault: Fault) -> bool {
        self.rates[fault.index()] > 0
    }

    /// Whether `fault` happens now. Then it counts.
    pub(super) fn strikes(&self, fault: Fault, dice: &Dice) -> bool {
        let strikes = self.threatens(fault, dice);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// Whether `fault` may be met from now on. It counts when somebody meets it.
    pub(super) fn threatens(&self, fault: Fault, dice: &Dice) -> bool {
        !self.calm.load(Ordering::Relaxed)
            && self.can(fault)
            && dice.says(self.rates[fault.index()])
    }

    /// Counts `fault`, which somebody has met.
    pub(super) fn count(&self, fault: Fault) {
        self.fired[fault.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// From now on all goes well, or no longer.
    pub(super) fn set_calm(&self, calm: bool) {
        self.calm.store(calm, Ordering::Relaxed);
    }

    /// Whether all goes well.
    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// How often each happened.
    pub(super) fn fired(&self) -> Vec<u64> {
        self.fired.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_happen_in_some_world_and_is_missing_in_another() {
        let worlds: Vec<_> = (0..60).map(|seed| Faults::drawn(&Dice::seeded(seed))).collect();
        for fault in Fault::ALL {
            let count = worlds.iter().filter(|world| world.can(*fault)).count();
            assert!((1..60).contains(&count), "{} in {count} of 60 worlds", fault.name());
        }
    }

    #[test]
    fn nothing_happens_in_a_calm_world() {
        let dice = Dice::seeded(1);
        let faults = Faults::drawn(&dice);
        faults.set_calm(true);
        assert!(!(0..1_000).any(|_| faults.strikes(Fault::ReplyLost, &dice)));
    }
}
