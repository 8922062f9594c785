-- Ends leases early. leased -> waiting, under the fence. Parameters: batch_ids, fences (parallel).
update deliveries_batch batch
set state = 'waiting', leased_until = null, in_flight = false
from unnest(%(batch_ids)s::bigint[], %(fences)s::int[]) as held (batch_id, fence)
where batch.id = held.batch_id and batch.attempt = held.fence and batch.state = 'leased'
