-- Keeps when each zone and hour is sent to; where that cannot be, its devices are left out with the reason.
-- Parameters: zones, hours, opens, closes, expires, reasons (parallel arrays). Reason 0 -> 23 (quiet hours), 30 (missed);
-- 24 (held out) as well, for whoever would not have got it anyhow is nobody to compare with.
with zone as (
    insert into plan_zone (time_zone, hour, release_at, not_after, expires_at, reason)
    select *
    from unnest(
        %(zones)s::text[], %(hours)s::smallint[], %(opens)s::timestamptz[], %(closes)s::timestamptz[],
        %(expires)s::timestamptz[], %(reasons)s::smallint[]
    )
    returning time_zone, hour, reason
),
counted as (
    update plan_tally tally
    set reason = zone.reason
    from zone
    where tally.time_zone = zone.time_zone and tally.hour = zone.hour and tally.reason in (0, 24) and zone.reason > 0
)
update plan_device device
set reason = zone.reason
from zone
where device.time_zone = zone.time_zone and device.hour = zone.hour and device.reason in (0, 24) and zone.reason > 0
