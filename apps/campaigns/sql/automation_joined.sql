-- Candidates by segment: who joined it since a moment and is in it still.
-- Parameters: automation_id, segment_id, since. Rows: one a person. Index: segment_member_once.
insert into automation_candidate (automation_id, customer_id, source_id)
select %(automation_id)s, member.customer_id, member.id
from segments_segmentmember member
where member.segment_id = %(segment_id)s and member.left_at is null and member.joined_at >= %(since)s
