-- The living people of names, also where it is the name of a row that became part of another.
-- Parameters: app_id, names. Returns external_id, id. Touches nothing. Rows: up to 1,000.
-- Index: customer_external_id_once. Named SQL although the ORM can say it: every new device and every event asks it.
select named.external_id, coalesce(named.merged_into_id, named.id)
from customers_customer as named
where named.app_id = %(app_id)s and named.external_id = any (%(names)s::text[]) and named.erased_at is null
