-- Decides per person: reason (0 = may be sent, 24 = held out of those) and variant.
-- Parameters: app_id, topic ("" = any), salt, holdout_percent, bounds (cumulated shares), undecided (number of shares).
-- Part: habits = customer_id and the hour each usually opens at; nobody's where nobody asked (-1 then).
-- Two draws of 32 bits from hashtextextended("<salt>:<customer id>", 0), as a share of 2^32 in percent: the high half
-- for the hold-out, the low half for the variant. The same person always draws the same. Rows: the audience.
-- What was tried and lost: md5 (1.6 us a person more); whole customer rows through the join (200 MB of hash table).
insert into plan_person (customer_id, reason, variant, hour, time_zone)
select drawn.id,
       case
           when drawn.erased_at is not null then 27
           when drawn.merged_into_id is not null then 26
           when drawn.push_consent is false or not drawn.is_in_topic then 20
           when spent.customer_id is not null then 22
           when drawn.holdout_draw < %(holdout_percent)s::float8 then 24
           else 0
       end,
       case when drawn.slot < %(undecided)s::int then drawn.slot else -1 end,
       coalesce(habit.hour, -1),
       drawn.time_zone
from (
    select hashed.id, hashed.erased_at, hashed.merged_into_id, hashed.push_consent, hashed.is_in_topic, hashed.time_zone,
           ((hashed.hash >> 32) & 4294967295) * 100.0::float8 / 4294967296 as holdout_draw,
           width_bucket((hashed.hash & 4294967295) * 100.0::float8 / 4294967296, %(bounds)s::float8[]) as slot
    from (
        select person.id, person.erased_at, person.merged_into_id, person.push_consent, person.time_zone,
               %(topic)s::text = '' or %(topic)s::text = any(person.topics) as is_in_topic,
               hashtextextended(%(salt)s::text || ':' || person.id, 0) as hash
        from plan_audience audience
        join customers_customer person on person.id = audience.customer_id
        where person.app_id = %(app_id)s
        offset 0
    ) hashed
) drawn
left join plan_spent spent on spent.customer_id = drawn.id
left join {{habits}} habit on habit.customer_id = drawn.id
