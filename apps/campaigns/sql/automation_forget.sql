-- Nothing more is said to who went through to the end: what brought them in is forgotten. Parameters: none.
update campaigns_automationrun run
set facts = null
from automation_taken taken
where run.id = taken.run_id and run.state = 'done' and run.facts is not null
