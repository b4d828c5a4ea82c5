-- What follows a failed charge, and what is told to whom.

create table dunning_policy (
    merchant_id blob not null references merchant check (length(merchant_id) = 16),
    dunning_policy_id blob not null check (length(dunning_policy_id) = 16),
    name text not null,
    number integer not null check (number > 0),
    ladder text not null check (json_valid(ladder)),
    created_at integer not null,
    deleted_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, dunning_policy_id)
) strict, without rowid;

create table dunning_case (
    merchant_id blob not null check (length(merchant_id) = 16),
    dunning_case_id blob not null check (length(dunning_case_id) = 16),
    invoice_id blob not null check (length(invoice_id) = 16),
    payment_id blob not null check (length(payment_id) = 16),
    subscription_id blob check (length(subscription_id) = 16),
    customer_id blob not null check (length(customer_id) = 16),
    dunning_policy_id blob check (length(dunning_policy_id) = 16),
    policy_version integer not null,
    standing text not null check (json_valid(standing)),
    due_at integer,
    opened_at integer not null,
    closed_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, dunning_case_id),
    foreign key (merchant_id, payment_id) references payment
) strict, without rowid;
create unique index dunning_case_open on dunning_case (merchant_id, invoice_id)
    where closed_at is null;
create index dunning_case_invoice on dunning_case (merchant_id, invoice_id);
create index dunning_case_customer on dunning_case (merchant_id, customer_id)
    where closed_at is null;
create index dunning_case_due on dunning_case (merchant_id, due_at) where due_at is not null;

create table notice (
    merchant_id blob not null check (length(merchant_id) = 16),
    notice_id blob not null check (length(notice_id) = 16),
    customer_id blob not null check (length(customer_id) = 16),
    subscription_id blob check (length(subscription_id) = 16),
    invoice_id blob check (length(invoice_id) = 16),
    thread_id blob check (length(thread_id) = 16),
    fact_key text not null,
    kind text not null,
    facts text not null check (json_valid(facts)),
    state text not null check (state in ('queued', 'sent', 'failed', 'superseded')),
    due_at integer,
    tries integer not null check (tries >= 0),
    leased_until integer,
    sent_at integer,
    failure text,
    created_at integer not null,
    version integer not null check (version > 0),
    primary key (merchant_id, notice_id),
    -- No fact is told twice (RULES EML-5).
    constraint notice_fact unique (merchant_id, customer_id, fact_key),
    foreign key (merchant_id, customer_id) references customer
) strict, without rowid;
create index notice_due on notice (merchant_id, due_at) where due_at is not null;
create index notice_thread on notice (merchant_id, thread_id) where thread_id is not null;
create index notice_dunning on notice (merchant_id, customer_id)
    where kind in ('payment_failed', 'authentication_needed', 'suspended', 'cancelled');
