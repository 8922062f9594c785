-- Remembers what an idempotency key led to; no row where a twin was faster.
-- Parameters: app_id, is_test, key, body_hash bytea, status, answer jsonb, now. Index: idempotency_once.
insert into api_idempotencyrecord (app_id, is_test, key, body_hash, status, answer, created_at)
values (%(app_id)s, %(is_test)s, %(key)s, %(body_hash)s, %(status)s, %(answer)s::jsonb, %(now)s)
on conflict (app_id, is_test, key) do nothing
