-- Who should get an SMS: people who were sent a push they could have opened and did not, on any device.
-- "Could have": the gateway accepted a visible push for a device that registered through our SDK (it has a secret), so
-- an open would have been reported. One person a phone, also where two customers share it.
-- Used as a part of other statements. Parameters: dispatch_id, planned_on, variants (those with a visible text).
-- Rows: customer_id, phone. At 300,000 accepted: see README, "Figures". Index: the primary keys of ledger and receipts.
select distinct on (customer.phone) customer.id as customer_id, customer.phone
from deliveries_delivery delivery
join devices_device device on device.id = delivery.device_id and length(device.secret_hash) > 0
join customers_customer named on named.id = delivery.customer_id
join customers_customer customer
  on customer.id = coalesce(named.merged_into_id, named.id)
 and customer.sms_consent
 and customer.phone <> ''
 and customer.erased_at is null
where delivery.planned_on = %(planned_on)s
  and delivery.dispatch_id = %(dispatch_id)s
  and delivery.outcome = 1
  and delivery.variant = any(%(variants)s::smallint[])
  and not exists (
      select from deliveries_delivery other
      join deliveries_receipt receipt
        on receipt.planned_on = other.planned_on
       and receipt.dispatch_id = other.dispatch_id
       and receipt.device_id = other.device_id
       and receipt.type in (3, 4)
      where other.planned_on = delivery.planned_on
        and other.dispatch_id = delivery.dispatch_id
        and other.customer_id = delivery.customer_id
  )
order by customer.phone, customer.id
