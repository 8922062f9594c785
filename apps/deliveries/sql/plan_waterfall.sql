-- What the plan holds, by reason (0 = will be sent): people and devices. Parameters: none. Rows: one a reason.
-- Who is left out as a person is left out on every device, so only those whose devices fare differently are told apart:
-- devices that do not fit (21), are stale (29), would come at night (23) or too late (30).
-- What was tried and lost: count(distinct customer_id) over all devices (sorts them: 0.45 s instead of 0.2 s at a million).
with left_out as materialized (
    select distinct device.reason, device.customer_id from plan_device device where device.reason in (21, 23, 29, 30)
),
unreached as (
    select person.reason, count(*) as people
    from (select distinct left_out.customer_id from left_out) anyhow
    join plan_person person on person.customer_id = anyhow.customer_id
    where not exists (
        select from plan_device device where device.customer_id = anyhow.customer_id and device.reason in (0, 24)
    )
    group by person.reason
),
people as (
    select person.reason, count(*) - coalesce(max(unreached.people), 0) as people
    from plan_person person
    left join unreached on unreached.reason = person.reason
    group by person.reason
    union all
    select left_out.reason, count(*) from left_out group by left_out.reason
)
select tally.reason, max(people.people), sum(tally.devices)::bigint
from plan_tally tally
join people on people.reason = tally.reason
group by tally.reason
order by tally.reason
