-- Of the picked, who is not meant by a condition leaves. Parameters: now. States: inside -> left.
update campaigns_automationrun run
set state = 'left', ended_at = %(now)s::timestamptz, reason = 'condition', facts = null
from automation_picked picked
where run.id = picked.run_id and not picked.matches and run.state = 'inside'
