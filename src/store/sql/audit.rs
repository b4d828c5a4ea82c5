//! The statements behind [`Check`]: each selects those objects of a merchant for which the claim does
//! not hold, as `subject_id`, with what was found and what would be right.

use uuid::Uuid;

use super::{
    super::{Connection, fault},
    row,
    statement::{Statement, statements},
};
use crate::{
    domain::ids::{Id, Kind, kind},
    store::{Check, Flaw, MerchantId, Result},
};

statements! {
    JOURNALS = "
        select journal_id as subject_id,
            cast(sum(amount_minor) as bigint) as found,
            cast(0 as bigint) as expected
        from posting
        where merchant_id = $1
        group by journal_id, currency
        having sum(amount_minor) <> 0
        limit $2";

    RECEIVABLES = "
        with booked as (
            select invoice_id, cast(sum(amount_minor) as bigint) as minor
            from posting
            where merchant_id = $1 and account = 'receivable'
            group by invoice_id
        ),
        owed as (
            select
                invoice_id,
                case when state = 'open' then total_minor - paid_minor else 0 end as minor
            from invoice
            where merchant_id = $1
        )
        select owed.invoice_id as subject_id, coalesce(booked.minor, 0) as found,
            owed.minor as expected
        from owed
        left join booked on booked.invoice_id = owed.invoice_id
        where coalesce(booked.minor, 0) <> owed.minor
        limit $2";

    /// An invoice over nothing is paid without a payment.
    PAYMENTS = "
        select invoice.invoice_id as subject_id,
            cast(case when payment.state = 'succeeded' then 1 else 0 end as bigint) as found,
            cast(case when invoice.state = 'paid' then 1 else 0 end as bigint) as expected
        from invoice
        left join payment
            on payment.merchant_id = invoice.merchant_id
            and payment.invoice_id = invoice.invoice_id
        where invoice.merchant_id = $1
          and invoice.total_minor > 0
          and (
              (invoice.state = 'paid') <> (coalesce(payment.state, '') = 'succeeded')
              or (invoice.state = 'paid') <> (invoice.paid_minor = invoice.total_minor)
              or (invoice.state = 'open' and payment.state is null)
          )
        limit $2";

    CAPTURES = "
        with booked as (
            select attempt_id, cast(sum(amount_minor) as bigint) as minor
            from posting
            where merchant_id = $1 and attempt_id is not null and account like 'clearing:%'
            group by attempt_id
        ),
        taken as (
            select
                attempt_id,
                case
                    when state in ('succeeded', 'reversed') then amount_minor - reversed_minor
                    else 0
                end as minor
            from attempt
            where merchant_id = $1
        )
        select taken.attempt_id as subject_id, coalesce(booked.minor, 0) as found,
            taken.minor as expected
        from taken
        left join booked on booked.attempt_id = taken.attempt_id
        where coalesce(booked.minor, 0) <> taken.minor
        limit $2";

    /// A refund that failed is staff's to order again. What a bank took back of such money in the meantime
    /// needs no giving back any more.
    DOUBLE_CHARGES = "
        with kept as (
            select invoice_id, cast(sum(amount_minor - reversed_minor) as bigint) as minor
            from attempt
            where merchant_id = $1 and state in ('succeeded', 'reversed')
            group by invoice_id
        ),
        given_back as (
            select
                invoice_id,
                cast(sum(unowed_minor) as bigint) as ordered_minor,
                cast(
                    sum(case when state = 'failed' then 0 else unowed_minor end) as bigint
                ) as going_minor
            from refund
            where merchant_id = $1
            group by invoice_id
        )
        select invoice.invoice_id as subject_id,
            kept.minor - coalesce(given_back.going_minor, 0) as found,
            invoice.paid_minor as expected
        from kept
        join invoice on invoice.merchant_id = $1 and invoice.invoice_id = kept.invoice_id
        left join given_back on given_back.invoice_id = kept.invoice_id
        where kept.minor - coalesce(given_back.ordered_minor, 0) > invoice.paid_minor
           or kept.minor - coalesce(given_back.going_minor, 0) < invoice.paid_minor
        limit $2";

    APPLIED = "
        with applied as (
            select invoice_id, cast(sum(applied_minor) as bigint) as minor
            from attempt
            where merchant_id = $1
            group by invoice_id
        )
        select invoice.invoice_id as subject_id, coalesce(applied.minor, 0) as found,
            invoice.paid_minor as expected
        from invoice
        left join applied on applied.invoice_id = invoice.invoice_id
        where invoice.merchant_id = $1 and coalesce(applied.minor, 0) <> invoice.paid_minor
        limit $2";

    REVERSALS = "
        with gone as (
            select
                payment_id,
                cast(sum(reversed_minor) as bigint) as minor,
                sum(
                    case when (state = 'reversed') = (reversed_minor > 0) then 0 else 1 end
                ) as wrong
            from attempt
            where merchant_id = $1
            group by payment_id
        )
        select payment.payment_id as subject_id, payment.reversed_minor as found,
            coalesce(gone.minor, 0) as expected
        from payment
        left join gone on gone.payment_id = payment.payment_id
        where payment.merchant_id = $1
          and (
              payment.reversed_minor <> coalesce(gone.minor, 0)
              or coalesce(gone.wrong, 0) > 0
          )
        limit $2";

    REFUNDS = "
        with booked as (
            select refund_id, cast(sum(amount_minor) as bigint) as minor
            from posting
            where merchant_id = $1 and refund_id is not null and account like 'clearing:%'
            group by refund_id
        ),
        sent as (
            select refund_id, case when state = 'succeeded' then -amount_minor else 0 end as minor
            from refund
            where merchant_id = $1
        )
        select sent.refund_id as subject_id, coalesce(booked.minor, 0) as found,
            sent.minor as expected
        from sent
        left join booked on booked.refund_id = sent.refund_id
        where coalesce(booked.minor, 0) <> sent.minor
        limit $2";

    REFUND_TOTALS = "
        with promised as (
            select payment_id, cast(sum(amount_minor - unowed_minor) as bigint) as minor
            from refund
            where merchant_id = $1 and state <> 'failed'
            group by payment_id
        )
        select payment.payment_id as subject_id, payment.refunded_minor as found,
            coalesce(promised.minor, 0) as expected
        from payment
        left join promised on promised.payment_id = payment.payment_id
        where payment.merchant_id = $1
          and (
              payment.refunded_minor <> coalesce(promised.minor, 0)
              or payment.refunded_minor > payment.amount_minor
          )
        limit $2";

    INVOICE_NUMBERS = "
        select merchant.merchant_id as subject_id,
            (select count(*) from invoice where invoice.merchant_id = $1) as found,
            coalesce(counter.value, 0) as expected
        from merchant
        left join counter
            on counter.merchant_id = merchant.merchant_id and counter.series = 'invoice'
        where merchant.merchant_id = $1
          and coalesce(counter.value, 0)
              <> (select count(*) from invoice where invoice.merchant_id = $1)
        limit $2";

    EVENT_SEQUENCE = "
        with written as (
            select count(*) as events, coalesce(max(sequence), 0) as last
            from event
            where merchant_id = $1
        )
        select merchant.merchant_id as subject_id, written.events as found,
            coalesce(counter.value, 0) as expected
        from merchant
        cross join written
        left join counter
            on counter.merchant_id = merchant.merchant_id and counter.series = 'event'
        where merchant.merchant_id = $1
          and (
              written.events <> coalesce(counter.value, 0)
              or written.last <> coalesce(counter.value, 0)
          )
        limit $2";

    CYCLES = "
        with billed as (
            select
                invoice_id,
                period_start,
                lag(period_end) over (partition by subscription_id order by period_start)
                    as billed_until
            from invoice
            where merchant_id = $1 and subscription_id is not null and period_start is not null
        )
        select invoice_id as subject_id,
            cast(1 as bigint) as found,
            cast(0 as bigint) as expected
        from billed
        where period_start < billed_until
        limit $2";

    ORPHANS = "
        with named as (
            select customer_id as subject_id, default_method_id as payment_method_id
            from customer
            where merchant_id = $1 and default_method_id is not null
            union all
            select customer_id, backup_method_id
            from customer
            where merchant_id = $1 and backup_method_id is not null
            union all
            select customer_id, payment_method_id
            from subscription
            where merchant_id = $1 and payment_method_id is not null
            union all
            select customer_id, payment_method_id
            from payment
            where merchant_id = $1 and payment_method_id is not null
            union all
            select customer_id, payment_method_id
            from attempt
            where merchant_id = $1 and payment_method_id is not null
        )
        select named.subject_id,
            cast(0 as bigint) as found,
            cast(1 as bigint) as expected
        from named
        left join payment_method
            on payment_method.merchant_id = $1
            and payment_method.payment_method_id = named.payment_method_id
            and payment_method.customer_id = named.subject_id
        where payment_method.payment_method_id is null
        limit $2";

    SUBSCRIPTIONS_GO_ON = "
        select subscription_id as subject_id,
            cast(0 as bigint) as found,
            cast(1 as bigint) as expected
        from subscription
        where merchant_id = $1
          and state in ('incomplete', 'trialing', 'active', 'past_due')
          and due_at is null
        limit $2";

    /// Money may come late while the next attempt is under way already.
    PAYMENTS_GO_ON = "
        select payment.payment_id as subject_id, count(attempt.attempt_id) as found,
            cast(case when payment.state = 'collecting' then 1 else 0 end as bigint) as expected
        from payment
        left join attempt
            on attempt.merchant_id = payment.merchant_id
            and attempt.payment_id = payment.payment_id
            and attempt.state in ('in_flight', 'pending', 'action_required', 'unknown')
        where payment.merchant_id = $1
        group by payment.payment_id, payment.state, payment.collect_at
        having (payment.state = 'collecting' and count(attempt.attempt_id) = 0)
            or (payment.state in ('scheduled', 'waiting', 'abandoned') and count(attempt.attempt_id) > 0)
            or (payment.state = 'scheduled' and payment.collect_at is null)
        limit $2";

    DEBTS_GO_ON = "
        select payment.payment_id as subject_id,
            cast(0 as bigint) as found,
            cast(1 as bigint) as expected
        from subscription
        join invoice
            on invoice.merchant_id = subscription.merchant_id
            and invoice.subscription_id = subscription.subscription_id
            and invoice.state = 'open'
        join payment
            on payment.merchant_id = invoice.merchant_id
            and payment.invoice_id = invoice.invoice_id
            and payment.state not in ('scheduled', 'collecting')
        left join dunning_case
            on dunning_case.merchant_id = invoice.merchant_id
            and dunning_case.invoice_id = invoice.invoice_id
            and dunning_case.closed_at is null
        where subscription.merchant_id = $1
          and subscription.state in ('active', 'past_due', 'paused')
          and dunning_case.dunning_case_id is null
        limit $2";

    ATTEMPTS_GO_ON = "
        select attempt_id as subject_id,
            cast(0 as bigint) as found,
            cast(1 as bigint) as expected
        from attempt
        where merchant_id = $1
          and state in ('in_flight', 'pending', 'action_required', 'unknown')
          and leased_until is null
          and probe_at is null
        limit $2";

    REFUNDS_GO_ON = "
        select refund_id as subject_id,
            cast(0 as bigint) as found,
            cast(1 as bigint) as expected
        from refund
        where merchant_id = $1
          and state in ('queued', 'pending')
          and origin <> 'at_gateway'
          and due_at is null
        limit $2";

    CASES_GO_ON = "
        select dunning_case.dunning_case_id as subject_id,
            cast(0 as bigint) as found,
            cast(1 as bigint) as expected
        from dunning_case
        join payment
            on payment.merchant_id = dunning_case.merchant_id
            and payment.payment_id = dunning_case.payment_id
        where dunning_case.merchant_id = $1
          and dunning_case.closed_at is null
          and dunning_case.due_at is null
          and not (
              dunning_case.standing->'state'->>'state' = 'waiting_for_staff'
              or (
                  dunning_case.standing->'state'->>'state' = 'retrying'
                  and payment.state in ('scheduled', 'collecting')
              )
          )
        limit $2";

    CASES_END = "
        select dunning_case.dunning_case_id as subject_id,
            cast(1 as bigint) as found,
            cast(0 as bigint) as expected
        from dunning_case
        join invoice
            on invoice.merchant_id = dunning_case.merchant_id
            and invoice.invoice_id = dunning_case.invoice_id
        where dunning_case.merchant_id = $1
          and dunning_case.closed_at is null
          and invoice.state <> 'open'
        limit $2";

    MAILS_GO_ON = "
        select notice_id as subject_id,
            cast(0 as bigint) as found,
            cast(1 as bigint) as expected
        from notice
        where merchant_id = $1 and state = 'queued' and due_at is null
        limit $2";
}

