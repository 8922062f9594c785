-- Launches of known devices: write what differs, and that they were seen; a repeat within the hour writes nothing.
-- Parameters: launches (json array of the columns below, each address at most once; null = not mentioned), quiet.
-- Only where the device stays whose it is and the person says nothing new (is_simple); else nothing is touched.
-- Returns place, id, is_simple of known devices. Touches devices_device. Rows: up to 50. Index: device_address_once.
-- Locked in order of id, so that two groups with the same devices cannot deadlock. Written under the address that was
-- asked for: a twin request may have moved it to another device in between.
with launch as materialized (
    select *, decode(address_hash, 'hex') as hash
    from jsonb_to_recordset(%(launches)s::jsonb) as launch (
        place integer, app_id bigint, address_hash text, customer text, push boolean, sms boolean, at timestamptz,
        platform text, gateway text, address_kind text, environment text, webpush_p256dh text, webpush_auth text,
        locale text, time_zone text, app_version text, os_version text, model text, permission text, tags text[]
    )
),
known as materialized (
    select launch.place, device.id,
           owner.erased_at is null
           and device.retired_reason <> 'too_many_devices'
           and coalesce(launch.customer = owner.external_id, launch.customer is null)
           and coalesce(launch.push = owner.push_consent, launch.push is null)
           and coalesce(launch.sms = owner.sms_consent, launch.sms is null) as is_simple,
           coalesce(
               launch.at - device.last_seen_at >= %(quiet)s::interval
               or device.state <> 'active' or device.retired_reason <> '' or device.retired_at is not null
               or device.platform <> launch.platform or device.gateway <> launch.gateway
               or device.address_kind <> launch.address_kind or device.environment <> launch.environment
               or device.webpush_p256dh <> launch.webpush_p256dh or device.webpush_auth <> launch.webpush_auth
               or device.locale <> launch.locale or device.time_zone <> launch.time_zone
               or device.app_version <> launch.app_version or device.os_version <> launch.os_version
               or device.model <> launch.model or device.permission <> launch.permission
               or device.tags::text[] <> launch.tags,
               false
           ) as is_to_write
    from launch
    join devices_device as device on device.app_id = launch.app_id and device.address_hash = launch.hash
    join customers_customer as owner on owner.id = device.customer_id
),
locked as (
    select device.id, known.place
    from known
    join devices_device as device on device.id = known.id
    where known.is_simple and known.is_to_write
    order by device.id
    for no key update of device
),
written as (
    update devices_device as device
    set platform = launch.platform, gateway = launch.gateway, address_kind = launch.address_kind,
        environment = launch.environment, webpush_p256dh = launch.webpush_p256dh, webpush_auth = launch.webpush_auth,
        locale = coalesce(launch.locale, device.locale), time_zone = coalesce(launch.time_zone, device.time_zone),
        app_version = coalesce(launch.app_version, device.app_version),
        os_version = coalesce(launch.os_version, device.os_version), model = coalesce(launch.model, device.model),
        permission = coalesce(launch.permission, device.permission), tags = coalesce(launch.tags, device.tags),
        state = 'active', retired_reason = '', retired_at = null, registered_at = launch.at, last_seen_at = launch.at
    from locked
    join launch on launch.place = locked.place
    where device.id = locked.id and device.address_hash = launch.hash
)
select place, id, is_simple from known
