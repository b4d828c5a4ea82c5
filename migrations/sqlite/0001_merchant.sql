-- Tenants, who may speak for them, and what is counted per tenant.

create table merchant (
    merchant_id blob not null primary key check (length(merchant_id) = 16),
    name text not null,
    zone text not null,
    locale text not null,
    gateway text not null,
    other_gateways text not null check (json_valid(other_gateways)),
    invoice_prefix text not null,
    reply_to text,
    legal_lines text not null,
    portal_url text,
    dunning_policy_id blob check (length(dunning_policy_id) = 16),
    test_clock_id blob check (length(test_clock_id) = 16),
    clock_now integer,
    clock_target integer,
    created_at integer not null,
    version integer not null check (version > 0),
    constraint merchant_clock check (
        (test_clock_id is null) = (clock_now is null)
        and (test_clock_id is null) = (clock_target is null)
    )
) strict, without rowid;
create index merchant_advancing on merchant (merchant_id) where clock_now < clock_target;

create table api_key (
    api_key_id blob not null primary key check (length(api_key_id) = 16),
    merchant_id blob references merchant check (length(merchant_id) = 16),
    role text not null check (role in ('admin', 'merchant', 'read_only')),
    name text not null,
    shown_prefix text not null,
    hash blob not null constraint api_key_hash unique check (length(hash) = 32),
    created_at integer not null,
    expires_at integer,
    last_used_at integer,
    revoked_at integer,
    version integer not null check (version > 0)
) strict, without rowid;
create index api_key_merchant on api_key (merchant_id, api_key_id);

-- The last number given out of each series: invoice numbers, event sequences.
create table counter (
    merchant_id blob not null check (length(merchant_id) = 16),
    series text not null check (series in ('invoice', 'event')),
    value integer not null check (value >= 0),
    primary key (merchant_id, series)
) strict, without rowid;

-- Objects that were taken out of their loop, with the reason.
create table stuck (
    merchant_id blob not null check (length(merchant_id) = 16),
    object text not null,
    work text not null check (work in (
        'renew', 'collect', 'resolve', 'dun', 'remind', 'send_mail', 'deliver_events',
        'advance_clocks'
    )),
    reason text not null,
    since integer not null,
    primary key (merchant_id, object, work)
) strict, without rowid;
create index stuck_object on stuck (object);
create index stuck_since on stuck (since);
