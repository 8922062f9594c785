-- Dispatches with nothing left in plan and Retry: sending -> done; a cancelled one has drained.
-- Parameters: now. Relies on: dispatch_unfinished, batch_open, retry_once.
update deliveries_dispatch dispatch
set state = case when dispatch.state = 'sending' then 'done' else dispatch.state end, finished_at = %(now)s::timestamptz
where dispatch.finished_at is null and dispatch.state in ('sending', 'cancelled')
  and not exists (
      select from deliveries_batch batch
      where batch.dispatch_id = dispatch.id and batch.state in ('waiting', 'held', 'leased')
  )
  and not exists (select from deliveries_retry retry where retry.dispatch_id = dispatch.id)
