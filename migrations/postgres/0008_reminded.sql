-- The charge of which a subscription's reminder has told.
alter table subscription add column reminded_for timestamptz;

update subscription set reminded_for = due_at
where exists (
    select 1 from notice
    where notice.merchant_id = subscription.merchant_id
      and notice.subscription_id = subscription.subscription_id
      and notice.kind in ('trial_ending', 'upcoming_renewal')
      and notice.fact_key like '%:' || to_char(subscription.due_at at time zone 'UTC', 'YYYY-MM-DD')
);
