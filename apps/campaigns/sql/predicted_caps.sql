-- Of some planned campaigns: how many of their people will have used up the frequency cap when their time has come, by
-- what was sent in the window and by what is planned before. A person counts once a launch, as the planner counts.
-- Parameters: targets, sinces (parallel: places, and when the window of each begins), before_targets, before_places,
-- before_times (parallel: what is planned before each, and how often), app_id, since (the earliest), planned_since (a
-- day; prunes partitions), cap_count; those of the part, whose sample (every) it shares. Part: people = audience_masks.
-- Rows: place, people.
-- The ledger is read once, and what is planned is worked out once for all people who are in the same campaigns.
with person as materialized (select * from {{people}} one),
target (place, since) as (select * from unnest(%(targets)s::int[], %(sinces)s::timestamptz[])),
before (target_place, place, times) as (
    select * from unnest(%(before_targets)s::int[], %(before_places)s::int[], %(before_times)s::int[])
),
planned as materialized (
    select pattern.mask, target.place, target.since,
           coalesce(sum(before.times) filter (where get_bit(pattern.mask, before.place) = 1), 0)::int as times
    from (select distinct person.mask from person) pattern
    join target on get_bit(pattern.mask, target.place) = 1
    left join before on before.target_place = target.place
    group by pattern.mask, target.place, target.since
),
sent as materialized (
    select push.customer_id, array_agg(push.at) as times
    from (
        select delivery.customer_id, delivery.dispatch_id, max(delivery.recorded_at) as at
        from deliveries_delivery delivery
        join deliveries_dispatch dispatch
          on dispatch.id = delivery.dispatch_id and dispatch.kind in ('campaign', 'automation')
        where delivery.app_id = %(app_id)s and delivery.planned_on >= %(planned_since)s::date
          and delivery.recorded_at >= %(since)s::timestamptz and delivery.outcome in (1, 7)
          and hashint8(delivery.customer_id) & (%(every)s::int - 1) = 0
        group by delivery.customer_id, delivery.dispatch_id
    ) push
    group by push.customer_id
)
select planned.place, count(*)
from person
join planned on planned.mask = person.mask
left join sent on sent.customer_id = person.customer_id
where planned.times + coalesce(cardinality(sent.times), 0) >= %(cap_count)s::int
  and planned.times + (select count(*) from unnest(sent.times) as sent_at where sent_at >= planned.since)
      >= %(cap_count)s::int
group by planned.place
