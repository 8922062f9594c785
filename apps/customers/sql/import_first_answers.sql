-- Log the first answers of people whom a chunk just created; the mirrors came in with them.
-- So each is written once: an update behind the insert would write each person and all indexes twice (40 us of 60).
-- Parameters: names, ids (parallel), wording, now. Touches customers_consent, import_row. Rows: up to 10,000 people.
insert into customers_consent (customer_id, channel, topic, granted, source, wording, at)
select created.id, answer.channel, '', answer.granted, 'import', %(wording)s, %(now)s
from unnest(%(names)s::text[], %(ids)s::bigint[]) as created (external_id, id)
join import_row as row on row.external_id = created.external_id
cross join lateral (values ('push', row.push_consent), ('sms', row.sms_consent)) as answer (channel, granted)
where answer.granted is not null
