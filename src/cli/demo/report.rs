//! What the demo ends with: the table of months, the mails by kind, and the check line; for people
//! or, as one JSON object, for machines.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use comfy_table::Table;
use serde_json::{Value, json};

use crate::{
    cli::{
        academy::{portal::OpenDebts, witness::Comparison},
        output::{Column, table},
    },
    domain::money::{Currency, Money},
    store::{MerchantId, MonthFigures, Store},
};

/// Differences that are listed one by one.
const LISTED: usize = 20;
/// Objects that may be stuck and are still counted.
const STUCK_MAX: usize = 10_000;

/// The figures.
#[derive(Debug)]
pub struct Report {
    months: BTreeMap<NaiveDate, Month>,
    /// By kind and month.
    mails: BTreeMap<String, BTreeMap<NaiveDate, i64>>,
    mails_caught: u64,
    subscriptions: BTreeMap<String, usize>,
    open: OpenDebts,
    stuck: usize,
    books: Comparison,
    seconds: f64,
}

/// One month, over all currencies.
#[derive(Debug, Default, Clone)]
struct Month {
    invoices: i64,
    paid: i64,
    failed: i64,
    recovered: i64,
    given_up: i64,
    open: i64,
    mails: i64,
    revenue: BTreeMap<Currency, i64>,
}

impl Month {
    fn add(&mut self, other: &Self) {
        self.invoices += other.invoices;
        self.paid += other.paid;
        self.failed += other.failed;
        self.recovered += other.recovered;
        self.given_up += other.given_up;
        self.open += other.open;
        self.mails += other.mails;
        for (currency, minor) in &other.revenue {
            *self.revenue.entry(*currency).or_default() += minor;
        }
    }
}

impl From<&MonthFigures> for Month {
    fn from(figures: &MonthFigures) -> Self {
        Self {
            invoices: figures.invoices,
            paid: figures.paid,
            failed: figures.failed,
            recovered: figures.recovered,
            given_up: figures.given_up,
            open: figures.open,
            mails: 0,
            revenue: BTreeMap::from([(figures.currency, figures.revenue_minor)]),
        }
    }
}

impl Report {
    /// Reads the figures of `merchant`.
    pub async fn read(
        store: &dyn Store,
        merchant: MerchantId,
        subscriptions: BTreeMap<String, usize>,
        open: OpenDebts,
        mails_caught: u64,
        books: Comparison,
        seconds: f64,
    ) -> anyhow::Result<Self> {
        let mut repo = store.snapshot().await?;
        let mut months: BTreeMap<NaiveDate, Month> = BTreeMap::new();
        for figures in repo.months(merchant).await? {
            months.entry(figures.month).or_default().add(&Month::from(&figures));
        }
        let mut mails: BTreeMap<String, BTreeMap<NaiveDate, i64>> = BTreeMap::new();
        for (month, kind, count) in repo.mails_by_month(merchant).await? {
            months.entry(month).or_default().mails += count;
            *mails.entry(kind).or_default().entry(month).or_default() += count;
        }
        let stuck = repo.stuck(Some(merchant), STUCK_MAX).await?.len();
        Ok(Self { months, mails, mails_caught, subscriptions, open, stuck, books, seconds })
    }

    /// Whether the books agree.
    pub fn agrees(&self) -> bool {
        self.books.differences.is_empty()
    }

    fn total(&self) -> Month {
        let mut total = Month::default();
        self.months.values().for_each(|month| total.add(month));
        total
    }

    fn currencies(&self) -> BTreeSet<Currency> {
        self.months.values().flat_map(|month| month.revenue.keys().copied()).collect()
    }

    /// The table of months, with a row of sums.
    pub fn by_month(&self) -> Table {
        let currencies: Vec<_> = self.currencies().into_iter().collect();
        let revenue: Vec<_> = currencies.iter().map(|c| format!("revenue {c}")).collect();
        let mut columns = vec![("month", Column::Words)];
        for name in ["invoices", "paid", "failed", "recovered", "given up", "open", "mails"] {
            columns.push((name, Column::Figures));
        }
        columns.extend(revenue.iter().map(|name| (name.as_str(), Column::Figures)));
        let mut shown = table(&columns);
        for (month, figures) in &self.months {
            shown.add_row(row(month.format("%b %Y").to_string(), figures, &currencies));
        }
        shown.add_row(row("all".to_owned(), &self.total(), &currencies));
        shown
    }

    /// What the columns that are not plain mean. Invoices count in the month of their issue.
    pub const LEGEND: [&str; 4] = [
        "failed     the first charge came to nothing, or there was nothing to charge",
        "recovered  failed at first, and paid by now: a retry or a new card did it",
        "given up   failed, and nobody asks any more: void or written off, as the ladder ends",
        "open       not paid yet: past due and still asked for, or a bank debit on its way",
    ];

