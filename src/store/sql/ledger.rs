//! Journals, kept as one immutable row per posting.

use chrono::{DateTime, Utc};

use super::{
    super::{Connection, fault},
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Id as Uuid, Int, MaybeId, Text, Time},
        Made, Rewrite, Table, name,
    },
};
use crate::{
    domain::{
        ids::{Id, kind},
        ledger::{Account, Entry, Journal, Movement, Posting},
        money::Money,
    },
    store::{Balance, MerchantId, Page, Result},
};

/// One side of a journal, with what it shares with the others.
pub struct PostingRow {
    merchant: MerchantId,
    journal: Id<kind::Journal>,
    position: i64,
    at: DateTime<Utc>,
    entry: Entry,
    invoice: Id<kind::Invoice>,
    movement: Option<Movement>,
    account: String,
    amount: Money,
}

static TABLE: Table<PostingRow> = Table {
    name: "posting",
    key: &["merchant_id", "journal_id", "position"],
    columns: &[
        ("merchant_id", Uuid(|p| p.merchant.uuid())),
        ("journal_id", Uuid(|p| p.journal.uuid())),
        ("position", Int(|p| p.position)),
        ("at", Time(|p| p.at)),
        ("entry", Text(|p| name(&p.entry))),
        ("invoice_id", Uuid(|p| p.invoice.uuid())),
        ("attempt_id", MaybeId(PostingRow::attempt)),
        ("refund_id", MaybeId(PostingRow::refund)),
        ("account", Text(|p| (&p.account).into())),
        ("currency", Text(|p| p.amount.currency().code().into())),
        ("amount_minor", Int(|p| p.amount.minor())),
    ],
    rewrite: Rewrite::Never,
    made: Made::new(),
};

impl PostingRow {
    /// The rows of these journals.
    pub fn of(journals: &[Journal]) -> Vec<Self> {
        journals.iter().flat_map(Self::of_one).collect()
    }

    fn of_one(journal: &Journal) -> impl Iterator<Item = Self> + '_ {
        journal.postings().iter().zip(0..).map(|(posting, position)| Self {
            merchant: journal.merchant,
            journal: journal.id,
            position,
            at: journal.at,
            entry: journal.entry,
            invoice: journal.invoice,
            movement: journal.movement,
            account: account_name(&posting.account),
            amount: posting.amount,
        })
    }

    fn attempt(&self) -> Option<uuid::Uuid> {
        match self.movement {
            Some(Movement::Attempt(attempt)) => Some(attempt.uuid()),
            Some(Movement::Refund(_)) | None => None,
        }
    }

    fn refund(&self) -> Option<uuid::Uuid> {
        match self.movement {
            Some(Movement::Refund(refund)) => Some(refund.uuid()),
            Some(Movement::Attempt(_)) | None => None,
        }
    }
}

impl Stored for PostingRow {
    type Kind = kind::Journal;
    const ID: &'static str = "journal_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        let attempt = row.maybe_id("attempt_id")?.map(Movement::Attempt);
        let refund = row.maybe_id("refund_id")?.map(Movement::Refund);
        Ok(Self {
            merchant: row.id("merchant_id")?,
            journal: row.id("journal_id")?,
            position: row.get("position")?,
            at: row.time("at")?,
            entry: row.named("entry")?,
            invoice: row.id("invoice_id")?,
            movement: attempt.or(refund),
            account: row.get("account")?,
            amount: row.money("amount_minor")?,
        })
    }
}

/// How a gateway's clearing account is named: this, and the gateway's name.
const CLEARING: &str = "clearing:";

fn account_name(account: &Account) -> String {
    match account {
        Account::Receivable => "receivable".to_owned(),
        Account::Clearing(gateway) => format!("{CLEARING}{gateway}"),
        Account::Revenue => "revenue".to_owned(),
        Account::Refunds => "refunds".to_owned(),
        Account::BadDebt => "bad_debt".to_owned(),
        Account::CustomerCredit => "customer_credit".to_owned(),
    }
}

