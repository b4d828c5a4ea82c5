//! What a crash test ends with: the figures, how often what befell whom, and all that is wrong.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    judge::Judgement,
    misfortune::{Deed, Point, Tally},
};
use crate::cli::output::{Column, say, show_table, table};

/// The figures.
pub struct Report {
    /// The database.
    pub engine: String,
    /// How many replicas of Rondo ran.
    pub replicas: usize,
    /// The academies that lived, each of a seed of its own.
    pub seeds: u64,
    /// The points at which replicas can be struck.
    pub points: &'static [Point],
    /// How often each misfortune came about: its name, and the count.
    pub faults: BTreeMap<String, u64>,
    /// Kills of replicas.
    pub kills: u64,
    /// Pauses of replicas.
    pub pauses: u64,
    /// Races that were run.
    pub races: u64,
    /// Races that had another end than one effect and one answer.
    pub races_lost: Vec<String>,
    /// What is left behind, judged.
    pub judgement: Judgement,
    /// What `rondo audit` and `rondo reconcile` said, where they found something.
    pub commands: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// How often each misfortune came about, by its name.
pub fn faults(tally: &Tally, points: &[Point], gateway_crashes: u64) -> BTreeMap<String, u64> {
    let mut faults = BTreeMap::from([("kill_sandbox".to_owned(), gateway_crashes)]);
    for deed in [Deed::Kill, Deed::Pause] {
        for point in points {
            let name = format!("{}_{}", deed.name(), point.name());
            faults.insert(name, tally.count(deed, *point));
        }
    }
    faults
}

impl Report {
    /// All that is wrong, a line each.
    pub fn wrong(&self) -> Vec<String> {
        let races = self.races_lost.iter().map(|lost| format!("race: {lost}"));
        let commands = self.commands.iter().map(|said| format!("command: {said}"));
        self.judgement.found.lines().chain(races).chain(commands).collect()
    }

    /// The kinds of this deed that never came about, one for each point.
    pub fn missing(&self, deed: Deed) -> impl Iterator<Item = String> + '_ {
        let names = self.points.iter().map(move |at| format!("{}_{}", deed.name(), at.name()));
        names.filter(|name| self.faults.get(name).is_none_or(|count| *count == 0))
    }

    fn years(&self) -> u64 {
        self.judgement.subscription_days / 365
    }

    /// Shows it to people.
    pub fn show(&self) -> anyhow::Result<()> {
        let Judgement { found, .. } = &self.judgement;
        let judged = &self.judgement;
        let mut counted = table(&[("what", Column::Words), ("count", Column::Figures)]);
        for (name, count) in [
            ("replicas", self.replicas as u64),
            ("seeds", self.seeds),
            ("subscription-years", self.years()),
            ("invoices", judged.invoices),
            ("attempts", judged.attempts),
            ("captures", judged.captures),
            ("mails", judged.mails),
            ("mails that came again", judged.mails_doubled),
            ("waiting for staff", judged.stuck),
            ("kills", self.kills),
            ("pauses", self.pauses),
            ("races", self.races),
            ("double charges", found.double_charges.len() as u64),
            ("lost cycles", found.lost_cycles.len() as u64),
            ("ledger differences", found.ledger_differences.len() as u64),
            ("rule violations", found.rule_violations.len() as u64),
            ("mails lost or made up", found.mail_faults.len() as u64),
            ("races lost", self.races_lost.len() as u64),
        ] {
            counted.add_row([name.to_owned(), count.to_string()]);
        }
        say(&self.engine)?;
        show_table(&counted)?;
        let mut struck = table(&[("fault", Column::Words), ("struck", Column::Figures)]);
        for (name, count) in &self.faults {
            struck.add_row([name.clone(), count.to_string()]);
        }
        show_table(&struck)?;
        for line in self.wrong() {
            say(format_args!("WRONG {line}"))?;
        }
        Ok(())
    }

    /// All of it for machines.
    pub fn as_json(&self) -> Value {
        let Judgement { found, .. } = &self.judgement;
        let judged = &self.judgement;
        let missing = [Deed::Kill, Deed::Pause].into_iter().flat_map(|deed| self.missing(deed));
        json!({
            "engine": self.engine,
            "replicas": self.replicas,
            "seeds": self.seeds,
            "subscription_years": self.years(),
            "seconds": self.took.as_secs_f64(),
            "invoices": judged.invoices,
            "attempts": judged.attempts,
            "captures": judged.captures,
            "mails": judged.mails,
            "mails_doubled": judged.mails_doubled,
            "stuck": judged.stuck,
            "kills": self.kills,
            "pauses": self.pauses,
            "races": self.races,
            "races_lost": self.races_lost.len(),
            "double_charges": found.double_charges.len(),
            "lost_cycles": found.lost_cycles.len(),
            "ledger_differences": found.ledger_differences.len(),
            "rule_violations": found.rule_violations.len(),
            "mail_faults": found.mail_faults.len(),
            "faults": self.faults,
            "missing_faults": missing.collect::<Vec<_>>(),
            "wrong": self.wrong(),
        })
    }
}
