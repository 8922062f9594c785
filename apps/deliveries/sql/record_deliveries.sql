-- Appends terminal outcomes to the ledger, and one page a dispatch to its feed.
-- Parameters: parallel arrays, one entry a device; now.
-- A row that is there already stays as it is (the first outcome is the outcome) and is not counted again.
-- Cost: 8 us a row. Relies on: the ledger's key.
with appended as (
    insert into deliveries_delivery (
        planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
        code, vendor_message_id, recorded_at
    )
    select row.*, %(now)s::timestamptz
    from unnest(
        %(planned_on)s::date[], %(dispatch_ids)s::bigint[], %(customer_ids)s::bigint[], %(device_ids)s::bigint[],
        %(app_ids)s::bigint[], %(outcomes)s::smallint[], %(gateways)s::smallint[], %(platforms)s::smallint[],
        %(variants)s::smallint[], %(attempts)s::smallint[], %(languages)s::text[], %(codes)s::text[],
        %(vendor_message_ids)s::text[]
    ) as row
    on conflict do nothing
    returning planned_on, dispatch_id, outcome, variant, platform
)
insert into deliveries_ledgerpage (dispatch_id, planned_on, counts, written_at, folded)
select counted.dispatch_id, counted.planned_on,
       jsonb_agg(jsonb_build_array(counted.outcome, counted.variant, counted.platform, counted.devices)),
       %(now)s::timestamptz, false
from (
    select appended.dispatch_id, appended.planned_on, appended.outcome, appended.variant, appended.platform,
           count(*) as devices
    from appended
    group by 1, 2, 3, 4, 5
) counted
group by counted.dispatch_id, counted.planned_on
