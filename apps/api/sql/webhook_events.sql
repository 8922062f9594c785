-- What a webhook tells of outcomes and receipts, by their keys. Parameters: days, dispatch_ids, customer_ids (0 for a
-- receipt), device_ids, receipts (100 + type, 0 for an outcome), all parallel. Rows: place (from 1), variant, outcome,
-- code, recorded_at, received_at, action, seen_at, kind, origin, external_id, customer, address.
-- A receipt may stand there before its outcome does: then outcome is null. An erased person is not named.
select key.place, coalesce(receipt.variant, delivery.variant, 0), delivery.outcome, delivery.code, delivery.recorded_at,
       receipt.received_at, receipt.action, receipt.at, dispatch.kind, dispatch.origin, dispatch.external_id,
       case when customer.erased_at is null then customer.external_id end,
       case when customer.erased_at is null then device.address end
from unnest(
    %(days)s::date[], %(dispatch_ids)s::bigint[], %(customer_ids)s::bigint[], %(device_ids)s::bigint[],
    %(receipts)s::smallint[]
) with ordinality as key (planned_on, dispatch_id, customer_id, device_id, receipt, place)
join deliveries_dispatch dispatch on dispatch.id = key.dispatch_id
left join devices_device device on device.id = key.device_id
left join deliveries_receipt receipt
  on key.receipt > 0 and receipt.planned_on = key.planned_on and receipt.dispatch_id = key.dispatch_id
 and receipt.device_id = key.device_id and receipt.type = key.receipt - 100
left join deliveries_delivery delivery
  on delivery.planned_on = key.planned_on and delivery.dispatch_id = key.dispatch_id
 and delivery.customer_id = case when key.receipt > 0 then device.customer_id else key.customer_id end
 and delivery.device_id = key.device_id
left join customers_customer named
  on named.id = case when key.receipt > 0 then device.customer_id else key.customer_id end
left join customers_customer customer on customer.id = coalesce(named.merged_into_id, named.id)
