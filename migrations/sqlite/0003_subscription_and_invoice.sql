-- Running agreements, and what is owed for them.

create table subscription (
    merchant_id blob not null check (length(merchant_id) = 16),
    subscription_id blob not null check (length(subscription_id) = 16),
    customer_id blob not null check (length(customer_id) = 16),
    plan_id blob not null check (length(plan_id) = 16),
    plan_version integer not null,
    currency text not null,
    quantity integer not null check (quantity >= 0),
    state text not null check (state in (
        'incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'expired'
    )),
    anchor text not null check (json_valid(anchor)),
    next_cycle integer not null check (next_cycle >= 0),
    current_period text check (json_valid(current_period)),
    due_at integer,
    remind_at integer,
    trial_end integer,
    cancellation text check (json_valid(cancellation)),
    scheduled_change text check (json_valid(scheduled_change)),
    pause text check (json_valid(pause)),
    payment_method_id blob check (length(payment_method_id) = 16),
    access text not null check (access in ('full', 'grace', 'none')),
    labels text not null check (json_valid(labels)),
    started_at integer not null,
    ended_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, subscription_id),
    foreign key (merchant_id, customer_id) references customer,
    foreign key (merchant_id, plan_id, plan_version) references plan_version
) strict, without rowid;
create index subscription_due on subscription (merchant_id, due_at) where due_at is not null;
create index subscription_remind on subscription (merchant_id, remind_at)
    where remind_at is not null;
create index subscription_customer on subscription (merchant_id, customer_id, subscription_id);
create index subscription_plan on subscription (merchant_id, plan_id, subscription_id);

create table invoice (
    merchant_id blob not null check (length(merchant_id) = 16),
    invoice_id blob not null check (length(invoice_id) = 16),
    number text not null,
    customer_id blob not null check (length(customer_id) = 16),
    subscription_id blob check (length(subscription_id) = 16),
    state text not null check (state in ('open', 'paid', 'void', 'uncollectible')),
    currency text not null,
    total_minor integer not null check (total_minor >= 0),
    paid_minor integer not null check (paid_minor between 0 and total_minor),
    lines text not null check (json_valid(lines)),
    entitlements text not null check (json_valid(entitlements)),
    labels text not null check (json_valid(labels)),
    period_start integer,
    period_end integer check (period_end > period_start),
    issued_at integer not null,
    due_at integer not null,
    closed_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, invoice_id),
    constraint invoice_number unique (merchant_id, number),
    -- No cycle is billed twice (RULES WRK-6).
    constraint invoice_cycle unique (merchant_id, subscription_id, period_start),
    foreign key (merchant_id, customer_id) references customer,
    foreign key (merchant_id, subscription_id) references subscription
) strict, without rowid;
create index invoice_customer on invoice (merchant_id, customer_id, invoice_id);
create index invoice_open on invoice (merchant_id, subscription_id) where state = 'open';
-- What opens something by itself is looked at whenever its customer's access is asked for.
create index invoice_entitling on invoice (merchant_id, customer_id, invoice_id)
    where entitlements <> '[]';
