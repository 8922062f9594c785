-- Put people on a static list by their ids; who is on it stays.
-- Parameters: segment_id, customer_ids, now. Touches segments_segmentmember. Rows: up to 10,000 ids a call.
-- Index: segment_member_once.
insert into segments_segmentmember (segment_id, customer_id, joined_at)
select %(segment_id)s, customer_id, %(now)s
from unnest(%(customer_ids)s::bigint[]) as given (customer_id)
order by customer_id
on conflict (segment_id, customer_id) where left_at is null do nothing
