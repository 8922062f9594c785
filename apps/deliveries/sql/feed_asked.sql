-- The pages that are read, for feed_few and feed_many. Parameters: dispatch_ids, days, written_at, xids (all parallel).
-- Rows: dispatch_id, planned_on, written_at, xid, others: transactions that wrote about the same dispatch in the same
-- microsecond. Their rows are their own pages', which may be read earlier or later. A row whose transaction is not known
-- (restored from a dump) is never left out. Relies on: ledger_page_dispatch.
select given.*, array(
           select twin.xid::xid
           from deliveries_ledgerpage twin
           where twin.dispatch_id = given.dispatch_id and twin.written_at = given.written_at
             and twin.xid <> given.xid
       ) as others
from (
    select distinct one.*
    from unnest(
        %(dispatch_ids)s::bigint[], %(days)s::date[], %(written_at)s::timestamptz[], %(xids)s::text[]::xid8[]
    ) as one (dispatch_id, planned_on, written_at, xid)
) given
