-- Whom of a push's people an SMS could follow: who is still there and has not answered on any device, merged or not.
-- Parameters: dispatch_id, planned_on, customer_ids. Rows: customer_id, phone, has_agreed, traits, then
-- customers.queries.FACT_COLUMNS. Index: primary keys of customers, receipts, ledger and devices.
with answered as (
    select coalesce(delivery.customer_id, device.customer_id) as customer_id
    from deliveries_receipt receipt
    left join deliveries_delivery delivery
      on delivery.planned_on = receipt.planned_on
     and delivery.dispatch_id = receipt.dispatch_id
     and delivery.device_id = receipt.device_id
    left join devices_device device on device.id = receipt.device_id
    where receipt.planned_on = %(planned_on)s and receipt.dispatch_id = %(dispatch_id)s
)
select customer.id, customer.phone, customer.sms_consent is true, customer.traits, customer.external_id, customer.first_name,
       customer.last_name, customer.email, customer.language, customer.country, customer.time_zone
from customers_customer customer
where customer.id in (
        select coalesce(named.merged_into_id, named.id) from customers_customer named where named.id = any(%(customer_ids)s::bigint[])
    )
  and customer.erased_at is null
  and not exists (
      select from answered
      join customers_customer person on person.id = answered.customer_id
      where coalesce(person.merged_into_id, person.id) = customer.id
  )
order by customer.id
