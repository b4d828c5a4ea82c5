-- What is sold, and who buys it with what.

create table plan (
    merchant_id blob not null references merchant check (length(merchant_id) = 16),
    plan_id blob not null check (length(plan_id) = 16),
    name text not null,
    state text not null check (state in ('active', 'retired')),
    current_version integer not null check (current_version > 0),
    dunning_policy_id blob check (length(dunning_policy_id) = 16),
    labels text not null check (json_valid(labels)),
    created_at integer not null,
    deleted_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, plan_id)
) strict, without rowid;

-- Immutable: what was agreed under a number stays agreed.
create table plan_version (
    merchant_id blob not null check (length(merchant_id) = 16),
    plan_id blob not null check (length(plan_id) = 16),
    number integer not null check (number > 0),
    terms text not null check (json_valid(terms)),
    created_at integer not null,
    primary key (merchant_id, plan_id, number),
    foreign key (merchant_id, plan_id) references plan
) strict, without rowid;

create table customer (
    merchant_id blob not null references merchant check (length(merchant_id) = 16),
    customer_id blob not null check (length(customer_id) = 16),
    email text not null,
    name text not null,
    locale text,
    zone text,
    country text,
    default_method_id blob check (length(default_method_id) = 16),
    backup_method_id blob check (length(backup_method_id) = 16),
    email_suppressed integer not null check (email_suppressed in (0, 1)),
    external_id text,
    labels text not null check (json_valid(labels)),
    created_at integer not null,
    deleted_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, customer_id)
) strict, without rowid;
create unique index customer_external_id on customer (merchant_id, external_id)
    where external_id is not null;

create table payment_method (
    merchant_id blob not null check (length(merchant_id) = 16),
    payment_method_id blob not null check (length(payment_method_id) = 16),
    customer_id blob not null check (length(customer_id) = 16),
    gateway text not null,
    token text not null,
    customer_reference text,
    network text not null check (network in (
        'visa', 'mastercard', 'amex', 'discover', 'jcb', 'union_pay', 'ach', 'sepa', 'bacs', 'other'
    )),
    brand text not null,
    last_four text not null,
    expiry_year integer,
    expiry_month integer check (expiry_month between 1 and 12),
    fingerprint text,
    card_key text not null,
    original_transaction text,
    consented_at integer not null,
    blocked text check (blocked in (
        'generic', 'wait_issuer', 'wait_funds', 'hold_risk', 'config', 'fix_data', 'needs_sca',
        'stop_mandate', 'never'
    )),
    blocked_at integer check ((blocked_at is null) = (blocked is null)),
    created_at integer not null,
    deleted_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, payment_method_id),
    constraint payment_method_expiry check ((expiry_year is null) = (expiry_month is null)),
    foreign key (merchant_id, customer_id) references customer
) strict, without rowid;
create index payment_method_customer on payment_method (merchant_id, customer_id);
create index payment_method_card on payment_method (merchant_id, card_key);
create index payment_method_fingerprint on payment_method (merchant_id, fingerprint)
    where fingerprint is not null;
create index payment_method_token on payment_method (gateway, token);
