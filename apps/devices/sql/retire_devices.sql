-- Retire devices whose address the vendor called dead, unless they registered again since.
-- Parameters: device_ids, reasons, dead_at (parallel arrays; dead_at null = now), now.
-- States: active, stale, quarantined -> dead; where the channel's deaths are doubted, -> quarantined. Rows: up to a slice (100) a call. Index: primary key.
-- Locked in order of id, so that two slices with the same device cannot deadlock.
with death as (
    select distinct on (device_id) device_id, reason, coalesce(dead_at, %(now)s) as dead_at
    from unnest(%(device_ids)s::bigint[], %(reasons)s::text[], %(dead_at)s::timestamptz[])
        as death (device_id, reason, dead_at)
    order by device_id, dead_at desc nulls first
),
locked as (
    select device.id, death.reason,
           case when channel.deaths_doubted_until > %(now)s then 'quarantined' else 'dead' end as state
    from devices_device as device
    join death on death.device_id = device.id
    left join devices_channel as channel on channel.app_id = device.app_id and channel.gateway = device.gateway
    where device.state <> 'dead' and device.registered_at <= death.dead_at
    order by device.id
    for update of device
)
update devices_device as device
set state = locked.state, retired_reason = left(locked.reason, 60), retired_at = %(now)s
from locked
where device.id = locked.id
