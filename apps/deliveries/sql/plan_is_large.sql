-- Whether the audience is so large that the whole ledger is read sooner than each person's rows are looked up: reading and
-- counting a row costs a fifth of a look-up. As large as the statistics say; not analysed yet counts as small.
-- Parameters: none. Rows: one.
select (select count(*) from plan_audience) * 5 > coalesce(sum(part.reltuples), 0)
from pg_inherits ledger
join pg_class part on part.oid = ledger.inhrelid and part.reltuples > 0
where ledger.inhparent = 'deliveries_delivery'::regclass
