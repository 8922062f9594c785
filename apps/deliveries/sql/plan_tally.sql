-- The workbench's sums, from which everything that only counts is read: one pass over the devices instead of four.
-- Parameters: none. Rows: one a reason, gateway, platform, variant, zone and hour that occurs.
insert into plan_tally (reason, gateway, platform, variant, time_zone, hour, devices)
select device.reason, device.gateway, device.platform, device.variant, device.time_zone, device.hour, count(*)
from plan_device device
group by 1, 2, 3, 4, 5, 6
