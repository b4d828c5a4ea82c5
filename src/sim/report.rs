//! What is counted in one world, and added up over many.

use super::fault::Fault;

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Days that subscriptions lived, all together.
    pub subscription_days: u64,
    /// Charges that were ordered, each with a key of its own.
    pub attempts: u64,
    /// Charges that took money, by the providers' own books.
    pub captures: u64,
    /// Invoices that were issued.
    pub invoices: u64,
    /// Mails that arrived.
    pub mails: u64,
    /// Things that wait for staff at the end.
    pub stuck: u64,
    /// How often each fault struck, in the order of [`Fault::ALL`].
    pub faults: Vec<u64>,
}

impl Figures {
    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        self.subscription_days += other.subscription_days;
        self.attempts += other.attempts;
        self.captures += other.captures;
        self.invoices += other.invoices;
        self.mails += other.mails;
        self.stuck += other.stuck;
        self.faults.resize(Fault::ALL.len(), 0);
        for (sum, count) in self.faults.iter_mut().zip(&other.faults) {
            *sum += count;
        }
    }

    /// How often a process died.
    pub fn kills(&self) -> u64 {
        let counts = Fault::ALL.iter().zip(&self.faults);
        counts.filter(|(fault, _)| Fault::OF_CRASHES.contains(fault)).map(|(_, count)| count).sum()
    }

    /// Whole subscription-years.
    pub fn subscription_years(&self) -> u64 {
        self.subscription_days / 365
    }
}
