-- Append answers to the consent ledger and bring the mirror on the customer in step, in one statement.
-- Parameters: customer_ids, channels, topics, granted, wordings, versions (parallel arrays), source, now,
--   only_changes (leave out answers equal to the mirror: an app repeats its settings at every launch),
--   keeps_opt_out (leave out a yes without wording where the person said no: an old file must not opt anybody in).
-- An answer to a row that was merged, also a moment ago, is its person's: the lock reads the newest version of the row.
-- Touches customers_consent, customers_customer; erased people are left alone. Returns the number of answers logged.
-- Rows: up to 1,000 a call; customers are locked in order of id, against deadlocks.
with locked as (
    select id, coalesce(merged_into_id, id) as person_id
    from customers_customer
    where id = any(%(customer_ids)s::bigint[]) and erased_at is null
    order by id
    for update
),
answer as (
    select locked.person_id as customer_id, said.channel, said.topic, said.granted, said.wording, said.wording_version
    from unnest(%(customer_ids)s::bigint[], %(channels)s::text[], %(topics)s::text[], %(granted)s::boolean[],
                %(wordings)s::text[], %(versions)s::int[])
        as said (customer_id, channel, topic, granted, wording, wording_version)
    join locked on locked.id = said.customer_id
),
kept as (
    select answer.*
    from answer
    join customers_customer as customer on customer.id = answer.customer_id
    cross join lateral (
        select case
            when answer.topic <> '' then answer.topic = any (customer.topics)
            when answer.channel = 'push' then customer.push_consent
            else customer.sms_consent
        end as granted
    ) as mirror
    where customer.erased_at is null
      and (not %(only_changes)s or mirror.granted is distinct from answer.granted)
      and not (%(keeps_opt_out)s and answer.granted and answer.wording = '' and mirror.granted is false)
    order by customer.id
    for update of customer
),
logged as (
    insert into customers_consent (customer_id, channel, topic, granted, source, wording, wording_version, at)
    select customer_id, channel, topic, granted, %(source)s, wording, wording_version, %(now)s
    from kept
    returning id
),
said as (
    select customer_id,
           bool_or(granted) filter (where channel = 'push' and topic = '') as push,
           bool_or(granted) filter (where channel = 'sms' and topic = '') as sms,
           array_agg(topic) filter (where granted and topic <> '') as joined,
           array_agg(topic) filter (where not granted and topic <> '') as dropped
    from kept
    group by customer_id
),
mirrored as (
    update customers_customer as customer
    set push_consent = coalesce(said.push, customer.push_consent),
        sms_consent = coalesce(said.sms, customer.sms_consent),
        topics = array(
            select distinct topic
            from unnest(customer.topics || coalesce(said.joined, '{}')) as topic
            where topic <> all (coalesce(said.dropped, '{}'))
            order by topic
        ),
        updated_at = %(now)s
    from said
    where customer.id = said.customer_id
)
select count(*) from logged
