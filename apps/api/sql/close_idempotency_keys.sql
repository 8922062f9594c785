-- Remembers what idempotency keys led to; fewer rows than keys where a twin was faster.
-- Parameters: now; records jsonb, a list of {app_id, is_test, key, body_hash (hex), status, answer}.
-- Index: idempotency_once.
insert into api_idempotencyrecord (app_id, is_test, key, body_hash, status, answer, created_at)
select app_id, is_test, key, decode(body_hash, 'hex'), status, answer, %(now)s
from jsonb_to_recordset(%(records)s::jsonb)
    as record (app_id bigint, is_test boolean, key text, body_hash text, status smallint, answer jsonb)
on conflict (app_id, is_test, key) do nothing
