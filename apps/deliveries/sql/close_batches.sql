-- Closes batches that nobody sends any more: every device left in them gets its outcome. waiting, held -> `state`.
-- Parameters: batch_ids, state (done | cancelled), outcome, code, held_code (of devices that had no variant yet), now.
-- Rows: one ledger row a device.
-- What may have arrived (a slice opened and never recorded, an earlier try without an answer) is unknown_outcome.
with closed as (
    update deliveries_batch batch
    set state = %(state)s
    from deliveries_dispatch dispatch
    where batch.id = any(%(batch_ids)s::bigint[]) and batch.state in ('waiting', 'held') and dispatch.id = batch.dispatch_id
    returning batch.*, dispatch.planned_on
),
appended as (
    insert into deliveries_delivery (
        planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
        code, vendor_message_id, recorded_at
    )
    select place.planned_on, place.dispatch_id, place.customer_id, place.device_id, place.app_id,
           case when place.may_have_arrived then 7 else %(outcome)s::smallint end, place.gateway,
           coalesce(array_position(%(platform_words)s::text[], device.platform::text), 0), place.variant, place.tries, '',
           case when place.may_have_arrived then 'may_have_arrived'
                when place.variant = -1 then %(held_code)s::text else %(code)s::text end, '', %(now)s::timestamptz
    from (
        select closed.planned_on, closed.dispatch_id, closed.app_id, closed.gateway, closed.tries, place.*,
               closed.may_have_arrived or closed.recorded + place.position <= closed.opened as may_have_arrived
        from closed
        cross join lateral unnest(
            closed.device_ids[closed.recorded + 1:], closed.customer_ids[closed.recorded + 1:],
            closed.variants[closed.recorded + 1:]
        ) with ordinality as place (device_id, customer_id, variant, position)
    ) place
    left join devices_device device on device.id = place.device_id
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
