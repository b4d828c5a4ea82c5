//! The letters of a subscription that goes well, changes or ends.

use chrono::TimeDelta;

use super::{Letter, Voice};
use crate::mail::{
    message::{
        CancellationUndone, Cancelled, CancelledBy, PlanChanging, Receipt, Refund, TrialEnding,
        UpcomingRenewal, Welcome,
    },
    phrases::Args,
};

/// One who has stored something may keep, change or cancel; one who has not is first of all asked for
/// a card.
fn keep_or_pay<'a>(
    voice: &'a Voice,
    has_instrument: bool,
    manage_url: Option<&'a str>,
    card_url: &'a str,
) -> Letter<'a> {
    if has_instrument {
        Letter::new(voice, manage_url)
    } else {
        Letter::new(voice, Some(card_url)).second(manage_url)
    }
}

impl Welcome {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        let letter = Letter::new(voice, self.open_url.as_deref())
            .second(self.manage_url.as_deref())
            .text("plan", &self.plan);
        let letter = if self.price.amount.is_zero() {
            letter.text("price", voice.say("free", &Args::new()))
        } else {
            letter.price("price", self.price)
        };
        letter
            .maybe_money("paid", self.paid)
            .maybe_day("next_charge", self.next_charge.map(|charge| charge.at))
            .maybe_charge("next_charge_row", self.next_charge)
            .instrument(self.instrument.as_ref())
            .rows([
                ("fact-plan", "plan"),
                ("fact-price", "price"),
                ("fact-next-charge", "next_charge_row"),
                ("fact-instrument", "instrument"),
            ])
    }
}

impl TrialEnding {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        keep_or_pay(voice, self.instrument.is_some(), self.manage_url.as_deref(), &self.card_url)
            .text("plan", &self.plan)
            .day("ends", self.ends_at)
            .short_day("ends_short", Some(self.ends_at))
            .money("amount", self.amount)
            .maybe_charge("next_charge", self.next_charge)
            .price("price", self.price)
            .instrument(self.instrument.as_ref())
            .rows([
                ("fact-plan", "plan"),
                ("fact-ends", "ends"),
                ("fact-first-charge", "amount"),
                ("fact-next-charge", "next_charge"),
                ("fact-price", "price"),
                ("fact-instrument", "instrument"),
            ])
    }
}

impl UpcomingRenewal {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        let compared = match self.previous {
            None => "first",
            Some(previous) if previous == self.amount => "same",
            Some(_) => "changed",
        };
        keep_or_pay(voice, self.instrument.is_some(), self.manage_url.as_deref(), &self.card_url)
            .text("plan", &self.plan)
            .day("date", self.renews_at)
            .short_day("date_short", Some(self.renews_at))
            .money("amount", self.amount)
            .maybe_money("previous", self.previous)
            .text("compared", compared)
            .maybe_period("period", self.period)
            .maybe_charge("next_charge", self.next_charge)
            .instrument(self.instrument.as_ref())
            .moment("cancel_by", self.renews_at)
            .rows([
                ("fact-plan", "plan"),
                ("fact-period", "period"),
                ("fact-amount", "amount"),
                ("fact-next-charge", "next_charge"),
                ("fact-instrument", "instrument"),
                ("fact-cancel-by", "cancel_by"),
            ])
    }
}

impl Receipt {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, Some(&self.invoice_url))
            .text("plan", &self.plan)
            .money("amount", self.amount)
            .day("date", self.paid_at)
            .short_day("date_short", Some(self.paid_at))
            .instrument(self.instrument.as_ref())
            .text("invoice", &self.invoice)
            .maybe_period("period", self.period)
            .maybe_charge("next_charge", self.next_charge)
            .rows([
                ("fact-invoice", "invoice"),
                ("fact-plan", "plan"),
                ("fact-period", "period"),
                ("fact-amount", "amount"),
                ("fact-next-charge", "next_charge"),
            ])
    }
}

impl Cancelled {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        let has_ended = self.ends_at <= self.received_at;
        // What ends at the midnight before the 31st was open on the 30th, and not a moment longer.
        let last_moment =
            if has_ended { self.ends_at } else { self.ends_at - TimeDelta::microseconds(1) };
        let letter = match &self.undo_url {
            Some(undo_url) => Letter::new(voice, Some(undo_url)).second(self.manage_url.as_deref()),
            None => Letter::new(voice, self.manage_url.as_deref()),
        };
        let letter = letter
            .text("plan", &self.plan)
            .text("by", self.by.name())
            .text("ended", if has_ended { "yes" } else { "no" })
            .text("undo", if self.undo_url.is_some() { "yes" } else { "no" })
            .moment("received", self.received_at)
            .day("ends", last_moment)
            .short_day("ends_short", Some(last_moment))
            .maybe_money("open", self.open)
            .rows([
                ("fact-plan", "plan"),
                ("fact-received", "received"),
                ("fact-ends", "ends"),
                ("fact-open", "open"),
            ]);
        match self.by {
            CancelledBy::Customer => letter,
            // Nobody sent anything that could have been received.
            CancelledBy::Merchant | CancelledBy::Dunning => letter.without_row("fact-received"),
        }
    }
}

impl CancellationUndone {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, self.manage_url.as_deref())
            .text("plan", &self.plan)
            .day("date", self.undone_at)
            .maybe_charge("next_charge", self.next_charge)
            .rows([("fact-plan", "plan"), ("fact-next-charge", "next_charge")])
    }
}

impl PlanChanging {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        let change = match &self.new_plan {
            Some(_) => "plan",
            None if self.new_price == self.old_price => "kept",
            None => "price",
        };
        let letter = Letter::new(voice, self.manage_url.as_deref())
            .text("plan", &self.plan)
            .maybe("new_plan", self.new_plan.clone())
            .text("change", change)
            .price("old_price", self.old_price)
            .price("new_price", self.new_price)
            .money("new_amount", self.new_price.amount)
            .maybe_day("date", self.changes_at)
            .short_day("date_short", self.changes_at)
            .rows([
                ("fact-plan", "plan"),
                ("fact-old-price", "old_price"),
                ("fact-new-plan", "new_plan"),
                ("fact-new-price", "new_price"),
                ("fact-first-charge", "date"),
            ]);
        // The price is the same, and so is when it is taken.
        match change {
            "kept" => letter.without_row("fact-new-price").without_row("fact-first-charge"),
            _ => letter,
        }
    }
}

impl Refund {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, Some(&self.document_url))
            .text("plan", &self.plan)
            .money("amount", self.amount)
            .day("date", self.sent_at)
            .instrument(self.instrument.as_ref())
            .text("invoice", &self.invoice)
            .maybe("reference", self.reference.clone())
            .rows([
                ("fact-amount", "amount"),
                ("fact-plan", "plan"),
                ("fact-invoice", "invoice"),
                ("fact-reference", "reference"),
            ])
    }
}
