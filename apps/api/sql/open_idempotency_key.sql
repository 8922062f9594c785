-- Takes an idempotency key for this transaction, and tells what it led to before.
-- Parameters: lock bigint (a hash of the three others), app_id, is_test, key.
-- One row: is_ours (false: a twin request holds the key now), body_hash, answer (null: never used).
-- Tried and lost: letting the unique key decide. The second of two twins would wait for the first to commit.
select pg_try_advisory_xact_lock(%(lock)s) as is_ours, record.body_hash, record.answer
from (select) nothing
left join api_idempotencyrecord record
  on record.app_id = %(app_id)s and record.is_test = %(is_test)s and record.key = %(key)s
