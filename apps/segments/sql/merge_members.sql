-- The memberships of merged rows become their people's. Who was in a segment twice is in it once, since the earlier time.
-- Parameters: half_ids, kept_ids (parallel, no person twice).
-- Touches segments_segmentmember, segments_segment (a list that lost one of two). Rows: the segments of these people.
with half as (
    select * from unnest(%(half_ids)s::bigint[], %(kept_ids)s::bigint[]) as half (id, kept_id)
),
twice as (
    select mine.id as kept_member, theirs.id as half_member, mine.segment_id,
           least(mine.joined_at, theirs.joined_at) as joined_at
    from half
    join segments_segmentmember as mine on mine.customer_id = half.kept_id and mine.left_at is null
    join segments_segmentmember as theirs
        on theirs.customer_id = half.id and theirs.left_at is null and theirs.segment_id = mine.segment_id
),
older as (
    update segments_segmentmember as member
    set joined_at = twice.joined_at
    from twice
    where member.id = twice.kept_member
),
gone as (
    delete from segments_segmentmember as member using twice where member.id = twice.half_member
),
counted as (
    update segments_segment as segment
    set member_count = greatest(segment.member_count - lost.count, 0)
    from (select segment_id, count(*)::int as count from twice group by segment_id) as lost
    where segment.id = lost.segment_id
)
update segments_segmentmember as member
set customer_id = half.kept_id
from half
where member.customer_id = half.id and member.id not in (select half_member from twice)
