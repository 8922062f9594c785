-- The devices of merged rows become their people's. Parameters: half_ids, kept_ids (parallel).
-- Touches devices_device, in order of id, as every writer of many devices locks them. Index: devices by customer.
with theirs as (
    select device.id, half.kept_id
    from unnest(%(half_ids)s::bigint[], %(kept_ids)s::bigint[]) as half (id, kept_id)
    join devices_device as device on device.customer_id = half.id
    order by device.id
    for update of device
)
update devices_device as device set customer_id = theirs.kept_id from theirs where device.id = theirs.id
