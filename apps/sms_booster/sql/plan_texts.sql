-- Plans SMS with texts of their own; a text that could not be made ends its SMS at once.
-- Parameters: rule_id and dispatch_id, or step_id (the others null); app_id, now; customer_ids, phones, bodies, parts, codes ("" = fine) in parallel.
-- States: (none) -> planned | failed.
insert into sms_booster_smsmessage (
    rule_id, customer_id, app_id, dispatch_id, step_id, phone, body, parts, state, code, provider_id, planned_at, due_at,
    settled_at
)
select %(rule_id)s::bigint, made.customer_id, %(app_id)s, %(dispatch_id)s::bigint, %(step_id)s::bigint, made.phone, made.body, made.parts,
       case when made.code = '' then 'planned' else 'failed' end,
       made.code, '', %(now)s, %(now)s, case when made.code = '' then null else %(now)s::timestamptz end
from unnest(
    %(customer_ids)s::bigint[], %(phones)s::text[], %(bodies)s::text[], %(parts)s::smallint[], %(codes)s::text[]
) as made (customer_id, phone, body, parts, code)
on conflict do nothing
