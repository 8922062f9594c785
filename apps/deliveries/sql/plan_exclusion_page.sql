-- The ledger page of the exclusions. Parameters: dispatch_id, planned_on, now. Rows: one, none where nobody is left out.
insert into deliveries_ledgerpage (dispatch_id, planned_on, counts, written_at, folded)
select %(dispatch_id)s::bigint, %(planned_on)s::date,
       jsonb_agg(jsonb_build_array(counted.reason, counted.variant, counted.platform, counted.rows)),
       %(now)s::timestamptz, false
from (
    select tally.reason, tally.variant, tally.platform, sum(tally.devices)::bigint as rows
    from plan_tally tally
    where tally.reason > 0
    group by tally.reason, tally.variant, tally.platform
) counted
having count(*) > 0
