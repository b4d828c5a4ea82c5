-- Collecting money and sending it back.

create table payment (
    merchant_id uuid not null,
    payment_id uuid not null,
    invoice_id uuid not null,
    customer_id uuid not null,
    currency text not null,
    amount_minor bigint not null check (amount_minor >= 0),
    state text not null check (state in (
        'scheduled', 'collecting', 'waiting', 'succeeded', 'abandoned'
    )),
    payment_method_id uuid,
    on_backup boolean not null,
    collect_at timestamptz,
    attempts bigint not null check (attempts >= 0),
    refunded_minor bigint not null check (refunded_minor >= 0),
    reversed_minor bigint not null check (reversed_minor >= 0),
    succeeded_at timestamptz,
    created_at timestamptz not null,
    version bigint not null check (version > 0),
    primary key (merchant_id, payment_id),
    constraint payment_invoice unique (merchant_id, invoice_id),
    constraint payment_collect check (collect_at is null or state = 'scheduled'),
    -- Invoices are written last, so that the counter of their numbers is locked for a moment only.
    foreign key (merchant_id, invoice_id) references invoice deferrable initially deferred
);
create index payment_due on payment (merchant_id, collect_at) where collect_at is not null;
create index payment_customer on payment (merchant_id, customer_id, payment_id);

create table attempt (
    merchant_id uuid not null,
    attempt_id uuid not null,
    payment_id uuid not null,
    invoice_id uuid not null,
    customer_id uuid not null,
    payment_method_id uuid,
    credential jsonb,
    gateway text not null,
    currency text not null,
    amount_minor bigint not null check (amount_minor >= 0),
    applied_minor bigint not null check (applied_minor >= 0),
    reversed_minor bigint not null check (reversed_minor >= 0),
    reversals jsonb not null,
    initiator text not null check (initiator in ('customer', 'merchant')),
    state text not null check (state in (
        'in_flight', 'succeeded', 'reversed', 'declined', 'rejected', 'not_executed', 'pending',
        'action_required', 'unknown'
    )),
    reference text,
    decline jsonb,
    network text not null check (network in (
        'visa', 'mastercard', 'amex', 'discover', 'jcb', 'union_pay', 'ach', 'sepa', 'bacs', 'other'
    )),
    card_key text not null,
    action_url text,
    store_method boolean not null,
    sent_at timestamptz not null,
    key_born_at timestamptz not null,
    last_sent_at timestamptz not null,
    leased_until timestamptz,
    probe_at timestamptz,
    probes bigint not null check (probes >= 0),
    not_found_at timestamptz,
    settled_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, attempt_id),
    -- What pays an invoice and what is gone is not more than what was taken.
    constraint attempt_money check (applied_minor + reversed_minor <= amount_minor),
    foreign key (merchant_id, payment_id) references payment
);
-- At most one attempt that may still take money per invoice, across all gateways (RULES CHG-1).
create unique index attempt_open on attempt (merchant_id, invoice_id)
    where state in ('in_flight', 'pending', 'action_required', 'unknown');
create index attempt_payment on attempt (merchant_id, payment_id, sent_at);
create index attempt_card on attempt (merchant_id, card_key, sent_at);
create index attempt_probe on attempt (merchant_id, probe_at) where probe_at is not null;
create index attempt_lease on attempt (merchant_id, leased_until) where leased_until is not null;
-- Gateways do not know merchants.
create index attempt_reference on attempt (gateway, reference) where reference is not null;
create index attempt_anywhere on attempt (attempt_id);
create index attempt_taken on attempt (gateway, key_born_at) where state = 'succeeded';

create table refund (
    merchant_id uuid not null,
    refund_id uuid not null,
    payment_id uuid not null,
    invoice_id uuid not null,
    customer_id uuid not null,
    attempt_id uuid not null,
    currency text not null,
    amount_minor bigint not null check (amount_minor > 0),
    unowed_minor bigint not null check (unowed_minor between 0 and amount_minor),
    reason text not null,
    origin text not null check (origin in ('requested', 'late_success', 'at_gateway')),
    state text not null check (state in ('queued', 'pending', 'succeeded', 'failed')),
    reference text,
    failure text,
    due_at timestamptz,
    tries bigint not null check (tries >= 0),
    leased_until timestamptz,
    created_at timestamptz not null,
    settled_at timestamptz,
    version bigint not null check (version > 0),
    primary key (merchant_id, refund_id),
    foreign key (merchant_id, payment_id) references payment,
    foreign key (merchant_id, attempt_id) references attempt
);
create index refund_due on refund (merchant_id, due_at) where due_at is not null;
create index refund_payment on refund (merchant_id, payment_id);
create index refund_attempt on refund (merchant_id, attempt_id);
create index refund_anywhere on refund (refund_id);
-- One refund of a charge is told of many times, and recorded once.
create unique index refund_reference on refund (merchant_id, attempt_id, reference)
    where reference is not null;
