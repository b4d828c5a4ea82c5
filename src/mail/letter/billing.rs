//! The letters of a subscription that goes well, changes or ends.

use chrono::TimeDelta;

use super::{Letter, Voice};
use crate::mail::message::{
    Cancelled, PlanChanging, Receipt, Refund, TrialEnding, UpcomingRenewal, Welcome,
};

impl Welcome {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, &self.open_url)
            .second(&self.manage_url)
            .text("plan", &self.plan)
            .price("price", self.price)
            .maybe_money("paid", self.paid)
            .day("next_charge", self.next_charge.at)
            .maybe_charge("next_charge_row", Some(self.next_charge))
            .instrument(&self.instrument)
            .maybe_civil_day("withdraw_until", self.withdraw_until)
            .rows([
                ("fact-plan", "plan"),
                ("fact-price", "price"),
                ("fact-next-charge", "next_charge_row"),
                ("fact-card", "instrument"),
                ("fact-withdraw-until", "withdraw_until"),
            ])
    }
}

impl TrialEnding {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, &self.manage_url)
            .text("plan", &self.plan)
            .day("ends", self.ends_at)
            .short_day("ends_short", Some(self.ends_at))
            .money("amount", self.amount)
            .price("price", self.price)
            .maybe("instrument", self.instrument.as_ref().map(|paying| voice.instrument(paying)))
            .rows([
                ("fact-plan", "plan"),
                ("fact-ends", "ends"),
                ("fact-first-charge", "amount"),
                ("fact-price", "price"),
                ("fact-card", "instrument"),
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
        Letter::new(voice, &self.manage_url)
            .text("plan", &self.plan)
            .day("date", self.period.from)
            .short_day("date_short", Some(self.period.from))
            .money("amount", self.amount)
            .maybe_money("previous", self.previous)
            .text("compared", compared)
            .maybe_period("period", Some(self.period))
            .instrument(&self.instrument)
            .moment("cancel_by", self.cancel_by)
            .rows([
                ("fact-plan", "plan"),
                ("fact-period", "period"),
                ("fact-amount", "amount"),
                ("fact-card", "instrument"),
                ("fact-cancel-by", "cancel_by"),
            ])
    }
}

impl Receipt {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, &self.invoice_url)
            .text("plan", &self.plan)
            .money("amount", self.amount)
            .maybe_money("tax", self.tax)
            .day("date", self.paid_at)
            .short_day("date_short", Some(self.paid_at))
            .instrument(&self.instrument)
            .text("invoice", &self.invoice)
            .maybe_period("period", self.period)
            .maybe_charge("next_charge", self.next_charge)
            .rows([
                ("fact-invoice", "invoice"),
                ("fact-plan", "plan"),
                ("fact-period", "period"),
                ("fact-amount", "amount"),
                ("fact-tax", "tax"),
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
            Some(undo_url) => Letter::new(voice, undo_url).second(&self.manage_url),
            None => Letter::new(voice, &self.manage_url),
        };
        letter
            .text("plan", &self.plan)
            .text("by", self.by.name())
            .text("ended", if has_ended { "yes" } else { "no" })
            .text("undo", if self.undo_url.is_some() { "yes" } else { "no" })
            .moment("received", self.received_at)
            .day("ends", last_moment)
            .short_day("ends_short", Some(last_moment))
            .maybe_charge("last_charge", self.last_charge)
            .maybe_money("open", self.open)
            .maybe_money("refund", self.refund)
            .rows([
                ("fact-plan", "plan"),
                ("fact-received", "received"),
                ("fact-ends", "ends"),
                ("fact-last-charge", "last_charge"),
                ("fact-open", "open"),
                ("fact-refund", "refund"),
            ])
    }
}

impl PlanChanging {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, &self.manage_url)
            .text("plan", &self.plan)
            .maybe("new_plan", self.new_plan.clone())
            .text("change", if self.new_plan.is_some() { "plan" } else { "price" })
            .price("old_price", self.old_price)
            .price("new_price", self.new_price)
            .money("new_amount", self.new_price.amount)
            .day("date", self.changes_at)
            .short_day("date_short", Some(self.changes_at))
            .rows([
                ("fact-plan", "plan"),
                ("fact-old-price", "old_price"),
                ("fact-new-plan", "new_plan"),
                ("fact-new-price", "new_price"),
                ("fact-first-charge", "date"),
            ])
    }
}

impl Refund {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, &self.document_url)
            .text("plan", &self.plan)
            .money("amount", self.amount)
            .day("date", self.sent_at)
            .instrument(&self.instrument)
            .text("invoice", &self.invoice)
            .maybe("credit_note", self.credit_note.clone())
            .maybe("reference", self.reference.clone())
            .rows([
                ("fact-amount", "amount"),
                ("fact-plan", "plan"),
                ("fact-invoice", "invoice"),
                ("fact-credit-note", "credit_note"),
                ("fact-reference", "reference"),
            ])
    }
}
