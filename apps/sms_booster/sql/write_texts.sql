-- Writes the personal texts of chosen people; a text that could not be made ends its SMS.
-- Parameters: ids, bodies, parts, codes ("" = fine) as parallel arrays, now. States: planned -> planned | failed.
update sms_booster_smsmessage message
set body = written.body,
    parts = written.parts,
    code = written.code,
    state = case when written.code = '' then message.state else 'failed' end,
    settled_at = case when written.code = '' then null else %(now)s::timestamptz end
from unnest(%(ids)s::bigint[], %(bodies)s::text[], %(parts)s::smallint[], %(codes)s::text[])
    as written (id, body, parts, code)
where message.id = written.id
  and message.state = 'planned'
