-- Store the people of a request who are not known yet; those who are known (or erased) are left alone.
-- Parameters: app_id, now, made_by_test, rows (json array of objects: external_id and any column that was mentioned).
-- Who comes without topics gets the app's default ones. Touches customers_customer. Rows: up to 1,000 a call.
-- Index: customer_external_id_once.
-- One write a person: a minimal insert followed by an update would leave a dead row for each.
-- Sorted, so that two requests with the same new people cannot deadlock.
insert into customers_customer (
    app_id, external_id, email, phone, first_name, last_name, language, time_zone, country, traits, topics,
    created_at, updated_at, made_by_test
)
select %(app_id)s, row.external_id, coalesce(row.email, ''), coalesce(row.phone, ''), coalesce(row.first_name, ''),
       coalesce(row.last_name, ''), coalesce(row.language, ''), coalesce(row.time_zone, ''),
       coalesce(row.country, ''), jsonb_strip_nulls(coalesce(row.traits, '{}')),
       coalesce(row.topics, (select array_agg(key::text) from customers_topic where app_id = %(app_id)s and is_default), '{}'),
       %(now)s, %(now)s, %(made_by_test)s
from jsonb_to_recordset(%(rows)s::jsonb) as row (
    external_id text, email text, phone text, first_name text, last_name text, language text, time_zone text,
    country text, traits jsonb, topics text[]
)
order by row.external_id
on conflict (app_id, external_id) do nothing
returning external_id, id
