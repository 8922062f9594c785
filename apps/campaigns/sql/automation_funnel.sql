-- Where an automation's runs stand. Parameters: automation_id. Rows: position, state, reason, runs, runs that did the goal.
-- A million runs: one scan of theirs. Index: the unique key (automation, source).
select run.position, run.state, run.reason, count(*), count(run.goal_at)
from campaigns_automationrun run
where run.automation_id = %(automation_id)s
group by run.position, run.state, run.reason
