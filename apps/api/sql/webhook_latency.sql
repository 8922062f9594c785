-- How long an endpoint took to answer, hour by hour. Parameters: endpoint_id, since. Rows: hour, tries, failures, and the
-- median and 95th percentile of what it took, in seconds, null where nothing was taken. Relies on: webhook_attempt_time.
select date_trunc('hour', attempt.at, 'UTC') as hour, count(*), count(*) filter (where attempt.result <> 'delivered'),
       percentile_cont(0.5) within group (order by attempt.seconds) filter (where attempt.result = 'delivered'),
       percentile_cont(0.95) within group (order by attempt.seconds) filter (where attempt.result = 'delivered')
from api_webhookattempt attempt
where attempt.endpoint_id = %(endpoint_id)s::bigint and attempt.at >= %(since)s::timestamptz
group by 1
order by 1
