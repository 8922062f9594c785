-- Counts a dispatch afresh from ledger and receipts: what folded counts must equal.
-- Parameters: dispatch_id, planned_on. Rows: measure, variant, platform, hour, count.
select delivery.outcome as measure, delivery.variant, delivery.platform, date_trunc('hour', delivery.recorded_at, 'UTC') as hour,
       count(*)
from deliveries_delivery delivery
where delivery.planned_on = %(planned_on)s::date and delivery.dispatch_id = %(dispatch_id)s
group by 1, 2, 3, 4
union all
select 100 + receipt.type, coalesce(delivery.variant, 0), coalesce(delivery.platform, 0),
       date_trunc('hour', receipt.received_at, 'UTC'), count(*)
from deliveries_receipt receipt
left join deliveries_delivery delivery
    on delivery.planned_on = receipt.planned_on and delivery.dispatch_id = receipt.dispatch_id
   and delivery.device_id = receipt.device_id and delivery.device_id > 0
where receipt.planned_on = %(planned_on)s::date and receipt.dispatch_id = %(dispatch_id)s
group by 1, 2, 3, 4
