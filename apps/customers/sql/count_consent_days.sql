-- What people said to each channel at the end of these days: today from the mirror on the customer, earlier days from
-- the ledger (the mirror where it is silent about a person). Counting a day again replaces its row.
-- Parameters: days, today, now, late (interval after a day's end from which a count is a reconstruction).
-- Touches customers_consentday. Rows: days x apps x 2. Reads every customer, and for earlier days the whole ledger once.
-- Tried and lost: a join of every customer with every day (31 days of the demo world on a busy machine: 14 s instead
-- of 4); "not exists" as a column, which a large ledger turns into a scan for each person..
with asked as (
    select day, (day + 1)::timestamp at time zone 'UTC' as ends_at, day = %(today)s::date as is_today
    from unnest(%(days)s::date[]) as day
),
person as not materialized (
    select id, app_id, created_at, push_consent, sms_consent
    from customers_customer
    where erased_at is null and merged_into_id is null
),
answers as materialized (
    select consent.customer_id, customer.app_id, consent.channel, consent.granted, consent.at,
           lead(consent.at) over (partition by consent.customer_id, consent.channel order by consent.at, consent.id)
               as until_at
    from customers_consent as consent
    join person as customer on customer.id = consent.customer_id
    where consent.topic = '' and exists (select from asked where not is_today)
),
mirrors as materialized (
    select customer.id, customer.app_id, customer.created_at, mirror.channel, mirror.granted,
           logged.customer_id is null as is_unlogged
    from person as customer
    cross join lateral (values ('push', customer.push_consent), ('sms', customer.sms_consent)) as mirror (channel, granted)
    left join (select distinct customer_id, channel from answers) as logged
        on logged.customer_id = customer.id and logged.channel = mirror.channel
    where mirror.granted is not null
),
said as (
    select asked.day, answers.app_id, answers.channel, answers.granted, count(*) as number
    from asked
    join answers
        on answers.at < asked.ends_at and (answers.until_at is null or answers.until_at >= asked.ends_at)
    where not asked.is_today
    group by asked.day, answers.app_id, answers.channel, answers.granted
    union all
    select asked.day, mirrors.app_id, mirrors.channel, mirrors.granted, count(*)
    from asked
    join mirrors on mirrors.created_at < asked.ends_at and (asked.is_today or mirrors.is_unlogged)
    group by asked.day, mirrors.app_id, mirrors.channel, mirrors.granted
),
told as (
    select day, app_id, channel, coalesce(sum(number) filter (where granted), 0) as granted,
           coalesce(sum(number) filter (where not granted), 0) as refused
    from said
    group by day, app_id, channel
),
known as (
    select asked.day, asked.ends_at, customer.app_id, count(*) as number
    from asked
    join person as customer on customer.created_at < asked.ends_at
    group by asked.day, asked.ends_at, customer.app_id
)
insert into customers_consentday (app_id, day, channel, granted, refused, unsaid, counted_at, is_reconstructed)
select app_id, day, channel, coalesce(told.granted, 0), coalesce(told.refused, 0),
       greatest(known.number - coalesce(told.granted, 0) - coalesce(told.refused, 0), 0),
       %(now)s, %(now)s > known.ends_at + %(late)s::interval
from known
cross join (values ('push'), ('sms')) as channels (channel)
left join told using (app_id, day, channel)
on conflict (app_id, day, channel) do update
set granted = excluded.granted, refused = excluded.refused, unsaid = excluded.unsaid, counted_at = excluded.counted_at,
    is_reconstructed = excluded.is_reconstructed
