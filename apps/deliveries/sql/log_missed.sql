-- A page of what did not go well, newest first, of some apps.
-- Parameters: app_ids, outcomes (1 = accepted is left out), dispatch_id and planned_on (null: any), since, until, and the last row of the
-- page before: at, dispatch, customer, device; most. Rows: at most `most`, whole ledger rows.
-- Relies on: deliveries_delivery_missed, one step into each week for each app and outcome (16 outcomes, 17 weeks: 3 ms).
-- Tried and lost: `outcome = any(...)` in one step, which sorts all it finds: 900 ms where 400,000 were left out.
select found.*
from unnest(%(app_ids)s::bigint[]) as app (id)
cross join unnest(%(outcomes)s::smallint[]) as wanted (outcome)
cross join lateral (
    select delivery.*
    from deliveries_delivery delivery
    where delivery.app_id = app.id
      and delivery.outcome = wanted.outcome
      and delivery.outcome <> 1
      and delivery.recorded_at >= %(since)s::timestamptz
      and delivery.recorded_at < %(until)s::timestamptz
      and (delivery.recorded_at, delivery.dispatch_id, delivery.customer_id, delivery.device_id)
          < (%(at)s::timestamptz, %(dispatch)s::bigint, %(customer)s::bigint, %(device)s::bigint)
      and (%(dispatch_id)s::bigint is null or delivery.dispatch_id = %(dispatch_id)s::bigint)
      and (%(planned_on)s::date is null or delivery.planned_on = %(planned_on)s::date)
    order by delivery.recorded_at desc, delivery.dispatch_id desc, delivery.customer_id desc, delivery.device_id desc
    limit %(most)s::int
) found
order by found.recorded_at desc, found.dispatch_id desc, found.customer_id desc, found.device_id desc
limit %(most)s::int
