-- When a gateway account's own list was last read to its end: what was taken lately, and what may still have come late.
create table reading (
    gateway text primary key,
    recent_at integer not null,
    late_at integer
) strict;
