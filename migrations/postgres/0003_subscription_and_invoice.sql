-- Running agreements, and what is owed for them.

create table subscription (
    merchant_id uuid not null,
    subscription_id uuid not null,
    customer_id uuid not null,
    plan_id uuid not null,
    plan_version bigint not null,
    currency text not null,
    quantity bigint not null check (quantity >= 0),
    state text not null check (state in (
        'incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'expired'
    )),
    anchor jsonb not null,
    next_cycle bigint not null check (next_cycle >= 0),
    current_period jsonb,
    due_at timestamptz,
    remind_at timestamptz,
    trial_end timestamptz,
    cancellation jsonb,
    scheduled_change jsonb,
    pause jsonb,
    payment_method_id uuid,
    access text not null check (access in ('full', 'grace', 'none')),
    labels jsonb not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, subscription_id),
    foreign key (merchant_id, customer_id) references customer,
    foreign key (merchant_id, plan_id, plan_version) references plan_version
);
create index subscription_due on subscription (merchant_id, due_at) where due_at is not null;
create index subscription_remind on subscription (merchant_id, remind_at)
    where remind_at is not null;
create index subscription_customer on subscription (merchant_id, customer_id, subscription_id);
create index subscription_plan on subscription (merchant_id, plan_id, subscription_id);

create table invoice (
    merchant_id uuid not null,
    invoice_id uuid not null,
    number text not null,
    customer_id uuid not null,
    subscription_id uuid,
    state text not null check (state in ('open', 'paid', 'void', 'uncollectible')),
    currency text not null,
    total_minor bigint not null check (total_minor >= 0),
    paid_minor bigint not null check (paid_minor between 0 and total_minor),
    lines jsonb not null,
    entitlements jsonb not null,
    labels jsonb not null,
    period_start timestamptz,
    period_end timestamptz check (period_end > period_start),
    issued_at timestamptz not null,
    due_at timestamptz not null,
    closed_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, invoice_id),
    constraint invoice_number unique (merchant_id, number),
    -- No cycle is billed twice (RULES WRK-6).
    constraint invoice_cycle unique (merchant_id, subscription_id, period_start),
    foreign key (merchant_id, customer_id) references customer,
    foreign key (merchant_id, subscription_id) references subscription
);
create index invoice_customer on invoice (merchant_id, customer_id, invoice_id);
create index invoice_open on invoice (merchant_id, subscription_id) where state = 'open';
-- What opens something by itself is looked at whenever its customer's access is asked for.
create index invoice_entitling on invoice (merchant_id, customer_id, invoice_id)
    where entitlements <> '[]';
