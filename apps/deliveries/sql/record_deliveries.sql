-- Appends terminal outcomes to the ledger, a few at a time or where a COPY met rows that are there already: those stay as
-- they are (the first outcome is the outcome) and are not counted again.
-- Parameters: parallel arrays, one entry a device; now. Rows: dispatch_id, planned_on, outcome, variant, platform, count.
-- Cost: 7 us and 370 bytes of WAL a row, against 3.5 us and 275 bytes by COPY.
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
select appended.dispatch_id, appended.planned_on, appended.outcome, appended.variant, appended.platform, count(*)
from appended
group by 1, 2, 3, 4, 5
