-- Make a person, with every row that was merged into it, a tombstone: the id stays, so that totals hold, and what is
-- sealed of the name, so that a re-import does not bring the person back; all else is emptied.
-- Parameters: ids, keys (parallel; null = the row never had a name), now.
-- Touches customers_customer, customers_event, customers_consent (its wording, and the
-- words of topics that nobody described: only the person may have had them).
-- Rows: the person's events. Index: customers_event_person, consent_customer_at.
with forgotten as (
    delete from customers_event where customer_id = any(%(ids)s::bigint[])
),
unworded as (
    update customers_consent as consent
    set wording = '',
        topic = case
            when consent.topic = '' or exists (
                select from customers_customer person
                join customers_topic topic on topic.app_id = person.app_id and topic.key = consent.topic
                where person.id = consent.customer_id
            ) then consent.topic
            else 'erased'
        end
    where consent.customer_id = any(%(ids)s::bigint[]) and (consent.wording <> '' or consent.topic <> '')
)
update customers_customer as customer
set external_id = null, erased_key = sealed.key,
    email = '', phone = '', first_name = '', last_name = '', language = '', time_zone = '', country = '',
    traits = '{}', topics = '{}', push_consent = null, sms_consent = null,
    created_at = %(now)s, updated_at = %(now)s, erased_at = %(now)s
from unnest(%(ids)s::bigint[], %(keys)s::bytea[]) as sealed (id, key)
where customer.id = sealed.id and customer.erased_at is null
