-- Tenants, who may speak for them, and what is counted per tenant.

create table merchant (
    merchant_id uuid not null primary key,
    name text not null,
    zone text not null,
    locale text not null,
    gateway text not null,
    other_gateways jsonb not null,
    invoice_prefix text not null,
    reply_to text,
    legal_lines text not null,
    portal_url text,
    dunning_policy_id uuid,
    test_clock_id uuid,
    clock_now timestamptz,
    clock_target timestamptz,
    created_at timestamptz not null,
    version bigint not null check (version > 0),
    constraint merchant_clock check (
        (test_clock_id is null) = (clock_now is null)
        and (test_clock_id is null) = (clock_target is null)
    )
);
create index merchant_advancing on merchant (merchant_id) where clock_now < clock_target;

create table api_key (
    api_key_id uuid not null primary key,
    merchant_id uuid references merchant,
    role text not null check (role in ('admin', 'merchant', 'read_only')),
    name text not null,
    shown_prefix text not null,
    hash bytea not null constraint api_key_hash unique check (length(hash) = 32),
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    version bigint not null check (version > 0)
);
create index api_key_merchant on api_key (merchant_id, api_key_id);

-- The last number given out of each series: invoice numbers, event sequences.
create table counter (
    merchant_id uuid not null,
    series text not null check (series in ('invoice', 'event')),
    value bigint not null check (value >= 0),
    primary key (merchant_id, series)
);

-- Objects that were taken out of their loop, with the reason.
create table stuck (
    merchant_id uuid not null,
    object text not null,
    work text not null check (work in (
        'renew', 'collect', 'resolve', 'dun', 'remind', 'send_mail', 'deliver_events',
        'advance_clocks'
    )),
    reason text not null,
    since timestamptz not null,
    primary key (merchant_id, object, work)
);
create index stuck_object on stuck (object);
create index stuck_since on stuck (since);
