-- What was accepted in some stretches of time, newest first.
-- Parameters: app_ids, dispatch_id and planned_on (null: any), lows and highs (parallel; low <= recorded_at < high), and the last row of
-- the page before: at, dispatch, customer, device; most. Rows: at most `most`, whole ledger rows.
-- Relies on: deliveries_delivery_time, so it reads what was recorded in these stretches (and 128 pages around each).
select found.*
from unnest(%(lows)s::timestamptz[], %(highs)s::timestamptz[]) as stretch (low, high)
cross join lateral (
    select delivery.*
    from deliveries_delivery delivery
    where delivery.recorded_at >= stretch.low
      and delivery.recorded_at < stretch.high
      and delivery.planned_on <= (stretch.high at time zone 'UTC')::date
      and delivery.outcome = 1
      and delivery.app_id = any(%(app_ids)s::bigint[])
      and (delivery.recorded_at, delivery.dispatch_id, delivery.customer_id, delivery.device_id)
          < (%(at)s::timestamptz, %(dispatch)s::bigint, %(customer)s::bigint, %(device)s::bigint)
      and (%(dispatch_id)s::bigint is null or delivery.dispatch_id = %(dispatch_id)s::bigint)
      and (%(planned_on)s::date is null or delivery.planned_on = %(planned_on)s::date)
    order by delivery.recorded_at desc, delivery.dispatch_id desc, delivery.customer_id desc, delivery.device_id desc
    limit %(most)s::int
) found
order by found.recorded_at desc, found.dispatch_id desc, found.customer_id desc, found.device_id desc
limit %(most)s::int
