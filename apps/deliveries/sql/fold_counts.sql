-- Adds up ledger pages that have not been counted yet, and marks them. Rows: one, the pages folded.
-- Parameters: most, small (dispatches with fewer devices get no counts of their own). Relies on: ledger_page_unfolded,
-- and an advisory lock of the caller, so that no two folds meet on a counter.
with page as (
    update deliveries_ledgerpage page
    set folded = true
    where page.id in (select one.id from deliveries_ledgerpage one where not one.folded order by one.id limit %(most)s::int)
    returning page.dispatch_id, page.counts, page.written_at
),
counted as (
    select page.dispatch_id, (entry.value ->> 0)::smallint as measure, (entry.value ->> 1)::smallint as variant,
           (entry.value ->> 2)::smallint as platform, date_trunc('hour', page.written_at, 'UTC') as hour,
           sum((entry.value ->> 3)::bigint) as total
    from page
    cross join lateral jsonb_array_elements(page.counts) entry
    group by 1, 2, 3, 4, 5
),
by_dispatch as (
    insert into deliveries_dispatchcount as kept (dispatch_id, measure, variant, platform, hour, count)
    select counted.dispatch_id, counted.measure, counted.variant, counted.platform, counted.hour, counted.total
    from counted
    join deliveries_dispatch dispatch on dispatch.id = counted.dispatch_id
    where dispatch.planned_devices >= %(small)s::int
    on conflict (dispatch_id, measure, variant, platform, hour) do update set count = kept.count + excluded.count
),
by_hour as (
    insert into deliveries_hourcount as kept (app_id, kind, measure, platform, hour, count)
    select dispatch.app_id, dispatch.kind, counted.measure, counted.platform, counted.hour, sum(counted.total)
    from counted
    join deliveries_dispatch dispatch on dispatch.id = counted.dispatch_id
    group by 1, 2, 3, 4, 5
    on conflict (app_id, hour, kind, measure, platform) do update set count = kept.count + excluded.count
)
select count(*) from page
