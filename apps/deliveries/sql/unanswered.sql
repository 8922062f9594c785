-- The devices that got a push, and whether its person has answered: whether any of their devices has sent a receipt for it.
-- Parameters: dispatch_id, planned_on. Rows: device_id, customer_id, gateway's word, is_answered; one a live device whose
-- outcome is accepted (1) or unknown_outcome (7). Index: the primary keys of ledger, receipts and devices.
select delivery.device_id, delivery.customer_id, device.gateway,
       bool_or(receipt.dispatch_id is not null) over (partition by delivery.customer_id) as is_answered
from deliveries_delivery delivery
join devices_device device on device.id = delivery.device_id and device.state in ('active', 'stale')
left join lateral (
    select one.dispatch_id from deliveries_receipt one
    where one.planned_on = delivery.planned_on and one.dispatch_id = delivery.dispatch_id
      and one.device_id = delivery.device_id
    limit 1
) receipt on true
where delivery.planned_on = %(planned_on)s
  and delivery.dispatch_id = %(dispatch_id)s
  and delivery.outcome in (1, 7)
order by delivery.device_id
