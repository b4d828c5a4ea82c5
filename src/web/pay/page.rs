//! From what an operation tells to what a reader sees. Nothing here asks or changes anything.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use chrono::TimeDelta;

use crate::{
    app::pay::{Delay, Stage, Trouble, View},
    domain::{
        invoice::{Basis, Line, Part},
        merchant::Merchant,
    },
    mail::message::Advice,
};

use super::frame::{Amount, Frame, Voice, is_web};

/// A page about one invoice.
#[derive(Template)]
#[template(path = "pages/pay_invoice.html")]
struct InvoicePage {
    frame: Frame,
    title: String,
    note: Option<Note>,
    sentences: Vec<String>,
    form: Option<PayForm>,
    onward: Option<Onward>,
    facts: Vec<Fact>,
    lines: Vec<LineRow>,
    total: Amount,
}

/// A page on which a member begins to store a card.
#[derive(Template)]
#[template(path = "pages/pay_card.html")]
struct CardPage {
    frame: Frame,
    title: String,
    note: Option<Note>,
    lead: String,
    action: String,
    token: String,
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "pages/pay_message.html")]
struct MessagePage {
    frame: Frame,
    title: String,
    sentences: Vec<String>,
    onward: Option<Onward>,
}

/// The step to the gateway's page. Not a redirect of the form: some browsers hold those against the
/// page's own form policy, and the gateway's address stands in no policy of ours.
#[derive(Template)]
#[template(path = "pages/pay_hand_over.html")]
struct HandOverPage {
    frame: Frame,
    title: String,
    url: String,
}

/// Something that happened just now.
pub(super) struct Note {
    pub(super) tone: &'static str,
    pub(super) text: String,
}

/// Where one goes from here.
pub(super) struct Onward {
    pub(super) url: String,
    pub(super) label: String,
}

/// What the form on an invoice's page is sent with.
pub(super) struct Target {
    /// Where it goes to pay.
    pub(super) checkout: String,
    /// Where it goes to store a card, where there is no page to pay on.
    pub(super) card: String,
    /// Where one asks how things stand.
    pub(super) look: String,
    /// The form's token.
    pub(super) token: String,
}

struct PayForm {
    action: String,
    token: String,
    by_page: bool,
    again: Option<String>,
    consent: Option<String>,
    button: String,
}

struct Fact {
    label: String,
    value: String,
    datetime: Option<String>,
}

struct LineRow {
    label: String,
    of: Option<String>,
    why: String,
    amount: Amount,
}

/// The page about one invoice.
pub(super) fn invoice(
    frame: Frame,
    merchant: &Merchant,
    view: &View,
    target: Target,
    note: Option<Note>,
    now: chrono::DateTime<chrono::Utc>,
) -> Response {
    let voice = &frame.voice;
    let subject = subject(view);
    let amount = voice.money(match view.stage {
        Stage::Paid { .. } | Stage::TakenBack | Stage::WrittenOff => view.invoice.total,
        Stage::Planned { .. } | Stage::UnderWay(_) | Stage::GoOn { .. } | Stage::Payable { .. } => {
            view.invoice.open_amount()
        }
    });
    let title =
        voice.say(title(&view.stage), &[("amount", Some(&amount)), ("subject", Some(&subject))]);
    let sentences = sentences(voice, merchant, view, now);
    let onward = onward(voice, &view.stage, &target);
    let form = form(voice, view, target, &amount);
    let page = InvoicePage {
        title,
        note,
        sentences,
        form,
        onward,
        facts: facts(voice, view),
        lines: view.invoice.lines.iter().map(|line| row(voice, line)).collect(),
        total: voice.amount(view.invoice.total),
        frame,
    };
    render(&page)
}

const fn title(stage: &Stage) -> &'static str {
    match stage {
        Stage::Paid { .. } => "title-paid",
        Stage::TakenBack => "title-void",
        Stage::WrittenOff => "title-written-off",
        Stage::Planned { .. } => "title-planned",
        Stage::UnderWay(_) => "title-under-way",
        Stage::GoOn { .. } => "title-go-on",
        Stage::Payable { .. } => "title-open",
    }
}

