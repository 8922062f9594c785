-- Pages of a stretch of time, by their number, to be read once more. Parameters: page_id (the last one read), last_page_id,
-- since, until, app_id, most, small. Relies on: the primary key.
select page.xid::text::bigint, page.id, page.dispatch_id, page.planned_on, page.written_at, page.counts,
       dispatch.app_id, dispatch.kind, dispatch.planned_devices <= %(small)s::int
from deliveries_ledgerpage page
join deliveries_dispatch dispatch on dispatch.id = page.dispatch_id and dispatch.app_id = %(app_id)s
where page.id > %(page_id)s::bigint and page.id <= %(last_page_id)s::bigint
  and page.written_at >= %(since)s::timestamptz and page.written_at < %(until)s::timestamptz
order by page.id
limit %(most)s::int
