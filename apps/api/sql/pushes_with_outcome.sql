-- The pushes of an app of which a delivery ended so, where few did: looked for in the hours that the counts name.
-- Parameters: app_id, outcome (not 1), most. Rows: one id a push; none where more than `most` deliveries ended so, and then
-- one row with null. Relies on: hour_count_once, deliveries_delivery_missed. Cost: 2 to 60 ms on 10,000,000 deliveries.
with hourly as materialized (
    select kept.hour, sum(kept.count) as count
    from deliveries_hourcount kept
    where kept.app_id = %(app_id)s::bigint and kept.kind = 'transactional' and kept.measure = %(outcome)s::smallint
    group by kept.hour
    union all
    select date_trunc('hour', page.written_at, 'UTC'), sum((entry.value ->> 3)::bigint)
    from deliveries_ledgerpage page
    join deliveries_dispatch dispatch on dispatch.id = page.dispatch_id
    cross join lateral jsonb_array_elements(page.counts) entry
    where not page.folded
      and (entry.value ->> 0)::int = %(outcome)s::int
      and dispatch.app_id = %(app_id)s::bigint
      and dispatch.kind = 'transactional'
    group by 1
),
ended as (
    select distinct row.dispatch_id
    from (select distinct hour from hourly where (select sum(count) from hourly) <= %(most)s::bigint) one
    cross join lateral (
        select delivery.dispatch_id
        from deliveries_delivery delivery
        where delivery.app_id = %(app_id)s::bigint and delivery.outcome = %(outcome)s::smallint and delivery.outcome <> 1
          and delivery.recorded_at >= one.hour and delivery.recorded_at < one.hour + interval '1 hour'
          and delivery.planned_on <= (one.hour + interval '1 hour')::date
        offset 0  -- hour by hour: joined, each row would meet each hour
    ) row
)
select dispatch.id
from ended
join deliveries_dispatch dispatch on dispatch.id = ended.dispatch_id and dispatch.kind = 'transactional'
union all
select null where (select sum(count) from hourly) > %(most)s::bigint
