-- Decides per person: reason (0 = may be sent) and variant.
-- Parameters: app_id, salt, holdout_percent, bounds (cumulated shares), undecided (number of shares).
-- The draws are the first and second eight hex digits of md5(salt:customer id), as a share of 2^32 in percent: stable for
-- ever, and anybody can recompute them. Rows: the audience (1M: 2 s).
insert into plan_person (customer_id, reason, variant, time_zone)
select drawn.id,
       case
           when drawn.erased_at is not null then 27
           when drawn.push_consent is false then 20
           when spent.customer_id is not null then 22
           when drawn.holdout_draw < %(holdout_percent)s::float8 then 24
           else 0
       end,
       case when drawn.slot < %(undecided)s::int then drawn.slot else -1 end,
       drawn.time_zone
from (
    select customer.id, customer.erased_at, customer.push_consent, customer.time_zone,
           ('x' || substr(customer.digest, 1, 8))::bit(32)::bigint * 100.0::float8 / 4294967296 as holdout_draw,
           width_bucket(
               ('x' || substr(customer.digest, 9, 8))::bit(32)::bigint * 100.0::float8 / 4294967296,
               %(bounds)s::float8[]
           ) as slot
    from (
        select person.*, md5(%(salt)s::text || ':' || person.id) as digest
        from plan_audience audience
        join customers_customer person on person.id = audience.customer_id
        where person.app_id = %(app_id)s
        offset 0
    ) customer
) drawn
left join plan_spent spent on spent.customer_id = drawn.id
