-- Lengthens leases of batches that wait in a worker's hand. Stays leased. Parameters: batch_ids, fences, leased_until.
update deliveries_batch batch
set leased_until = %(leased_until)s::timestamptz
from unnest(%(batch_ids)s::bigint[], %(fences)s::int[]) as held (batch_id, fence)
where batch.id = held.batch_id and batch.attempt = held.fence and batch.state = 'leased'
