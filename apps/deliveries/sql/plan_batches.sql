-- Writes the plan: batches of one gateway, zone and hour, devices in ascending order; undecided variants are held.
-- Parameters: dispatch_id, app_id, lane, size, expires_at (of the dispatch, and so of who is undecided); gateways, zones,
-- hours, canaries (parallel): how many devices of each go first, in a batch of their own. Rows: one per `size` devices (1M devices: 1 s).
-- The devices are sorted once, for the window; the arrays take them as they come, all three in the same order.
-- What was tried and lost: one wide row a recipient (ten times slower, 250 times the WAL); `order by` in each array and the
-- zones joined before the grouping (two sorts of all devices more).
insert into deliveries_batch (
    dispatch_id, app_id, gateway, lane, state, device_ids, customer_ids, variants, opened, recorded, release_at, not_after,
    expires_at, time_zone, tries, may_have_arrived, in_flight, attempt, crashes,
    is_canary
)
select %(dispatch_id)s::bigint, %(app_id)s::bigint, chunk.gateway, %(lane)s::text,
       case when chunk.is_undecided then 'held' else 'waiting' end,
       chunk.device_ids, chunk.customer_ids, chunk.variants,
       0, 0, zone.release_at, zone.not_after,
       case when chunk.is_undecided then %(expires_at)s::timestamptz else zone.expires_at end, chunk.time_zone, 0, false, false, 0, 0,
       chunk.number = -1
from (
    select placed.gateway, placed.time_zone, placed.hour, placed.is_undecided, placed.number,
           array_agg(placed.device_id) as device_ids,
           array_agg(placed.customer_id) as customer_ids,
           array_agg(placed.variant) as variants
    from (
        select counted.*, floor((counted.place - 1 - coalesce(canary.devices, 0)) / %(size)s::float8)::int as number
        from (
            select device.*, device.variant = -1 as is_undecided,
                   row_number() over (
                       partition by device.gateway, device.time_zone, device.hour, device.variant = -1
                       order by device.device_id
                   ) as place
            from plan_device device
            where device.reason = 0
        ) counted
        left join unnest(%(gateways)s::smallint[], %(zones)s::text[], %(hours)s::smallint[], %(canaries)s::int[])
            as canary (gateway, zone, hour, devices)
            on canary.gateway = counted.gateway and canary.zone = counted.time_zone and canary.hour = counted.hour
           and not counted.is_undecided
    ) placed
    group by placed.gateway, placed.time_zone, placed.hour, placed.is_undecided, placed.number
) chunk
join plan_zone zone on zone.time_zone = chunk.time_zone and zone.hour = chunk.hour
order by zone.release_at, chunk.number
