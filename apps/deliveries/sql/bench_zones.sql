-- Benchmark: people of twelve zones. Parameters: app_id, zones. Rows: the app's people.
update customers_customer person
set time_zone = (%(zones)s::text[])[1 + person.id %% cardinality(%(zones)s::text[])]
where person.app_id = %(app_id)s
