-- Benchmark: the ledger of an earlier dispatch that reached one in `each` of the app's people.
-- Parameters: dispatch_id, each, recorded_at. Rows: people / each (1M: 8 s).
insert into deliveries_delivery (
    planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
    code, vendor_message_id, recorded_at
)
select dispatch.planned_on, dispatch.id, device.customer_id, device.id, dispatch.app_id, 1, 1, 1, 0, 1, '', '',
       'projects/bench/messages/' || device.id, %(recorded_at)s::timestamptz
from deliveries_dispatch dispatch
join devices_device device on device.app_id = dispatch.app_id
where dispatch.id = %(dispatch_id)s and device.customer_id %% %(each)s::int = 0
