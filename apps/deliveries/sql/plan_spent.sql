-- People whose frequency cap is used up: campaign pushes accepted (or that may have arrived) in the window, and those
-- still on their way in unfinished campaigns. One campaign counts once, however many devices.
-- What a row that was merged spent, its person has spent. Holds people outside the audience too where `delivered` does.
-- Parameters: app_id, topic ("" = campaigns of any; else only those of it, and people who are not in here yet), cap_count,
-- since (accepted after), planned_since (a day; prunes partitions), is_large: see plan_is_large.
-- Part: delivered = the ledger (or the audience's share of it), columns as there.
-- Relies on: deliveries_delivery_person for small audiences, a scan of the window's partitions for large ones;
-- the per-app advisory lock, so that no other campaign is being planned meanwhile.
-- Each person's campaigns are told apart by one sort. What was tried and lost: hash tables of people, then of people and
-- campaigns (1.4 s of processor instead of 0.6 s at a million rows).
-- A small audience is looked for in what is on its way, instead of counting all of it: one person beside a campaign to
-- a million takes 0.3 s instead of 1.4 s (2 cores at load 9).
insert into plan_spent (customer_id, is_of_topic)
with half as materialized (
    select customer.id, customer.merged_into_id as person_id
    from customers_customer customer
    join plan_audience audience on audience.customer_id = customer.merged_into_id
    where customer.merged_into_id is not null
),
asked as materialized (
    select customer_id from plan_audience where not %(is_large)s::bool
    union all
    select id from half where not %(is_large)s::bool
),
row_push as (
    select delivery.customer_id, delivery.dispatch_id
    from {{delivered}} delivery
    join deliveries_dispatch dispatch on dispatch.id = delivery.dispatch_id
    where delivery.app_id = %(app_id)s
      and delivery.planned_on >= %(planned_since)s::date
      and delivery.recorded_at >= %(since)s::timestamptz
      and delivery.outcome in (1, 7)
      and dispatch.kind in ('campaign', 'automation')
      and (%(topic)s::text = '' or dispatch.policy ->> 'topic' = %(topic)s::text)
    union all
    select coming.customer_id, batch.dispatch_id
    from deliveries_dispatch dispatch
    join deliveries_batch batch on batch.dispatch_id = dispatch.id and batch.state in ('waiting', 'held', 'leased')
    cross join lateral unnest(batch.customer_ids[batch.recorded + 1:]) as coming (customer_id)
    where dispatch.finished_at is null and dispatch.app_id = %(app_id)s and dispatch.kind in ('campaign', 'automation')
      and (%(topic)s::text = '' or dispatch.policy ->> 'topic' = %(topic)s::text)
      and (%(is_large)s::bool or coming.customer_id in (select asked.customer_id from asked))
    union all
    select retry.customer_id, retry.dispatch_id
    from deliveries_dispatch dispatch
    join deliveries_retry retry on retry.dispatch_id = dispatch.id
    where dispatch.finished_at is null and dispatch.app_id = %(app_id)s and dispatch.kind in ('campaign', 'automation')
      and (%(topic)s::text = '' or dispatch.policy ->> 'topic' = %(topic)s::text)
      and (%(is_large)s::bool or retry.customer_id in (select asked.customer_id from asked))
)
select campaign.customer_id, %(topic)s::text <> ''
from (
    select coalesce(half.person_id, row_push.customer_id) as customer_id, row_push.dispatch_id
    from row_push
    left join half on half.id = row_push.customer_id
) campaign
where not exists (select from plan_spent spent where spent.customer_id = campaign.customer_id)
group by campaign.customer_id
having count(distinct campaign.dispatch_id) >= %(cap_count)s
