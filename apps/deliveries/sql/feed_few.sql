-- What pages of small dispatches wrote: outcomes and receipts. Parameters: the part page (feed_asked), first_day, last_day,
-- measures (outcomes; 100 + type for receipts). Rows: at, measure, then the row's key.
-- Relies on: the primary keys, whose front is a dispatch. Cost: 8 us a row.
with page as {{page}}
select delivery.recorded_at as at, delivery.outcome::int as measure, delivery.planned_on, delivery.dispatch_id,
       delivery.customer_id, delivery.device_id
from page
join deliveries_delivery delivery
  on delivery.planned_on = page.planned_on and delivery.dispatch_id = page.dispatch_id
 and delivery.recorded_at = page.written_at
where delivery.planned_on between %(first_day)s::date and %(last_day)s::date
  and delivery.outcome = any(%(measures)s::smallint[]) and delivery.xmin <> all (page.others)
union
select receipt.received_at, 100 + receipt.type, receipt.planned_on, receipt.dispatch_id, 0, receipt.device_id
from page
join deliveries_receipt receipt
  on receipt.planned_on = page.planned_on and receipt.dispatch_id = page.dispatch_id
 and receipt.received_at = page.written_at
where receipt.planned_on between %(first_day)s::date and %(last_day)s::date
  and 100 + receipt.type = any(%(measures)s::smallint[]) and receipt.xmin <> all (page.others)
order by at, measure, planned_on, dispatch_id, customer_id, device_id