    /// The table of mails by kind and month.
    pub fn by_mail(&self) -> Table {
        let months: Vec<_> = self.months.keys().map(|m| m.format("%b\n%Y").to_string()).collect();
        let mut columns = vec![("mail", Column::Words)];
        columns.extend(months.iter().map(|month| (month.as_str(), Column::Figures)));
        columns.push(("all", Column::Figures));
        let mut shown = table(&columns);
        let mut total: BTreeMap<NaiveDate, i64> = BTreeMap::new();
        for (kind, by_month) in &self.mails {
            shown.add_row(self.mail_row(kind.replace('_', " "), by_month));
            for (month, count) in by_month {
                *total.entry(*month).or_default() += count;
            }
        }
        shown.add_row(self.mail_row("all".to_owned(), &total));
        shown
    }

    fn mail_row(&self, name: String, by_month: &BTreeMap<NaiveDate, i64>) -> Vec<String> {
        let count = |month| by_month.get(month).copied().unwrap_or_default().to_string();
        let mut cells = vec![name];
        cells.extend(self.months.keys().map(count));
        cells.push(by_month.values().sum::<i64>().to_string());
        cells
    }

    fn mails_sent(&self) -> i64 {
        self.mails.values().flat_map(BTreeMap::values).sum()
    }

    /// The lines below the tables: how subscriptions stand, what the catcher has, and the check.
    pub fn check_lines(&self) -> Vec<String> {
        let standing: Vec<_> =
            self.subscriptions.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let taken: Vec<_> = self
            .books
            .taken
            .iter()
            .filter_map(|(code, minor)| {
                Some(Money::new(*minor, Currency::from_code(code).ok()?).to_string())
            })
            .collect();
        let mut lines = vec![
            format!("subscriptions: {}", standing.join(", ")),
            format!(
                "open invoices: {} past due, {} on the way",
                self.open.past_due, self.open.on_their_way
            ),
            format!("mails: {} sent, {} arrived", self.mails_sent(), self.mails_caught),
            format!(
                "stuck: {}{}",
                self.stuck,
                if self.stuck == 0 { "" } else { " (`rondo stuck` tells why)" }
            ),
            format!(
                "ledger differences: {} ({} charges compared one by one with the gateway's own \
                 ledger: {} left after refunds)",
                self.books.differences.len(),
                self.books.charges,
                taken.join(" and ")
            ),
        ];
        lines.extend(self.books.differences.iter().take(LISTED).map(|line| format!("  {line}")));
        lines
    }

    /// All of it for machines; money in minor units.
    pub fn as_json(&self) -> Value {
        let months: Vec<_> = self
            .months
            .iter()
            .map(|(month, figures)| {
                let of_month = |(kind, by_month): (&_, &BTreeMap<_, _>)| {
                    Some((String::clone(kind), *by_month.get(month)?))
                };
                let mails: BTreeMap<_, _> = self.mails.iter().filter_map(of_month).collect();
                line(*month, figures, &mails)
            })
            .collect();
        let mails: BTreeMap<_, i64> =
            self.mails.iter().map(|(kind, by_month)| (kind, by_month.values().sum())).collect();
        json!({
            "months": months,
            "mails": mails,
            "mails_caught": self.mails_caught,
            "subscriptions": self.subscriptions,
            "open_invoices": {
                "past_due": self.open.past_due,
                "on_their_way": self.open.on_their_way,
            },
            "stuck": self.stuck,
            "charges": self.books.charges,
            "taken_minor": self.books.taken,
            "ledger_differences": self.books.differences.len(),
            "differences": self.books.differences.iter().take(LISTED).collect::<Vec<_>>(),
            "seconds": self.seconds,
        })
    }
}

fn row(month: String, figures: &Month, currencies: &[Currency]) -> Vec<String> {
    let mut cells = vec![month];
    let Month { invoices, paid, failed, recovered, given_up, open, mails, revenue } = figures;
    cells.extend(
        [invoices, paid, failed, recovered, given_up, open, mails].map(ToString::to_string),
    );
    cells.extend(currencies.iter().map(|currency| {
        let minor = revenue.get(currency).copied().unwrap_or_default();
        let amount = Money::new(minor, *currency).to_string();
        amount.trim_end_matches(currency.code()).trim_end().to_owned()
    }));
    cells
}

fn line(month: NaiveDate, figures: &Month, mails: &BTreeMap<String, i64>) -> Value {
    let revenue: BTreeMap<_, _> =
        figures.revenue.iter().map(|(currency, minor)| (currency.code(), minor)).collect();
    json!({
        "month": month,
        "invoices": figures.invoices,
        "paid": figures.paid,
        "failed": figures.failed,
        "recovered": figures.recovered,
        "given_up": figures.given_up,
        "open": figures.open,
        "mails": figures.mails,
        "mails_by_kind": mails,
        "revenue_minor": revenue,
    })
}
