-- What was written of one person's devices in a dispatch, and on which page of the feed. Parameters: planned_on,
-- dispatch_id, customer_ids, device_ids. Rows: device_id, measure (as feed_few's), at, xid and id of the page, in the
-- order of the feed.
-- Of pages that share the moment it is the one of the row's own transaction; where that is not known (restored from a
-- dump) the last: who has read it has read the others. Relies on: the primary keys, ledger_page_dispatch.
select written.device_id, written.measure, written.at, page.xid::text::bigint, page.id
from (
    select delivery.device_id, delivery.outcome::int as measure, delivery.recorded_at as at, delivery.xmin as writer
    from deliveries_delivery delivery
    where delivery.planned_on = %(planned_on)s::date and delivery.dispatch_id = %(dispatch_id)s::bigint
      and delivery.customer_id = any(%(customer_ids)s::bigint[]) and delivery.device_id = any(%(device_ids)s::bigint[])
    union all
    select receipt.device_id, 100 + receipt.type, receipt.received_at, receipt.xmin
    from deliveries_receipt receipt
    where receipt.planned_on = %(planned_on)s::date and receipt.dispatch_id = %(dispatch_id)s::bigint
      and receipt.device_id = any(%(device_ids)s::bigint[])
) written
cross join lateral (
    select one.xid, one.id
    from deliveries_ledgerpage one
    where one.dispatch_id = %(dispatch_id)s::bigint and one.written_at = written.at
    order by (one.xid::xid = written.writer) desc, one.xid desc, one.id desc
    limit 1
) page
order by page.xid, page.id, written.measure, written.device_id
