-- Picks the runs that are due at a step and locks them; their zone only where it matters: the person's own, else that
-- of the device they used last. Parameters: automation_id, position, now, most, needs_zones.
-- Rows: up to `most`. Index: automation_run_due.
insert into automation_picked (run_id, customer_id, time_zone)
select due.id, due.customer_id,
       case when %(needs_zones)s then coalesce(nullif(customer.time_zone, ''), device.time_zone, '') else '' end
from (
    select run.id, run.customer_id
    from campaigns_automationrun run
    where run.automation_id = %(automation_id)s and run.position = %(position)s and run.state = 'inside'
      and run.due_at <= %(now)s::timestamptz
    order by run.due_at, run.id
    limit %(most)s
    for update
) due
left join customers_customer customer on %(needs_zones)s and customer.id = due.customer_id
left join lateral (
    select device.time_zone
    from devices_device device
    where customer.time_zone = '' and device.customer_id = due.customer_id and device.state in ('active', 'stale')
    order by device.last_seen_at desc
    limit 1
) device on true
