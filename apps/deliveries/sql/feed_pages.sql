-- The next pages of the feed in the order of their transactions. Parameters: xid, page_id (the last page read), most,
-- small (dispatches up to so many devices). Relies on: ledger_page_feed.
-- Behind pg_snapshot_xmin every transaction has ended, so no page can come to stand before one that was read.
select page.xid::text::bigint, page.id, page.dispatch_id, page.planned_on, page.written_at, page.counts,
       coalesce(dispatch.app_id, 0), coalesce(dispatch.kind, ''), coalesce(dispatch.planned_devices <= %(small)s::int, true)
from (
    select one.*
    from deliveries_ledgerpage one
    where (one.xid, one.id) > (%(xid)s::text::xid8, %(page_id)s::bigint)
      and one.xid < pg_snapshot_xmin(pg_current_snapshot())
    order by one.xid, one.id
    limit %(most)s::int
) page
left join deliveries_dispatch dispatch on dispatch.id = page.dispatch_id
order by page.xid, page.id
