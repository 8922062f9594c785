-- Store devices nobody has seen. Parameters: devices (json array of the columns below; null = not mentioned).
-- Returns app_id, address_hash (hex) and id of those stored: an address that came to be known meanwhile is left out.
-- Touches devices_device. Rows: up to 50. Index: device_address_once.
-- In order of person, as merging locks people: each new row locks its own against being taken away.
insert into devices_device (
    app_id, customer_id, address_hash, secret_hash, platform, gateway, address, address_kind, environment, webpush_p256dh,
    webpush_auth, locale, time_zone, app_version, os_version, model, permission, tags, state, retired_reason,
    created_at, registered_at, last_seen_at
)
select app_id, customer_id, decode(address_hash, 'hex'), decode(secret_hash, 'hex'), platform, gateway, address,
       address_kind, environment, webpush_p256dh, webpush_auth, coalesce(locale, ''), coalesce(time_zone, ''),
       coalesce(app_version, ''), coalesce(os_version, ''), coalesce(model, ''), coalesce(permission, ''),
       coalesce(tags, '{}'), 'active', '', at, at, at
from jsonb_to_recordset(%(devices)s::jsonb) as device (
    app_id bigint, customer_id bigint, address_hash text, secret_hash text, platform text, gateway text, address text,
    address_kind text, environment text, webpush_p256dh text, webpush_auth text, locale text, time_zone text,
    app_version text, os_version text, model text, permission text, tags text[], at timestamptz
)
order by customer_id, address_hash
on conflict (app_id, address_hash) do nothing
returning app_id, encode(address_hash, 'hex'), id
