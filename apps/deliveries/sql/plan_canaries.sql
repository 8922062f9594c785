-- Whom a canary may be taken from: the devices released first, by gateway, zone and hour. Rows: these, devices.
-- Cost: 0.1 s for a million devices; asked only where a dispatch has a canary.
select device.gateway, device.time_zone, device.hour, count(*)
from plan_device device
join plan_zone zone on zone.time_zone = device.time_zone and zone.hour = device.hour
where device.reason = 0 and device.variant <> -1
  and zone.release_at = (
      select min(first.release_at)
      from plan_zone first
      where exists (
          select
          from plan_device one
          where one.time_zone = first.time_zone and one.hour = first.hour and one.reason = 0 and one.variant <> -1
      )
  )
group by 1, 2, 3
order by 1, 2, 3
