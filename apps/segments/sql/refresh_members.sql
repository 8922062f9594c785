-- Bring a segment's memberships in step with its rule: write who joined and who left, touch nobody else.
-- Parameters: segment_id, now; {{audience}} selects customer_id once each.
-- Returns member_count, joined_count, left_count. Touches segments_segmentmember.
-- Rows: 1,000,000 members unchanged cost the rule's query and one hash join. Index: segment_member_once.
-- A full join, because it can only be hashed or merged: `not exists` became a nested loop over the table when
-- statistics still said it was empty (50,000 joins took 14 s instead of 0.3 s).
with wanted as materialized (
    select audience.customer_id from {{audience}} as audience
),
difference as materialized (
    select wanted.customer_id as joining, present.id as leaving
    from wanted
    full join (
        select member.id, member.customer_id
        from segments_segmentmember as member
        where member.segment_id = %(segment_id)s and member.left_at is null
    ) as present on present.customer_id = wanted.customer_id
    where wanted.customer_id is null or present.id is null
),
gone as (
    update segments_segmentmember as member
    set left_at = %(now)s
    from difference
    where member.id = difference.leaving
    returning member.id
),
joined as (
    insert into segments_segmentmember (segment_id, customer_id, joined_at)
    select %(segment_id)s, joining, %(now)s
    from difference
    where leaving is null
    returning id
)
select (select count(*) from wanted), (select count(*) from joined), (select count(*) from gone)
