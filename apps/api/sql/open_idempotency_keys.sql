-- Takes idempotency keys for this transaction, and tells what each led to before.
-- Parameters: keys jsonb, a list of {place, lock (a hash of the three others), app_id, is_test, key}.
-- Rows, one a key: place, is_ours (false: a twin request holds the key now), body_hash, answer (null: never used).
-- Index: idempotency_once.
-- Tried and lost: letting the unique key decide. The second of two twins would wait for the first to commit.
select asked.place, pg_try_advisory_xact_lock(asked.lock) as is_ours, record.body_hash, record.answer
from jsonb_to_recordset(%(keys)s::jsonb)
    as asked (place integer, lock bigint, app_id bigint, is_test boolean, key text)
left join api_idempotencyrecord record
  on record.app_id = asked.app_id and record.is_test = asked.is_test and record.key = asked.key
