-- The zones among the devices to be sent to, each with the usual hours asked for. Parameters: none.
-- Rows: zone, hour (-1 = none), devices; at most some 400, times 24 where the hour is each person's usual one.
select tally.time_zone, tally.hour, sum(tally.devices)::bigint
from plan_tally tally
where tally.reason = 0
group by 1, 2
