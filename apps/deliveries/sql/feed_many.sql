-- What pages of large dispatches wrote. Parameters: as feed_few, and first, last: the span of written_at.
-- Relies on: deliveries_delivery_time and deliveries_receipt_time, so the cost goes with what was written in that span and
-- not with the size of the dispatch; "+ 0" keeps the planner from walking a whole dispatch by the primary key.
with page as {{page}}
select delivery.recorded_at as at, delivery.outcome::int as measure, delivery.planned_on, delivery.dispatch_id,
       delivery.customer_id, delivery.device_id
from deliveries_delivery delivery
join page
  on page.planned_on = delivery.planned_on and page.dispatch_id = delivery.dispatch_id + 0
 and page.written_at = delivery.recorded_at
where delivery.planned_on between %(first_day)s::date and %(last_day)s::date
  and delivery.recorded_at between %(first)s::timestamptz and %(last)s::timestamptz
  and delivery.outcome = any(%(measures)s::smallint[]) and delivery.xmin <> all (page.others)
union
select receipt.received_at, 100 + receipt.type, receipt.planned_on, receipt.dispatch_id, 0, receipt.device_id
from deliveries_receipt receipt
join page
  on page.planned_on = receipt.planned_on and page.dispatch_id = receipt.dispatch_id + 0
 and page.written_at = receipt.received_at
where receipt.planned_on between %(first_day)s::date and %(last_day)s::date
  and receipt.received_at between %(first)s::timestamptz and %(last)s::timestamptz
  and 100 + receipt.type = any(%(measures)s::smallint[]) and receipt.xmin <> all (page.others)
order by at, measure, planned_on, dispatch_id, customer_id, device_id
