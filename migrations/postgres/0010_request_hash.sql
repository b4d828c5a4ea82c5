-- What a gateway was told with a charge, hashed before it was told (RULES CHG-2); null for a page of the gateway's, which
-- is asked for once, and for what was sent before this column was there.
alter table attempt add column request_hash text check (length(request_hash) = 64);
