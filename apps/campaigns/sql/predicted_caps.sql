-- Of some planned campaigns: how many of their people will have used up the frequency cap when their time has come, by
-- what was sent in the window and by what is planned before. A person counts once a launch, as the planner counts.
-- Parameters: campaigns, segments, except_campaigns, except_segments (as audiences_in_common), targets, sinces (parallel:
-- when the window of each begins), before_targets, before_campaigns, before_times (parallel: what is planned before each,
-- and how often), app_id, planned_since (a day; prunes partitions), cap_count. Rows: target, people.
with wanted (campaign_id, segment_id) as (select * from unnest(%(campaigns)s::bigint[], %(segments)s::bigint[])),
refused (campaign_id, segment_id) as (select * from unnest(%(except_campaigns)s::bigint[], %(except_segments)s::bigint[])),
target (campaign_id, since) as (select * from unnest(%(targets)s::bigint[], %(sinces)s::timestamptz[])),
before (target_id, campaign_id, times) as (
    select * from unnest(%(before_targets)s::bigint[], %(before_campaigns)s::bigint[], %(before_times)s::int[])
),
person as materialized (
    select distinct wanted.campaign_id, member.customer_id
    from wanted
    join segments_segmentmember member on member.segment_id = wanted.segment_id and member.left_at is null
    where not exists (
        select
        from refused
        join segments_segmentmember gone on gone.segment_id = refused.segment_id and gone.left_at is null
        where refused.campaign_id = wanted.campaign_id and gone.customer_id = member.customer_id
    )
),
push as (
    select target.campaign_id, person.customer_id, count(distinct delivery.dispatch_id) as pushes
    from target
    join person on person.campaign_id = target.campaign_id
    join deliveries_delivery delivery
        on delivery.customer_id = person.customer_id and delivery.planned_on >= %(planned_since)s::date
       and delivery.recorded_at >= target.since and delivery.outcome in (1, 7) and delivery.app_id = %(app_id)s
    join deliveries_dispatch dispatch on dispatch.id = delivery.dispatch_id and dispatch.kind = 'campaign'
    group by 1, 2
    union all
    select before.target_id, mine.customer_id, before.times
    from before
    join person mine on mine.campaign_id = before.target_id
    join person theirs on theirs.campaign_id = before.campaign_id and theirs.customer_id = mine.customer_id
)
select spent.campaign_id, count(*)
from (
    select push.campaign_id, push.customer_id
    from push
    group by push.campaign_id, push.customer_id
    having sum(push.pushes) >= %(cap_count)s
) spent
group by spent.campaign_id
