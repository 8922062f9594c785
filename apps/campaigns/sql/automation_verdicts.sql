-- What became of the candidates, once those who may have entered. Parameters: none. Rows: customer, verdict.
-- Index: automation_run_source_once, automation_run_inside_once.
select candidate.customer_id,
       case when exists (
           select from campaigns_automationrun run
           where run.automation_id = candidate.automation_id and run.source_id = candidate.source_id
       ) then 'entered'
       when exists (
           select from campaigns_automationrun run
           where run.automation_id = candidate.automation_id and run.customer_id = candidate.customer_id
             and run.state = 'inside'
       ) then 'already_inside'
       else 'not_again' end
from automation_candidate candidate
