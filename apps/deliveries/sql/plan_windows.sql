-- Keeps each zone's sending window; a window that opens only after the expiry excludes its devices.
-- Parameters: zones, opens, closes (parallel arrays), expires_at. Reason 0 -> 23.
with zone as (
    insert into plan_zone (time_zone, release_at, not_after)
    select * from unnest(%(zones)s::text[], %(opens)s::timestamptz[], %(closes)s::timestamptz[])
    returning time_zone, release_at
)
update plan_device device
set reason = 23
from zone
where device.time_zone = zone.time_zone and device.reason = 0 and zone.release_at >= %(expires_at)s::timestamptz
