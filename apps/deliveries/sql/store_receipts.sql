-- Appends receipts, once a type, and a page a dispatch to the feed. Rows: one, the receipts that were new.
-- Parameters: planned_on, dispatch_ids, device_ids, variants, types, at, actions (parallel), app_id (null = any), now.
-- A time before the dispatch was made comes from a wrong clock: now is nearer to the truth.
-- Receipts of dispatches that are gone, or another app's, are dropped. The ledger is not asked: a receipt may come first.
-- Inserted in order of the key, so that the same receipts sent twice at once cannot deadlock.
with received as (
    select distinct on (given.planned_on, given.dispatch_id, given.device_id, given.type) given.*, dispatch.created_at
    from unnest(
        %(planned_on)s::date[], %(dispatch_ids)s::bigint[], %(device_ids)s::bigint[], %(variants)s::smallint[],
        %(types)s::smallint[], %(at)s::timestamptz[], %(actions)s::text[]
    ) as given (planned_on, dispatch_id, device_id, variant, type, at, action)
    join deliveries_dispatch dispatch on dispatch.id = given.dispatch_id and dispatch.planned_on = given.planned_on
    where %(app_id)s::bigint is null or dispatch.app_id = %(app_id)s::bigint
    order by given.planned_on, given.dispatch_id, given.device_id, given.type, given.at
),
stored as (
    insert into deliveries_receipt (planned_on, dispatch_id, device_id, type, at, received_at, action, variant)
    select received.planned_on, received.dispatch_id, received.device_id, received.type,
           case when received.at < received.created_at then %(now)s::timestamptz else received.at end,
           %(now)s::timestamptz, received.action, received.variant
    from received
    on conflict do nothing
    returning planned_on, dispatch_id, device_id, type
),
counted as (
    select stored.dispatch_id, stored.planned_on, 100 + stored.type as measure, received.variant,
           coalesce(array_position(%(platform_words)s::text[], device.platform::text), 0) as platform, count(*) as total
    from stored
    join received using (planned_on, dispatch_id, device_id, type)
    left join devices_device device on device.id = stored.device_id
    group by 1, 2, 3, 4, 5
),
page as (
    insert into deliveries_ledgerpage (dispatch_id, planned_on, counts, written_at, folded)
    select counted.dispatch_id, counted.planned_on,
           jsonb_agg(jsonb_build_array(counted.measure, counted.variant, counted.platform, counted.total)),
           %(now)s::timestamptz, false
    from counted
    group by counted.dispatch_id, counted.planned_on
)
select count(*) from stored
