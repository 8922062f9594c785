-- Benchmark: what is opened within six hours: one person in fifty opens the push of this week.
-- Parameters: app_id, now. Uses device ids as they come.
insert into deliveries_receipt (planned_on, dispatch_id, device_id, type, at, received_at, action)
select (%(now)s::timestamptz)::date, 2000000, device.id, 3, %(now)s::timestamptz - interval '1 hour',
       %(now)s::timestamptz - interval '1 hour', ''
from devices_device device
where device.app_id = %(app_id)s and device.id %% 50 = 0
