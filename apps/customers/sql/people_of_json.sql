-- People as a call tells them. Parameters: rows (json array of objects: external_id and any column that was mentioned).
-- A part of insert_customers and update_customers. Consent is no column of theirs: record_consent writes it.
select *, null::boolean as push_consent, null::boolean as sms_consent
from jsonb_to_recordset(%(rows)s::jsonb) as told (
    external_id text, email text, phone text, first_name text, last_name text, language text, time_zone text,
    country text, traits jsonb, topics text[]
)
