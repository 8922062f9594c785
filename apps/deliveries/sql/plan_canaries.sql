-- Whom a canary may be taken from: the devices released first, by gateway and zone. Rows: gateway, zone, devices.
-- Cost: 0.1 s for a million devices; asked only where a dispatch has a canary.
select device.gateway, device.time_zone, count(*)
from plan_device device
join plan_zone zone on zone.time_zone = device.time_zone
where device.reason = 0 and device.variant <> -1
  and zone.release_at = (
      select min(first.release_at)
      from plan_zone first
      where exists (
          select from plan_device one where one.time_zone = first.time_zone and one.reason = 0 and one.variant <> -1
      )
  )
group by 1, 2
order by 1, 2
