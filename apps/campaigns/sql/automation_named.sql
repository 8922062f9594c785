-- Candidates by name: whom the API lets enter. Their source lies below zero and says after which event that was.
-- Parameters: automation_id, customer_ids, facts (json or null: what texts may say of the event). Rows: one a person.
insert into automation_candidate (automation_id, customer_id, source_id, facts)
select %(automation_id)s, person.customer_id, -nextval('customers_event_id_seq'), %(facts)s::jsonb
from unnest(%(customer_ids)s::bigint[]) as person (customer_id)
