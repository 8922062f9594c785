-- The hold-out against everybody who was sent to: how many of each did the goal since. People alone that had a device.
-- Parameters: planned_on, dispatch_id, app_id, goal, since. Rows: is_held_out, people, people who did it.
select person.is_held_out, count(*), count(done.customer_id)
from (
    select delivery.customer_id, bool_or(delivery.outcome = 24) as is_held_out
    from deliveries_delivery delivery
    where delivery.planned_on = %(planned_on)s::date and delivery.dispatch_id = %(dispatch_id)s
      and delivery.device_id > 0 and (delivery.outcome < 20 or delivery.outcome = 24)
    group by delivery.customer_id
) person
left join (
    select distinct event.customer_id
    from customers_event event
    where event.app_id = %(app_id)s and event.name = %(goal)s and event.occurred_at >= %(since)s::timestamptz
) done on done.customer_id = person.customer_id
group by 1
