-- A dispatch's counts: what is folded, and the pages that are not yet, in one snapshot, so that none is missed or
-- counted twice. Parameters: dispatch_id. Rows: measure, variant, platform, hour, count. Cost: under 1 ms.
select total.measure, total.variant, total.platform, total.hour, sum(total.count)::bigint
from (
    select kept.measure, kept.variant, kept.platform, kept.hour, kept.count
    from deliveries_dispatchcount kept
    where kept.dispatch_id = %(dispatch_id)s
    union all
    select (entry.value ->> 0)::smallint, (entry.value ->> 1)::smallint, (entry.value ->> 2)::smallint,
           date_trunc('hour', page.written_at, 'UTC'), (entry.value ->> 3)::bigint
    from deliveries_ledgerpage page
    cross join lateral jsonb_array_elements(page.counts) entry
    where not page.folded and page.dispatch_id = %(dispatch_id)s
) total
group by 1, 2, 3, 4
