-- Of people merged since the planning: who stands in the same dispatch under another of their ids, and so is reached (or
-- was left out for a reason) there. The person's own row goes before merged ones, of these the oldest.
-- Parameters: dispatch_ids, customer_ids (the merged row), person_ids (parallel). Returns dispatch_id, customer_id.
-- What was decided about a device alone (dead, moved, stale, none) decides nothing about the person.
-- Rows: a few, asked only where a slice holds such people. Index: customer_halves, the ledger's key, batch_open.
select asked.dispatch_id, asked.customer_id
from unnest(%(dispatch_ids)s::bigint[], %(customer_ids)s::bigint[], %(person_ids)s::bigint[])
    as asked (dispatch_id, customer_id, person_id)
join deliveries_dispatch dispatch on dispatch.id = asked.dispatch_id
where exists (
    select from customers_customer part
    where (part.id = asked.person_id or (part.merged_into_id = asked.person_id and part.id < asked.customer_id))
      and (
          exists (
              select from deliveries_delivery delivery
              where delivery.planned_on = dispatch.planned_on and delivery.dispatch_id = dispatch.id
                and delivery.customer_id = part.id and delivery.outcome not in (2, 21, 25, 26, 29)
          )
          or exists (
              select from deliveries_retry retry where retry.dispatch_id = dispatch.id and retry.customer_id = part.id
          )
          or exists (
              select from deliveries_batch batch
              where batch.dispatch_id = dispatch.id and batch.state in ('waiting', 'held', 'leased')
                and batch.customer_ids @> array[part.id]
                and part.id = any(batch.customer_ids[batch.recorded + 1:])
          )
      )
)