/// The statement behind a check, and how the ids that it selects are written.
fn of(check: Check) -> (&'static Statement, fn(Uuid) -> String) {
    match check {
        Check::Journals => (&JOURNALS, written::<kind::Journal>),
        Check::Receivables => (&RECEIVABLES, written::<kind::Invoice>),
        Check::Payments => (&PAYMENTS, written::<kind::Invoice>),
        Check::Captures => (&CAPTURES, written::<kind::Attempt>),
        Check::DoubleCharges => (&DOUBLE_CHARGES, written::<kind::Invoice>),
        Check::Applied => (&APPLIED, written::<kind::Invoice>),
        Check::Reversals => (&REVERSALS, written::<kind::Payment>),
        Check::Refunds => (&REFUNDS, written::<kind::Refund>),
        Check::RefundTotals => (&REFUND_TOTALS, written::<kind::Payment>),
        Check::InvoiceNumbers => (&INVOICE_NUMBERS, written::<kind::Merchant>),
        Check::EventSequence => (&EVENT_SEQUENCE, written::<kind::Merchant>),
        Check::Cycles => (&CYCLES, written::<kind::Invoice>),
        Check::Orphans => (&ORPHANS, written::<kind::Customer>),
        Check::SubscriptionsGoOn => (&SUBSCRIPTIONS_GO_ON, written::<kind::Subscription>),
        Check::PaymentsGoOn => (&PAYMENTS_GO_ON, written::<kind::Payment>),
        Check::DebtsGoOn => (&DEBTS_GO_ON, written::<kind::Payment>),
        Check::AttemptsGoOn => (&ATTEMPTS_GO_ON, written::<kind::Attempt>),
        Check::RefundsGoOn => (&REFUNDS_GO_ON, written::<kind::Refund>),
        Check::CasesGoOn => (&CASES_GO_ON, written::<kind::DunningCase>),
        Check::CasesEnd => (&CASES_END, written::<kind::DunningCase>),
        Check::MailsGoOn => (&MAILS_GO_ON, written::<kind::Mail>),
    }
}

fn written<K: Kind>(id: Uuid) -> String {
    Id::<K>::from_uuid(id).to_string()
}

pub async fn flaws(
    connection: &mut Connection,
    merchant: MerchantId,
    check: Check,
    limit: usize,
) -> Result<Vec<Flaw>> {
    use sqlx::Row as _;
    let (statement, written) = of(check);
    let query = sqlx::query(statement.text()).bind(merchant.uuid()).bind(row::limit(limit));
    let rows = query.fetch_all(connection).await.map_err(fault)?;
    let read = |row: &super::super::Row| {
        Ok(Flaw {
            check,
            object: written(row.try_get("subject_id").map_err(fault)?),
            found: row.try_get("found").map_err(fault)?,
            expected: row.try_get("expected").map_err(fault)?,
        })
    };
    rows.iter().map(read).collect()
}
