//! Runs the billing vectors in `tests/vectors` against the calendar and the money of the domain.
//!
//! A case is reproduced, or fails the test by its id, or is counted as unsupported under its op's
//! name; it never passes for being skipped. What is asked of the vectors (which periods are due, what
//! part of a price) is put together here; dates, lengths, rounding and splitting are the product's.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rondo::domain::{
    calendar::{Alignment, Beginning, Interval, Period, StubReference, Zone},
    money::{Currency, Money, Rounding, round_to_minor},
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

/// So many cases are reproduced at least. Raise it with every op that is added.
const LEAST_REPRODUCED: usize = 142;

#[derive(Deserialize)]
struct File {
    schema: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    op: String,
    #[serde(default)]
    optional_policy: bool,
    policy: Policy,
    input: Value,
    expected: BTreeMap<String, Value>,
}

/// The choices that a case's result depends on. The ops below know no other than these.
#[derive(Deserialize)]
struct Policy {
    granularity: Option<String>,
    month_end: Option<String>,
    stub_reference: Option<StubReference>,
    rounding: Option<String>,
    remainder: Option<String>,
}

#[test]
fn the_vectors_are_reproduced() {
    let mut reproduced = 0;
    let mut unsupported = BTreeMap::<String, usize>::new();
    let mut failures = Vec::new();
    for case in cases().unwrap() {
        let run = if case.optional_policy { None } else { run(&case) };
        match run {
            Some(Ok(())) => reproduced += 1,
            Some(Err(failure)) => failures.push(format!("{} ({}): {failure:#}", case.id, case.op)),
            None if case.optional_policy => {
                *unsupported.entry(format!("{}, optional policy", case.op)).or_default() += 1;
            }
            None => *unsupported.entry(case.op).or_default() += 1,
        }
    }

    let names: Vec<_> = unsupported.iter().map(|(op, count)| format!("{op}: {count}")).collect();
    let left: usize = unsupported.values().sum();
    println!("vectors: {reproduced} reproduced, {left} unsupported ({})", names.join("; "));
    assert!(failures.is_empty(), "{} vectors fail:\n{}", failures.len(), failures.join("\n"));
    assert!(
        reproduced >= LEAST_REPRODUCED,
        "only {reproduced} vectors were reproduced, where there were {LEAST_REPRODUCED}"
    );
}

fn cases() -> Result<Vec<Case>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path)?;
            let name = path.display();
            let file: File = serde_json::from_str(&text).with_context(|| name.to_string())?;
            ensure!(file.schema == "billing-vectors/1", "{name} is of schema {}", file.schema);
            cases.extend(file.cases);
        }
    }
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(cases)
}

/// Runs a case, or says that its op is none of ours.
fn run(case: &Case) -> Option<Result<()>> {
    let op: fn(&Case) -> Result<Answers> = match case.op.as_str() {
        "schedule" => schedule,
        "first_boundary" => first_boundary,
        "next_boundary" => next_boundary,
        "boundaries" => boundaries,
        "period_at" => period_at,
        "completed_period" => completed_period,
        "civil_day_bounds" => civil_day_bounds,
        "due_on" => due_on,
        "days_between" => days_between,
        "local_date" => local_date,
        "trial" => trial,
        "allocate" => allocate,
        "round" => round,
        "exponent" => exponent,
        _ => return None,
    };
    Some(case.policy.check().and_then(|()| op(case)).and_then(|answers| case.compare(&answers)))
}

/// What was found, under the names that the vectors use.
type Answers = BTreeMap<&'static str, Value>;

impl Case {
    fn compare(&self, answers: &Answers) -> Result<()> {
        ensure!(!self.expected.is_empty(), "nothing is expected");
        for (key, expected) in &self.expected {
            let found =
                answers.get(key.as_str()).with_context(|| format!("{key} is not answered"))?;
            ensure!(agrees(expected, found), "{key} is {found} and should be {expected}");
        }
        Ok(())
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<T> {
        self.find(key)?.with_context(|| format!("{key} is missing"))
    }

    fn find<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<Option<T>> {
        let value = self.input.get(key).unwrap_or(&Value::Null);
        Option::<T>::deserialize(value).with_context(|| format!("{key} is {value}"))
    }

    fn money(&self, minor: i64) -> Result<Money> {
        Ok(Money::new(minor, self.get("currency")?))
    }
}

/// Whether all that is expected was found; a found object may say more than is asked.
fn agrees(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected
            .iter()
            .all(|(key, value)| found.get(key).is_some_and(|found| agrees(value, found))),
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| agrees(expected, found))
        }
        _ => expected == found,
    }
}

