-- A person has only so many devices: those not seen for longest go. Parameters: customer_ids, now.
-- States: active, stale -> dead (too_many_devices). Touches devices_device. Returns nothing. Rows: none, nearly always.
-- Index: devices by customer. What somebody else holds at this moment is being seen, so it is passed over; so is what
-- was seen, moved or retired since the ranking, which the lock alone would not notice.
with ranked as (
    select device.id, device.customer_id, device.last_seen_at, app.devices_per_person as most,
           row_number() over (partition by device.customer_id order by device.last_seen_at desc, device.id desc) as place
    from devices_device as device
    join accounts_app as app on app.id = device.app_id
    where device.customer_id = any(%(customer_ids)s::bigint[]) and device.state in ('active', 'stale')
),
surplus as (
    select device.id
    from devices_device as device
    join ranked on ranked.id = device.id
    where ranked.place > ranked.most and device.state in ('active', 'stale')
      and device.customer_id = ranked.customer_id and device.last_seen_at = ranked.last_seen_at
    order by device.id
    for no key update of device skip locked
)
update devices_device as device
set state = 'dead', retired_reason = 'too_many_devices', retired_at = %(now)s
from surplus
where device.id = surplus.id
