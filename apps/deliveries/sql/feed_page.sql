-- A part of one large page of outcomes (everybody whom planning left out, or a cancelled dispatch). Parameters:
-- planned_on, dispatch_id, written_at, xid, customer_id and device_id (after which), measures, most.
-- Relies on: the primary key, which is walked once for all parts together.
select delivery.recorded_at as at, delivery.outcome::int as measure, delivery.planned_on, delivery.dispatch_id,
       delivery.customer_id, delivery.device_id
from deliveries_delivery delivery
where delivery.planned_on = %(planned_on)s::date and delivery.dispatch_id = %(dispatch_id)s::bigint
  and (delivery.customer_id, delivery.device_id) > (%(customer_id)s::bigint, %(device_id)s::bigint)
  and delivery.recorded_at = %(written_at)s::timestamptz
  and delivery.outcome = any(%(measures)s::smallint[])
  and delivery.xmin <> all (array(
          select twin.xid::xid
          from deliveries_ledgerpage twin
          where twin.dispatch_id = %(dispatch_id)s::bigint and twin.written_at = %(written_at)s::timestamptz
            and twin.xid <> %(xid)s::text::xid8
      ))
order by delivery.customer_id, delivery.device_id
limit %(most)s::int
