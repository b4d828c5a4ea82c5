//! What must hold of the books at every commit, so that it can be looked up in a live database at any
//! time: for each claim the objects for which it does not hold.

/// A claim about a merchant's data, proven or refuted by one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Each journal sums to nothing in each currency (RULES LED-1).
    Journals,
    /// What the ledger says that an invoice's customer owes is what the invoice says.
    Receivables,
    /// An invoice is paid if, and only if, its payment succeeded.
    Payments,
    /// What the ledger says that an attempt took is its amount if it succeeded, less what was taken back
    /// of it; else nothing.
    Captures,
    /// Nothing was kept that was not owed: what was taken for an invoice and not promised back is what the
    /// invoice says was paid (RULES P-1, CHG-7).
    DoubleCharges,
    /// What attempts say that they pay of an invoice is what the invoice says was paid.
    Applied,
    /// What was taken back of a payment is what was taken back of its attempts.
    Reversals,
    /// What the ledger says that a refund sent back is its amount if it succeeded, else nothing.
    Refunds,
    /// What a payment has promised back is the sum of its refunds, and no more than it brought.
    RefundTotals,
    /// Invoice numbers have no gaps.
    InvoiceNumbers,
    /// Events have no gaps.
    EventSequence,
    /// No two invoices of a subscription bill one day twice.
    Cycles,
    /// What an object names exists.
    Orphans,
    /// A subscription that bills knows when.
    SubscriptionsGoOn,
    /// A payment that is planned knows when, and one that is being collected has an open attempt.
    PaymentsGoOn,
    /// What is owed for a subscription that runs is planned, being collected or in dunning: else nobody would
    /// ever ask for it.
    DebtsGoOn,
    /// An open attempt is in a worker's hands or is asked after (RULES P-2).
    AttemptsGoOn,
    /// A refund under way is sent or asked after.
    RefundsGoOn,
    /// An open dunning case knows its next step, unless it waits for an attempt or for staff.
    CasesGoOn,
    /// A dunning case is open only while its invoice is.
    CasesEnd,
    /// A mail that is to be sent knows when.
    MailsGoOn,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Journals,
        Self::Receivables,
        Self::Payments,
        Self::Captures,
        Self::DoubleCharges,
        Self::Applied,
        Self::Reversals,
        Self::Refunds,
        Self::RefundTotals,
        Self::InvoiceNumbers,
        Self::EventSequence,
        Self::Cycles,
        Self::Orphans,
        Self::SubscriptionsGoOn,
        Self::PaymentsGoOn,
        Self::DebtsGoOn,
        Self::AttemptsGoOn,
        Self::RefundsGoOn,
        Self::CasesGoOn,
        Self::CasesEnd,
        Self::MailsGoOn,
    ];

    /// The name in tables and for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Journals => "journals",
            Self::Receivables => "receivables",
            Self::Payments => "payments",
            Self::Captures => "captures",
            Self::DoubleCharges => "double_charges",
            Self::Applied => "applied",
            Self::Reversals => "reversals",
            Self::Refunds => "refunds",
            Self::RefundTotals => "refund_totals",
            Self::InvoiceNumbers => "invoice_numbers",
            Self::EventSequence => "event_sequence",
            Self::Cycles => "cycles",
            Self::Orphans => "orphans",
            Self::SubscriptionsGoOn => "subscriptions_go_on",
            Self::PaymentsGoOn => "payments_go_on",
            Self::DebtsGoOn => "debts_go_on",
            Self::AttemptsGoOn => "attempts_go_on",
            Self::RefundsGoOn => "refunds_go_on",
            Self::CasesGoOn => "cases_go_on",
            Self::CasesEnd => "cases_end",
            Self::MailsGoOn => "mails_go_on",
        }
    }

    /// What holds, in a sentence for whoever reads the report.
    pub const fn claim(self) -> &'static str {
        match self {
            Self::Journals => "each journal sums to nothing",
            Self::Receivables => "the ledger says what is owed as the invoice does",
            Self::Payments => "an invoice is paid if and only if its payment succeeded",
            Self::Captures => "the ledger says what each attempt took",
            Self::DoubleCharges => "no invoice was paid twice and kept",
            Self::Applied => "an invoice was paid by what its attempts brought for it",
            Self::Reversals => "a payment says what was taken back of its attempts",
            Self::Refunds => "the ledger says what each refund sent back",
            Self::RefundTotals => {
                "a payment promises back what its refunds say, and no more than it has"
            }
            Self::InvoiceNumbers => "invoice numbers have no gaps",
            Self::EventSequence => "events have no gaps",
            Self::Cycles => "no day of a subscription is billed twice",
            Self::Orphans => "what is named exists",
            Self::SubscriptionsGoOn => "a subscription that bills knows when",
            Self::PaymentsGoOn => "a payment under way has a time or an open attempt",
            Self::DebtsGoOn => {
                "what is owed for a running subscription is planned, collected or dunned"
            }
            Self::AttemptsGoOn => "an open attempt is held by a worker or asked after",
            Self::RefundsGoOn => "a refund under way is sent or asked after",
            Self::CasesGoOn => {
                "an open dunning case has a next step, or waits for an attempt or staff"
            }
            Self::CasesEnd => "a dunning case is open only while its invoice is",
            Self::MailsGoOn => "a mail to be sent has a time",
        }
    }

    /// Whether an object that was set aside for staff is excused: it goes on when they put it back.
    pub const fn excuses_stuck(self) -> bool {
        match self {
            Self::SubscriptionsGoOn
            | Self::PaymentsGoOn
            | Self::DebtsGoOn
            | Self::AttemptsGoOn
            | Self::RefundsGoOn
            | Self::CasesGoOn
            | Self::MailsGoOn => true,
            Self::Journals
            | Self::Receivables
            | Self::Payments
            | Self::Captures
            | Self::DoubleCharges
            | Self::Applied
            | Self::Reversals
            | Self::Refunds
            | Self::RefundTotals
            | Self::InvoiceNumbers
            | Self::EventSequence
            | Self::Cycles
            | Self::Orphans
            | Self::CasesEnd => false,
        }
    }
}

/// An object for which a claim does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Which claim.
    pub check: Check,
    /// The object's id as text, with its prefix.
    pub object: String,
    /// What is: minor units or a count, as the claim has it.
    pub found: i64,
    /// What would be right.
    pub expected: i64,
}