impl Policy {
    /// These ops know one policy for each key, except for the reference of a stub.
    fn check(&self) -> Result<()> {
        for (name, chosen, ours) in [
            ("granularity", &self.granularity, "day"),
            ("month_end", &self.month_end, "clamp_to_anchor"),
            ("rounding", &self.rounding, "half_away_from_zero"),
            ("remainder", &self.remainder, "largest_remainder_then_key"),
        ] {
            if let Some(chosen) = chosen {
                ensure!(chosen == ours, "{name} {chosen} is not offered");
            }
        }
        Ok(())
    }
}

/// A civil date, which stands for its first instant, or an instant.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum When {
    Date(NaiveDate),
    Instant(DateTime<Utc>),
}

impl When {
    fn instant(self, zone: Zone) -> DateTime<Utc> {
        match self {
            Self::Date(date) => zone.start_of(date),
            Self::Instant(instant) => instant,
        }
    }

    /// `instant` in the notation of this one.
    fn like(self, instant: DateTime<Utc>, zone: Zone) -> Value {
        match self {
            Self::Date(_) => zone.local_date(instant).to_string().into(),
            Self::Instant(_) => utc_text(instant),
        }
    }
}

fn utc_text(instant: DateTime<Utc>) -> Value {
    instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true).into()
}

/// The cycles of a case, after its trial if it has one.
struct Cycles {
    zone: Zone,
    interval: Interval,
    /// In the notation of the case.
    asked: When,
    /// When the cycles begin.
    start: DateTime<Utc>,
    beginning: Beginning,
}

impl Cycles {
    fn of(case: &Case, trial_days: u32) -> Result<Self> {
        let zone = case.find("time_zone")?.unwrap_or(Zone::UTC);
        let (asked, start) = if let Some(instant) = case.find("start_instant")? {
            // Only the start is told as an instant there; the answers are dates of the zone.
            (When::Date(zone.local_date(instant)), instant)
        } else {
            let start: When = case.get("start")?;
            (start, start.instant(zone))
        };
        let start = zone.days_after(start, trial_days)?;
        let alignment = match case.get::<String>("alignment")?.as_str() {
            "anniversary" => Alignment::Anniversary,
            "anchor_day" => Alignment::AnchorDay { day: case.get("anchor_day")? },
            "calendar" => Alignment::Calendar,
            other => bail!("alignment {other} is not offered"),
        };
        let interval = case.get("interval")?;
        let reference = case.policy.stub_reference.unwrap_or_default();
        let beginning = alignment.begin(start, interval, zone, reference)?;
        Ok(Self { zone, interval, asked, start, beginning })
    }

    /// The `n`-th period that is billed, the first of which may be a stub, and the whole period
    /// that it is measured against.
    fn period(&self, n: u32) -> Result<(Period, Period)> {
        let Beginning { anchor, first, stub_of } = self.beginning;
        if n == 0 {
            return Ok((first, stub_of.unwrap_or(first)));
        }
        let whole = anchor.period(self.interval, n)?;
        Ok((whole, whole))
    }

    /// The boundaries from the start on: of a stub only its end is one.
    fn boundaries(&self) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        let first = u32::from(self.beginning.stub_of.is_some());
        (first..).map_while(|n| self.beginning.anchor.boundary(self.interval, n).ok())
    }

    fn boundary_text(&self, wanted: impl Fn(NaiveDate) -> bool) -> Result<Value> {
        let found = self.boundaries().find(|&boundary| wanted(self.zone.local_date(boundary)));
        Ok(self.asked.like(found.context("there is no such boundary")?, self.zone))
    }

    fn period_text(&self, period: Period) -> Value {
        serde_json::json!({
            "start": self.asked.like(period.start(), self.zone),
            "end": self.asked.like(period.end(), self.zone),
        })
    }

    fn start_date(&self) -> NaiveDate {
        self.zone.local_date(self.start)
    }
}

/// A part of a whole, in days.
#[derive(Clone, Copy)]
struct Share {
    days: u32,
    of: u32,
}

impl Share {
    fn new(part: Period, whole: Period, zone: Zone) -> Self {
        Self { days: part.days(zone), of: whole.days(zone) }
    }

