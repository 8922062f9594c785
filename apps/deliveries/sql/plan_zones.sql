-- The zones among the devices to be sent to or held out, each with the usual hours asked for. Parameters: none.
-- Rows: zone, hour (-1 = none), devices to be sent to; at most some 400, times 24 where the hour is each person's usual one.
select tally.time_zone, tally.hour, coalesce(sum(tally.devices) filter (where tally.reason = 0), 0)::bigint
from plan_tally tally
where tally.reason in (0, 24)
group by 1, 2