fn account_named(name: &str) -> Option<Account> {
    match name {
        "receivable" => Some(Account::Receivable),
        "revenue" => Some(Account::Revenue),
        "refunds" => Some(Account::Refunds),
        "bad_debt" => Some(Account::BadDebt),
        "customer_credit" => Some(Account::CustomerCredit),
        other => other.strip_prefix(CLEARING).map(|gateway| Account::Clearing(gateway.to_owned())),
    }
}

statements! {
    OF_INVOICE = "
        select {posting}
        from posting
        where merchant_id = $1 and invoice_id = $2
        order by at, journal_id, position";

    BALANCES = "
        select account, currency, cast(sum(amount_minor) as bigint) as minor
        from posting
        where merchant_id = $1
        group by account, currency
        order by account, currency";

    /// What a charge moved stands on the gateway's clearing account, and so does what went back.
    MONEY_BY_ATTEMPT = "
        with listed as (
            select attempt_id
            from attempt
            where merchant_id = $1 and attempt_id > $2
            order by attempt_id
            limit $3
        ),
        moved as (
            select posting.attempt_id, posting.amount_minor
            from posting
            join listed on listed.attempt_id = posting.attempt_id
            where posting.merchant_id = $1 and posting.account like 'clearing:%'
            union all
            select refund.attempt_id, posting.amount_minor
            from listed
            join refund on refund.merchant_id = $1 and refund.attempt_id = listed.attempt_id
            join posting on posting.merchant_id = $1 and posting.refund_id = refund.refund_id
            where posting.account like 'clearing:%'
        )
        select
            listed.attempt_id,
            cast(coalesce(sum(moved.amount_minor), 0) as bigint) as minor
        from listed
        left join moved on moved.attempt_id = listed.attempt_id
        group by listed.attempt_id
        order by listed.attempt_id";
}

pub async fn of_invoice(
    connection: &mut Connection,
    merchant: MerchantId,
    invoice: Id<kind::Invoice>,
) -> Result<Vec<Journal>> {
    let query = sqlx::query(OF_INVOICE.text()).bind(merchant.uuid()).bind(invoice.uuid());
    let rows = query.fetch_all(connection).await.map_err(fault)?;
    let postings = rows
        .iter()
        .map(|row| {
            let reader = Reader::of::<PostingRow>(row);
            let posting = PostingRow::read(&reader)?;
            let account = account_named(&posting.account)
                .ok_or_else(|| reader.corrupt("account", &"must be an account of the ledger"))?;
            Ok((posting, account, reader))
        })
        .collect::<Result<Vec<_>>>()?;
    postings
        .chunk_by(|(one, ..), (next, ..)| one.journal == next.journal)
        .map(|sides| {
            let (first, _, reader) = &sides[0];
            let postings = sides.iter().map(|(side, account, _)| Posting {
                account: account.clone(),
                amount: side.amount,
            });
            Journal::from_postings(
                first.merchant,
                first.journal,
                first.at,
                first.entry,
                first.invoice,
                first.movement,
                postings.collect(),
            )
            .ok_or_else(|| reader.corrupt("amount_minor", &"the journal does not balance"))
        })
        .collect()
}

pub async fn balances(connection: &mut Connection, merchant: MerchantId) -> Result<Vec<Balance>> {
    let query = sqlx::query(BALANCES.text()).bind(merchant.uuid());
    let read = |row: &_| {
        let row = Reader::of::<PostingRow>(row);
        Ok(Balance {
            account: row.get("account")?,
            currency: row.named("currency")?,
            minor: row.get("minor")?,
        })
    };
    query.fetch_all(connection).await.map_err(fault)?.iter().map(read).collect()
}

pub async fn money_by_attempt(
    connection: &mut Connection,
    merchant: MerchantId,
    page: Page<kind::Attempt>,
) -> Result<Vec<(Id<kind::Attempt>, i64)>> {
    let query = sqlx::query(MONEY_BY_ATTEMPT.text())
        .bind(merchant.uuid())
        .bind(page.after.map_or(uuid::Uuid::nil(), Id::uuid))
        .bind(row::limit(page.limit));
    let read = |row: &_| {
        let row = Reader::of::<PostingRow>(row);
        Ok((row.id("attempt_id")?, row.get("minor")?))
    };
    query.fetch_all(connection).await.map_err(fault)?.iter().map(read).collect()
}
