-- Of those whom a cap stops, people and devices that only the topic's own cap stops. Parameters: none. Rows: one.
select count(distinct device.customer_id), count(*)
from plan_spent spent
join plan_device device on device.customer_id = spent.customer_id and device.reason = 22
where spent.is_of_topic
