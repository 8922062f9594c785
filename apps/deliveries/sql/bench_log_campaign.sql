-- Benchmark: what became of a campaign to all people of its app, drawn from a hash, in the order in which it would be written.
-- Parameters: dispatch_id, seconds (how long the sending took). Rows: one per device (250,000: 3 s).
insert into deliveries_delivery (
    planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
    code, vendor_message_id, recorded_at
)
select dispatch.planned_on, dispatch.id, device.customer_id, device.id, dispatch.app_id, answer.outcome, 1, 1, 0, 1, 'en',
       case answer.outcome when 2 then 'UNREGISTERED' when 3 then 'INVALID_ARGUMENT' when 6 then '503' else '' end,
       case answer.outcome when 1 then 'bench/' || device.id else '' end,
       dispatch.created_at + case when answer.outcome >= 20 then interval '0' else
           make_interval(secs => %(seconds)s::float * percent_rank() over (order by device.customer_id)) end
from deliveries_dispatch dispatch
join devices_device device on device.app_id = dispatch.app_id
cross join lateral (
    select (hashint8extended(device.id, dispatch.id) & 1048575) as bits
) drawn
cross join lateral (
    select case when drawn.bits < 52000 then 20 when drawn.bits < 90000 then 21 when drawn.bits < 100000 then 22
                when drawn.bits < 121000 then 2 when drawn.bits < 122000 then 6 when drawn.bits < 122010 then 3
                else 1 end as outcome
) answer
where dispatch.id = %(dispatch_id)s::bigint
order by answer.outcome < 20, device.customer_id
