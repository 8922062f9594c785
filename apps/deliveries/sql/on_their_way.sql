-- Devices that have no outcome yet, of some messages: in the plan, or waiting for another try. Of a batch that is being
-- sent all are told, so some of them may have an outcome already.
-- One statement, because a device goes from a batch to Retry and back: two would miss it in between.
-- Parameters: dispatch_ids; people (null: of all). Rows: dispatch_id, device_id, customer_id, variant, gateway, is_tried,
-- state and release_at of its batch, or retry_at, tries and reason of its next try. Relies on: batch_open, retry_once.
select batch.dispatch_id, planned.device_id, planned.customer_id, planned.variant, batch.gateway, batch.opened > 0,
       batch.state, batch.release_at, null::timestamptz, 0, ''
from deliveries_batch batch
cross join lateral unnest(batch.device_ids, batch.customer_ids, batch.variants) as planned (device_id, customer_id, variant)
where batch.dispatch_id = any(%(dispatch_ids)s::bigint[])
  and batch.state in ('waiting', 'held', 'leased')
  and (%(people)s::bigint[] is null or batch.customer_ids && %(people)s::bigint[])
  and (%(people)s::bigint[] is null or planned.customer_id = any(%(people)s::bigint[]))
union all
select retry.dispatch_id, retry.device_id, retry.customer_id, retry.variant, retry.gateway, true,
       '', null, retry.due_at, retry.tries, retry.reason
from deliveries_retry retry
where retry.dispatch_id = any(%(dispatch_ids)s::bigint[])
  and (%(people)s::bigint[] is null or retry.customer_id = any(%(people)s::bigint[]))
