-- Benchmark: customers with traits, and 1.3 devices each.
-- Parameters: app_id, customers, now. Rows: customers, and 1.3 times as many devices (1M: 45 s).
with person as (
    insert into customers_customer (
        app_id, external_id, email, phone, first_name, last_name, language, time_zone, country, traits, topics,
        push_consent, created_at, updated_at
    )
    select %(app_id)s, 'bench-' || number, '', '', 'Name' || number, '', 'en', 'UTC', '',
           jsonb_build_object(
               'city', (array['Leeds', 'York', 'Hull', 'Bath', 'Ely', 'Ripon', 'Wells', 'Truro', 'Ayr', 'Derby'])[1 + number %% 10],
               'plan', case when number %% 7 = 0 then 'gold' else 'basic' end,
               'points', number %% 1000
           ),
           '{}', case when number %% 25 = 0 then false end, %(now)s, %(now)s
    from generate_series(1, %(customers)s::int) number
    returning id, external_id
)
insert into devices_device (
    app_id, customer_id, platform, gateway, address, address_hash, address_kind, webpush_p256dh, webpush_auth,
    environment, state, retired_reason, secret_hash, locale, time_zone, app_version, os_version, model, permission,
    tags, created_at, registered_at, last_seen_at
)
select %(app_id)s, person.id, (array['android', 'ios'])[turn], 'fcm', token.address,
       sha256(convert_to(token.address, 'UTF8')), 'token', '', '', '',
       case when person.id %% 20 = 0 then 'stale' else 'active' end, '', '\x00', '', 'UTC',
       '4.' || person.id %% 12 || '.0', '', '', 'granted', '{}', %(now)s, %(now)s,
       %(now)s::timestamptz - (abs(hashint8(person.id)) %% 90) * interval '1 day'
from person
cross join generate_series(1, 2) turn
cross join lateral (select person.external_id || '-' || turn as address) token
where turn = 1 or person.id %% 10 < 3
