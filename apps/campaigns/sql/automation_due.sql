-- The steps of active automations at which somebody is due, who has waited longest first: so one that always has people
-- to move holds up no other; but for those that failed lately and wait before they are tried again.
-- Parameters: now. Rows: automation, position (-1 = entered). Index: automation_run_due, one look a step.
select automation.id, step.position
from campaigns_automation automation
join accounts_app app on app.id = automation.app_id and app.is_active
cross join lateral (
    select -1 as position
    union all
    select step.position from campaigns_automationstep step where step.automation_id = automation.id
) step
cross join lateral (
    select run.due_at
    from campaigns_automationrun run
    where run.automation_id = automation.id and run.position = step.position and run.state = 'inside'
      and run.due_at <= %(now)s::timestamptz
    order by run.due_at
    limit 1
) longest
where automation.state = 'active'
  and not exists (
      select from campaigns_automationfault fault
      where fault.automation_id = automation.id and fault.position = step.position
        and fault.retry_at > %(now)s::timestamptz
  )
order by longest.due_at, automation.id, step.position
