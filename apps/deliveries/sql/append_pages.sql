-- Adds pages to the feed. Parameters: dispatch_ids, days, counts (parallel; counts as the text of a JSON list), now.
-- Rows: one a dispatch.
insert into deliveries_ledgerpage (dispatch_id, planned_on, counts, written_at, folded)
select page.dispatch_id, page.planned_on, page.counts::jsonb, %(now)s::timestamptz, false
from unnest(%(dispatch_ids)s::bigint[], %(days)s::date[], %(counts)s::text[]) as page (dispatch_id, planned_on, counts)
