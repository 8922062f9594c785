-- The people of one chunk of a file, for one transaction; see services/bulk.py. Null = not mentioned.
create temporary table import_row (
    external_id text, email text, phone text, first_name text, last_name text, language text, time_zone text,
    country text, traits jsonb, topics jsonb, push_consent boolean, sms_consent boolean
) on commit drop
