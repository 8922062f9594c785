-- How devices stood at the end of these days: today as they are, earlier days as their times still tell (a device that
-- came back is taken for active all along). Counting a day again replaces its row.
-- Parameters: days, today, now, stale_after, late (intervals; late: after a day's end from which a count is a
-- reconstruction). Touches devices_deviceday. Rows: days x apps x 3.
-- Reads every device with its customer once a day asked for (1.3M: README).
with asked as (
    select day, (day + 1)::timestamp at time zone 'UTC' as ends_at, day = %(today)s::date as is_today
    from unnest(%(days)s::date[]) as day
),
said as (
    select distinct on (asked.day, consent.customer_id) asked.day, consent.customer_id, consent.granted
    from asked
    join customers_consent as consent
        on consent.at < asked.ends_at and consent.channel = 'push' and consent.topic = ''
    where not asked.is_today
    order by asked.day, consent.customer_id, consent.at desc, consent.id desc
),
logged as (
    select distinct customer_id from customers_consent where channel = 'push' and topic = ''
),
standing as (
    select asked.day, asked.ends_at, device.app_id, device.platform, device.permission,
           case when asked.is_today or device.retired_at < asked.ends_at then device.state
                when device.last_seen_at < asked.ends_at - %(stale_after)s::interval then 'stale'
                else 'active'
           end as state,
           case when asked.is_today or logged.customer_id is null then customer.push_consent else said.granted end
               is false as is_opted_out
    from asked
    join devices_device as device on device.created_at < asked.ends_at
    join customers_customer as customer on customer.id = device.customer_id
    left join said on said.day = asked.day and said.customer_id = device.customer_id
    left join logged on logged.customer_id = device.customer_id
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
