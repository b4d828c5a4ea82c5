//! The academy's year, told step by step: who joins, who acts, and then Rondo on its own until the
//! next step.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;

use super::{
    calendar,
    cards::Card,
    members::{Act, Member, Membership},
    portal::{Enrolled, Portal},
};
use crate::grpc::proto::v1::cancel_subscription_request::When;

/// Members whom the portal serves at the same time.
const AT_ONCE: usize = 8;

/// The academy while it is open: its members, those who have joined, and who has mended a card.
struct Academy<'a> {
    portal: &'a Portal,
    members: &'a [Member],
    /// By the member's place.
    enrolled: HashMap<usize, Enrolled>,
    /// By the customer's name: the member's place, and how many new cards they stored.
    wallets: HashMap<String, (usize, u32)>,
}

/// Lives through all months. The clock stands at the first step.
pub async fn live(
    portal: &Portal,
    members: &[Member],
    months: u32,
    progress: &ProgressBar,
) -> anyhow::Result<()> {
    let steps = calendar::steps(months);
    let mut academy =
        Academy { portal, members, enrolled: HashMap::new(), wallets: HashMap::new() };
    for (step, now) in steps.iter().enumerate() {
        progress.set_message(now.format("%B %Y").to_string());
        academy.welcome(step).await?;
        academy.mend(*now).await?;
        academy.act(step, *now).await?;
        let next = steps.get(step + 1).copied().unwrap_or_else(|| calendar::end(months));
        portal.advance(next).await?;
        progress.inc(1);
    }
    Ok(())
}

impl Academy<'_> {
    /// Those who join now.
    async fn welcome(&mut self, step: usize) -> anyhow::Result<()> {
        let new = self.members.iter().enumerate().filter(|(_, member)| member.joins_at == step);
        let portal = self.portal;
        let joined: Vec<(usize, Enrolled)> = stream::iter(new)
            .map(|(place, member)| async move { anyhow::Ok((place, portal.join(member).await?)) })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for (place, enrolled) in joined {
            self.wallets.insert(enrolled.customer.clone(), (place, 0));
            self.enrolled.insert(place, enrolled);
        }
        Ok(())
    }

    /// Those whose charge failed and who have had their days to read the mail store a new card.
    async fn mend(&mut self, now: DateTime<Utc>) -> anyhow::Result<()> {
        for (customer, since) in self.portal.open_cases().await? {
            let Some((place, cards)) = self.wallets.get_mut(&customer) else { continue };
            let member = &self.members[*place];
            let Some(days) = member.mends_after_days else { continue };
            if now < since + TimeDelta::days(days) {
                continue;
            }
            *cards += 1;
            let name = format!("m{:05}-{cards}", *place + 1);
            self.portal.store_card(&customer, &Card::good(&name)).await?;
        }
        Ok(())
    }

    /// What members do at this step.
    async fn act(&self, step: usize, now: DateTime<Utc>) -> anyhow::Result<()> {
        let mut due = Vec::new();
        for (place, member) in self.members.iter().enumerate() {
            let Some(enrolled) = self.enrolled.get(&place) else { continue };
            let acts = member.acts.iter().filter(|(at, _)| *at == step);
            due.extend(acts.map(|(_, act)| (member, enrolled, *act)));
        }
        stream::iter(due)
            .map(|(member, enrolled, act)| self.does(member, enrolled, act, now))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn does(
        &self,
        member: &Member,
        enrolled: &Enrolled,
        act: Act,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let Enrolled { customer, subscription } = enrolled;
        let portal = self.portal;
        match act {
            Act::BuysCourse => portal.sell_course(customer, member.currency).await,
            Act::Cancels => portal.cancel(subscription, When::PeriodEnd).await,
            Act::Leaves => portal.cancel(subscription, When::Now).await,
            Act::Stays => portal.undo_cancel(subscription).await,
            Act::Pauses { days } => portal.pause(subscription, now + TimeDelta::days(days)).await,
            Act::GoesYearly => portal.change_plan(subscription, Membership::Yearly).await,
            Act::AddsSeat => portal.add_seat(subscription).await,
            Act::IsRefunded { whole } => portal.refund_last(customer, whole).await,
        }
    }
}
