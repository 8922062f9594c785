-- How many people opened (3) or clicked (4) the push only after their SMS went out.
-- Parameters: dispatch_id. Rows: one number. At 100,000 SMS: 0.4 s. Index: the primary keys of ledger and receipts.
select count(distinct message.customer_id)
from sms_booster_smsmessage message
join deliveries_dispatch dispatch on dispatch.id = message.dispatch_id
join deliveries_delivery delivery
  on delivery.planned_on = dispatch.planned_on
 and delivery.dispatch_id = dispatch.id
 and delivery.customer_id = message.customer_id
join deliveries_receipt receipt
  on receipt.planned_on = delivery.planned_on
 and receipt.dispatch_id = delivery.dispatch_id
 and receipt.device_id = delivery.device_id
 and receipt.type in (3, 4)
 and receipt.at > message.sending_at
where message.dispatch_id = %(dispatch_id)s
  and message.state in ('accepted', 'delivered', 'undelivered', 'unknown')
