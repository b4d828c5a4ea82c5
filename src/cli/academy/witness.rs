//! The check line: Rondo's ledger against the gateway's own, charge by charge. The gateway's ledger
//! is another program's file, so that neither can be right by copying from the other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;

use crate::{
    domain::ids::{Id, kind},
    gateway::{
        http,
        sandbox::server::{LedgerCharge, Summary},
    },
    store::{MerchantId, Page, Store},
};

/// Attempts that are read at once.
const PAGE: usize = 5_000;

/// What the comparison came to.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Charges that took money, by the gateway's ledger.
    pub charges: usize,
    /// Taken less given back, by currency, in minor units, by the gateway's ledger.
    pub taken: BTreeMap<String, i64>,
    /// Each difference in a sentence.
    pub differences: Vec<String>,
}

/// Compares what every attempt of `merchant` moved, and the balance of each currency.
pub async fn compare(
    store: &dyn Store,
    merchant: MerchantId,
    gateway: &str,
    sandbox: &Sandbox,
) -> anyhow::Result<Comparison> {
    let ours = money_by_attempt(store, merchant).await?;
    let theirs = sandbox.charges().await?;
    let summary = sandbox.summary().await?;
    let mut differences = Vec::new();
    let mut moved: BTreeMap<&str, i64> = BTreeMap::new();
    let mut taken: BTreeMap<String, i64> = BTreeMap::new();
    let foreign = foreign(store, merchant, gateway, &theirs, &ours).await?;
    let theirs: Vec<_> =
        theirs.iter().filter(|charge| !foreign.contains(&charge.reference)).collect();
    for charge in &theirs {
        let left = charge.captured - charge.refunded - charge.reversed;
        *moved.entry(&charge.reference).or_default() += left;
        *taken.entry(charge.currency.clone()).or_default() += left;
    }
    let references: BTreeSet<&str> =
        moved.keys().copied().chain(ours.keys().map(String::as_str)).collect();
    for reference in references {
        let (rondo, gateway) = (
            ours.get(reference).copied().unwrap_or_default(),
            moved.get(reference).copied().unwrap_or_default(),
        );
        if rondo != gateway {
            differences.push(format!("{reference}: Rondo booked {rondo}, the gateway {gateway}"));
        }
    }
    for (reference, times) in &summary.captured_again {
        if !foreign.contains(reference) {
            differences.push(format!("{reference}: the gateway took it {times} times"));
        }
    }
    let booked = balances(store, merchant, gateway).await?;
    for currency in taken.keys().chain(booked.keys()).collect::<BTreeSet<_>>() {
        let (rondo, gateway) = (
            booked.get(currency).copied().unwrap_or_default(),
            taken.get(currency).copied().unwrap_or_default(),
        );
        if rondo != gateway {
            differences
                .push(format!("{currency}: Rondo's balance {rondo}, the gateway's {gateway}"));
        }
    }
    let charges = theirs.iter().filter(|charge| charge.captured > 0).count();
    Ok(Comparison { charges, taken, differences })
}

async fn money_by_attempt(
    store: &dyn Store,
    merchant: MerchantId,
) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut repo = store.snapshot().await?;
    let mut all = BTreeMap::new();
    let mut after = None;
    loop {
        let page = repo.money_by_attempt(merchant, Page { after, limit: PAGE }).await?;
        after = page.last().map(|(attempt, _)| *attempt);
        let is_last = page.len() < PAGE;
        all.extend(page.into_iter().map(|(attempt, minor)| (attempt.to_string(), minor)));
        if is_last {
            return Ok(all);
        }
    }
}

/// Net of each currency on the gateway's clearing account.
async fn balances(
    store: &dyn Store,
    merchant: MerchantId,
    gateway: &str,
) -> anyhow::Result<BTreeMap<String, i64>> {
    let account = format!("clearing:{gateway}");
    let balances = store.snapshot().await?.balances(merchant).await?;
    let ours = balances.into_iter().filter(|balance| balance.account == account);
    Ok(ours.map(|balance| (balance.currency.code().to_owned(), balance.minor)).collect())
}

/// References of another merchant's attempts: a database that served an earlier demo may still be
/// finishing what that one began.
async fn foreign(
    store: &dyn Store,
    merchant: MerchantId,
    gateway: &str,
    charges: &[LedgerCharge],
    ours: &BTreeMap<String, i64>,
) -> anyhow::Result<BTreeSet<String>> {
    let mut repo = store.snapshot().await?;
    let mut foreign = BTreeSet::new();
    for charge in charges.iter().filter(|charge| !ours.contains_key(&charge.reference)) {
        let Ok(attempt) = charge.reference.parse::<Id<kind::Attempt>>() else { continue };
        let known = repo.attempt_by_gateway(gateway, Some(attempt), &charge.id).await?;
        if known.is_some_and(|known| known.merchant != merchant) {
            foreign.insert(charge.reference.clone());
        }
    }
    Ok(foreign)
}

/// The way to the sandbox's own ledger.
pub struct Sandbox {
    /// Where it listens.
    pub base_url: String,
    /// Its secret key.
    pub secret_key: String,
}

impl Sandbox {
    async fn text(&self, path: &str) -> anyhow::Result<String> {
        let client = http::client(http::Timeouts::default())?;
        let request = client.get(format!("{}{path}", self.base_url)).bearer_auth(&self.secret_key);
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.text().await?)
    }

    async fn summary(&self) -> anyhow::Result<Summary> {
        serde_json::from_str(&self.text("/ledger/summary").await?)
            .context("the sandbox's summary cannot be read")
    }

    /// Every charge that it executed.
    pub async fn charges(&self) -> anyhow::Result<Vec<LedgerCharge>> {
        let text = self.text("/ledger/charges").await?;
        let read = |line| serde_json::from_str(line).context("the sandbox's ledger cannot be read");
        text.lines().map(read).collect()
    }
}
