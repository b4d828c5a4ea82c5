//! Sums for people: what happened month by month.

use chrono::NaiveDate;

use super::{
    super::{Connection, fault},
    row::Reader,
    statement::{Statement, statements},
};
use crate::{
    domain::{invoice::Invoice, notice::Notice},
    store::{MerchantId, MonthFigures, Result},
};

statements! {
    /// Invoices count in the month of their issue, money in the month in which it moved over a
    /// clearing account. An invoice failed if the first attempt at it came to nothing; one that is
    /// still open has not failed (RULES CHG-6).
    MONTHS = "
        with first_attempt as (
            select invoice_id, state
            from (
                select
                    invoice_id,
                    state,
                    row_number() over (partition by invoice_id order by sent_at, attempt_id)
                        as place
                from attempt
                where merchant_id = $1
            ) as attempts
            where place = 1
        ),
        dunned as (
            select distinct invoice_id from dunning_case where merchant_id = $1
        ),
        issued as (
            select
                {month invoice.issued_at} as month,
                invoice.currency,
                case when invoice.state = 'paid' then 1 else 0 end as is_paid,
                case
                    when first_attempt.state in (
                        'declined', 'rejected', 'not_executed', 'reversed'
                    ) or dunned.invoice_id is not null then 1
                    else 0
                end as is_failed,
                case
                    when invoice.state = 'uncollectible' then 1
                    when invoice.state = 'void' and dunned.invoice_id is not null then 1
                    else 0
                end as is_given_up,
                case when invoice.state = 'open' then 1 else 0 end as is_open
            from invoice
            left join first_attempt on first_attempt.invoice_id = invoice.invoice_id
            left join dunned on dunned.invoice_id = invoice.invoice_id
            where invoice.merchant_id = $1
        ),
        figures as (
            select
                month,
                currency,
                count(*) as invoices,
                sum(is_paid) as paid,
                sum(is_failed) as failed,
                sum(is_failed * is_paid) as recovered,
                sum(is_given_up) as given_up,
                sum(is_open) as still_open,
                0 as revenue_minor
            from issued
            group by month, currency
            union all
            select {month posting.at}, currency, 0, 0, 0, 0, 0, 0, sum(amount_minor)
            from posting
            where merchant_id = $1 and account like 'clearing:%'
            group by 1, currency
        )
        select
            month,
            currency,
            cast(sum(invoices) as bigint) as invoices,
            cast(sum(paid) as bigint) as paid,
            cast(sum(failed) as bigint) as failed,
            cast(sum(recovered) as bigint) as recovered,
            cast(sum(given_up) as bigint) as given_up,
            cast(sum(still_open) as bigint) as still_open,
            cast(sum(revenue_minor) as bigint) as revenue_minor
        from figures
        group by month, currency
        order by month, currency";

    MAILS_BY_MONTH = "
        select {month sent_at} as month, kind, count(*) as mails
        from notice
        where merchant_id = $1 and state = 'sent' and sent_at is not null
        group by 1, kind
        order by 1, kind";
}

pub async fn months(
    connection: &mut Connection,
    merchant: MerchantId,
) -> Result<Vec<MonthFigures>> {
    let query = sqlx::query(MONTHS.text()).bind(merchant.uuid());
    let read = |row: &_| {
        let row = Reader::of::<Invoice>(row);
        Ok(MonthFigures {
            month: month(&row)?,
            currency: row.named("currency")?,
            invoices: row.get("invoices")?,
            paid: row.get("paid")?,
            failed: row.get("failed")?,
            recovered: row.get("recovered")?,
            given_up: row.get("given_up")?,
            open: row.get("still_open")?,
            revenue_minor: row.get("revenue_minor")?,
        })
    };
    query.fetch_all(connection).await.map_err(fault)?.iter().map(read).collect()
}

pub async fn mails_by_month(
    connection: &mut Connection,
    merchant: MerchantId,
) -> Result<Vec<(NaiveDate, String, i64)>> {
    let query = sqlx::query(MAILS_BY_MONTH.text()).bind(merchant.uuid());
    let read = |row: &_| {
        let row = Reader::of::<Notice>(row);
        Ok((month(&row)?, row.get("kind")?, row.get("mails")?))
    };
    query.fetch_all(connection).await.map_err(fault)?.iter().map(read).collect()
}

fn month(row: &Reader<'_>) -> Result<NaiveDate> {
    row.named("month")
}