    /// The sum as a fraction of two exact numbers.
    fn sum(shares: &[Self]) -> (u128, u128) {
        shares.iter().fold((0, 1), |(over, under), share| {
            let (days, of) = (u128::from(share.days), u128::from(share.of));
            lowest_terms(over * of + days * under, under * of)
        })
    }

    fn text((over, under): (u128, u128)) -> Value {
        let whole = if under == 1 { over.to_string() } else { format!("{over}/{under}") };
        whole.into()
    }

    fn of_price(self, price: Money) -> Result<Value> {
        let exact = price.to_decimal() * Decimal::from(self.days) / Decimal::from(self.of);
        let rounded = round_to_minor(exact, price.currency(), Rounding::HalfAwayFromZero)?;
        Ok(rounded.minor().into())
    }
}

fn lowest_terms(over: u128, under: u128) -> (u128, u128) {
    let (mut divisor, mut rest) = (over, under);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (over / divisor, under / divisor)
}

fn schedule(case: &Case) -> Result<Answers> {
    let cycles = Cycles::of(case, 0)?;
    let bill_through: NaiveDate = case.get("bill_through")?;
    let end: Option<NaiveDate> = case.find("end")?;
    if bill_through < cycles.start_date() || end.is_some_and(|end| end < cycles.start_date()) {
        return Ok([("error", "invalid_date_sequence".into())].into());
    }
    let end = end.map(|end| cycles.zone.start_of(end));
    let in_advance = match case.get::<String>("timing")?.as_str() {
        "in_advance" => true,
        "in_arrears" => false,
        other => bail!("timing {other} is not offered"),
    };
    let price = match case.find("price_minor")? {
        Some(minor) => Some(case.money(minor)?.times(case.find("quantity")?.unwrap_or(1))?),
        None => None,
    };

    let (mut periods, mut shares) = (Vec::new(), Vec::new());
    for n in 0.. {
        let (mut period, whole) = cycles.period(n)?;
        if let Some(end) = end {
            let Ok(until_end) = Period::new(period.start(), period.end().min(end)) else { break };
            period = until_end;
        }
        let due = if in_advance { period.start() } else { period.end() };
        if cycles.zone.local_date(due) > bill_through {
            break;
        }
        let share = Share::new(period, whole, cycles.zone);
        let mut found = cycles.period_text(period);
        found["fraction"] = Share::text(Share::sum(&[share]));
        if let Some(price) = price {
            found["amount_minor"] = share.of_price(price)?;
        }
        periods.push(found);
        shares.push(share);
    }
    Ok([
        ("period_count", periods.len().into()),
        ("total_fraction", Share::text(Share::sum(&shares))),
        ("periods", periods.into()),
    ]
    .into())
}

fn first_boundary(case: &Case) -> Result<Answers> {
    let cycles = Cycles::of(case, 0)?;
    Ok([("date", cycles.boundary_text(|date| date >= cycles.start_date())?)].into())
}

fn next_boundary(case: &Case) -> Result<Answers> {
    let cycles = Cycles::of(case, 0)?;
    Ok([("date", cycles.boundary_text(|date| date > cycles.start_date())?)].into())
}

fn boundaries(case: &Case) -> Result<Answers> {
    let cycles = Cycles::of(case, case.find("trial_days")?.unwrap_or(0))?;
    let after = case.find("after")?.unwrap_or_else(|| cycles.start_date());
    let asked = case.expected.get("boundaries").and_then(Value::as_array).map_or(0, Vec::len);
    let found: Vec<Value> = cycles
        .boundaries()
        .filter(|&boundary| cycles.zone.local_date(boundary) > after)
        .take(asked)
        .map(|boundary| cycles.asked.like(boundary, cycles.zone))
        .collect();
    Ok([("boundaries", found.into())].into())
}

fn period_at(case: &Case) -> Result<Answers> {
    let cycles = Cycles::of(case, 0)?;
    let at = case.get::<When>("at")?.instant(cycles.zone);
    let cycle = cycles.beginning.anchor.cycle_at(cycles.interval, at);
    Ok([("period", cycles.period_text(cycles.period(cycle)?.0))].into())
}

fn completed_period(case: &Case) -> Result<Answers> {
    let cycles = Cycles::of(case, 0)?;
    let at = cycles.zone.start_of(case.get("at")?);
    let over = cycles.beginning.anchor.cycle_at(cycles.interval, at).checked_sub(1);
    let (period, whole) = cycles.period(over.context("no period is over")?)?;
    ensure!(period == whole, "the period that is over is a stub");
    Ok([("period", cycles.period_text(period))].into())
}

