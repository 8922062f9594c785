-- Whom a canary may be taken from: the devices released first, by gateway, zone and hour. Parameters: none.
-- Rows: these, devices. Asked only where a dispatch has a canary.
with released as (
    select tally.gateway, tally.time_zone, tally.hour, tally.devices, zone.release_at
    from plan_tally tally
    join plan_zone zone on zone.time_zone = tally.time_zone and zone.hour = tally.hour
    where tally.reason = 0 and tally.variant <> -1
)
select released.gateway, released.time_zone, released.hour, sum(released.devices)::bigint
from released
where released.release_at = (select min(first.release_at) from released first)
group by 1, 2, 3
order by 1, 2, 3
