-- What is sold, and who buys it with what.

create table plan (
    merchant_id uuid not null references merchant,
    plan_id uuid not null,
    name text not null,
    state text not null check (state in ('active', 'retired')),
    current_version bigint not null check (current_version > 0),
    dunning_policy_id uuid,
    labels jsonb not null,
    created_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, plan_id)
);

-- Immutable: what was agreed under a number stays agreed.
create table plan_version (
    merchant_id uuid not null,
    plan_id uuid not null,
    number bigint not null check (number > 0),
    terms jsonb not null,
    created_at timestamptz not null,
    primary key (merchant_id, plan_id, number),
    foreign key (merchant_id, plan_id) references plan
);

create table customer (
    merchant_id uuid not null references merchant,
    customer_id uuid not null,
    email text not null,
    name text not null,
    locale text,
    zone text,
    country text,
    default_method_id uuid,
    backup_method_id uuid,
    email_suppressed boolean not null,
    external_id text,
    labels jsonb not null,
    created_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, customer_id)
);
create unique index customer_external_id on customer (merchant_id, external_id)
    where external_id is not null;

create table payment_method (
    merchant_id uuid not null,
    payment_method_id uuid not null,
    customer_id uuid not null,
    gateway text not null,
    token text not null,
    customer_reference text,
    network text not null check (network in (
        'visa', 'mastercard', 'amex', 'discover', 'jcb', 'union_pay', 'ach', 'sepa', 'bacs', 'other'
    )),
    brand text not null,
    last_four text not null,
    expiry_year bigint,
    expiry_month bigint check (expiry_month between 1 and 12),
    fingerprint text,
    card_key text not null,
    original_transaction text,
    consented_at timestamptz not null,
    blocked text check (blocked in (
        'generic', 'wait_issuer', 'wait_funds', 'hold_risk', 'config', 'fix_data', 'needs_sca',
        'stop_mandate', 'never'
    )),
    blocked_at timestamptz check ((blocked_at is null) = (blocked is null)),
    created_at timestamptz not null,
    deleted_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, payment_method_id),
    constraint payment_method_expiry check ((expiry_year is null) = (expiry_month is null)),
    foreign key (merchant_id, customer_id) references customer
);
create index payment_method_customer on payment_method (merchant_id, customer_id);
create index payment_method_card on payment_method (merchant_id, card_key);
create index payment_method_fingerprint on payment_method (merchant_id, fingerprint)
    where fingerprint is not null;
create index payment_method_token on payment_method (gateway, token);
