-- Used as a part: who is in the audiences of some planned campaigns, by the members of their segments, each person once.
-- Parameters: places, segments, refusals (parallel: the campaign's place from 0 to 255, and whether the segment is one of
-- those left out), every (a power of 2: a sample of one person in so many, the same ones each time).
-- Rows: customer_id, mask = a bit for each campaign. Index: the open memberships of a segment.
-- Each membership is read once, however many campaigns ask for its segment.
select member.customer_id, bit_or(asked.within) & ~bit_or(asked.without) as mask
from (
    select said.segment_id,
           bit_or(case when said.is_refused then repeat('0', 256)::bit(256) else said.place end) as within,
           bit_or(case when said.is_refused then said.place else repeat('0', 256)::bit(256) end) as without
    from (
        select given.segment_id, given.is_refused, set_bit(repeat('0', 256)::bit(256), given.place, 1) as place
        from unnest(%(places)s::int[], %(segments)s::bigint[], %(refusals)s::bool[])
            as given (place, segment_id, is_refused)
    ) said
    group by said.segment_id
) asked
join segments_segmentmember member
  on member.segment_id = asked.segment_id and member.left_at is null
 and hashint8(member.customer_id) & (%(every)s::int - 1) = 0
group by member.customer_id