/// What it is for, in a word that the member knows.
fn subject(view: &View) -> String {
    view.agreement
        .as_ref()
        .map(|agreement| agreement.has.clone())
        .or_else(|| view.invoice.lines.first().map(|line| line.label.clone()))
        .or_else(|| view.invoice.number.clone())
        .unwrap_or_else(|| view.invoice.id.to_string())
}

fn sentences(
    voice: &Voice,
    merchant: &Merchant,
    view: &View,
    now: chrono::DateTime<chrono::Utc>,
) -> Vec<String> {
    let dated = |id, at: Option<_>| {
        let date = at.map(|at| voice.day(at));
        voice.say(id, &[("date", date.as_deref())])
    };
    match &view.stage {
        Stage::Paid { at } => vec![dated("lead-paid", *at)],
        Stage::TakenBack => vec![voice.say("lead-void", &[])],
        Stage::WrittenOff => vec![voice.say("lead-written-off", &[])],
        Stage::Planned { at, from } => {
            let card = from.as_ref().map(|shown| voice.card(shown));
            let card = ("card", card.as_deref());
            let date = voice.day(*at);
            let is_now = *at <= now;
            vec![if is_now {
                voice.say("lead-planned-now", &[card])
            } else {
                voice.say("lead-planned", &[card, ("date", Some(&date))])
            }]
        }
        Stage::UnderWay(Delay::NoAnswer) => vec![voice.say("lead-no-answer", &[])],
        Stage::UnderWay(Delay::WithTheBank) => vec![voice.say("lead-with-the-bank", &[])],
        Stage::GoOn { .. } => vec![voice.say("lead-go-on", &[])],
        Stage::Payable { by_page, again, by_new_card } => {
            let trouble = view.trouble.as_ref();
            // A second decline of the day would read like the first.
            let today = trouble.filter(|trouble| now - trouble.at < TimeDelta::days(1));
            let last_try = today
                .map(|trouble| voice.say("last-try", &[("time", Some(&voice.time(trouble.at)))]));
            let trouble = trouble.map(|trouble| went_wrong(voice, trouble));
            let next = view.next_try_at.map(|at| dated("next-try", Some(at)));
            let can_pay = *by_page || *by_new_card || again.is_some();
            let cannot = (!can_pay)
                .then(|| voice.say("lead-cannot-pay", &[("merchant", Some(&merchant.name))]));
            trouble.into_iter().chain(last_try).chain(next).chain(cannot).collect()
        }
    }
}

/// Why it failed, in the words that mails use: never a code, and never that anyone suspects fraud.
fn went_wrong(voice: &Voice, trouble: &Trouble) -> String {
    let card = trouble.tried.as_ref().map(|shown| voice.card(shown));
    let date = voice.day(trouble.at);
    let id = format!("trouble-{}", Advice::from(trouble.class).name());
    voice.say(&id, &[("card", card.as_deref()), ("date", Some(&date))])
}

fn form(voice: &Voice, view: &View, target: Target, amount: &str) -> Option<PayForm> {
    let Stage::Payable { by_page, again, by_new_card } = &view.stage else { return None };
    let token = target.token;
    if *by_new_card && again.is_none() {
        let button = voice.say("card-button", &[]);
        let action = target.card;
        return Some(PayForm { action, token, by_page: true, again: None, consent: None, button });
    }
    if !by_page && again.is_none() {
        return None;
    }
    let consent = view.agreement.as_ref().filter(|_| *by_page).map(|agreement| {
        let price = voice.price(agreement.price, agreement.interval);
        voice.say("consent", &[("plan", Some(&agreement.name)), ("price", Some(&price))])
    });
    let again = again.as_ref().map(|shown| {
        let card = voice.card(shown);
        voice.say("choice-again", &[("card", Some(&card))])
    });
    let button = voice.say("pay", &[("amount", Some(amount))]);
    Some(PayForm { action: target.checkout, token, by_page: *by_page, again, consent, button })
}

