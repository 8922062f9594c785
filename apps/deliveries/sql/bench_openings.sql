-- Benchmark: openings of the last 90 days, a push a week; people live in twelve zones and open around an hour of theirs.
-- Parameters: app_id, weeks, now. Rows: one in two people a week. Uses device ids as they come.
insert into deliveries_receipt (planned_on, dispatch_id, device_id, type, at, received_at, action)
select sent.at::date, 1000000 + sent.week, device.id, 3,
       sent.at + make_interval(hours => (device.id %% 12)::int, mins => (hashint8(device.id + sent.week) & 127)),
       sent.at, ''
from devices_device device
cross join (
    select week, %(now)s::timestamptz - make_interval(days => 7 * week) as at
    from generate_series(1, %(weeks)s::int) week
) sent
where device.app_id = %(app_id)s and (hashint8(device.id * 31 + sent.week) & 1) = 0
