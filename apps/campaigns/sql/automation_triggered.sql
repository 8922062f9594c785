-- Candidates by event: who did what an active automation waits for. Of several such events at once the first counts,
-- the last where people enter each time. Its properties come along where a text of the automation says one.
-- Parameters: none. Rows: one a person and automation. Index: the events' key.
-- Tried: a plain join; with a workbench that nobody analysed the planner may read all weeks of events for it.
insert into automation_candidate (automation_id, customer_id, source_id, facts)
select chosen.automation_id, chosen.customer_id, chosen.event_id, event.properties
from (
    select distinct on (automation.id, arrived.customer_id)
           automation.id as automation_id, arrived.customer_id, arrived.event_id,
           case when automation.says_event then arrived.occurred_at end as occurred_at
    from automation_arrived arrived
    join campaigns_automation automation
      on automation.app_id = arrived.app_id
     and automation.state = 'active'
     and automation.trigger = 'event'
     and automation.trigger_event = arrived.name
    join accounts_app app on app.id = automation.app_id and app.is_active
    order by automation.id, arrived.customer_id,
             case when automation.reentry = 'always' then -arrived.event_id else arrived.event_id end
) chosen
left join lateral (
    select one.properties
    from customers_event one
    where one.occurred_at = chosen.occurred_at and one.id = chosen.event_id
    limit 1
) event on true
