-- Demo history: receipts of the accepted deliveries of one dispatch, drawn from a hash of dispatch and device.
-- Parameters: dispatch_id, displayed, opened, clicked (shares in thousandths, each of the accepted).
-- Rows: about 0.9 per accepted delivery (40,000: 0.3 s).
insert into deliveries_receipt (planned_on, dispatch_id, device_id, type, at, received_at, action)
select delivery.planned_on, delivery.dispatch_id, delivery.device_id, kind.type, moment.at, moment.at, ''
from deliveries_delivery delivery
cross join lateral (
    select ('x' || substr(md5('r' || delivery.dispatch_id || ':' || delivery.device_id), 1, 8))::bit(32)::bigint as bits
) drawn
cross join lateral (
    -- A web push is shown as often as an Android one but opened half as often.
    values (2, %(displayed)s::int), (3, %(opened)s::int / case delivery.platform when 3 then 2 else 1 end),
           (4, %(clicked)s::int / case delivery.platform when 3 then 2 else 1 end)
) kind (type, share)
cross join lateral (
    select delivery.recorded_at + make_interval(secs => kind.type * 40 + (drawn.bits / 1000 %% 40000)) as at
) moment
where delivery.dispatch_id = %(dispatch_id)s
  and delivery.planned_on = (select planned_on from deliveries_dispatch where id = %(dispatch_id)s)
  and delivery.outcome = 1
  and drawn.bits %% 1000 < kind.share
