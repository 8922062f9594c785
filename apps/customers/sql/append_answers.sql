-- Append answers to the consent ledger whose mirror this transaction has written already: topics that were replaced whole.
-- Parameters: customer_ids, topics, granted, wordings (parallel arrays), source, now. Touches customers_consent.
-- Rows: of 1,000 people of a call, 6,000 of a file, one a topic joined or left.
insert into customers_consent (customer_id, channel, topic, granted, source, wording, at)
select customer_id, 'push', topic, granted, %(source)s, wording, %(now)s
from unnest(%(customer_ids)s::bigint[], %(topics)s::text[], %(granted)s::boolean[], %(wordings)s::text[])
    as said (customer_id, topic, granted, wording)
