-- When a gateway was last asked how an attempt stands, in the world's time, so that whoever looks at it often does not ask
-- as often.
alter table attempt add column asked_at integer;
