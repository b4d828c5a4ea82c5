-- Collecting money and sending it back.

create table payment (
    merchant_id blob not null check (length(merchant_id) = 16),
    payment_id blob not null check (length(payment_id) = 16),
    invoice_id blob not null check (length(invoice_id) = 16),
    customer_id blob not null check (length(customer_id) = 16),
    currency text not null,
    amount_minor integer not null check (amount_minor >= 0),
    state text not null check (state in (
        'scheduled', 'collecting', 'waiting', 'succeeded', 'abandoned'
    )),
    payment_method_id blob check (length(payment_method_id) = 16),
    on_backup integer not null check (on_backup in (0, 1)),
    collect_at integer,
    attempts integer not null check (attempts >= 0),
    refunded_minor integer not null check (refunded_minor >= 0),
    reversed_minor integer not null check (reversed_minor >= 0),
    succeeded_at integer,
    created_at integer not null,
    version integer not null check (version > 0),
    primary key (merchant_id, payment_id),
    constraint payment_invoice unique (merchant_id, invoice_id),
    constraint payment_collect check (collect_at is null or state = 'scheduled'),
    -- Invoices are written last, so that the counter of their numbers is locked for a moment only.
    foreign key (merchant_id, invoice_id) references invoice deferrable initially deferred
) strict, without rowid;
create index payment_due on payment (merchant_id, collect_at) where collect_at is not null;
create index payment_customer on payment (merchant_id, customer_id, payment_id);

create table attempt (
    merchant_id blob not null check (length(merchant_id) = 16),
    attempt_id blob not null check (length(attempt_id) = 16),
    payment_id blob not null check (length(payment_id) = 16),
    invoice_id blob not null check (length(invoice_id) = 16),
    customer_id blob not null check (length(customer_id) = 16),
    payment_method_id blob check (length(payment_method_id) = 16),
    credential text check (json_valid(credential)),
    gateway text not null,
    currency text not null,
    amount_minor integer not null check (amount_minor >= 0),
    applied_minor integer not null check (applied_minor >= 0),
    reversed_minor integer not null check (reversed_minor >= 0),
    reversals text not null check (json_valid(reversals)),
    initiator text not null check (initiator in ('customer', 'merchant')),
    state text not null check (state in (
        'in_flight', 'succeeded', 'reversed', 'declined', 'rejected', 'not_executed', 'pending',
        'action_required', 'unknown'
    )),
    reference text,
    decline text check (json_valid(decline)),
    network text not null check (network in (
        'visa', 'mastercard', 'amex', 'discover', 'jcb', 'union_pay', 'ach', 'sepa', 'bacs', 'other'
    )),
    card_key text not null,
    action_url text,
    store_method integer not null check (store_method in (0, 1)),
    sent_at integer not null,
    key_born_at integer not null,
    last_sent_at integer not null,
    leased_until integer,
    probe_at integer,
    probes integer not null check (probes >= 0),
    not_found_at integer,
    settled_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, attempt_id),
    -- What pays an invoice and what is gone is not more than what was taken.
    constraint attempt_money check (applied_minor + reversed_minor <= amount_minor),
    foreign key (merchant_id, payment_id) references payment
) strict, without rowid;
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
    merchant_id blob not null check (length(merchant_id) = 16),
    refund_id blob not null check (length(refund_id) = 16),
    payment_id blob not null check (length(payment_id) = 16),
    invoice_id blob not null check (length(invoice_id) = 16),
    customer_id blob not null check (length(customer_id) = 16),
    attempt_id blob not null check (length(attempt_id) = 16),
    currency text not null,
    amount_minor integer not null check (amount_minor > 0),
    unowed_minor integer not null check (unowed_minor between 0 and amount_minor),
    reason text not null,
    origin text not null check (origin in ('requested', 'late_success', 'at_gateway')),
    state text not null check (state in ('queued', 'pending', 'succeeded', 'failed')),
    reference text,
    failure text,
    due_at integer,
    tries integer not null check (tries >= 0),
    leased_until integer,
    created_at integer not null,
    settled_at integer,
    version integer not null check (version > 0),
    primary key (merchant_id, refund_id),
    foreign key (merchant_id, payment_id) references payment,
    foreign key (merchant_id, attempt_id) references attempt
) strict, without rowid;
create index refund_due on refund (merchant_id, due_at) where due_at is not null;
create index refund_payment on refund (merchant_id, payment_id);
create index refund_attempt on refund (merchant_id, attempt_id);
create index refund_anywhere on refund (refund_id);
-- One refund of a charge is told of many times, and recorded once.
create unique index refund_reference on refund (merchant_id, attempt_id, reference)
    where reference is not null;
