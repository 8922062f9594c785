-- Writes everybody left out into the ledger, with the reason; the code says where it was the cap of the topic.
-- Parameters: dispatch_id, app_id, planned_on, now.
-- In the order of the ledger's indexes: half the time of any other at 200,000 rows.
insert into deliveries_delivery (
    planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language, code,
    vendor_message_id, recorded_at
)
select %(planned_on)s::date, %(dispatch_id)s::bigint, device.customer_id, device.device_id, %(app_id)s::bigint, device.reason,
       device.gateway, device.platform, device.variant, 0, '', case when spent.is_of_topic then 'topic' else '' end, '', %(now)s::timestamptz
from plan_device device
left join plan_spent spent on spent.customer_id = device.customer_id and device.reason = 22
where device.reason > 0
order by device.customer_id, device.device_id
