-- The first and the last page written in a stretch of time, up to a reader's position. Parameters: since, until, xid,
-- page_id. Rows: one; nulls where there is none. Cost: a look at every page (0.1 s a million), so not for a loop.
select min(page.id), max(page.id)
from deliveries_ledgerpage page
where page.written_at >= %(since)s::timestamptz and page.written_at < %(until)s::timestamptz
  and (page.xid, page.id) <= (%(xid)s::text::xid8, %(page_id)s::bigint)
