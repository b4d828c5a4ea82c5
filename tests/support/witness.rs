//! The two books that must agree: what the gateway itself says that it took, and what our ledger
//! says. The only place where a story looks into the store for its assertions.

use std::collections::BTreeMap;

use rondo::{
    app::audit,
    domain::{changes::Changes, merchant::Merchant, money::Money},
    gateway::{
        http::{Timeouts, client},
        sandbox::server::LedgerCharge,
    },
    store::{Flaw, Page},
};

use super::{member::Member, served::SANDBOX_KEY, world::World};

impl World {
    /// All that the gateway was ever asked to take, the oldest first.
    async fn charges(&self) -> Vec<LedgerCharge> {
        let http = client(Timeouts::default()).unwrap();
        let url = format!("{}/ledger/charges", self.sandbox.base_url());
        let reply = http.get(url).bearer_auth(SANDBOX_KEY).send().await.unwrap();
        let text = reply.text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What the gateway itself says that it took less what went back, by our reference.
    pub async fn captured(&self) -> BTreeMap<String, i64> {
        let mut captured = BTreeMap::new();
        for charge in self.charges().await {
            let left = charge.captured - charge.refunded - charge.reversed;
            *captured.entry(charge.reference).or_default() += left;
        }
        captured.retain(|_, minor| *minor != 0);
        captured
    }

    /// What our ledger says that each attempt took less what went back of it.
    pub async fn booked(&self) -> BTreeMap<String, i64> {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        let page = Page { after: None, limit: 100_000 };
        let booked = repo.money_by_attempt(self.merchant_id, page).await.unwrap();
        booked
            .into_iter()
            .filter(|(_, minor)| *minor != 0)
            .map(|(attempt, minor)| (attempt.to_string(), minor))
            .collect()
    }

    /// The gateway took money from this member so often and no more, this much each time, and our
    /// ledger says the same.
    pub async fn assert_charged(&self, member: &Member, amount: &str, times: usize) {
        let invoices = member.invoices().await;
        let minor = amount.parse::<Money>().unwrap().minor();
        let taken: Vec<_> = self
            .charges()
            .await
            .into_iter()
            .filter(|charge| charge.captured > 0)
            .filter(|charge| invoices.iter().any(|invoice| invoice.name.ends_with(&charge.invoice)))
            .map(|charge| charge.captured)
            .collect();
        assert_eq!(taken, vec![minor; times], "what the gateway took from {}", member.name);
        self.assert_books_agree().await;
    }

    /// The gateway's book and ours tell the same, and ours are in order.
    pub async fn assert_books_agree(&self) {
        let (captured, booked) = (self.captured().await, self.booked().await);
        if captured != booked {
            let differs = |id: &&String| captured.get(*id) != booked.get(*id);
            let odd = captured.keys().chain(booked.keys()).filter(differs);
            let odd: Vec<_> = odd.map(|id| id.parse().unwrap()).collect();
            let mut repo = self.rondo.store.snapshot().await.unwrap();
            let odd = repo.attempts(self.merchant_id, &odd).await.unwrap();
            panic!("what the gateway took and what we booked differs for {odd:#?}");
        }
        assert_eq!(self.flaws().await, []);
    }

    /// What an audit finds.
    pub async fn flaws(&self) -> Vec<Flaw> {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        audit::flaws(repo.as_mut(), self.merchant_id, 100).await.unwrap()
    }

    /// The merchant's row, for those who call an operation themselves.
    pub async fn merchant(&self) -> Merchant {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        repo.merchant(self.merchant_id).await.unwrap().unwrap()
    }

    /// Commits what no call of a portal brings about.
    pub async fn write(&self, changes: Changes) {
        super::given::write(self.rondo.store.as_ref(), changes).await.unwrap();
    }
}
