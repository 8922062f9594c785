-- Make a person a tombstone: the id and the app's name for it stay, so that totals hold and a re-import does not bring
-- the person back; all else is emptied.
-- Parameters: customer_id, now. Touches customers_customer, customers_event, customers_consent (its wording).
-- Rows: the person's events. Index: customers_event_person, consent_customer_at.
with forgotten as (
    delete from customers_event where customer_id = %(customer_id)s
),
unworded as (
    update customers_consent set wording = '' where customer_id = %(customer_id)s and wording <> ''
)
update customers_customer
set email = '', phone = '', first_name = '', last_name = '', language = '', time_zone = '', country = '',
    traits = '{}', topics = '{}', push_consent = null, sms_consent = null,
    created_at = %(now)s, updated_at = %(now)s, erased_at = %(now)s
where id = %(customer_id)s and erased_at is null
