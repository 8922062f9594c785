-- Used as a part: who of the picked opened (3) or clicked (4) what a message step sent them on this way through it.
-- What went to a row that was merged since went to its person.
-- Parameters: automation_id, message_position. Index: customer_halves, deliveries_delivery_person, the receipts' key.
select picked.customer_id
from automation_picked picked
join campaigns_automationrun run on run.id = picked.run_id
cross join lateral (
    select picked.customer_id as id
    union all
    select half.id from customers_customer half where half.merged_into_id = picked.customer_id
) person
join deliveries_delivery delivery
  on delivery.customer_id = person.id
 and delivery.planned_on >= (
         select (min(first.entered_at) at time zone 'UTC')::date
         from automation_picked one
         join campaigns_automationrun first on first.id = one.run_id
     )
join campaigns_automationsend send
  on send.dispatch_id = delivery.dispatch_id
 and send.automation_id = %(automation_id)s
 and send.position = %(message_position)s
 and send.at >= run.entered_at
join deliveries_receipt receipt
  on receipt.planned_on = delivery.planned_on
 and receipt.dispatch_id = delivery.dispatch_id
 and receipt.device_id = delivery.device_id
 and receipt.type in (3, 4)
