-- Benchmark: the ledger and the receipts of a campaign to everybody: three in five saw it, one in twelve opened it.
-- Parameters: dispatch_id, sent_at. Rows: devices, and two thirds as many receipts (1.3M: 15 s).
with sent as (
    insert into deliveries_delivery (
        planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
        code, vendor_message_id, recorded_at
    )
    select dispatch.planned_on, dispatch.id, device.customer_id, device.id, dispatch.app_id,
           case when device.id %% 30 = 0 then 2 else 1 end, 1, 1, 0, 1, '', '',
           'projects/bench/messages/' || device.id, %(sent_at)s::timestamptz
    from deliveries_dispatch dispatch
    join devices_device device on device.app_id = dispatch.app_id
    where dispatch.id = %(dispatch_id)s
    returning planned_on, dispatch_id, device_id
)
insert into deliveries_receipt (planned_on, dispatch_id, device_id, type, at, received_at, action)
select sent.planned_on, sent.dispatch_id, sent.device_id, receipt.type, %(sent_at)s::timestamptz + interval '1 hour',
       %(sent_at)s::timestamptz + interval '1 hour', ''
from sent
cross join lateral (select abs(hashint8(sent.device_id + sent.dispatch_id)) %% 60 as luck) chance
join (values (2, 36), (3, 5)) as receipt (type, below) on chance.luck < receipt.below
