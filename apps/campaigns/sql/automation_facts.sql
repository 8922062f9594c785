-- Used as a part: what the texts of a message may say to each of the taken about what brought them in. Parameters: none.
select run.customer_id, jsonb_build_object('event', run.facts) as facts
from automation_taken taken
join campaigns_automationrun run on run.id = taken.run_id
where run.facts is not null
