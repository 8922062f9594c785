-- Benchmark: the counts that the ledger's pages would have been folded into. Parameters: small (see services.fold).
-- Rows: a few thousand (10,000,000 deliveries: 10 s).
with counted as (
    select delivery.dispatch_id, delivery.app_id, delivery.outcome, delivery.variant, delivery.platform,
           date_trunc('hour', delivery.recorded_at, 'UTC') as hour, count(*) as total
    from deliveries_delivery delivery
    group by 1, 2, 3, 4, 5, 6
),
by_dispatch as (
    insert into deliveries_dispatchcount (dispatch_id, measure, variant, platform, hour, count)
    select counted.dispatch_id, counted.outcome, counted.variant, counted.platform, counted.hour, counted.total
    from counted
    join deliveries_dispatch dispatch on dispatch.id = counted.dispatch_id
    where dispatch.planned_devices >= %(small)s::int
)
insert into deliveries_hourcount (app_id, kind, measure, platform, hour, count)
select dispatch.app_id, dispatch.kind, counted.outcome, counted.platform, counted.hour, sum(counted.total)
from counted
join deliveries_dispatch dispatch on dispatch.id = counted.dispatch_id
group by 1, 2, 3, 4, 5
