-- For each dispatch what was planned, and where each planned device stands now, in one snapshot.
-- Parameters: dispatch_id (null = all). Rows: one a dispatch. Cost: 3 s a million ledger rows.
with ledger as (
    select delivery.dispatch_id, count(*) as rows, count(distinct delivery.customer_id) as people,
           count(nullif(delivery.device_id, 0)) - count(distinct nullif(delivery.device_id, 0)) as repeated
    from deliveries_delivery delivery
    where %(dispatch_id)s::bigint is null or delivery.dispatch_id = %(dispatch_id)s::bigint
    group by delivery.dispatch_id
),
plan as (
    select batch.dispatch_id, sum(cardinality(batch.device_ids) - batch.recorded) as devices
    from deliveries_batch batch
    where batch.state in ('waiting', 'held', 'leased')
      and (%(dispatch_id)s::bigint is null or batch.dispatch_id = %(dispatch_id)s::bigint)
    group by batch.dispatch_id
),
retries as (
    select retry.dispatch_id, count(*) as devices
    from deliveries_retry retry
    where %(dispatch_id)s::bigint is null or retry.dispatch_id = %(dispatch_id)s::bigint
    group by retry.dispatch_id
),
counted as (
    select total.dispatch_id, sum(total.count) as devices
    from (
        select kept.dispatch_id, kept.count
        from deliveries_dispatchcount kept
        where kept.measure < 100
        union all
        select page.dispatch_id, (entry.value ->> 3)::bigint
        from deliveries_ledgerpage page
        cross join lateral jsonb_array_elements(page.counts) entry
        where not page.folded and (entry.value ->> 0)::int < 100
    ) total
    where %(dispatch_id)s::bigint is null or total.dispatch_id = %(dispatch_id)s::bigint
    group by total.dispatch_id
)
select dispatch.id, dispatch.state, dispatch.planned_devices, dispatch.planned_people, coalesce(ledger.rows, 0),
       coalesce(ledger.people, 0), coalesce(plan.devices, 0), coalesce(retries.devices, 0), coalesce(counted.devices, 0),
       coalesce(ledger.repeated, 0)
from deliveries_dispatch dispatch
left join ledger on ledger.dispatch_id = dispatch.id
left join plan on plan.dispatch_id = dispatch.id
left join retries on retries.dispatch_id = dispatch.id
left join counted on counted.dispatch_id = dispatch.id
where %(dispatch_id)s::bigint is null or dispatch.id = %(dispatch_id)s::bigint
order by dispatch.id
