-- As people_of_import, those whom nobody knows: a conflict at every known row would use up an id each.
-- Parameters: app_id. Touches import_row; index: customer_external_id_once.
select external_id, email, phone, first_name, last_name, language, time_zone, country, traits,
       case when topics is not null then array(select jsonb_array_elements_text(topics)) end as topics,
       push_consent, sms_consent
from import_row
where not exists (
    select from customers_customer as known
    where known.app_id = %(app_id)s and known.external_id = import_row.external_id
)
