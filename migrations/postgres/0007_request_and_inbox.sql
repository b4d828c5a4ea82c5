-- What came from outside, kept so that it takes effect once.

create table stored_reply (
    scope text not null,
    request_id uuid not null,
    request_hash bytea not null check (length(request_hash) = 32),
    reply bytea not null,
    at timestamptz not null,
    primary key (scope, request_id)
);
create index stored_reply_at on stored_reply (at);

create table webhook_inbox (
    gateway text not null,
    event_id text not null,
    body bytea not null,
    news jsonb not null,
    received_at timestamptz not null,
    due_at timestamptz,
    tries bigint not null check (tries >= 0),
    failure text,
    primary key (gateway, event_id)
);
create index webhook_inbox_due on webhook_inbox (due_at) where due_at is not null;

-- The backup that this database was restored from, if it was: one row at most.
create table restored (
    one bigint primary key check (one = 1),
    backed_up_at timestamptz not null,
    resumed_at timestamptz
);
