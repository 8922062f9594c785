-- Moves batches past their recorded slices. Stays leased; leased -> done with the last device.
-- Parameters: batch_ids, fences, firsts, lasts, is_end (parallel). Rows: the ids that were at `first` and still ours, or
-- reclaimed and not yet claimed again: an answer that comes late, after the database was away, is as good as any.
-- What others report is dropped by the caller and rerun by whoever has the batch now.
update deliveries_batch batch
set recorded = done.last,
    opened = greatest(batch.opened, done.last),
    in_flight = false,
    crashes = case when batch.opened > done.last then least(batch.crashes, 1) else 0 end,
    state = case when done.is_end then 'done' else batch.state end,
    leased_until = case when done.is_end then null else batch.leased_until end
from unnest(%(batch_ids)s::bigint[], %(fences)s::int[], %(firsts)s::int[], %(lasts)s::int[], %(is_end)s::bool[])
    as done (batch_id, fence, first, last, is_end)
where batch.id = done.batch_id and batch.recorded = done.first
  and ((batch.state = 'leased' and batch.attempt = done.fence)
       or (batch.state = 'waiting' and batch.attempt = done.fence + 1))
returning batch.id
