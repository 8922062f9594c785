-- The hours in which something was accepted, newest first, and how much: where a search in the ledger is worth it.
-- Parameters: app_ids, dispatch_id (null: any; else one that has counts of its own), since, until, most. What is not
-- folded yet is counted from its pages. Rows: at most `most`. Cost: 3 ms, whatever the ledger holds.
with counted as (
    select newest.hour, newest.count::bigint
    from unnest(%(app_ids)s::bigint[]) as app (id)
    cross join lateral (
        select hourly.hour, hourly.count
        from deliveries_hourcount hourly
        where %(dispatch_id)s::bigint is null
          and hourly.app_id = app.id
          and hourly.measure = 1
          and hourly.hour >= date_trunc('hour', %(since)s::timestamptz, 'UTC')
          and hourly.hour < %(until)s::timestamptz
        order by hourly.hour desc
        limit %(most)s::int * 16  -- four kinds, four platforms
    ) newest
    union all
    select kept.hour, kept.count
    from deliveries_dispatchcount kept
    where kept.dispatch_id = %(dispatch_id)s::bigint
      and kept.measure = 1
      and kept.hour >= date_trunc('hour', %(since)s::timestamptz, 'UTC')
      and kept.hour < %(until)s::timestamptz
    union all
    select date_trunc('hour', page.written_at, 'UTC'), (entry.value ->> 3)::bigint
    from deliveries_ledgerpage page
    join deliveries_dispatch dispatch on dispatch.id = page.dispatch_id
    cross join lateral jsonb_array_elements(page.counts) entry
    where not page.folded
      and (entry.value ->> 0)::int = 1
      and page.written_at >= date_trunc('hour', %(since)s::timestamptz, 'UTC')
      and page.written_at < %(until)s::timestamptz
      and dispatch.app_id = any(%(app_ids)s::bigint[])
      and (%(dispatch_id)s::bigint is null or page.dispatch_id = %(dispatch_id)s::bigint)
)
select counted.hour, sum(counted.count)::bigint
from counted
group by counted.hour
order by counted.hour desc
limit %(most)s::int
