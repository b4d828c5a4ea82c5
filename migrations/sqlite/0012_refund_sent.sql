-- How long a gateway may remember a refund's key: it is sent again only while that is sure.
alter table refund add column first_sent_at integer;

update refund set first_sent_at = created_at where tries > 0;
