-- Who would have entered an automation since a moment: who did its event, or joined its segment.
-- Parameters: app_id, event ("" = none), segment_id (null = none), since, most. Rows: one a person, at most `most`.
-- Index: customers_event_rule (index only), segment_member_once.
select event.customer_id
from customers_event event
where event.app_id = %(app_id)s and event.name = %(event)s and event.occurred_at >= %(since)s
union
select member.customer_id
from segments_segmentmember member
where member.segment_id = %(segment_id)s::bigint and member.joined_at >= %(since)s
limit %(most)s
