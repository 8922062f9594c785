-- Whom all launches of a campaign left out, by reason; a person counts once a launch.
-- Parameters: app_id, origin. Rows: outcome number, people, devices. Index: dispatch_of_campaign, the ledger's primary key.
-- At a million recipients a launch: 0.2 s each, reads every row of theirs.
select delivery.outcome, count(distinct (delivery.dispatch_id, delivery.customer_id)), count(*)
from deliveries_dispatch dispatch
join deliveries_delivery delivery
    on delivery.planned_on = dispatch.planned_on and delivery.dispatch_id = dispatch.id and delivery.outcome >= 20
where dispatch.app_id = %(app_id)s and dispatch.origin = %(origin)s and dispatch.kind in ('campaign', 'automation')
group by delivery.outcome
order by delivery.outcome
