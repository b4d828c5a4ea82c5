-- What happened: in money, and in words.

-- Immutable: one row is one side of a balanced journal (RULES LED-1).
create table posting (
    merchant_id uuid not null,
    journal_id uuid not null,
    position bigint not null check (position >= 0),
    at timestamptz not null,
    entry text not null check (entry in (
        'issued', 'paid', 'voided', 'written_off', 'overpaid', 'reversed', 'reinstated', 'refunded',
        'overpayment_returned', 'refund_bounced'
    )),
    invoice_id uuid not null,
    attempt_id uuid,
    refund_id uuid,
    account text not null,
    currency text not null,
    amount_minor bigint not null,
    primary key (merchant_id, journal_id, position),
    constraint posting_movement check (attempt_id is null or refund_id is null),
    foreign key (merchant_id, invoice_id) references invoice deferrable initially deferred
);
create index posting_invoice on posting (merchant_id, invoice_id);
create index posting_attempt on posting (merchant_id, attempt_id) where attempt_id is not null;
create index posting_refund on posting (merchant_id, refund_id) where refund_id is not null;

-- Immutable, in order per merchant and without gaps.
create table event (
    merchant_id uuid not null references merchant,
    sequence bigint not null check (sequence > 0),
    event_id uuid not null,
    at timestamptz not null,
    kind text not null,
    subject_type text not null,
    subject_id uuid not null,
    subject_version bigint not null,
    customer_id uuid,
    currency text,
    amount_minor bigint,
    reason text,
    primary key (merchant_id, sequence),
    constraint event_id unique (merchant_id, event_id),
    constraint event_amount check ((currency is null) = (amount_minor is null))
);
create index event_customer on event (merchant_id, customer_id, sequence);

create table webhook_endpoint (
    merchant_id uuid not null references merchant,
    webhook_endpoint_id uuid not null,
    url text not null,
    secrets jsonb not null,
    delivered_sequence bigint not null check (delivered_sequence >= 0),
    due_at timestamptz,
    tries bigint not null check (tries >= 0),
    failing_since timestamptz,
    disabled_at timestamptz,
    leased_until timestamptz,
    created_at timestamptz not null,
    version bigint not null check (version > 0),
    primary key (merchant_id, webhook_endpoint_id)
);
create index webhook_endpoint_due on webhook_endpoint (merchant_id, due_at)
    where due_at is not null;
