-- The counts of all launches of some makers, in one snapshot: what is folded, the pages that are not yet, and the ledger
-- rows of small launches, which make no counts. Parameters: app_ids, origins text[], small = what a small launch is below.
-- Rows: origin, measure, variant, platform, hour, count. Index: dispatch_of_campaign, then each table's own by dispatch.
with launch as materialized (
    select id, origin, planned_on, planned_devices < %(small)s as is_small
    from deliveries_dispatch
    where app_id = any (%(app_ids)s::bigint[]) and origin = any (%(origins)s::text[]) and kind in ('campaign', 'automation')
)
select total.origin, total.measure, total.variant, total.platform, total.hour, sum(total.count)::bigint
from (
    select launch.origin, kept.measure, kept.variant, kept.platform, kept.hour, kept.count::bigint
    from launch
    join deliveries_dispatchcount kept on kept.dispatch_id = launch.id
    where not launch.is_small
    union all
    select launch.origin, (entry.value ->> 0)::smallint, (entry.value ->> 1)::smallint, (entry.value ->> 2)::smallint,
           date_trunc('hour', page.written_at, 'UTC'), (entry.value ->> 3)::bigint
    from launch
    join deliveries_ledgerpage page on page.dispatch_id = launch.id and not page.folded
    cross join lateral jsonb_array_elements(page.counts) entry
    where not launch.is_small
    union all
    select launch.origin, delivery.outcome, delivery.variant, delivery.platform,
           date_trunc('hour', delivery.recorded_at, 'UTC'), count(*)
    from launch
    join deliveries_delivery delivery on delivery.planned_on = launch.planned_on and delivery.dispatch_id = launch.id
    where launch.is_small
    group by 1, 2, 3, 4, 5
    union all
    select launch.origin, 100 + receipt.type, coalesce(delivery.variant, 0), coalesce(delivery.platform, 0),
           date_trunc('hour', receipt.received_at, 'UTC'), count(*)
    from launch
    join deliveries_receipt receipt on receipt.planned_on = launch.planned_on and receipt.dispatch_id = launch.id
    left join deliveries_delivery delivery
        on delivery.planned_on = receipt.planned_on and delivery.dispatch_id = receipt.dispatch_id
       and delivery.device_id = receipt.device_id and delivery.device_id > 0
    where launch.is_small
    group by 1, 2, 3, 4, 5
) total
group by 1, 2, 3, 4, 5
