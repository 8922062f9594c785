-- Used as a part: who of the picked opened (3) or clicked (4) what a message step sent them.
-- Parameters: automation_id, message_position. Index: deliveries_delivery_person, the receipts' key.
select delivery.customer_id
from automation_picked asked
join deliveries_delivery delivery on delivery.customer_id = asked.customer_id
join campaigns_automationsend send
  on send.dispatch_id = delivery.dispatch_id
 and send.automation_id = %(automation_id)s
 and send.position = %(message_position)s
join deliveries_receipt receipt
  on receipt.planned_on = delivery.planned_on
 and receipt.dispatch_id = delivery.dispatch_id
 and receipt.device_id = delivery.device_id
 and receipt.type in (3, 4)
