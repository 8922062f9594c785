-- Candidates by event: who did what an active automation waits for. Of several such events at once the first counts,
-- the last where people enter each time. Parameters: none. Rows: one a person and automation.
insert into automation_candidate (automation_id, customer_id, source_id)
select automation.id, arrived.customer_id,
       case when automation.reentry = 'always' then max(arrived.event_id) else min(arrived.event_id) end
from automation_arrived arrived
join campaigns_automation automation
  on automation.app_id = arrived.app_id
 and automation.state = 'active'
 and automation.trigger = 'event'
 and automation.trigger_event = arrived.name
join accounts_app app on app.id = automation.app_id and app.is_active
group by automation.id, arrived.customer_id
