-- How many people planned campaigns have, and how many each two of them have in common, by the members of their segments.
-- Parameters: campaigns, segments (parallel: who is in), except_campaigns, except_segments (parallel: who is not).
-- Rows: campaign, campaign (the same = its own people), people. Index: the open memberships of a segment.
-- The caller sets the time limit. Tried and lost: one query for each two campaigns.
with wanted (campaign_id, segment_id) as (select * from unnest(%(campaigns)s::bigint[], %(segments)s::bigint[])),
refused (campaign_id, segment_id) as (select * from unnest(%(except_campaigns)s::bigint[], %(except_segments)s::bigint[])),
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
)
select one.campaign_id, other.campaign_id, count(*)
from person one
join person other on other.customer_id = one.customer_id and other.campaign_id >= one.campaign_id
group by one.campaign_id, other.campaign_id
order by one.campaign_id, other.campaign_id
