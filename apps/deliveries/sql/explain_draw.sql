-- What a person drew for the hold-out, in percent: the same formula as plan_people.sql. Parameters: salt, customer_id.
-- Rows: one number.
select ((hashtextextended(%(salt)s::text || ':' || %(customer_id)s::bigint, 0) >> 32) & 4294967295) * 100.0::float8 / 4294967296
