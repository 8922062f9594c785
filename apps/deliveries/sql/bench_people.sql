-- Benchmark: one customer for each device to come.
-- Parameters: app_id, devices, now. Rows: devices (1M: 12 s).
insert into customers_customer (
    app_id, external_id, email, phone, first_name, last_name, language, time_zone, country, traits, topics,
    push_consent, created_at, updated_at
)
select %(app_id)s, 'bench-' || number, '', '', 'Name' || number, '', 'en', 'UTC', '', '{"city": "Leeds"}', '{}',
       case when number %% 25 = 0 then false end, %(now)s, %(now)s
from generate_series(1, %(devices)s::int) number
