-- Store the people of a request who are not known yet; those who are known (or erased) are left alone.
-- Parameters: app_id, now, made_by_test; part: people (external_id and every column of the profile; null = not mentioned).
-- Who comes without topics gets the app's default ones. Touches customers_customer.
-- Rows: 1,000 from a call, 10,000 from a file. Index: customer_external_id_once.
-- One write a person: a minimal insert followed by an update would leave a dead row for each.
-- Sorted, so that two requests with the same new people cannot deadlock.
insert into customers_customer (
    app_id, external_id, email, phone, first_name, last_name, language, time_zone, country, traits, topics,
    push_consent, sms_consent, created_at, updated_at, made_by_test
)
select %(app_id)s, row.external_id, coalesce(row.email, ''), coalesce(row.phone, ''), coalesce(row.first_name, ''),
       coalesce(row.last_name, ''), coalesce(row.language, ''), coalesce(row.time_zone, ''),
       coalesce(row.country, ''), jsonb_strip_nulls(coalesce(row.traits, '{}')),
       coalesce(row.topics, (select array_agg(key::text) from customers_topic where app_id = %(app_id)s and is_default), '{}'),
       row.push_consent, row.sms_consent, %(now)s, %(now)s, %(made_by_test)s
from {{people}} as row
order by row.external_id
on conflict (app_id, external_id) do nothing
returning external_id, id
