-- Moves batches past their recorded slices. Stays leased; leased -> done with the last device.
-- Parameters: batch_ids, fences, firsts, lasts, is_end (parallel). Rows: the ids that still were ours and at `first`;
-- what others report is dropped by the caller and rerun by whoever has the batch now.
update deliveries_batch batch
set recorded = done.last,
    opened = greatest(batch.opened, done.last),
    in_flight = false,
    crashes = case when batch.opened > done.last then least(batch.crashes, 1) else 0 end,
    state = case when done.is_end then 'done' else 'leased' end,
    leased_until = case when done.is_end then null else batch.leased_until end
from unnest(%(batch_ids)s::bigint[], %(fences)s::int[], %(firsts)s::int[], %(lasts)s::int[], %(is_end)s::bool[])
    as done (batch_id, fence, first, last, is_end)
where batch.id = done.batch_id and batch.state = 'leased' and batch.attempt = done.fence and batch.recorded = done.first
returning batch.id