fn onward(voice: &Voice, stage: &Stage, target: &Target) -> Option<Onward> {
    match stage {
        Stage::GoOn { url } if is_web(url) => {
            Some(Onward { url: url.clone(), label: voice.say("go-on", &[]) })
        }
        Stage::UnderWay(_) | Stage::GoOn { .. } | Stage::Planned { .. } => {
            Some(Onward { url: target.look.clone(), label: voice.say("look-again", &[]) })
        }
        Stage::Paid { .. } | Stage::TakenBack | Stage::WrittenOff | Stage::Payable { .. } => None,
    }
}

fn facts(voice: &Voice, view: &View) -> Vec<Fact> {
    let fact = |id, value: String, datetime: Option<String>| Fact {
        label: voice.say(id, &[]),
        value,
        datetime,
    };
    let invoice = &view.invoice;
    let number = invoice.number.clone().map(|number| fact("fact-invoice", number, None));
    let period = invoice
        .period
        .map(|period| fact("fact-period", voice.period(period.start(), period.end()), None));
    let access = view.access_until.map(|until| {
        let datetime = until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        fact("fact-access-until", voice.day(until), Some(datetime))
    });
    [number, period, access].into_iter().flatten().collect()
}

fn row(voice: &Voice, line: &Line) -> LineRow {
    let of = (line.quantity != 1).then(|| {
        let (unit, quantity) = (voice.money(line.unit), line.quantity.to_string());
        voice.say("lines-of", &[("unit", Some(&unit)), ("quantity", Some(&quantity))])
    });
    LineRow {
        label: line.label.clone(),
        of,
        why: why(voice, line),
        amount: voice.amount(line.amount),
    }
}

/// How a line came about.
fn why(voice: &Voice, line: &Line) -> String {
    let (unit, quantity) = (voice.money(line.unit), line.quantity.to_string());
    let price = [("unit", Some(unit.as_str())), ("quantity", Some(quantity.as_str()))];
    let Basis::Cycle { plan_version: _, first_day, last_day, part } = &line.basis else {
        return voice.say("why-once", &price);
    };
    let (first, last) = (voice.civil_day(*first_day), voice.civil_day(*last_day));
    let days = [("first", Some(first.as_str())), ("last", Some(last.as_str()))];
    match part.map(|Part { days, of }| (days.to_string(), of.to_string())) {
        None if first_day == last_day => voice.say("why-day", &[price, days].concat()),
        None => voice.say("why-cycle", &[price, days].concat()),
        Some((some, all)) => {
            let share = [("days", Some(some.as_str())), ("of", Some(all.as_str()))];
            voice.say("why-part", &[price, days, share].concat())
        }
    }
}

/// The page on which a member begins to store a card.
pub(super) fn card(
    frame: Frame,
    merchant: &Merchant,
    target: Target,
    note: Option<Note>,
) -> Response {
    let name = [("merchant", Some(merchant.name.as_str()))];
    let title = frame.voice.say("card-title", &name);
    let lead = frame.voice.say("card-lead", &name);
    render(&CardPage { title, note, lead, action: target.card, token: target.token, frame })
}

/// A page that says one thing.
pub(super) fn message(
    frame: Frame,
    title: String,
    sentences: Vec<String>,
    onward: Option<Onward>,
) -> Response {
    render(&MessagePage { frame, title, sentences, onward })
}

/// The step to the gateway's page.
pub(super) fn hand_over(frame: Frame, url: String) -> Response {
    let title = frame.word("hand-over-title");
    render(&HandOverPage { frame, title, url })
}

fn render(page: &impl Template) -> Response {
    Html(page.render().expect("writing to a string does not fail")).into_response()
}
