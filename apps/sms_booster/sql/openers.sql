-- Who of some people opened (3) or clicked (4) a dispatch's push, on whichever device.
-- Parameters: dispatch_id, customer_ids. Rows: customer_id. Index: the ledger's primary key, then the receipts'.
select distinct delivery.customer_id
from deliveries_dispatch dispatch
join deliveries_delivery delivery
  on delivery.planned_on = dispatch.planned_on
 and delivery.dispatch_id = dispatch.id
 and delivery.customer_id = any(%(customer_ids)s::bigint[])
join deliveries_receipt receipt
  on receipt.planned_on = delivery.planned_on
 and receipt.dispatch_id = delivery.dispatch_id
 and receipt.device_id = delivery.device_id
 and receipt.type in (3, 4)
where dispatch.id = %(dispatch_id)s
