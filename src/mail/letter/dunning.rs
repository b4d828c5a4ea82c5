//! The letters about a payment that does not come through, or finally does.

use super::{Letter, Voice};
use crate::mail::message::{
    AuthenticationNeeded, CardExpiring, PaymentFailed, Recovered, Suspended,
};

impl PaymentFailed {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, Some(&self.pay_url))
            .second(self.manage_url.as_deref())
            .text("plan", &self.plan)
            .money("amount", self.amount)
            .instrument(self.instrument.as_ref())
            .day("date", self.failed_at)
            .text("advice", self.advice.name())
            .text("what", if self.taken_back { "taken_back" } else { "declined" })
            .maybe_day("next_try", self.next_try_at)
            .short_day("next_try_short", self.next_try_at)
            .text("final", if self.is_final { "yes" } else { "no" })
            .maybe_day("access_until", self.access_until)
            .short_day("access_until_short", self.access_until)
            .maybe_day("lapses", self.lapses_at)
            .text("invoice", &self.invoice)
            .rows([
                ("fact-amount", "amount"),
                ("fact-plan", "plan"),
                ("fact-instrument", "instrument"),
                ("fact-invoice", "invoice"),
                ("fact-next-try", "next_try"),
                ("fact-access-until", "access_until"),
            ])
    }
}

impl AuthenticationNeeded {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, Some(&self.confirm_url))
            .second(self.manage_url.as_deref())
            .text("plan", &self.plan)
            .money("amount", self.amount)
            .instrument(self.instrument.as_ref())
            .maybe_day("confirm_by", self.confirm_by)
            .text("invoice", &self.invoice)
            .rows([
                ("fact-amount", "amount"),
                ("fact-plan", "plan"),
                ("fact-instrument", "instrument"),
                ("fact-invoice", "invoice"),
                ("fact-confirm-by", "confirm_by"),
            ])
    }
}

impl CardExpiring {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, Some(&self.update_url))
            .text("plan", &self.plan)
            .paying("card", &self.card)
            .text("expires", voice.formats.month(self.expiry))
            .day("date", self.next_charge.at)
            .maybe_charge("next_charge", Some(self.next_charge))
            .rows([
                ("fact-card", "card"),
                ("fact-expires", "expires"),
                ("fact-plan", "plan"),
                ("fact-next-charge", "next_charge"),
            ])
    }
}

impl Recovered {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        Letter::new(voice, Some(&self.invoice_url))
            .text("plan", &self.plan)
            .money("amount", self.amount)
            .day("date", self.paid_at)
            .instrument(self.instrument.as_ref())
            .text("invoice", &self.invoice)
            .maybe_charge("next_charge", self.next_charge)
            .rows([
                ("fact-amount", "amount"),
                ("fact-plan", "plan"),
                ("fact-invoice", "invoice"),
                ("fact-instrument", "instrument"),
                ("fact-next-charge", "next_charge"),
            ])
    }
}

impl Suspended {
    pub(super) fn letter<'a>(&'a self, voice: &'a Voice) -> Letter<'a> {
        let tries_again = match self.next_try_at {
            None => "no",
            Some(at) if self.ends_at == Some(at) => "last",
            Some(_) => "yes",
        };
        Letter::new(voice, Some(&self.pay_url))
            .second(self.manage_url.as_deref())
            .text("plan", &self.plan)
            .money("amount", self.amount)
            .count("tries", self.tries)
            .day("since", self.since)
            .text("again", tries_again)
            .maybe_day("next_try", self.next_try_at)
            .maybe_day("ends", self.ends_at)
            .text("invoice", &self.invoice)
            .rows([
                ("fact-open", "amount"),
                ("fact-plan", "plan"),
                ("fact-invoice", "invoice"),
                ("fact-since", "since"),
            ])
    }
}
