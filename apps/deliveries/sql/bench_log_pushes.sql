-- Benchmark: a day of single pushes, each to somebody else, each with its row in the ledger.
-- Parameters: app_id, day (its beginning), pushes, first (the number of the first). Rows: pushes (12,000: 1 s).
with made as (
    insert into deliveries_dispatch (
        app_id, kind, lane, origin, occurrence, name, external_id, state, reason, policy, planned_on, planned_people,
        planned_devices, planning_attempt, created_at, expires_at, finished_at
    )
    select %(app_id)s::bigint, 'transactional', 'urgent', 'bench:push:' || number, '1', '', 'order-' || number, 'done', '',
           '{}', %(day)s::timestamptz::date, 1, 1, 1, moment.at, moment.at + interval '4 hours', moment.at + interval '1 second'
    from generate_series(%(first)s::bigint, %(first)s::bigint + %(pushes)s::int - 1) number
    cross join lateral (
        select %(day)s::timestamptz
               + interval '24 hours' * ((number - %(first)s::bigint)::float / %(pushes)s::int) as at
    ) moment
    returning id, planned_on, finished_at
),
person as (
    select array_agg(device.id order by device.id) as devices, array_agg(device.customer_id order by device.id) as customers
    from devices_device device
    where device.app_id = %(app_id)s::bigint
)
insert into deliveries_delivery (
    planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
    code, vendor_message_id, recorded_at
)
select made.planned_on, made.id, person.customers[drawn.place], person.devices[drawn.place], %(app_id)s::bigint,
       answer.outcome, 1, 1, 0, 1, '',
       case answer.outcome when 2 then 'UNREGISTERED' when 3 then 'INVALID_ARGUMENT' else '' end,
       case answer.outcome when 1 then 'bench/' || made.id else '' end, made.finished_at
from made
cross join person
cross join lateral (
    select 1 + (hashint8extended(made.id, 1) & 1048575) %% cardinality(person.devices) as place,
           hashint8extended(made.id, 2) & 1048575 as bits
) drawn
cross join lateral (
    select case when drawn.bits < 15000 then 2 when drawn.bits < 15020 then 3 else 1 end as outcome
) answer
order by made.id
