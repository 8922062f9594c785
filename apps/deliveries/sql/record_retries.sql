-- Keeps devices to be tried again. Parameters: parallel arrays, one entry a device.
insert into deliveries_retry (
    dispatch_id, device_id, customer_id, app_id, gateway, variant, tries, reason, may_have_arrived, due_at, expires_at, batch_id
)
select row.*
from unnest(
    %(dispatch_ids)s::bigint[], %(device_ids)s::bigint[], %(customer_ids)s::bigint[], %(app_ids)s::bigint[],
    %(gateways)s::smallint[], %(variants)s::smallint[], %(tries)s::smallint[], %(reasons)s::text[],
    %(may_have_arrived)s::bool[], %(due_at)s::timestamptz[], %(expires_at)s::timestamptz[], %(batch_ids)s::bigint[]
) as row
on conflict (dispatch_id, device_id) do nothing
