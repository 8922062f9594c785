-- Candidates enter, where the automation's rule of re-entry lets them; who is inside does not enter again.
-- Parameters: now. Rows: one a candidate. States: (none) -> inside. Index: the runs' index of customers; a source
-- brings somebody in once (automation_run_source_once). In order, so that a tick and calls of the API that bring in the same
-- people at once wait for one another and never deadlock.
insert into campaigns_automationrun (automation_id, customer_id, source_id, facts, state, position, due_at, entered_at)
select candidate.automation_id, candidate.customer_id, candidate.source_id, candidate.facts, 'inside', -1,
       %(now)s::timestamptz, %(now)s::timestamptz
from automation_candidate candidate
join campaigns_automation automation on automation.id = candidate.automation_id
join customers_customer customer
  on customer.id = candidate.customer_id and customer.erased_at is null and customer.merged_into_id is null
where not exists (
    select from campaigns_automationrun run
    where run.customer_id = candidate.customer_id and run.automation_id = candidate.automation_id
      and (
          run.state = 'inside'
          or automation.reentry = 'never'
          or automation.reentry = 'after' and run.entered_at > %(now)s::timestamptz - automation.reentry_days * interval '1 day'
      )
)
order by candidate.automation_id, candidate.customer_id
on conflict do nothing
