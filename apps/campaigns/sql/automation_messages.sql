-- What became of the pushes of an automation's steps since a moment, in people, each once a hand-over.
-- Parameters: automation_id, since. Rows: position, sent, left out, displayed (2), opened (3 or 4), clicked (4).
-- Index: automation_send_step, the keys of ledger and receipts.
with delivered as (
    select send.position, delivery.planned_on, delivery.dispatch_id, delivery.customer_id, delivery.device_id, delivery.outcome
    from campaigns_automationsend send
    join deliveries_dispatch dispatch on dispatch.id = send.dispatch_id
    join deliveries_delivery delivery on delivery.planned_on = dispatch.planned_on and delivery.dispatch_id = dispatch.id
    where send.automation_id = %(automation_id)s and send.at >= %(since)s
),
person as (
    select delivered.position, delivered.dispatch_id, delivered.customer_id,
           bool_or(delivered.outcome = 1) as is_sent,
           bool_and(delivered.outcome >= 20) as is_left_out,
           coalesce(bool_or(receipt.type = 2), false) as has_displayed,
           coalesce(bool_or(receipt.type in (3, 4)), false) as has_opened,
           coalesce(bool_or(receipt.type = 4), false) as has_clicked
    from delivered
    left join deliveries_receipt receipt
      on receipt.planned_on = delivered.planned_on
     and receipt.dispatch_id = delivered.dispatch_id
     and receipt.device_id = delivered.device_id
    group by delivered.position, delivered.dispatch_id, delivered.customer_id
)
select person.position, count(*) filter (where person.is_sent), count(*) filter (where person.is_left_out),
       count(*) filter (where person.has_displayed), count(*) filter (where person.has_opened),
       count(*) filter (where person.has_clicked)
from person
group by person.position
