-- Who did an automation's goal in time after entering it counts, once. Parameters: now. Rows: one a run.
-- Index: the runs' index of customers.
update campaigns_automationrun run
set goal_at = %(now)s::timestamptz
from automation_arrived arrived
join campaigns_automation automation
  on automation.app_id = arrived.app_id and automation.goal_event = arrived.name
where run.automation_id = automation.id and run.customer_id = arrived.customer_id and run.goal_at is null
  and run.entered_at > %(now)s::timestamptz - automation.goal_days * interval '1 day'
  and case when run.source_id < 0 then arrived.event_id > -run.source_id
           else run.entered_at < %(now)s::timestamptz or automation.trigger <> 'event' or arrived.event_id > run.source_id end
