-- What people said to each channel at the end of these days: today from the mirror on the customer, earlier days from
-- the ledger (the mirror where it is silent). Counting a day again replaces its row.
-- Parameters: days, today, now, late (interval after a day's end from which a count is a reconstruction).
-- Touches customers_consentday. Rows: days x apps x 2. Reads every customer once a day asked for (1M: README).
with asked as (
    select day, (day + 1)::timestamp at time zone 'UTC' as ends_at, day = %(today)s::date as is_today
    from unnest(%(days)s::date[]) as day
),
said as (
    select distinct on (asked.day, consent.customer_id, consent.channel)
           asked.day, consent.customer_id, consent.channel, consent.granted
    from asked
    join customers_consent as consent on consent.at < asked.ends_at and consent.topic = ''
    where not asked.is_today
    order by asked.day, consent.customer_id, consent.channel, consent.at desc, consent.id desc
),
logged as (
    select distinct customer_id, channel from customers_consent where topic = ''
),
standing as (
    select asked.day, asked.ends_at, customer.app_id, mirror.channel,
           case when asked.is_today or logged.customer_id is null then mirror.granted else said.granted end as granted
    from asked
    join customers_customer as customer on customer.created_at < asked.ends_at and customer.erased_at is null
    cross join lateral (values ('push', customer.push_consent), ('sms', customer.sms_consent)) as mirror (channel, granted)
    left join said
        on said.day = asked.day and said.customer_id = customer.id and said.channel = mirror.channel
    left join logged on logged.customer_id = customer.id and logged.channel = mirror.channel
)
insert into customers_consentday (app_id, day, channel, granted, refused, unsaid, counted_at, is_reconstructed)
select app_id, day, channel, count(*) filter (where granted), count(*) filter (where not granted),
       count(*) filter (where granted is null), %(now)s, %(now)s > ends_at + %(late)s::interval
from standing
group by app_id, day, channel, ends_at
on conflict (app_id, day, channel) do update
set granted = excluded.granted, refused = excluded.refused, unsaid = excluded.unsaid, counted_at = excluded.counted_at,
    is_reconstructed = excluded.is_reconstructed
