-- The living person of a name, also where it is the name of a row that became part of another.
-- Parameters: app_id, external_id. Touches nothing. Rows: at most one. Index: customer_external_id_once.
-- Named SQL although the ORM can say it: every registration asks it, and building the query of 50 columns anew costs
-- ten times its execution.
select person.*
from customers_customer as named
join customers_customer as person on person.id = coalesce(named.merged_into_id, named.id)
where named.app_id = %(app_id)s and named.external_id = %(external_id)s::text and named.erased_at is null
