-- At which hour of their own day each person opens pushes: the commonest, of several the one of the latest opening.
-- Parameters: people (of whom; null = of everybody), since (opened after), planned_since (a day; prunes partitions), fewest
-- (opens that make a habit), now.
-- The clock is the person's, else the device's, else the app's; a zone that PostgreSQL does not know counts as none.
-- Who has no habit any more loses the row; a row that stays the same is not written. Rows: changed and removed.
-- Cost: see README, bench habits.
with known as materialized (
    select zone.name from pg_timezone_names zone
),
clock as materialized (
    select wanted.name, coalesce(known.name, fallback.name, 'UTC') as zone, wanted.app_id
    from (
        select distinct device.app_id, coalesce(nullif(customer.time_zone, ''), device.time_zone) as name
        from devices_device device
        join customers_customer customer on customer.id = device.customer_id
        where %(people)s::bigint[] is null or device.customer_id = any(%(people)s::bigint[])
    ) wanted
    join accounts_app app on app.id = wanted.app_id
    left join known on known.name = wanted.name
    left join known fallback on fallback.name = app.time_zone
),
counted as (
    select device.customer_id, device.app_id, extract(hour from receipt.at at time zone clock.zone)::smallint as hour,
           count(*) as opens, max(receipt.at) as latest
    from deliveries_receipt receipt
    join devices_device device on device.id = receipt.device_id
    join customers_customer customer on customer.id = device.customer_id
    join clock on clock.app_id = device.app_id
              and clock.name = coalesce(nullif(customer.time_zone, ''), device.time_zone)
    where receipt.planned_on >= %(planned_since)s::date and receipt.type = 3
      and receipt.at >= %(since)s::timestamptz and receipt.at <= %(now)s::timestamptz
      and (%(people)s::bigint[] is null or device.customer_id = any(%(people)s::bigint[]))
    group by 1, 2, 3
),
habit as materialized (
    select distinct on (summed.customer_id) summed.customer_id, summed.app_id, summed.hour, summed.total as opens
    from (
        select counted.*, sum(counted.opens) over (partition by counted.customer_id) as total from counted
    ) summed
    where summed.total >= %(fewest)s::int
    order by summed.customer_id, summed.opens desc, summed.latest desc
),
forgotten as (
    delete from deliveries_openinghour former
    where (%(people)s::bigint[] is null or former.customer_id = any(%(people)s::bigint[]))
      and not exists (select from habit where habit.customer_id = former.customer_id)
    returning former.customer_id
),
learnt as (
    insert into deliveries_openinghour as former (customer_id, app_id, hour, opens, computed_at)
    select habit.customer_id, habit.app_id, habit.hour, habit.opens, %(now)s::timestamptz from habit
    on conflict (customer_id) do update
    set hour = excluded.hour, app_id = excluded.app_id, opens = excluded.opens, computed_at = excluded.computed_at
    where former.hour <> excluded.hour or former.app_id <> excluded.app_id
    returning former.customer_id
)
select (select count(*) from learnt), (select count(*) from forgotten)
