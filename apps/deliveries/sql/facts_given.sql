-- The personal facts of the devices of opened slices, as JSON texts. Parameters: dispatch_ids, customer_ids (parallel).
-- Rows: at most one a pair. Index: personal_facts_once.
select given.dispatch_id, given.customer_id, given.facts::text
from deliveries_personalfacts given
where (given.dispatch_id, given.customer_id) in (
    select wanted.dispatch_id, wanted.customer_id
    from unnest(%(dispatch_ids)s::bigint[], %(customer_ids)s::bigint[]) as wanted (dispatch_id, customer_id)
)
