-- Who met an exit event leaves, wherever they stand. Run before and after those who arrived have entered: somebody who
-- did both at once leaves if the exit came second. (The source of who joined a segment is no event: any exit counts. A source
-- below zero says after which event the API let somebody in.)
-- Parameters: now. States: inside -> left. Rows: one a run. Index: automation_run_inside_once.
update campaigns_automationrun run
set state = 'left', ended_at = %(now)s::timestamptz, reason = 'event:' || met.name, facts = null
from (
    select automation.id as automation_id, automation.trigger = 'event' as is_by_event, arrived.customer_id, max(arrived.event_id) as event_id, min(arrived.name) as name
    from automation_arrived arrived
    join campaigns_automation automation
      on automation.app_id = arrived.app_id
     and automation.state in ('active', 'paused')
     and arrived.name = any(automation.exit_events)
    group by automation.id, arrived.customer_id
) met
where run.automation_id = met.automation_id and run.customer_id = met.customer_id and run.state = 'inside'
  and case when run.source_id < 0 then met.event_id > -run.source_id
           else run.entered_at < %(now)s::timestamptz or not met.is_by_event or met.event_id > run.source_id end
