-- People as a chunk of a file tells them: a part of insert_customers and update_customers. Touches import_row.
select external_id, email, phone, first_name, last_name, language, time_zone, country, traits,
       case when topics is not null then array(select jsonb_array_elements_text(topics)) end as topics,
       push_consent, sms_consent
from import_row
