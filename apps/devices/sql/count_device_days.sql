-- How devices stood at the end of these days: today as they are, earlier days as their times still tell (a device that
-- came back is taken for active all along). Counting a day again replaces its row.
-- Parameters: days, today, now, stale_after, late (intervals; late: after a day's end from which a count is a
-- reconstruction). Touches devices_deviceday. Rows: days x apps x 3.
-- Reads every device with its customer, and for earlier days the ledger, once for all days.
-- Tried and lost: a statement for each day (31 days of the demo world on a busy machine: 12 s instead of 5);
-- "exists" as a column, which a large ledger turns into a scan for each device.
with asked as (
    select day, (day + 1)::timestamp at time zone 'UTC' as ends_at, day = %(today)s::date as is_today
    from unnest(%(days)s::date[]) as day
),
answers as materialized (
    select customer_id, granted, at, lead(at) over (partition by customer_id order by at, id) as until_at
    from customers_consent
    where channel = 'push' and topic = '' and exists (select from asked where not is_today)
),
owned as materialized (
    select device.app_id, device.platform, device.state, device.permission, device.created_at, device.retired_at,
           device.last_seen_at + %(stale_after)s::interval as stale_at, device.customer_id, customer.push_consent,
           logged.customer_id is not null as is_logged
    from devices_device as device
    join customers_customer as customer on customer.id = device.customer_id
    left join (select distinct customer_id from answers) as logged on logged.customer_id = device.customer_id
),
standing as (
    select asked.day, asked.ends_at, owned.app_id, owned.platform, owned.permission,
           case when asked.is_today or owned.retired_at < asked.ends_at then owned.state
                when owned.stale_at < asked.ends_at then 'stale'
                else 'active'
           end as state,
           case when asked.is_today or not owned.is_logged then owned.push_consent else answers.granted end
               is false as is_opted_out
    from asked
    join owned on owned.created_at < asked.ends_at
    left join answers
        on not asked.is_today and answers.customer_id = owned.customer_id and answers.at < asked.ends_at
        and (answers.until_at is null or answers.until_at >= asked.ends_at)
),
counted as (
    select app_id, day, platform, ends_at,
           count(*) filter (where state = 'active') as active,
           count(*) filter (where state = 'stale') as stale,
           count(*) filter (where state = 'dead') as dead,
           count(*) filter (where state = 'quarantined') as quarantined,
           count(*) filter (where state in ('active', 'stale') and is_opted_out) as opted_out,
           count(*) filter (where state in ('active', 'stale') and not is_opted_out and permission = 'denied') as blocked
    from standing
    group by app_id, day, platform, ends_at
),
died as (
    select app_id, platform, day, jsonb_object_agg(reason, number) as deaths
    from (
        select app_id, platform, (retired_at at time zone 'UTC')::date as day, retired_reason as reason,
               count(*) as number
        from devices_device
        where state = 'dead' and retired_at >= (select min(day)::timestamp at time zone 'UTC' from asked)
        group by app_id, platform, (retired_at at time zone 'UTC')::date, retired_reason
    ) as reasons
    group by app_id, platform, day
)
insert into devices_deviceday (
    app_id, day, platform, active, stale, dead, quarantined, opted_in, opted_out, blocked, deaths, counted_at,
    is_reconstructed
)
select app_id, day, platform, active, stale, dead, quarantined, active + stale - opted_out - blocked, opted_out, blocked,
       coalesce(deaths, '{}'), %(now)s, %(now)s > ends_at + %(late)s::interval
from counted
left join died using (app_id, platform, day)
on conflict (app_id, day, platform) do update
set active = excluded.active, stale = excluded.stale, dead = excluded.dead, quarantined = excluded.quarantined,
    opted_in = excluded.opted_in, opted_out = excluded.opted_out, blocked = excluded.blocked,
    deaths = excluded.deaths, counted_at = excluded.counted_at, is_reconstructed = excluded.is_reconstructed
