-- Demo history: ledger pages, one per hour, that count what demo_answers and demo_receipts wrote; beat's fold takes them.
-- Parameters: dispatch_id. Exclusions have their page from planning. Rows: one per hour of activity (about 15).
insert into deliveries_ledgerpage (dispatch_id, planned_on, counts, written_at, folded)
select %(dispatch_id)s, (select planned_on from deliveries_dispatch where id = %(dispatch_id)s),
       jsonb_agg(jsonb_build_array(measure, variant, platform, count)), hour, false
from (
    select date_trunc('hour', recorded_at) as hour, outcome as measure, variant, platform, count(*) as count
    from deliveries_delivery
    where dispatch_id = %(dispatch_id)s and outcome < 20
    group by 1, 2, 3, 4
    union all
    select date_trunc('hour', receipt.received_at), 100 + receipt.type, delivery.variant, delivery.platform, count(*)
    from deliveries_receipt receipt
    join deliveries_delivery delivery
      on delivery.planned_on = receipt.planned_on and delivery.dispatch_id = receipt.dispatch_id
     and delivery.device_id = receipt.device_id and delivery.outcome = 1
    where receipt.dispatch_id = %(dispatch_id)s
    group by 1, 2, 3, 4
) counted
group by hour
