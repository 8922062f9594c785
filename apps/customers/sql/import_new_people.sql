-- Create the people of a chunk whom nobody knows, with their first answers to channels.
-- Parameters: app_id, now, wording, push_version, sms_version. Returns external_id, id of each.
-- Who comes without topics gets the app's default ones. Touches customers_customer, customers_consent, import_row.
-- Rows: 6,000 a statement. Index: customer_external_id_once.
-- As insert_customers, but for three things worth a third of its cost. Whoever is known is left out beforehand, for a conflict
--   uses up an id; and without "on conflict" each row is written once and not announced first (4 us of 16): somebody who
--   stores the same person at this moment is an error, and the chunk is tried again.
-- The question for each is a sub-select, always answered by the index: of a table that grew a minute ago the planner knows
--   nothing, and would read all the app's people for a join (150 ms a chunk at 100,000).
-- The answers go in with their people: an update behind the insert would write each person and all indexes twice.
-- Sorted, so that two files with the same new people cannot deadlock.
with made as (
    insert into customers_customer (
        app_id, external_id, email, phone, first_name, last_name, language, time_zone, country, traits, topics,
        push_consent, sms_consent, created_at, updated_at, made_by_test
    )
    select %(app_id)s, row.external_id, coalesce(row.email, ''), coalesce(row.phone, ''), coalesce(row.first_name, ''),
           coalesce(row.last_name, ''), coalesce(row.language, ''), coalesce(row.time_zone, ''),
           coalesce(row.country, ''), jsonb_strip_nulls(coalesce(row.traits, '{}')),
           case when row.topics is not null then array(select jsonb_array_elements_text(row.topics))
                else coalesce((select array_agg(key::text) from customers_topic where app_id = %(app_id)s and is_default), '{}')
           end,
           row.push_consent, row.sms_consent, %(now)s, %(now)s, false
    from import_row as row
    where (
        select known.id from customers_customer as known
        where known.app_id = %(app_id)s and known.external_id = row.external_id
    ) is null
    order by row.external_id
    returning external_id, id
),
answered as (
    insert into customers_consent (customer_id, channel, topic, granted, source, wording, wording_version, at)
    select made.id, answer.channel, '', answer.granted, 'import', %(wording)s, answer.version, %(now)s
    from made
    join import_row as row on row.external_id = made.external_id
    cross join lateral (
        values ('push', row.push_consent, %(push_version)s::int), ('sms', row.sms_consent, %(sms_version)s::int)
    ) as answer (channel, granted, version)
    where answer.granted is not null and (row.push_consent is not null or row.sms_consent is not null)
)
select external_id, id from made
