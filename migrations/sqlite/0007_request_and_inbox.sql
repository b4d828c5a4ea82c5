-- What came from outside, kept so that it takes effect once.

create table stored_reply (
    scope text not null,
    request_id blob not null check (length(request_id) = 16),
    request_hash blob not null check (length(request_hash) = 32),
    reply blob not null,
    at integer not null,
    primary key (scope, request_id)
) strict;
create index stored_reply_at on stored_reply (at);

create table webhook_inbox (
    gateway text not null,
    event_id text not null,
    body blob not null,
    news text not null check (json_valid(news)),
    received_at integer not null,
    due_at integer,
    tries integer not null check (tries >= 0),
    failure text,
    primary key (gateway, event_id)
) strict;
create index webhook_inbox_due on webhook_inbox (due_at) where due_at is not null;

-- The backup that this database was restored from, if it was: one row at most.
create table restored (
    one integer primary key check (one = 1),
    backed_up_at integer not null,
    resumed_at integer
) strict;
