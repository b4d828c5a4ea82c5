-- What follows a failed charge, and what is told to whom.

create table dunning_policy (
    merchant_id uuid not null references merchant,
    dunning_policy_id uuid not null,
    name text not null,
    number bigint not null check (number > 0),
    ladder jsonb not null,
    created_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, dunning_policy_id)
);

create table dunning_case (
    merchant_id uuid not null,
    dunning_case_id uuid not null,
    invoice_id uuid not null,
    payment_id uuid not null,
    subscription_id uuid,
    customer_id uuid not null,
    dunning_policy_id uuid,
    policy_version bigint not null,
    standing jsonb not null,
    due_at timestamptz,
    opened_at timestamptz not null,
    closed_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, dunning_case_id),
    foreign key (merchant_id, payment_id) references payment
);
create unique index dunning_case_open on dunning_case (merchant_id, invoice_id)
    where closed_at is null;
create index dunning_case_invoice on dunning_case (merchant_id, invoice_id);
create index dunning_case_customer on dunning_case (merchant_id, customer_id)
    where closed_at is null;
create index dunning_case_due on dunning_case (merchant_id, due_at) where due_at is not null;

create table notice (
    merchant_id uuid not null,
    notice_id uuid not null,
    customer_id uuid not null,
    subscription_id uuid,
    invoice_id uuid,
    thread_id uuid,
    fact_key text not null,
    kind text not null,
    facts jsonb not null,
    state text not null check (state in ('queued', 'sent', 'failed', 'superseded')),
    due_at timestamptz,
    tries bigint not null check (tries >= 0),
    leased_until timestamptz,
    sent_at timestamptz,
    failure text,
    created_at timestamptz not null,
    version bigint not null check (version > 0),
    primary key (merchant_id, notice_id),
    -- No fact is told twice (RULES EML-5).
    constraint notice_fact unique (merchant_id, customer_id, fact_key),
    foreign key (merchant_id, customer_id) references customer
);
create index notice_due on notice (merchant_id, due_at) where due_at is not null;
create index notice_thread on notice (merchant_id, thread_id) where thread_id is not null;
create index notice_dunning on notice (merchant_id, customer_id)
    where kind in ('payment_failed', 'authentication_needed', 'suspended', 'cancelled');
