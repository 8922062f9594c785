-- Devices whose next try is due go into new batches: deleted from Retry and planned again in one statement.
-- Only from closed batches, so that no slice that is still open can meet them. Parameters: now, most, size.
-- Rows: batches made. Relies on: retry_due.
with due as (
    delete from deliveries_retry retry
    using deliveries_batch origin
    where retry.id in (
              select one.id
              from deliveries_retry one
              join deliveries_dispatch dispatch on dispatch.id = one.dispatch_id
              join deliveries_batch batch on batch.id = one.batch_id
              where one.due_at <= %(now)s::timestamptz and dispatch.state = 'sending'
                and batch.state in ('done', 'cancelled')
              order by one.due_at
              limit %(most)s::int
              for update of one skip locked
          )
      and origin.id = retry.batch_id
    returning retry.*, origin.lane, origin.not_after, origin.time_zone, origin.is_canary
)
insert into deliveries_batch (
    dispatch_id, app_id, gateway, lane, state, device_ids, customer_ids, variants, opened, recorded, release_at, not_after,
    expires_at, time_zone, tries, may_have_arrived, in_flight, attempt, crashes,
    is_canary
)
select placed.dispatch_id, placed.app_id, placed.gateway, placed.lane, 'waiting',
       array_agg(placed.device_id order by placed.device_id), array_agg(placed.customer_id order by placed.device_id),
       array_agg(placed.variant order by placed.device_id), 0, 0, %(now)s::timestamptz, placed.not_after, placed.expires_at,
       placed.time_zone, placed.tries, placed.may_have_arrived, false, 0, 0, placed.is_canary
from (
    select due.*,
           (row_number() over (
               partition by due.dispatch_id, due.gateway, due.tries, due.may_have_arrived, due.time_zone, due.not_after,
                            due.is_canary
               order by due.device_id
           ) - 1) / %(size)s::int as chunk
    from due
) placed
group by placed.dispatch_id, placed.app_id, placed.gateway, placed.lane, placed.not_after, placed.expires_at,
         placed.time_zone, placed.tries, placed.may_have_arrived, placed.is_canary, placed.chunk
returning lane
