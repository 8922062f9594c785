-- Demo history: writes the ledger of a planned dispatch as if the gateways had answered, and closes nothing.
-- Parameters: dispatch_id, started_at, seconds (how long the sending took).
-- The answers are drawn from a hash of dispatch and device, so the same world comes out each time. Rows: one per planned
-- device (40,000: 0.4 s).
insert into deliveries_delivery (
    planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
    code, vendor_message_id, recorded_at
)
select dispatch.planned_on, dispatch.id, planned.customer_id, planned.device_id, dispatch.app_id,
       answer.outcome, batch.gateway,
       case device.platform when 'android' then 1 when 'ios' then 2 else 3 end,
       planned.variant, 1, 'en', answer.code, '',
       %(started_at)s::timestamptz + make_interval(secs => %(seconds)s * (drawn.chance / 1000.0))
from deliveries_batch batch
join deliveries_dispatch dispatch on dispatch.id = batch.dispatch_id
cross join lateral unnest(batch.device_ids, batch.customer_ids, batch.variants)
    as planned (device_id, customer_id, variant)
join devices_device device on device.id = planned.device_id
cross join lateral (
    select (('x' || substr(md5(dispatch.id || ':' || planned.device_id), 1, 7))::bit(28)::int) %% 1000 as chance
) drawn
cross join lateral (
    select case when drawn.chance < 9 then 2 when drawn.chance < 11 then 4 else 1 end as outcome,
           case when drawn.chance >= 9 then ''
                when batch.gateway = 1 then 'UNREGISTERED'
                when batch.gateway = 2 then 'Unregistered'
                else '410' end as code
) answer
where batch.dispatch_id = %(dispatch_id)s
