-- Benchmark: one device for each customer of the app, on one gateway.
-- Parameters: app_id, gateway, platform, now. Rows: one per customer (1M: 15 s).
insert into devices_device (
    app_id, customer_id, platform, gateway, address, address_hash, address_kind, webpush_p256dh, webpush_auth,
    environment, state, retired_reason, secret_hash, locale, time_zone, app_version, os_version, model, permission,
    tags, created_at, registered_at, last_seen_at
)
select person.app_id, person.id, %(platform)s, %(gateway)s, token.address,
       sha256(convert_to(token.address, 'UTF8')), 'token', '', '',
       case when %(gateway)s = 'apns' then 'production' else '' end, 'active', '', '\x00', '', 'UTC', '', '', '', '',
       '{}', %(now)s, %(now)s, %(now)s
from customers_customer person
cross join lateral (
    select case when %(gateway)s = 'apns' then md5(person.external_id) || md5(person.external_id || 'b')
                else person.external_id end as address
) token
where person.app_id = %(app_id)s
order by person.id
