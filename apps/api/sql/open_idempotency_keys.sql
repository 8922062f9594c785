-- Takes idempotency keys for this transaction, and tells what each led to before.
-- Parameters: keys jsonb, a list of {place, lock (a hash of the three others), app_id, is_test, key}.
-- Rows, one a key: place, is_ours (false: a twin request holds the key now), body_hash, answer (null: never used).
-- Index: idempotency_once.
-- Lateral, so that the index is asked for each key: PostgreSQL expects 100 keys, and for those it would read up to 8,000 rows whole.
-- Tried and lost: letting the unique key decide. The second of two twins would wait for the first to commit.
select asked.place, pg_try_advisory_xact_lock(asked.lock) as is_ours, record.body_hash, record.answer
from jsonb_to_recordset(%(keys)s::jsonb)
    as asked (place integer, lock bigint, app_id bigint, is_test boolean, key text)
left join lateral (
    select body_hash, answer
    from api_idempotencyrecord
    where app_id = asked.app_id and is_test = asked.is_test and key = asked.key
    limit 1
) record on true