fn civil_day_bounds(case: &Case) -> Result<Answers> {
    #[derive(Deserialize)]
    struct Dates {
        start: NaiveDate,
        end: NaiveDate,
    }
    let (zone, dates): (Zone, Dates) = (case.get("time_zone")?, case.get("period")?);
    let period = Period::new(zone.start_of(dates.start), zone.start_of(dates.end))?;
    Ok([("start_utc", utc_text(period.start())), ("end_utc", utc_text(period.end()))].into())
}

fn due_on(case: &Case) -> Result<Answers> {
    let cycles = Cycles::of(case, 0)?;
    let is_due = |at: DateTime<Utc>| -> Result<bool> {
        let date = cycles.zone.local_date(at);
        let next = date.checked_add_days(Days::new(1)).context("there is a next day")?;
        let last_instant = cycles.zone.start_of(next) - TimeDelta::microseconds(1);
        let anchor = cycles.beginning.anchor;
        let cycle = anchor.cycle_at(cycles.interval, last_instant);
        let boundary = cycles.zone.local_date(anchor.boundary(cycles.interval, cycle)?);
        Ok(boundary == date && boundary > cycles.start_date())
    };
    // The probes are part of what is expected: each says when, and whether something is due then.
    let probes = case.expected.get("probes").and_then(Value::as_array).context("no probes")?;
    let found = probes.iter().map(|probe| {
        let at = DateTime::deserialize(&probe["at"])?;
        Ok(serde_json::json!({ "at": probe["at"], "due": is_due(at)? }))
    });
    Ok([("probes", found.collect::<Result<Vec<_>>>()?.into())].into())
}

fn days_between(case: &Case) -> Result<Answers> {
    let period = Period::new(case.get("start")?, case.get("end")?)?;
    Ok([("days", period.days(case.get("time_zone")?).into())].into())
}

fn local_date(case: &Case) -> Result<Answers> {
    let zone: Zone = case.get("time_zone")?;
    Ok([("date", zone.local_date(case.get("at")?).to_string().into())].into())
}

fn trial(case: &Case) -> Result<Answers> {
    let trial_days = case.get("trial_days")?;
    let paid = match case.find::<String>("trial_charges")?.as_deref() {
        None => false,
        Some("paid") => true,
        Some(other) => bail!("trial charges {other} are not offered"),
    };
    // A paid trial does not move the billing.
    let cycles = Cycles::of(case, if paid { 0 } else { trial_days })?;
    let trial_end =
        if paid { cycles.zone.days_after(cycles.start, trial_days)? } else { cycles.start };
    let (first, whole) = cycles.period(0)?;
    let share = Share::new(first, whole, cycles.zone);
    let mut answers = Answers::from([
        ("trial_end", cycles.asked.like(trial_end, cycles.zone)),
        ("first_charge_date", cycles.asked.like(first.start(), cycles.zone)),
        ("first_period", cycles.period_text(first)),
        ("fraction", Share::text(Share::sum(&[share]))),
    ]);
    if let Some(minor) = case.find("price_minor")? {
        answers.insert("amount_minor", share.of_price(case.money(minor)?)?);
    }
    Ok(answers)
}

fn allocate(case: &Case) -> Result<Answers> {
    let cap = case.find("cap_minor")?.unwrap_or(i64::MAX);
    let whole = case.money(case.get::<i64>("amount_minor")?.min(cap))?;
    let weights = case.get::<Vec<String>>("weights")?;
    let weights = weights.iter().map(|weight| weight.parse()).collect::<Result<Vec<u64>, _>>()?;
    let parts: Vec<i64> = whole.split(&weights).into_iter().map(Money::minor).collect();
    let after = parts.iter().zip(&weights).map(|(part, &weight)| Ok(i64::try_from(weight)? - part));
    let after = after.collect::<Result<Vec<i64>>>()?;
    Ok([("parts_minor", parts.into()), ("after_minor", after.into())].into())
}

fn round(case: &Case) -> Result<Answers> {
    let amount = case.get::<String>("amount")?.parse()?;
    let rounded = round_to_minor(amount, case.get("currency")?, Rounding::HalfAwayFromZero)?;
    Ok([("amount_minor", rounded.minor().into())].into())
}

fn exponent(case: &Case) -> Result<Answers> {
    Ok([("exponent", case.get::<Currency>("currency")?.exponent().into())].into())
}
