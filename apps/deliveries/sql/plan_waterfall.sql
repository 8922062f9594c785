-- What the plan holds, by reason (0 = will be sent): people and devices. Parameters: none. Rows: one a reason.
select device.reason, count(distinct device.customer_id), count(*)
from plan_device device
group by device.reason
order by device.reason
