-- Who of some people opened (3) or clicked (4) a dispatch's push, on whichever device, also before they were merged.
-- Parameters: dispatch_id, customer_ids. Rows: customer_id. Index: the ledger's primary key, then the receipts'.
select distinct part.person_id
from deliveries_dispatch dispatch
cross join (
    select asked.id, asked.id as person_id from unnest(%(customer_ids)s::bigint[]) as asked (id)
    union all
    select half.id, half.merged_into_id
    from customers_customer half
    where half.merged_into_id = any(%(customer_ids)s::bigint[])
) part
join deliveries_delivery delivery
  on delivery.planned_on = dispatch.planned_on
 and delivery.dispatch_id = dispatch.id
 and delivery.customer_id = part.id
join deliveries_receipt receipt
  on receipt.planned_on = delivery.planned_on
 and receipt.dispatch_id = delivery.dispatch_id
 and receipt.device_id = delivery.device_id
 and receipt.type in (3, 4)
where dispatch.id = %(dispatch_id)s
