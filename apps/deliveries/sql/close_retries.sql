-- Ends the retries of a dispatch: each device gets its outcome, unknown_outcome where a try may have arrived.
-- Parameters: dispatch_id, outcome, code, most, now.
with closed as (
    delete from deliveries_retry retry
    using deliveries_dispatch dispatch
    where retry.id in (
              select one.id from deliveries_retry one where one.dispatch_id = %(dispatch_id)s limit %(most)s::int
              for update skip locked
          )
      and dispatch.id = retry.dispatch_id
    returning retry.*, dispatch.planned_on
),
appended as (
    insert into deliveries_delivery (
        planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
        code, vendor_message_id, recorded_at
    )
    select closed.planned_on, closed.dispatch_id, closed.customer_id, closed.device_id, closed.app_id,
           case when closed.may_have_arrived then 7 else %(outcome)s::smallint end, closed.gateway,
           coalesce(array_position(%(platform_words)s::text[], device.platform::text), 0), closed.variant, closed.tries, '',
           case when closed.may_have_arrived then closed.reason else %(code)s::text end, '', %(now)s::timestamptz
    from closed
    left join devices_device device on device.id = closed.device_id
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
