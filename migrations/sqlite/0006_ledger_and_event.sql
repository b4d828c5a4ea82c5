-- What happened: in money, and in words.

-- Immutable: one row is one side of a balanced journal (RULES LED-1).
create table posting (
    merchant_id blob not null check (length(merchant_id) = 16),
    journal_id blob not null check (length(journal_id) = 16),
    position integer not null check (position >= 0),
    at integer not null,
    entry text not null check (entry in (
        'issued', 'paid', 'voided', 'written_off', 'overpaid', 'reversed', 'reinstated', 'refunded',
        'overpayment_returned', 'refund_bounced'
    )),
    invoice_id blob not null check (length(invoice_id) = 16),
    attempt_id blob check (length(attempt_id) = 16),
    refund_id blob check (length(refund_id) = 16),
    account text not null,
    currency text not null,
    amount_minor integer not null,
    primary key (merchant_id, journal_id, position),
    constraint posting_movement check (attempt_id is null or refund_id is null),
    foreign key (merchant_id, invoice_id) references invoice deferrable initially deferred
) strict, without rowid;
create index posting_invoice on posting (merchant_id, invoice_id);
create index posting_attempt on posting (merchant_id, attempt_id) where attempt_id is not null;
create index posting_refund on posting (merchant_id, refund_id) where refund_id is not null;

-- Immutable, in order per merchant and without gaps.
create table event (
    merchant_id blob not null references merchant check (length(merchant_id) = 16),
    sequence integer not null check (sequence > 0),
    event_id blob not null check (length(event_id) = 16),
    at integer not null,
    kind text not null,
    subject_type text not null,
    subject_id blob not null check (length(subject_id) = 16),
    subject_version integer not null,
    customer_id blob check (length(customer_id) = 16),
    currency text,
    amount_minor integer,
    reason text,
    primary key (merchant_id, sequence),
    constraint event_id unique (merchant_id, event_id),
    constraint event_amount check ((currency is null) = (amount_minor is null))
) strict, without rowid;
create index event_customer on event (merchant_id, customer_id, sequence);

create table webhook_endpoint (
    merchant_id blob not null references merchant check (length(merchant_id) = 16),
    webhook_endpoint_id blob not null check (length(webhook_endpoint_id) = 16),
    url text not null,
    secrets text not null check (json_valid(secrets)),
    delivered_sequence integer not null check (delivered_sequence >= 0),
    due_at integer,
    tries integer not null check (tries >= 0),
    failing_since integer,
    disabled_at integer,
    leased_until integer,
    created_at integer not null,
    version integer not null check (version > 0),
    primary key (merchant_id, webhook_endpoint_id)
) strict, without rowid;
create index webhook_endpoint_due on webhook_endpoint (merchant_id, due_at)
    where due_at is not null;
